"""Presets of the date range. Pure: today is an argument."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

from dashboard.formats import day as day_text
from metering.analytics import Period

PRESETS = ("7 days", "30 days", "90 days", "This month", "Custom")
DEFAULT_PRESET = "30 days"
_LENGTHS = {"7 days": 7, "30 days": 30, "90 days": 90}


def preset_period(preset: str | None, today: date, custom: Sequence[date] = ()) -> Period:
    """The days that a preset means; today is the last of them.

    A custom range is `(first, last)`, both included; while a person has picked one end only, it is that one day.
    """
    if preset == "This month":
        return Period(today.replace(day=1), today + timedelta(days=1))
    if preset == "Custom" and custom:
        return Period(min(custom), max(custom) + timedelta(days=1))
    return Period.last(_LENGTHS.get(preset or "", _LENGTHS[DEFAULT_PRESET]), today)


def period_text(period: Period) -> str:
    """`23 Oct 2026 to 21 Nov 2026`, both included."""
    start, end = period.bounds()
    last = end - timedelta(days=1)
    return day_text(start) if start == last else f"{day_text(start)} to {day_text(last)}"
