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
    """Sums by some columns for each day. One thread asks, and others wait for it only for what is missing."""

    by: Names
    filters: Filters
    _days: dict[date, list[UsageRow]] = field(default_factory=dict)
    _narrowed: dict[tuple[Names, Filters], dict[date, list[UsageRow]]] = field(default_factory=dict)
    _turn: Lock = field(default_factory=Lock)

    @property
    def size(self) -> int:
        """How much is kept: a day counts as a sum."""
        kept = (self._days, *list(self._narrowed.values()))
        return sum(1 + len(rows) for known in kept for rows in list(known.values()))

    def knows(self, period: Days) -> bool:
        """Whether nothing of a range has to be asked for."""
        return all(day in self._days for day in Period(*period).days())

    def without(self, days: set[date]) -> DailySums:
        """The same without some days. Who asks for a day meanwhile is answered by the old one."""

        def rest(known: dict[date, list[UsageRow]]) -> dict[date, list[UsageRow]]:
            return {day: rows for day, rows in list(known.items()) if day not in days}

        narrowed = {of: rest(known) for of, known in list(self._narrowed.items())}
        return DailySums(self.by, self.filters, rest(self._days), narrowed)

    def part(self, engine: Engine, groups: Names, period: Days, filters: Filters) -> list[UsageRow]:
        """What there is of a range, by fewer columns and of those rows alone that filters want."""
        days = self._days
        if any(day not in days for day in Period(*period).days()):
            with self._turn:
                days = self._read(engine, period)
        whole = groups == self.by and not filters
        if self.size > 3 * MOST:
            self._narrowed = {}
        known = days if whole else self._narrowed.setdefault((groups, filters), {})
        found = []
        for day in Period(*period).days():
            if day not in known:
                known[day] = analytics.summed(_wanted(days[day], filters), (*groups, "day"))
            found += known[day]
        return found

    def _read(self, engine: Engine, period: Days) -> dict[date, list[UsageRow]]:
        """Every day of a range, and others; those that are not known yet are asked for."""
        missing = [day for day in Period(*period).days() if day not in self._days]
        if not missing:
            return self._days
        kept = self._days
        if sum(map(len, kept.values())) > MOST:
            kept, self._narrowed = {}, {}
            missing = list(Period(*period).days())
        asked = Period(missing[0], missing[-1] + _DAY)
        with reading(engine) as connection:
            rows = analytics.usage_by(connection, (*self.by, "day"), asked, dict(self.filters))
        found: dict[date, list[UsageRow]] = {day: [] for day in missing}
        for row in rows:
            if row.keys["day"] in found:
                found[row.keys["day"]].append(row)
        self._days = kept | found
        return self._days


@dataclass(slots=True)
class SpanSums:
    """Sums by some columns, of which there are too many to have them for each day: of spans of days, without units."""

    by: Names
    filters: Filters
    _known: dict[Days, list[UsageRow]] = field(default_factory=dict)
    _turn: Lock = field(default_factory=Lock)

    @property
    def size(self) -> int:
        """How many sums are kept."""
        return sum(map(len, list(self._known.values())))

    def without(self, days: set[date]) -> SpanSums:
        """The same without the spans that some days lie in. Who asks meanwhile is answered by the old one."""
        known = list(self._known.items())
        rest = {span: rows for span, rows in known if not any(span[0] <= day < span[1] for day in days)}
        return SpanSums(self.by, self.filters, rest)

    def part(
        self, engine: Engine, groups: Names, period: Days, filters: Filters, newest: date | None
    ) -> list[UsageRow]:
        """What is known of spans within a range and what the database says of the rest, by fewer columns.

        The `newest` day is a span of its own: the others hold when something arrives.
        """
        known = dict(self._known)
        if any(span not in known for span in covering(period, known)):
            with self._turn:
                known = self._read(engine, period, newest)
        found = [row for span in covering(period, known) for row in known[span]]
        return analytics.summed(_wanted(found, filters), groups)

    def _read(self, engine: Engine, period: Days, newest: date | None) -> dict[Days, list[UsageRow]]:
        """Spans that make up a range, and others; those that are not known yet are asked for."""
        known = dict(self._known) if self.size <= MOST else {}
        for span in covering(period, known):
            for piece in [] if span in known else _cut(span, newest):
                with reading(engine) as connection:
                    rows = analytics.usage_by(connection, self.by, Period(*piece), dict(self.filters), units=())
                known[piece] = rows
        self._known = known
        return dict(known)


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
