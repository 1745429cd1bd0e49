"""What accounts earned in a period, all of them at once or some: for lists of accounts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from datetime import date
from typing import Any

from sqlalchemy import Connection, Select, func, literal_column, or_, select

from metering.analytics.fees import fee_of
from metering.analytics.period import Period, midnight
from schema.tables import ledger_postings, subscriptions, usage_adjustments, usage_events


def revenue_by_account(
    connection: Connection, period: Period, *, today: date, account_ids: Collection[int] | None = None
) -> dict[int, int]:
    """Nano-USD by the id of the account: usage, repaid overdraft, and fees accrued through `today`, as in `totals`.

    `account_ids` asks for some accounts only. Those that earned nothing may be absent. Raises ValueError for a period
    with an open side.
    """
    earned: dict[int, int] = defaultdict(int)
    if account_ids is not None and not account_ids:
        return earned
    for query in (_events(period, account_ids), _adjustments(period, account_ids), _repaid(period, account_ids)):
        for number, revenue in connection.execute(query):
            earned[number] += int(revenue)
    start, end = period.until(today).bounds()
    for number, *terms in connection.execute(_fees(start, end, account_ids)):
        earned[number] += fee_of(*terms).earned(start, end)
    return earned


def _events(period: Period, account_ids: Collection[int] | None) -> Select[Any]:
    event = usage_events.c
    start, end = period.bounds()
    query = select(event.account_id, func.sum(event.revenue_nanos)).group_by(event.account_id)
    if account_ids is None:
        return query.where(event.day >= start, event.day < end)
    # Some accounts' events are found by their index, which goes by moment.
    moments = (event.occurred_at >= midnight(start), event.occurred_at < midnight(end))
    return query.where(event.account_id.in_(account_ids), *moments)


def _adjustments(period: Period, account_ids: Collection[int] | None) -> Select[Any]:
    change = usage_adjustments.c
    start, end = period.bounds()
    query = select(change.account_id, func.sum(change.revenue_nanos)).group_by(change.account_id)
    query = query.where(change.day >= start, change.day < end)
    return query if account_ids is None else query.where(change.account_id.in_(account_ids))


def _repaid(period: Period, account_ids: Collection[int] | None) -> Select[Any]:
    posting = ledger_postings.c
    start, end = period.bounds()
    query = select(posting.account_id, func.sum(posting.revenue_nanos)).group_by(posting.account_id)
    query = query.where(
        # Written out, not bound: only so can SQLite see that the partial index covers it.
        posting.revenue_nanos != literal_column("0"),
        posting.occurred_at >= midnight(start),
        posting.occurred_at < midnight(end),
    )
    return query if account_ids is None else query.where(posting.account_id.in_(account_ids))


def _fees(start: date, end: date, account_ids: Collection[int] | None) -> Select[Any]:
    table = subscriptions.c
    columns = (table.account_id, table.cycle, table.fee_nanos, table.started_at, table.trial_until, table.ended_at)
    query = select(*columns).where(
        table.fee_nanos > 0,
        table.started_at < midnight(end),
        or_(table.ended_at.is_(None), table.ended_at > midnight(start)),
    )
    return query if account_ids is None else query.where(table.account_id.in_(account_ids))


__all__ = ["revenue_by_account"]
