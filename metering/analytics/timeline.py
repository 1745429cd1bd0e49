"""What a time axis shows: sums by day, and the releases between."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import Connection, select

from metering.analytics.conversion import Conversion
from metering.analytics.events import Filters, UsageRow, event_days, usage_by
from metering.analytics.fees import read_fees
from metering.analytics.period import Period, midnight
from metering.analytics.repayments import repaid_daily
from metering.analytics.totals import Sums
from schema.tables import releases


@dataclass(frozen=True, slots=True)
class DayRow(Sums):
    """The sums of one UTC day."""

    day: date


def daily(
    connection: Connection,
    period: Period,
    filters: Filters | None = None,
    *,
    today: date | None = None,
    usage: Sequence[UsageRow] | None = None,
    into: Conversion | None = None,
) -> list[DayRow]:
    """A row for every day of the period; open sides are taken from the first and the last event.

    Fees accrue through `today` when it is given. Filters act on fees as in `totals`. `usage` is what `usage_by` says of
    the period by `day`, of whoever has it already. With `into`, every amount is in that currency, as `conversion` says.
    """
    wanted = filters or {}
    if period.start is None or period.end is None:
        days = event_days(connection)
        if days is None:
            return []
        period = period.within(*days)
    if into is not None:
        usage = into.usage_by(connection, ("day",), period, wanted)
    elif usage is None:
        usage = usage_by(connection, ("day",), period, wanted, units=())
    called = {row.keys["day"]: row for row in usage}
    repaid = repaid_daily(connection, period, wanted)
    fees = dict.fromkeys(period.days(), 0)
    start, end = (period if today is None else period.until(today)).bounds()
    for fee in read_fees(connection, Period(start, end), wanted):
        for day, earned in fee.earned_daily(start, end):
            fees[day] += earned
    if into is not None:
        fees, repaid = ({day: into.at_midnight(nanos, day) for day, nanos in part.items()} for part in (fees, repaid))
    rows = []
    for day, earned in fees.items():
        found = called.get(day)
        sums = (found.requests, found.cost_nanos, found.charge_nanos, found.revenue_nanos) if found else (0, 0, 0, 0)
        rows.append(DayRow(*sums, repaid.get(day, 0), earned, day))
    return rows


@dataclass(frozen=True, slots=True)
class ReleaseRow:
    """One apply."""

    id: int
    commit_sha: str
    label: str | None
    title: str
    author: str
    applied_by: str
    applied_at: datetime
    creates: int
    updates: int
    deletes: int


def releases_between(connection: Connection, period: Period) -> list[ReleaseRow]:
    """The releases applied in a period, oldest first."""
    table = releases.c
    query = select(
        table.id,
        table.commit_sha,
        table.label,
        table.title,
        table.author,
        table.applied_by,
        table.applied_at,
        table.creates,
        table.updates,
        table.deletes,
    ).order_by(table.id)
    if period.start is not None:
        query = query.where(table.applied_at >= midnight(period.start))
    if period.end is not None:
        query = query.where(table.applied_at < midnight(period.end))
    return [ReleaseRow(**row) for row in connection.execute(query).mappings()]
