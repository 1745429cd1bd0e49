"""Presets of the date range."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from dashboard.periods import (
    bucket_text,
    buckets,
    by_bucket,
    choosable,
    earliest,
    last_day,
    period_text,
    preset_period,
    running,
)
from metering.analytics import Period

TODAY = date(2026, 11, 21)


@pytest.mark.parametrize(
    ("preset", "start"),
    [
        ("Today", date(2026, 11, 21)),
        ("7 days", date(2026, 11, 15)),
        ("30 days", date(2026, 10, 23)),
        ("90 days", date(2026, 8, 24)),
        ("This month", date(2026, 11, 1)),
        ("This year", date(2026, 1, 1)),
        (None, date(2026, 10, 23)),
    ],
)
def test_presets_end_with_today(preset: str | None, start: date) -> None:
    assert preset_period(preset, TODAY) == Period(start, date(2026, 11, 22))


def test_the_month_before_is_whole() -> None:
    assert preset_period("Last month", TODAY) == Period(date(2026, 10, 1), date(2026, 11, 1))
    assert preset_period("Last month", date(2026, 1, 31)) == Period(date(2025, 12, 1), date(2026, 1, 1))


def test_days_that_can_be_chosen() -> None:
    first = earliest(TODAY)
    assert first == date(2016, 1, 1)
    assert choosable((), TODAY)
    assert choosable((first, TODAY), TODAY)
    for days in ((date(2015, 12, 31),), (TODAY, TODAY + timedelta(days=1))):
        assert not choosable(days, TODAY)


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


DAYS = [date(2026, 10, 30) + timedelta(days=offset) for offset in range(5)]


def test_weeks_begin_on_monday_and_months_on_their_first() -> None:
    assert buckets(DAYS, "Day") == DAYS
    assert buckets(DAYS, "Week") == [date(2026, 10, 26), date(2026, 11, 2)]
    assert buckets(DAYS, "Month") == [date(2026, 10, 1), date(2026, 11, 1)]
    assert bucket_text(date(2026, 11, 2), "Day") == "2 Nov 2026"
    assert bucket_text(date(2026, 11, 2), "Week") == "Week of 2 Nov 2026"
    assert bucket_text(date(2026, 11, 1), "Month") == "Nov 2026"


def test_sums_by_day_become_sums_by_week_and_run_up() -> None:
    sums = by_bucket(dict.fromkeys(DAYS, 2), "Week")

    assert sums == {date(2026, 10, 26): 6, date(2026, 11, 2): 4}
    assert running(sums, buckets(DAYS, "Week")) == {date(2026, 10, 26): 6, date(2026, 11, 2): 10}


@pytest.mark.parametrize(
    ("start", "granularity", "last"),
    [
        (date(2026, 11, 2), "Day", date(2026, 11, 2)),
        (date(2026, 11, 2), "Week", date(2026, 11, 8)),
        (date(2026, 12, 1), "Month", date(2026, 12, 31)),
        (date(2028, 2, 1), "Month", date(2028, 2, 29)),
    ],
)
def test_a_bar_has_a_last_day(start: date, granularity: str, last: date) -> None:
    assert last_day(start, granularity) == last
