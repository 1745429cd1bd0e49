"""Changed routes replayed over real calls.

A call keeps no note of the table that routed it: it counts as routed by its model's own provider, else by the first
other one, whose route for its task leads to its model. Where a model's weight falls, so many of its calls move as the
weights say, and no call moves that need not; which ones is drawn by user (or account), so that it is stable.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import blake2b

from metering.errors import NoRouteError
from metering.rating.routing import Route, find_route

Routes = Mapping[tuple[str, str], Route]


@dataclass(frozen=True, slots=True)
class Move:
    """Where the calls of a model go when its route changes."""

    key: str
    """The route that decides, as `provider/task`; the task is that of the changed line."""
    keeps: int
    """Of `weight` percents, how many stay."""
    weight: int
    gains: tuple[tuple[str, int], ...]
    """`provider/model` and percents of those whose weight rises."""

    def target(self, who: str) -> str | None:
        """The model that serves a caller's calls afterwards; None when they stay where they are."""
        digest = blake2b(f"{self.key}/{who}".encode(), digest_size=8).digest()
        drawn, place = divmod(int.from_bytes(digest, "big"), self.weight)
        if place < self.keeps:
            return None
        drawn %= sum(weight for _, weight in self.gains)
        for model, weight in self.gains:
            drawn -= weight
            if drawn < 0:
                return model
        raise AssertionError("the draw lies within the sum of the weights")


class Rerouting:
    """The moves between two states of some providers' routing tables."""

    def __init__(self, before: Routes, after: Routes, providers: Iterable[str]) -> None:
        self._before = before
        self._after = after
        self._providers = sorted(providers)

    def move(self, provider: str, model: str, task: str | None) -> Move | None:
        """Where calls of a model for a task go; None when they stay."""
        name = f"{provider}/{model}"
        for owner in sorted(self._providers, key=lambda owner: owner != provider):
            try:
                old = find_route(self._before, owner, task)
            except NoRouteError:
                continue
            weights = dict(old.targets)
            if name not in weights:
                continue
            try:
                new = find_route(self._after, owner, task)
            except NoRouteError:
                return None
            return _move(old, new, name)
        return None


def _move(old: Route, new: Route, name: str) -> Move | None:
    before, after = dict(old.targets), dict(new.targets)
    keeps = after.get(name, 0)
    if keeps >= before[name]:
        return None
    gains = tuple((model, weight - before.get(model, 0)) for model, weight in new.targets)
    risen = tuple((model, gain) for model, gain in gains if gain > 0)
    # The line that was changed: the old one, unless the task has got one of its own.
    key = f"{new.provider}/{new.task}"
    return Move(key, keeps, before[name], risen)


__all__ = ["Move", "Rerouting"]
