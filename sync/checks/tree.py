"""The tree as checks look at it: the catalogue, and what several checks would otherwise each look up again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from operator import attrgetter

from schema.catalogue import Catalogue, Entity
from schema.places import Path


@dataclass(frozen=True, slots=True)
class Tree:
    """A catalogue at a moment."""

    catalogue: Catalogue
    now: datetime
    """Decides which entries are in force."""
    histories: Mapping[str, Sequence[Entity]]
    """The dated prices of each model (`provider/model`), the oldest first."""
    routes_to: Mapping[str, Sequence[Entity]]
    """The routes that lead or fall back to each model, each once."""

    @classmethod
    def of(cls, catalogue: Catalogue, now: datetime) -> Tree:
        """The tree of a catalogue."""
        routes_to: dict[str, dict[str, Entity]] = {}
        for route in catalogue.of("route").values():
            for _, model, _ in named_models(catalogue, route):
                routes_to.setdefault(model, {})[route.key.name] = route
        return cls(catalogue, now, _histories(catalogue), {name: list(of.values()) for name, of in routes_to.items()})

    def standing(self, model: str) -> Sequence[Entity]:
        """A model's price in force and those to come; without one in force, all to come."""
        history = self.histories.get(model, ())
        return history[max(self.in_force(model), 0) :]

    def in_force(self, model: str) -> int:
        """Where in its history the price in force stands; -1 when none is."""
        history = self.histories.get(model, ())
        begun = [entry for entry in history if entry.document.effective <= self.now]
        return len(begun) - 1


def _histories(catalogue: Catalogue) -> dict[str, list[Entity]]:
    histories: dict[str, list[Entity]] = {}
    for entity in catalogue.of("price").values():
        histories.setdefault(priced_model(entity), []).append(entity)
    for history in histories.values():
        if len(history) > 1:
            history.sort(key=attrgetter("document.effective"))
    return histories


def priced_model(price: Entity) -> str:
    """`provider/model` of a price."""
    return f"{price.parent.provider}/{price.path[1]}"  # type: ignore[attr-defined]


def named_models(catalogue: Catalogue, route: Entity) -> Iterator[tuple[Path, str, bool]]:
    """Every model that a route names: where in the route, `provider/model`, and whether it is a target."""
    provider = route.key.name.partition("/")[0]
    document = route.document
    if document.model is not None:
        yield ("model",), catalogue.model_of(provider, document.model), True
    for index, part in enumerate(document.split):
        yield ("split", index, "model"), catalogue.model_of(provider, part.model), True
    for index, fallback in enumerate(document.fallbacks):
        yield ("fallbacks", index), catalogue.model_of(provider, fallback), False


def leading(routes: Sequence[Entity], most: int = 20) -> str:
    """That routes lead somewhere, as messages say it: `route a/_default, route b/chat lead`."""
    names = [str(route.key) for route in routes]
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return f"{', '.join(names[:most])}{more} {'leads' if len(names) == 1 else 'lead'}"


__all__ = ["Tree", "leading", "named_models", "priced_model"]
