"""Revenue that postings earn by themselves: overdraft that a later purchase repaid."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from sqlalchemy import Connection, literal_column, select

from metering.analytics.period import Period, midnight, utc_day
from schema.tables import accounts, ledger_postings


def repaid_daily(connection: Connection, period: Period, filters: Mapping[str, str | None]) -> dict[date, int]:
    """Nano-USD by the UTC day of the posting; days without any are absent.

    A posting knows its account, and nothing else of a call: any filter but by account leaves none.
    """
    if set(filters) - {"account"}:
        return {}
    posting = ledger_postings.c
    # Written out, not bound: only so can SQLite see that the partial index covers it.
    query = select(posting.occurred_at, posting.revenue_nanos).where(posting.revenue_nanos != literal_column("0"))
    if period.start is not None:
        query = query.where(posting.occurred_at >= midnight(period.start))
    if period.end is not None:
        query = query.where(posting.occurred_at < midnight(period.end))
    if "account" in filters:
        wanted = select(accounts.c.id).where(accounts.c.account == filters["account"]).scalar_subquery()
        query = query.where(posting.account_id == wanted)
    sums: dict[date, int] = {}
    for occurred_at, revenue in connection.execute(query):
        day = utc_day(occurred_at)
        sums[day] = sums.get(day, 0) + revenue
    return sums
