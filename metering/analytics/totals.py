"""One total over a period: usage, subscription fees and what is left."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import date

from sqlalchemy import Connection

from metering.analytics.callers import callers
from metering.analytics.events import Filters, UsageRow, event_days, usage_by
from metering.analytics.fees import read_fees
from metering.analytics.period import Period
from metering.analytics.repayments import repaid_daily


@dataclass(frozen=True, slots=True)
class Sums:
    """What was called, and what it cost and earned."""

    requests: int
    cost_nanos: int
    charge_nanos: int
    usage_revenue_nanos: int
    """Charges met from purchased credit at what was paid for it, and charges owed."""
    repaid_nanos: int
    """Revenue of postings: overdraft that a later purchase repaid."""
    subscription_nanos: int
    """Fees accrued by whole UTC day."""

    @property
    def revenue_nanos(self) -> int:
        """Everything that was earned: usage, repaid overdraft and subscriptions."""
        return self.usage_revenue_nanos + self.repaid_nanos + self.subscription_nanos

    @property
    def profit_nanos(self) -> int:
        """Revenue less cost."""
        return self.revenue_nanos - self.cost_nanos


def added(parts: Sequence[Sums]) -> Sums:
    """The sums of several parts, of days say, together."""
    return Sums(*(sum(getattr(part, field.name) for part in parts) for field in fields(Sums)))


@dataclass(frozen=True, slots=True)
class Totals(Sums):
    """The sums of a period. Decimal units count in stored millionths."""

    units: dict[str, int]
    users: int
    accounts: int


def totals(
    connection: Connection, period: Period, filters: Filters | None = None, *, today: date | None = None
) -> Totals:
    """The sums of a period. Fees accrue through `today`; without it, to the period's end, or to the newest event.

    Filters by account or plan choose among subscriptions too; under any other filter fees are 0, as they are never
    spread over models, users or tasks.
    """
    wanted = filters or {}
    rows = usage_by(connection, (), period, wanted)
    usage = rows[0] if rows else UsageRow({}, 0, {}, 0, 0, 0)
    who = callers(connection, period, wanted)
    return Totals(
        requests=usage.requests,
        units=usage.units,
        cost_nanos=usage.cost_nanos,
        charge_nanos=usage.charge_nanos,
        usage_revenue_nanos=usage.revenue_nanos,
        repaid_nanos=sum(repaid_daily(connection, period, wanted).values()),
        subscription_nanos=_fees(connection, period, wanted, today),
        users=who.users,
        accounts=who.accounts,
    )


def _fees(connection: Connection, period: Period, filters: Filters, today: date | None) -> int:
    bounded = fee_period(connection, period, today)
    if bounded is None:
        return 0
    start, end = bounded.bounds()
    return sum(fee.earned(start, end) for fee in read_fees(connection, bounded, filters))


def fee_period(connection: Connection, period: Period, today: date | None) -> Period | None:
    """The days whose fees a total of `period` counts; None when there are none."""
    if today is not None:
        period = period.until(today)
    elif period.end is None:
        days = event_days(connection)
        if days is None:
            return None
        period = period.until(days[1])
    return None if period.end is None else Period(period.start or date.min, period.end)
