"""Which calls a plan may price otherwise: read off its changes alone, before any usage is looked at."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from schema.keys import split_dated, split_model
from sync.changes import Change
from sync.desired import Row, Rows

_BURN_SETTINGS = frozenset({"credit_burn", "credits_per_dollar"})


@dataclass(frozen=True, slots=True)
class Reach:
    """The calls that may be priced otherwise: those of a model, task, reasoning level or feature in one of the sets.

    A superset: a call within it may come to the same.
    """

    models: frozenset[tuple[str, str]] = frozenset()
    """Provider and name, or alias."""
    tasks: frozenset[str] = frozenset()
    levels: frozenset[str] = frozenset()
    features: frozenset[str] = frozenset()
    unregistered: bool = False
    """Also the calls of models that are not registered, which are charged by a setting."""
    dates: tuple[datetime, ...] = ()
    """The moments from which changed prices begin or end, in order."""
    providers: frozenset[str] = frozenset()
    """Whose routing tables change."""
    everything: bool = False
    """Every call, whatever the sets say."""

    @property
    def empty(self) -> bool:
        """Whether no call can be priced otherwise."""
        return not (self.models or self.tasks or self.levels or self.features or self.unregistered or self.everything)


EVERYTHING = Reach(everything=True)
"""All calls."""


def find_reach(changes: Sequence[Change], current: Rows, target: Rows) -> Reach:
    """The reach of a plan."""
    models: set[tuple[str, str]] = set()
    tasks: set[str] = set()
    levels: set[str] = set()
    features: set[str] = set()
    dates: set[datetime] = set()
    providers: set[str] = set()
    settings: set[str] = set()
    for change in changes:
        rows = [row for row in (change.before, change.after) if row is not None]
        match change.kind:
            case "price" if change.moves_money:
                models.add(split_model(split_dated(change.name)[0]))
                dates |= {row["effective"] for row in rows}
            case "model" if change.action != "update" or rows[0]["aliases"] != rows[1]["aliases"]:
                models |= _names(rows)
            case "task" if len(rows) == 1 or rows[0]["billable"] != rows[1]["billable"]:
                tasks.add(change.name)
            case "reasoning":
                levels.add(change.name)
            case "feature":
                features.add(change.name)
            case "route":
                providers.add(change.name.partition("/")[0])
            case "setting":
                settings.add(change.name)
    if settings & _BURN_SETTINGS:
        models |= _by_credits(current) | _by_credits(target)
    for provider in providers:
        models |= _routed(provider, current)
    unregistered = bool(settings & {*_BURN_SETTINGS, "unknown_model"})
    return Reach(
        frozenset(models),
        frozenset(tasks),
        frozenset(levels),
        frozenset(features),
        unregistered,
        tuple(sorted(dates)),
        frozenset(providers),
    )


def _names(rows: Iterable[Row]) -> set[tuple[str, str]]:
    return {(row["provider"], name) for row in rows for name in (row["model"], *(row["aliases"] or ()))}


def _by_credits(rows: Rows) -> set[tuple[str, str]]:
    prices: Mapping[str, Row] = rows.get("price", {})
    return {(row["provider"], row["model"]) for row in prices.values() if row["credits_micros"] is not None}


def _routed(provider: str, rows: Rows) -> set[tuple[str, str]]:
    routes = (row for row in rows.get("route", {}).values() if row["provider"] == provider)
    return {split_model(target["model"]) for row in routes for target in row["targets"]}


__all__ = ["EVERYTHING", "Reach", "find_reach"]
