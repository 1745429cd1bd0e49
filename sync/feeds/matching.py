"""Our models among those of a feed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from schema.catalogue import Catalogue
from sync.feeds.listing import Feed, FeedModel
from sync.feeds.names import canonical_provider, find_name, undated


@dataclass(slots=True)
class _Names:
    exact: dict[str, str] = field(default_factory=dict)
    dated: dict[str, str] = field(default_factory=dict)


class FeedIndex:
    """The models of a feed by provider and name. Built once, asked for each model of ours."""

    def __init__(self, feed: Feed) -> None:
        self._entries: dict[str, FeedModel] = {}
        self._names: dict[str, _Names] = {}
        # The first of a rank is meant; a name without its date means the newest, which comes last by name.
        for model in sorted(feed.models, key=lambda model: (not model.prices, model.rank)):
            self._entries.setdefault(model.entry, model)
            names = self._names.setdefault(model.provider, _Names())
            for name in model.names:
                names.exact.setdefault(name, model.entry)
        for names in self._names.values():
            for name in sorted(names.exact):
                if undated(name) != name:
                    names.dated[undated(name)] = names.exact[name]
            names.dated = {**names.dated, **names.exact}

    def find(self, provider: str, model: str, aliases: Sequence[str] = ()) -> FeedModel | None:
        """The entry for a model of ours: by its name, by an alias with a version, or by either without its date."""
        names = self._names.get(canonical_provider(provider))
        entry = None if names is None else find_name(model, aliases, names.exact, names.dated)
        return None if entry is None else self._entries[entry]


@dataclass(frozen=True, slots=True)
class Matches:
    """Our models with their entries in a feed, by `provider/model`.

    `missing` are registered models that the feed does not know or whose price cannot be said here; `unregistered` are
    models of the feed that are none of ours, by no name and no date.
    """

    found: dict[str, FeedModel]
    missing: tuple[str, ...]
    unregistered: tuple[FeedModel, ...]


def match(catalogue: Catalogue, feed: Feed) -> Matches:
    """Every registered model, and what of the feed remains."""
    index = FeedIndex(feed)
    found: dict[str, FeedModel] = {}
    missing: list[str] = []
    for name, entity in catalogue.of("model").items():
        provider, _, model = name.partition("/")
        listing = index.find(provider, model, entity.document.aliases)
        if listing is None or not listing.prices:
            missing.append(name)
        else:
            found[name] = listing
    taken = {(listing.provider, name) for listing in found.values() for name in listing.names}
    for name, entity in catalogue.of("model").items():
        provider, _, model = name.partition("/")
        for one in (model, *entity.document.aliases):
            taken |= {(canonical_provider(provider), form) for form in (one.lower(), undated(one))}
    unregistered = tuple(
        model
        for model in feed.models
        if taken.isdisjoint((model.provider, form) for name in model.names for form in (name, undated(name)))
    )
    return Matches(found, tuple(missing), unregistered)
