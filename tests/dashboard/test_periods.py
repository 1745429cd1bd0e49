"""Presets of the date range."""

from __future__ import annotations

from datetime import date

import pytest

from dashboard.periods import period_text, preset_period
from metering.analytics import Period

TODAY = date(2026, 11, 21)


@pytest.mark.parametrize(
    ("preset", "start"),
    [
        ("7 days", date(2026, 11, 15)),
        ("30 days", date(2026, 10, 23)),
        ("90 days", date(2026, 8, 24)),
        ("This month", date(2026, 11, 1)),
        (None, date(2026, 10, 23)),
    ],
)
def test_presets_end_with_today(preset: str | None, start: date) -> None:
    assert preset_period(preset, TODAY) == Period(start, date(2026, 11, 22))


def test_a_custom_range_includes_both_ends() -> None:
    assert preset_period("Custom", TODAY, (date(2026, 1, 1), date(2026, 1, 3))).bounds() == (
        date(2026, 1, 1),
        date(2026, 1, 4),
    )


def test_one_end_of_a_custom_range_is_one_day() -> None:
    assert preset_period("Custom", TODAY, (date(2026, 1, 1),)) == Period(date(2026, 1, 1), date(2026, 1, 2))


def test_a_range_is_told_with_its_last_day() -> None:
    assert period_text(Period(date(2026, 1, 1), date(2026, 1, 4))) == "1 Jan 2026 to 3 Jan 2026"
    assert period_text(Period(date(2026, 1, 1), date(2026, 1, 2))) == "1 Jan 2026"
