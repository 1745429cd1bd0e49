"""Routes: which model serves a task, by exact task first, then by `_default`.

A split is stable: the same key always lands on the same side, and weights are percents of the keys. The side is the
place of a hash of provider, task and key (BLAKE2b, modulo 100) among the weights in the order of the configuration.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

from metering.errors import NoRouteError
from schema.findings import did_you_mean

DEFAULT_TASK = "_default"
PLACES = 100
"""Weights are percents: what they sum to."""


@dataclass(frozen=True, slots=True)
class Route:
    """A line of a routing table. Models are `provider/model`; the weights sum to 100."""

    provider: str
    task: str
    targets: tuple[tuple[str, int], ...]
    fallbacks: tuple[str, ...]

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Route:
        """A route from a row of `routes`."""
        return cls(
            row["provider"],
            row["task"],
            tuple((target["model"], int(target["weight"])) for target in row["targets"]),
            tuple(row["fallbacks"] or ()),
        )

    def place(self, key: str) -> int:
        """Where a key lies among the hundred places that the targets share by their weights: 0 to 99."""
        digest = blake2b(f"{self.provider}/{self.task}/{key}".encode(), digest_size=8).digest()
        return int.from_bytes(digest, "big") % PLACES

    def target(self, key: str | None) -> str:
        """The model for a key; without one, the target of the largest weight."""
        if len(self.targets) == 1:
            return self.targets[0][0]
        if key is None:
            return max(self.targets, key=lambda target: target[1])[0]
        place = self.place(key)
        for model, weight in self.targets:
            place -= weight
            if place < 0:
                return model
        raise NoRouteError(f"the weights of route {self.provider}/{self.task} do not sum to 100")


@dataclass(frozen=True, slots=True)
class RouteChoice:
    """What a route chose: the provider and model to call, and what may follow when that fails."""

    provider: str
    model: str
    fallbacks: tuple[tuple[str, str], ...]
    """Provider and model of each, in order."""
    asked_provider: str
    task: str
    """The line that matched: the task, or `_default`."""

    @property
    def name(self) -> str:
        """The model as `quote` and `record` take it beside the provider that was asked for."""
        return self.model if self.provider == self.asked_provider else f"{self.provider}/{self.model}"


def find_route(routes: Mapping[tuple[str, str], Route], provider: str, task: str | None) -> Route:
    """The route of a task, else `_default`; raises NoRouteError."""
    route = routes.get((provider, task)) if task is not None else None
    route = route or routes.get((provider, DEFAULT_TASK))
    if route is None:
        raise _no_route(routes, provider, task)
    return route


def _no_route(routes: Mapping[tuple[str, str], Route], provider: str, task: str | None) -> NoRouteError:
    hint = did_you_mean(provider, {owner for owner, _ in routes if owner != provider})
    if task is None:
        return NoRouteError(f"provider '{provider}' has no {DEFAULT_TASK} route{hint}")
    return NoRouteError(f"no route for task '{task}' of provider '{provider}', and no {DEFAULT_TASK}{hint}")


__all__ = ["DEFAULT_TASK", "PLACES", "Route", "RouteChoice", "find_route"]
