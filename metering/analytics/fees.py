"""What subscriptions earn: fees by whole UTC day, and the monthly recurring revenue (MRR).

A fee is earned over its cycle. Day `i` of a cycle of `N` days earns `fee * (i + 1) // N - fee * i // N`, so that a full
cycle earns the fee to the nano-dollar. A day belongs to the subscription that begins on it: the day of an upgrade is
earned once, by the new plan. Nothing is earned in a trial, nor from the day of the end on.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import Connection, or_, select

from metering.analytics.period import Period, midnight, utc_day
from schema.money import round_half_even, share_of
from schema.tables import accounts, subscriptions

_MONTHS = {"monthly": 1, "annual": 12}


@dataclass(frozen=True, slots=True)
class Fee:
    """A fee of `nanos` each `months` months, counted from `anchor`; earned on days from `first` on and before `end`."""

    anchor: date
    months: int
    nanos: int
    first: date
    end: date | None

    def cycle(self, index: int) -> date:
        """The first day of a cycle: an anniversary of the anchor, on the month's last day where it has no such day."""
        months = self.anchor.year * 12 + self.anchor.month - 1 + index * self.months
        year, month = months // 12, months % 12 + 1
        return date(year, month, min(self.anchor.day, monthrange(year, month)[1]))

    def pieces(self, start: date, end: date) -> Iterator[tuple[int, int, int, date]]:
        """For each cycle that meets `start` to `end`: the offsets of that part, the cycle's days and its first day."""
        start = max(start, self.first)
        end = end if self.end is None else min(end, self.end)
        if start >= end:
            return
        months = (start.year - self.anchor.year) * 12 + start.month - self.anchor.month
        index = months // self.months
        if self.cycle(index) > start:
            index -= 1
        while (opens := self.cycle(index)) < end:
            closes = self.cycle(index + 1)
            yield (max(start, opens) - opens).days, (min(end, closes) - opens).days, (closes - opens).days, opens
            index += 1

    def earned(self, start: date, end: date) -> int:
        """Nano-USD earned on the days from `start` on and before `end`."""
        return sum(share_of(since, until, days, self.nanos) for since, until, days, _ in self.pieces(start, end))

    def earned_daily(self, start: date, end: date) -> Iterator[tuple[date, int]]:
        """The same by day."""
        for since, until, days, opens in self.pieces(start, end):
            for offset in range(since, until):
                yield opens + timedelta(offset), share_of(offset, offset + 1, days, self.nanos)


def read_fees(connection: Connection, period: Period, filters: Mapping[str, str | None]) -> list[Fee]:
    """The fees that may earn in `period`. Filters by account and plan choose among subscriptions.

    A fee cannot be spread over models, users or tasks: any other filter leaves none.
    """
    if set(filters) - {"account", "plan"}:
        return []
    table = subscriptions.c
    query = select(table.cycle, table.fee_nanos, table.started_at, table.trial_until, table.ended_at)
    query = query.where(table.fee_nanos > 0)
    if period.end is not None:
        query = query.where(table.started_at < midnight(period.end))
    if period.start is not None:
        query = query.where(or_(table.ended_at.is_(None), table.ended_at > midnight(period.start)))
    if "plan" in filters:
        query = query.where(table.plan == filters["plan"])
    if "account" in filters:
        wanted = select(accounts.c.id).where(accounts.c.account == filters["account"]).scalar_subquery()
        query = query.where(table.account_id == wanted)
    return [fee_of(*row) for row in connection.execute(query)]


def fee_of(
    cycle: str, nanos: int, started_at: datetime, trial_until: datetime | None, ended_at: datetime | None
) -> Fee:
    """The fee of a subscription; it earns nothing before the trial is over."""
    started = utc_day(started_at)
    first = started if trial_until is None else max(started, utc_day(trial_until))
    return Fee(started, _MONTHS[cycle], nanos, first, None if ended_at is None else utc_day(ended_at))


def mrr_nanos(connection: Connection, day: date) -> int:
    """Nano-USD a month of the subscriptions that pay on a day: monthly fees, and a twelfth of annual ones."""
    return mrr_daily(connection, Period(day, day + timedelta(days=1)))[day]


def mrr_daily(connection: Connection, period: Period) -> dict[date, int]:
    """MRR on every day of a period with two bounds; annual fees are summed before they are divided, once."""
    start, end = period.bounds()
    twelfths = dict.fromkeys(period.days(), 0)
    steps: dict[date, int] = {}
    for fee in read_fees(connection, period, {}):
        first = max(start, fee.first)
        last = end if fee.end is None else min(end, fee.end)
        if first < last:
            each = fee.nanos * 12 // fee.months
            steps[first] = steps.get(first, 0) + each
            steps[last] = steps.get(last, 0) - each
    running = 0
    for day in twelfths:
        running += steps.get(day, 0)
        twelfths[day] = round_half_even(running, 12)
    return twelfths
