"""Presets of the date range, and the days, weeks and months that charts count by. Pure: today is an argument."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta

from dashboard.formats import day as day_text
from metering.analytics import Period

PRESETS = ("Today", "7 days", "30 days", "90 days", "This month", "Last month", "This year", "Custom")
DEFAULT_PRESET = "30 days"
WIDEST_LENGTH = "90 days"
"""The longest of those that are a number of days."""
GRANULARITIES = ("Day", "Week", "Month")
"""What one bar of a chart stands for; weeks begin on Monday."""
_LENGTHS = {"Today": 1, "7 days": 7, "30 days": 30, "90 days": 90}
_DAY = timedelta(days=1)
_YEARS = 10
"""How many years before this one days can be chosen of."""


def preset_period(preset: str | None, today: date, custom: Sequence[date] = ()) -> Period:
    """The days that a preset means; today is the last of them, but for the month before.

    A custom range is `(first, last)`, both included; while a person has picked one end only, it is that one day.
    """
    month = today.replace(day=1)
    if preset == "This month":
        return Period(month, today + _DAY)
    if preset == "Last month":
        return Period((month - _DAY).replace(day=1), month)
    if preset == "This year":
        return Period(today.replace(month=1, day=1), today + _DAY)
    if preset == "Custom" and custom:
        return Period(min(custom), max(custom) + _DAY)
    return Period.last(_LENGTHS.get(preset or "", _LENGTHS[DEFAULT_PRESET]), today)


def choosable(days: Sequence[date], today: date) -> bool:
    """Whether a range of one's own may be of these days."""
    return all(earliest(today) <= day <= today for day in days)


def earliest(today: date) -> date:
    """The first day that can be chosen."""
    return date(today.year - _YEARS, 1, 1)


def period_text(period: Period) -> str:
    """`23 Oct 2026 to 21 Nov 2026`, both included."""
    start, end = period.bounds()
    last = end - _DAY
    return day_text(start) if start == last else f"{day_text(start)} to {day_text(last)}"


def bucket(day: date, granularity: str) -> date:
    """The first day of the week or month that a day belongs to; of days, the day itself."""
    if granularity == "Week":
        return day - timedelta(days=day.weekday())
    return day.replace(day=1) if granularity == "Month" else day


def last_day(start: date, granularity: str) -> date:
    """The last day of the week or month that begins on a day; of days, the day itself."""
    if granularity == "Week":
        return start + timedelta(days=6)
    return (start + timedelta(days=31)).replace(day=1) - _DAY if granularity == "Month" else start


def buckets(days: Iterable[date], granularity: str) -> list[date]:
    """The first day of every week or month that `days` meet, in order."""
    return sorted({bucket(day, granularity) for day in days})


def bucket_text(start: date, granularity: str) -> str:
    """`3 Nov 2026`, `Week of 2 Nov 2026`, `Nov 2026`."""
    if granularity == "Month":
        return f"{start:%b %Y}"
    return f"Week of {day_text(start)}" if granularity == "Week" else day_text(start)


def by_bucket(values: Mapping[date, int], granularity: str) -> dict[date, int]:
    """Sums by day as sums by week or month."""
    sums: dict[date, int] = {}
    for day, value in values.items():
        start = bucket(day, granularity)
        sums[start] = sums.get(start, 0) + value
    return sums


def running(values: Mapping[date, int], starts: Sequence[date]) -> dict[date, int]:
    """The sum from the first of `starts` to each one."""
    total = 0
    sums = {}
    for start in starts:
        total += values.get(start, 0)
        sums[start] = total
    return sums
