"""The events of one account, newest first, page by page."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, and_, func, or_, select

from schema.tables import UNIT_COLUMNS, event_keys, usage_adjustments, usage_events

MOST = 1_000
"""How many events can be asked for at once."""
FILTERS = ("user", "model", "task", "feature", "tool", "tier")
"""What a history can be narrowed to; a model by its name alone."""

_event = usage_events.c
_FILTER_COLUMNS = {name: _event["user_id" if name == "user" else name] for name in FILTERS}


@dataclass(frozen=True, slots=True)
class PastEvent:
    """An event as it stands now: what re-rating, refunds and corrections changed of it is in its amounts."""

    event_id: str
    occurred_at: datetime
    recorded_at: datetime
    user: str | None
    provider: str
    model: str
    plan: str
    task: str | None
    feature: str | None
    tool: str | None
    tier: str | None
    reasoning_level: str | None
    cpu_seconds_micros: int | None
    gpu_seconds_micros: int | None
    latency_ms: int | None
    metadata: Mapping[str, Any] | None
    status: str
    cost_nanos: int
    charge_nanos: int
    adjusted_nanos: int
    """What of the charge is adjustments."""
    units: dict[str, int]
    """Stored parts, only those that are not zero."""


_NAMED = {"user": "user_id", "metadata": "details"}
"""The columns that have another name."""
_SUMMED = ("adjusted_nanos", "units")
_COLUMNS = [_event[_NAMED.get(name, name)].label(name) for name in PastEvent.__slots__ if name not in _SUMMED]


def find_event(connection: Connection, account_id: int, event_id: str) -> PastEvent | None:
    """An event of an account."""
    key = event_keys.c
    number = select(key.usage_id).where(key.account_id == account_id, key.event_id == event_id).scalar_subquery()
    return next(iter(_read(connection, [_event.id == number, _event.account_id == account_id], 1)), None)


def history(
    connection: Connection,
    account_id: int,
    *,
    start: datetime | None = None,
    end: datetime | None = None,
    after: str | None = None,
    limit: int = 100,
    filters: Mapping[str, str] | None = None,
) -> list[PastEvent]:
    """Events that occurred from `start` on and before `end`, newest first, at most `limit` (1 to 1,000).

    `after` is the id of the last event of the page before; events that arrive meanwhile shift nothing. Raises KeyError
    when the account has no such event, ValueError for a filter that is none of `FILTERS`.
    """
    where = [_event.account_id == account_id]
    if start is not None:
        where.append(_event.occurred_at >= start)
    if end is not None:
        where.append(_event.occurred_at < end)
    for name, wanted in (filters or {}).items():
        if name not in _FILTER_COLUMNS:
            raise ValueError(f"'{name}' is not one of {', '.join(FILTERS)}")
        where.append(_FILTER_COLUMNS[name] == wanted)
    if after is not None:
        at, number = _place(connection, account_id, after)
        where.append(or_(_event.occurred_at < at, and_(_event.occurred_at == at, _event.id < number)))
    return _read(connection, where, max(1, min(limit, MOST)))


def _place(connection: Connection, account_id: int, event_id: str) -> tuple[datetime, int]:
    """Where an event stands in the order of a history."""
    key = event_keys.c
    query = (
        select(_event.occurred_at, _event.id)
        .join(event_keys, key.usage_id == _event.id)
        .where(key.account_id == account_id, key.event_id == event_id)
    )
    row = connection.execute(query).first()
    if row is None:
        raise KeyError(event_id)
    return row.occurred_at, row.id


def _read(connection: Connection, where: Sequence[Any], limit: int) -> list[PastEvent]:
    query = (
        select(_event.id, *_COLUMNS, *(_event[name] for name in UNIT_COLUMNS.values()))
        .where(*where)
        .order_by(_event.occurred_at.desc(), _event.id.desc())
        .limit(limit)
    )
    rows = connection.execute(query).all()
    changes = _changes(connection, [row.id for row in rows])
    found = []
    for row in rows:
        values = row._asdict()
        number, details = values.pop("id"), values["metadata"]
        units = {unit: parts for unit, column in UNIT_COLUMNS.items() if (parts := values.pop(column))}
        more_cost, more_charge = changes.get(number, (0, 0))
        values["cost_nanos"] += more_cost
        values["charge_nanos"] += more_charge
        values["metadata"] = json.loads(details) if isinstance(details, str) else details
        found.append(PastEvent(**values, adjusted_nanos=more_charge, units=units))
    return found


def _changes(connection: Connection, numbers: Sequence[int]) -> dict[int, tuple[int, int]]:
    """What adjustments come to, in cost and charge, by the id of the event's row."""
    change = usage_adjustments.c
    query = select(change.usage_id, func.sum(change.cost_nanos), func.sum(change.charge_nanos))
    query = query.where(change.usage_id.in_(numbers)).group_by(change.usage_id)
    return {number: (int(cost), int(charge)) for number, cost, charge in connection.execute(query)}
