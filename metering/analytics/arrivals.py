"""What has arrived since a look at the events: which of its days hold no longer."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from sqlalchemy import Connection, func, select

from schema.tables import usage_adjustments, usage_events

_TABLES = (usage_events.c, usage_adjustments.c)
_NEAR = 10_000
"""How many of the last numbers are counted. A transaction may draw its numbers before another one and commit after it,
so that the newest number alone does not say what is there."""


@dataclass(frozen=True, slots=True)
class Arrived:
    """How far the events and their corrections go, in this order."""

    newest: tuple[int, int]
    """The highest number of each; 0 for none."""
    near: tuple[int, int]
    """How many of the last 10,000 numbers of each are there."""


def arrived(connection: Connection) -> Arrived:
    """How far the events and their corrections go now."""
    newest = [func.coalesce(select(func.max(table.id)).scalar_subquery(), 0) for table in _TABLES]
    near = [
        select(func.count()).where(table.id > last - _NEAR).scalar_subquery()
        for table, last in zip(_TABLES, newest, strict=True)
    ]
    row = connection.execute(select(*newest, *near)).one()
    return Arrived((row[0], row[1]), (row[2], row[3]))


def changed_days(connection: Connection, before: Arrived) -> set[date] | None:
    """The days of the events that arrived or were corrected since; None where some are gone, and any may have changed.

    Where one came late, below what was newest, the days of all that it was counted with may be its own.
    """
    days: set[date] = set()
    for table, last, near in zip(_TABLES, before.newest, before.near, strict=True):
        known = select(func.count()).where(table.id > last - _NEAR, table.id <= last)
        late = connection.execute(known).scalar_one() - near
        if late < 0:
            return None
        since = last - _NEAR if late else last
        days |= set(connection.execute(select(table.day).where(table.id > since).distinct()).scalars())
    return days


__all__ = ["Arrived", "arrived", "changed_days"]
