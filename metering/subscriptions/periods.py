"""Periods of a plan: pure, half-open, in UTC.

A subscription's months count from the day it began, on the last day of a month that has no such day. An account
without a subscription goes by calendar months, the first of which begins with its plan.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterator
from datetime import UTC, datetime, time

Span = tuple[datetime, datetime]
CYCLE_MONTHS = {"monthly": 1, "annual": 12}
"""For how many months the fee of a cycle is paid."""


def months(start: datetime, until: datetime) -> Iterator[Span]:
    """The months from `start` on that begin before `until`; the last may end after it."""
    count = 0
    begin = start
    while begin < until:
        count += 1
        end = months_later(start, count)
        yield begin, end
        begin = end


def calendar_months(start: datetime, until: datetime) -> Iterator[Span]:
    """The calendar months that begin before `until`; the first is what is left of its month at `start`."""
    begin = start
    while begin < until:
        end = months_later(month_of(begin), 1)
        yield begin, end
        begin = end


def cycle_end(start: datetime, cycle: str, at: datetime) -> datetime:
    """When the cycle (`monthly` or `annual`) that runs at a moment ends, for a subscription that began at `start`."""
    step = CYCLE_MONTHS[cycle]
    count = max((at.year - start.year) * 12 + at.month - start.month, 0) // step * step
    end = months_later(start, count)
    while end <= at:
        count += step
        end = months_later(start, count)
    return end if count else months_later(start, step)


def month_of(moment: datetime) -> datetime:
    """When the calendar month (UTC) of a moment began."""
    return datetime.combine(moment.astimezone(UTC).date().replace(day=1), time(), UTC)


def months_later(start: datetime, count: int) -> datetime:
    """So many months after a moment, at the same time of the day."""
    years, month = divmod(start.month - 1 + count, 12)
    year = start.year + years
    return start.replace(year=year, month=month + 1, day=min(start.day, monthrange(year, month + 1)[1]))


__all__ = ["CYCLE_MONTHS", "Span", "calendar_months", "cycle_end", "month_of", "months", "months_later"]
