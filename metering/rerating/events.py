"""Recorded events as a re-rating reads them: what was called, and what it costs and is charged by now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, func, select

from schema.tables import UNIT_COLUMNS, usage_adjustments, usage_events

CHUNK = 1_000
"""Events that are read at once."""

_EVENT = usage_events.c


@dataclass(slots=True)
class Rated:
    """An event. Amounts are in nano-USD, units in stored parts and only those that are not zero."""

    id: int
    account_id: int
    occurred_at: datetime
    provider: str
    model: str
    plan: str
    task: str | None
    feature: str | None
    tool: str | None
    tier: str | None
    reasoning_level: str | None
    status: str
    release_id: int
    cost_nanos: int
    """What it was rated at, all re-rating included."""
    charge_nanos: int
    """What it was rated at, all re-rating included and whatever was refunded left out."""
    units: dict[str, int]
    refunded_nanos: int = 0
    """What refunds and corrections changed of the charge; below zero when they gave back."""
    corrected_cost_nanos: int = 0
    """What refunds and corrections changed of the cost."""
    billed: bool = False
    """Whether it has a price: when it was recorded, or by a re-rating since."""
    keys: tuple[str, ...] = ()
    """The keys of its adjustments."""


_FACTS = Rated.__slots__[: Rated.__slots__.index("units")]
"""What stands in the event's own row, by the names of its columns."""


def read_chunk(connection: Connection, where: ColumnElement[bool], after: int) -> list[Rated]:
    """The next chunk of events, in the order in which they were recorded."""
    return _read(connection, _select().where(where, _EVENT.id > after).order_by(_EVENT.id).limit(CHUNK))


def read_events(connection: Connection, ids: Sequence[int]) -> list[Rated]:
    """Events by their rows: at most a chunk of them."""
    return _read(connection, _select().where(_EVENT.id.in_(ids)).order_by(_EVENT.id))


def count_events(connection: Connection, where: ColumnElement[bool]) -> int:
    """How many events fulfil a condition."""
    return int(connection.execute(select(func.count()).select_from(usage_events).where(where)).scalar_one())


def _select() -> Select[Any]:
    return select(*(_EVENT[name] for name in _FACTS), *(_EVENT[column] for column in UNIT_COLUMNS.values()))


def _read(connection: Connection, query: Select[Any]) -> list[Rated]:
    found = {}
    for row in connection.execute(query):
        units = {unit: int(getattr(row, name)) for unit, name in UNIT_COLUMNS.items() if getattr(row, name)}
        facts = {name: getattr(row, name) for name in _FACTS}
        found[row.id] = Rated(**facts, units=units, billed=row.status == "priced")
    if found:
        _add_changes(connection, found)
    return list(found.values())


def _add_changes(connection: Connection, events: dict[int, Rated]) -> None:
    table = usage_adjustments.c
    query = select(table.usage_id, table.reason, table.cost_nanos, table.charge_nanos, table.idempotency_key)
    for number, reason, cost, charge, key in connection.execute(query.where(table.usage_id.in_(list(events)))):
        event = events[number]
        event.keys = (*event.keys, key)
        if reason == "rerate":
            event.cost_nanos += cost
            event.charge_nanos += charge
            # Also without a price: a call of an unregistered model may be charged by credit burn alone.
            event.billed = True
        else:
            event.corrected_cost_nanos += cost
            event.refunded_nanos += charge


__all__ = ["CHUNK", "Rated", "count_events", "read_chunk", "read_events"]
