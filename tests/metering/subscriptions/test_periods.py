from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from metering.subscriptions.periods import calendar_months, cycle_end, month_of, months

TICK = timedelta(microseconds=1)


def day(month: int, number: int = 1, year: int = 2026) -> datetime:
    return datetime(year, month, number, tzinfo=UTC)


def test_months_are_clamped_to_their_end() -> None:
    ends = [end for _, end in months(day(1, 31), day(5, 1))]
    assert ends == [day(2, 28), day(3, 31), day(4, 30), day(5, 31)]
    assert list(months(day(12, 15), day(12, 15))) == []
    assert list(months(day(12, 15), day(12, 15) + TICK)) == [(day(12, 15), day(1, 15, 2027))]
    assert [end for _, end in months(day(1, 31, 2028), day(2, 1, 2028))] == [day(2, 29, 2028)]


def test_calendar_months_begin_with_what_is_left_of_the_first() -> None:
    start = day(11, 17) + timedelta(hours=5)
    assert list(calendar_months(start, day(1, 1, 2027))) == [(start, day(12)), (day(12), day(1, 1, 2027))]
    assert list(calendar_months(start, start)) == []
    assert list(calendar_months(day(2), day(2) + TICK)) == [(day(2), day(3))]
    assert month_of(start) == day(11)
    assert month_of(datetime.fromisoformat("2026-07-01T01:00:00+02:00")) == day(6)


@pytest.mark.parametrize(
    ("start", "cycle", "at", "end"),
    [
        (day(1, 31), "monthly", day(1, 31), day(2, 28)),
        (day(1, 31), "monthly", day(2, 28) - TICK, day(2, 28)),
        (day(1, 31), "monthly", day(2, 28), day(3, 31)),
        (day(1, 31), "monthly", day(3, 1), day(3, 31)),
        (day(3, 10), "monthly", day(3, 1), day(4, 10)),
        (day(3, 10), "annual", day(3, 10), day(3, 10, 2027)),
        (day(3, 10), "annual", day(3, 10, 2027) - TICK, day(3, 10, 2027)),
        (day(3, 10), "annual", day(3, 10, 2027), day(3, 10, 2028)),
        (day(2, 29, 2028), "annual", day(6, 1, 2028), day(2, 28, 2029)),
        (day(2, 29, 2028), "annual", day(2, 28, 2029), day(2, 28, 2030)),
        (day(2, 29, 2028), "annual", day(2, 1, 2032), day(2, 29, 2032)),
    ],
)
def test_a_cycle_ends_on_its_anniversary(start: datetime, cycle: str, at: datetime, end: datetime) -> None:
    assert cycle_end(start, cycle, at) == end
