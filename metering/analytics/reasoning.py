"""Sums over the calls that named a level of reasoning, by level."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, func, select

from metering.analytics.events import adjusted, conditions, look_side_by_side
from metering.analytics.period import Period
from schema.tables import usage_events


@dataclass(frozen=True, slots=True)
class LevelUsage:
    """The calls of a level in a period; adjustments are in."""

    level: str
    calls: int
    cost_nanos: int
    charge_nanos: int


def usage_by_level(connection: Connection, period: Period) -> list[LevelUsage]:
    """A row for each level that calls named, dearest in cost first."""
    event = usage_events.c
    where = [*conditions(period, {}), event.reasoning_level.is_not(None)]
    sums = (func.sum(event.cost_nanos), func.sum(event.charge_nanos))
    query = select(event.reasoning_level, func.count(), *sums).where(*where).group_by(event.reasoning_level)
    look_side_by_side(connection)
    found = {level: [int(number) for number in numbers] for level, *numbers in connection.execute(query)}
    for level, cost, charge, _ in connection.execute(adjusted([event.reasoning_level], period, where)):
        found[level][1] += int(cost)
        found[level][2] += int(charge)
    rows = [LevelUsage(level, *numbers) for level, numbers in found.items()]
    return sorted(rows, key=lambda row: (-row.cost_nanos, row.level))


__all__ = ["LevelUsage", "usage_by_level"]
