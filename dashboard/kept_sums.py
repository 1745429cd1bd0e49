"""Sums of usage that were read, for each day or by spans of days; what is missing of a range is asked for, once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, timedelta
from threading import Lock

from sqlalchemy import Engine

from metering import analytics
from metering.analytics import Period, UsageRow
from schema.database import reading

MOST = 30_000
"""How many sums are read for the sake of filters: about thirty megabytes. Of a million calls, a third of that takes
twice as long to read as the thousand sums by model and day."""
_DAY = timedelta(days=1)

Days = tuple[date, date]
"""The first day and the day after the last."""
Filters = tuple[tuple[str, str], ...]
"""Column and wanted value, in a form that a cache can key by."""
Names = tuple[str, ...]


@dataclass(slots=True)
class DailySums:
    """Sums by some columns for each day; one thread asks, and the others wait for the answer."""

    by: Names
    filters: Filters
    days: dict[date, list[UsageRow]] = field(default_factory=dict)
    narrowed: dict[tuple[Names, Filters], dict[date, list[UsageRow]]] = field(default_factory=dict)
    turn: Lock = field(default_factory=Lock)

    @property
    def size(self) -> int:
        """How many sums are kept."""
        return sum(len(rows) for known in (self.days, *self.narrowed.values()) for rows in list(known.values()))

    def knows(self, period: Days) -> bool:
        """Whether nothing of a range has to be asked for."""
        return all(day in self.days for day in Period(*period).days())

    def drop(self, days: set[date]) -> None:
        """Forget some days."""
        with self.turn:
            for known in (self.days, *self.narrowed.values()):
                for day in days:
                    known.pop(day, None)

    def part(self, engine: Engine, groups: Names, period: Days, filters: Filters) -> list[UsageRow]:
        """What there is of a range, by fewer columns and of those rows alone that filters want."""
        with self.turn:
            self._read(engine, period)
            whole = groups == self.by and not filters
            known = self.days if whole else self.narrowed.setdefault((groups, filters), {})
            found = []
            for day in Period(*period).days():
                if day not in known:
                    known[day] = analytics.summed(_wanted(self.days[day], filters), (*groups, "day"))
                found += known[day]
            return found

    def _read(self, engine: Engine, period: Days) -> None:
        """Ask for the days that are not known yet."""
        if self.knows(period):
            return
        if sum(map(len, self.days.values())) > MOST:
            self.days.clear()
            self.narrowed.clear()
        missing = [day for day in Period(*period).days() if day not in self.days]
        asked = Period(missing[0], missing[-1] + _DAY)
        with reading(engine) as connection:
            rows = analytics.usage_by(connection, (*self.by, "day"), asked, dict(self.filters))
        found: dict[date, list[UsageRow]] = {day: [] for day in asked.days()}
        for row in rows:
            found[row.keys["day"]].append(row)
        self.days |= found


@dataclass(slots=True)
class SpanSums:
    """Sums by some columns, of which there are too many to have them for each day; one thread asks, the others wait."""

    by: Names
    filters: Filters
    known: dict[Days, list[UsageRow]] = field(default_factory=dict)
    turn: Lock = field(default_factory=Lock)

    @property
    def size(self) -> int:
        """How many sums are kept."""
        return sum(map(len, list(self.known.values())))

    def drop(self, days: set[date]) -> None:
        """Forget the spans that some days lie in."""
        with self.turn:
            for first, end in list(self.known):
                if any(first <= day < end for day in days):
                    del self.known[first, end]

    def part(
        self, engine: Engine, groups: Names, period: Days, filters: Filters, newest: date | None
    ) -> list[UsageRow]:
        """What is known of spans within a range and what the database says of the rest, by fewer columns.

        The `newest` day is a span of its own: the others hold when something arrives.
        """
        with self.turn:
            if self.size > MOST:
                self.known.clear()
            found: list[UsageRow] = []
            for span in covering(period, self.known):
                for piece in [span] if span in self.known else _cut(span, newest):
                    if piece not in self.known:
                        with reading(engine) as connection:
                            rows = analytics.usage_by(connection, self.by, Period(*piece), dict(self.filters), units=())
                        self.known[piece] = rows
                    found += self.known[piece]
        return analytics.summed(_wanted(found, filters), groups)


def covering(period: Days, known: Iterable[Days]) -> list[Days]:
    """The spans that make up a range, in order: known ones that lie in it, and what is between them."""
    at, end = period
    found = []
    for span in sorted(known, key=lambda span: (span[0], -span[1].toordinal())):
        if at <= span[0] < span[1] <= end:
            found += [(at, span[0]), span]
            at = span[1]
    return [span for span in (*found, (at, end)) if span[0] < span[1]]


def _cut(span: Days, day: date | None) -> list[Days]:
    """A span in two, the last of which begins with a day; whole where it does not lie within."""
    first, end = span
    return [(first, day), (day, end)] if day is not None and first < day < end else [span]


def _wanted(rows: Iterable[UsageRow], filters: Filters) -> list[UsageRow]:
    return [row for row in rows if all(row.keys[name] == value for name, value in filters)]


__all__ = ["MOST", "DailySums", "Days", "Filters", "Names", "SpanSums", "covering"]
