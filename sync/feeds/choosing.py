"""Which models `--provider` and `--model` mean: ours, and those of a feed that we have not registered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from schema.catalogue import Catalogue
from schema.findings import did_you_mean
from sync.errors import UsageError
from sync.feeds.listing import Feed, FeedModel
from sync.feeds.names import canonical_provider


@dataclass(frozen=True, slots=True)
class Choice:
    """What to look at. `models` are ours by `provider/model`, True for those that were named; None means all.

    `providers` are the canonical names of the providers asked for, `names` the models, both empty for all.
    """

    models: dict[str, bool] | None = None
    providers: frozenset[str] = frozenset()
    names: frozenset[str] = frozenset()

    def concerns(self, listing: FeedModel) -> bool:
        """Whether a model of the feed was asked for."""
        if self.providers and listing.provider not in self.providers:
            return False
        return not self.names or not self.names.isdisjoint({listing.name, listing.key, listing.entry, *listing.names})


def choose(catalogue: Catalogue, feed: Feed, providers: Sequence[str], models: Sequence[str]) -> Choice:
    """What the options mean. Raises UsageError for a name that neither the registry nor the feed has."""
    if not providers and not models:
        return Choice()
    wanted = frozenset(map(canonical_provider, providers))
    ours = {name: entity.document.aliases for name, entity in catalogue.of("model").items()}
    registered = frozenset(canonical_provider(name) for name in catalogue.of("provider"))
    known = registered | {model.provider for model in feed.models}
    for name in providers:
        if canonical_provider(name) not in known:
            raise UsageError(
                f"--provider: neither the registry nor {feed.title} has '{name}'{did_you_mean(name, known)}"
            )
    within = {name for name in ours if not wanted or canonical_provider(name.partition("/")[0]) in wanted}
    chosen: dict[str, bool] = {}
    elsewhere = False
    for text in models:
        named = {name for name in within if text in (name, name.partition("/")[2], *ours[name])}
        chosen |= dict.fromkeys(sorted(named), True)
        listed = Choice(None, wanted, frozenset((text,)))
        sellers = {model.provider for model in feed.models if listed.concerns(model)}
        if not named and not sellers:
            hint = did_you_mean(text, [*ours, *(name.partition("/")[2] for name in ours)])
            raise UsageError(f"--model: neither the registry nor {feed.title} has '{text}'{hint}")
        elsewhere |= not named and sellers.isdisjoint(registered)
    if not models:
        return Choice(dict.fromkeys(sorted(within), False), wanted)
    # Others sell the same models: who buys from some providers is told of theirs, unless only others have a model.
    return Choice(chosen, wanted if wanted or elsewhere else registered, frozenset(models))
