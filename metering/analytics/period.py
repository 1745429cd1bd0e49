"""A range of UTC days, and where a moment lies among others."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from sqlalchemy import ColumnElement, case, literal

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Period:
    """The days from `start` on and before `end`; None leaves a side open. Raises ValueError when they are swapped."""

    start: date | None = None
    end: date | None = None

    def __post_init__(self) -> None:
        if self.start is not None and self.end is not None and self.start > self.end:
            raise ValueError(f"the period begins on {self.start}, after its end on {self.end}")

    @classmethod
    def last(cls, days: int, today: date) -> Period:
        """The `days` days that end with `today`."""
        return cls(today - (days - 1) * _DAY, today + _DAY)

    def previous(self) -> Period:
        """The period of the same length just before; raises ValueError when a side is open."""
        start, end = self.bounds()
        return Period(start - (end - start), start)

    def bounds(self) -> tuple[date, date]:
        """Both sides; raises ValueError when one is open."""
        if self.start is None or self.end is None:
            raise ValueError("the period has an open side")
        return self.start, self.end

    def days(self) -> Iterator[date]:
        """Every day of it; raises ValueError when a side is open."""
        day, end = self.bounds()
        while day < end:
            yield day
            day += _DAY

    def within(self, first: date, last: date) -> Period:
        """The same with open sides taken from `first` and `last` (inclusive)."""
        start = first if self.start is None else self.start
        end = last + _DAY if self.end is None else self.end
        return Period(start, max(start, end))

    def until(self, last: date) -> Period:
        """The part of it that does not go beyond the day `last`."""
        end = last + _DAY if self.end is None else min(self.end, last + _DAY)
        return Period(self.start if self.start is None else min(self.start, end), end)


def midnight(day: date) -> datetime:
    """The first moment of a UTC day."""
    return datetime.combine(day, time.min, UTC)


def utc_day(moment: datetime) -> date:
    """The UTC day of a moment."""
    return moment.astimezone(UTC).date()


def place_among(column: ColumnElement[datetime], moments: Sequence[datetime]) -> ColumnElement[int]:
    """How many of `moments`, which are in order, do not lie after a column: found by halves, as they may be many."""

    def between(low: int, high: int) -> ColumnElement[int]:
        if low == high:
            return literal(low)
        middle = (low + high) // 2
        return case((column < moments[middle], between(low, middle)), else_=between(middle + 1, high))

    return between(0, len(moments))
