"""Our events as they are compared."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import date

from sqlalchemy import Connection, func, select

from metering.book.ratebook import RateBook
from metering.reconciling.records import INPUT, OUTPUT, Ours, measured
from schema.money import MICRO
from schema.tables import UNIT_COLUMNS, accounts, usage_adjustments, usage_events


def read_ours(
    connection: Connection, start: date, end: date, providers: Collection[str] | None, book: RateBook
) -> Iterator[Ours]:
    """Our events of the UTC days from `start` on and before `end`, of some providers (None: of all), oldest first.

    Uses of a feature or a tool that called no model are left out: no provider counts them.
    """
    event, change = usage_events.c, usage_adjustments.c
    changes = dict(
        connection.execute(
            select(change.usage_id, func.sum(change.cost_nanos))
            .where(change.day >= start, change.day < end, change.cost_nanos != 0)
            .group_by(change.usage_id)
        ).all()
    )
    units = (*INPUT, *OUTPUT)
    query = (
        select(
            event.id,
            event.event_id,
            accounts.c.account,
            event.occurred_at,
            event.day,
            event.provider,
            event.model,
            event.reasoning_level,
            event.cost_nanos,
            *(event[UNIT_COLUMNS[unit]] for unit in units),
        )
        .join(accounts, accounts.c.id == event.account_id)
        .where(event.day >= start, event.day < end, event.model != "")
        .order_by(event.id)
    )
    if providers is not None:
        query = query.where(event.provider.in_(sorted(providers)))
    for number, event_id, account, at, day, provider, model, level, cost, *counted in connection.execute(query):
        counts = measured(dict(zip(units, counted, strict=True)), cost + int(changes.get(number, 0)))
        extra = counted[units.index("output")] * (book.reasoning.get(level, MICRO) - MICRO) if level else 0
        yield Ours(event_id, account, at, day, f"{provider}/{model}", counts, counts["output"] * MICRO + extra)


__all__ = ["read_ours"]
