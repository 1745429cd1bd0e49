"""Looks at the events, and what pages share of them: sums by day, for any range, group and filter.

The columns that filters name are read crossed with each other for as long as that makes few groups: to narrow a page by
them, or to choose other days among those that were read, then costs no look until another event arrives.
`metering.analytics` does the sums.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import cached_property
from threading import Lock

import streamlit as st
from sqlalchemy import Engine, func, select

from metering import analytics
from metering.analytics import Period, UsageRow
from schema.database import reading
from schema.tables import accounts

TTL_SECONDS = 60
_STAMPS = 2
"""Of how many stamps looks are kept: with every event there is another, and what was read before is of no use."""
_CROSSED = ("provider", "model", "plan", "task")
_FEW_NAMES = (*_CROSSED, "feature", "tool", "tier")
_MOST = 30_000
"""How many sums a look may have for the sake of filters: about thirty megabytes. Of a million calls, a third of that
takes twice as long to read as the thousand sums by model and day."""
_DAY = timedelta(days=1)

Days = tuple[date, date]
"""The first day and the day after the last."""
Filters = tuple[tuple[str, str], ...]
"""Column and wanted value, in a form that a cache can key by."""
Names = tuple[str, ...]


@dataclass(slots=True)
class _Daily:
    """Sums by some columns for each day; one thread asks, and the others wait for the answer."""

    by: Names
    filters: Filters
    days: dict[date, list[UsageRow]] = field(default_factory=dict)
    narrowed: dict[tuple[Names, Filters], dict[date, list[UsageRow]]] = field(default_factory=dict)
    turn: Lock = field(default_factory=Lock)

    def knows(self, period: Days) -> bool:
        """Whether nothing of a range has to be asked for."""
        return all(day in self.days for day in Period(*period).days())

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
        if sum(map(len, self.days.values())) > _MOST:
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
class _Spans:
    """Sums by some columns, of which there are too many to have them for each day; one thread asks, the others wait."""

    by: Names
    filters: Filters
    known: dict[Days, list[UsageRow]] = field(default_factory=dict)
    turn: Lock = field(default_factory=Lock)

    def part(self, engine: Engine, groups: Names, period: Days, filters: Filters) -> list[UsageRow]:
        """What is known of spans within a range and what the database says of the rest, by fewer columns."""
        with self.turn:
            if sum(map(len, self.known.values())) > _MOST:
                self.known.clear()
            found: list[UsageRow] = []
            for span in covering(period, self.known):
                if span not in self.known:
                    with reading(engine) as connection:
                        rows = analytics.usage_by(connection, self.by, Period(*span), dict(self.filters), units=())
                    self.known[span] = rows
                found += self.known[span]
        return analytics.summed(_wanted(found, filters), groups)


class _Looks:
    """What was read under one stamp, by the columns and the filters that the database acted on."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._daily: dict[tuple[Names, Filters], _Daily] = {}
        self._spans: dict[tuple[Names, Filters], _Spans] = {}

    def daily(self, by: Names, filters: Filters) -> _Daily:
        return self._daily.setdefault((by, filters), _Daily(by, filters))

    def spans(self, by: Names, filters: Filters) -> _Spans:
        return self._spans.setdefault((by, filters), _Spans(by, filters))

    @cached_property
    def groups(self) -> list[int]:
        """How many groups the crossed columns make in each plan: in the last two days, as the last may have begun."""
        with reading(self.engine) as connection:
            newest = analytics.data_as_of(connection)
            if newest is None:
                return []
            rows = analytics.usage_by(connection, _CROSSED, Period.last(2, newest.date()), units=())
        return list(Counter(row.keys["plan"] for row in rows).values())

    @cached_property
    def number_of_accounts(self) -> int:
        with reading(self.engine) as connection:
            return connection.execute(select(func.count()).select_from(accounts)).scalar_one()


@st.cache_resource(ttl=TTL_SECONDS, show_spinner=False, max_entries=_STAMPS)
def _looks(_engine: Engine, stamp: str) -> _Looks:
    return _Looks(_engine)


def by_day(engine: Engine, stamp: str, groups: Names, period: Days, filters: Filters) -> list[UsageRow] | None:
    """Sums by columns and day: the one look behind most of what the pages show of a range.

    None where it is not worth it, as there may be too many: the database should sum up.
    """
    looks, (first, end) = _looks(engine, stamp), period
    alone = groups if len(groups) == 1 and groups[0] in _FEW_NAMES else None
    crossed = _CROSSED if {*groups} <= {*_CROSSED} else None
    if crossed and not _is_of_an_account(filters) and sum(looks.groups) * (end - first).days > _MOST:
        crossed = None
    ways = [by for by in (crossed, alone) if by is not None]
    if not ways:
        return None
    # What was read with the days before serves each half, too.
    known = (by for by in ways if looks.daily(by, _parted(filters, by)[1]).knows(period))
    by = next(known, ways[0])
    inner, outer = _parted(filters, by)
    return looks.daily(by, outer).part(engine, groups, period, inner)


def by_plan_and_account(engine: Engine, stamp: str, period: Days, filters: Filters) -> list[UsageRow]:
    """Sums by plan and account, without units."""
    looks, by = _looks(engine, stamp), ("plan", "account")
    # The calls of one account have an index of their own.
    if not _is_of_an_account(filters) and max(looks.groups, default=0) * looks.number_of_accounts <= _MOST:
        inner, outer = _parted(filters, (*_CROSSED, "account"))
        return looks.spans((*_CROSSED, "account"), outer).part(engine, by, period, inner)
    return looks.spans(by, filters).part(engine, by, period, ())


def covering(period: Days, known: Iterable[Days]) -> list[Days]:
    """The spans that make up a range, in order: known ones that lie in it, and what is between them."""
    at, end = period
    found = []
    for span in sorted(known, key=lambda span: (span[0], -span[1].toordinal())):
        if at <= span[0] < span[1] <= end:
            found += [(at, span[0]), span]
            at = span[1]
    return [span for span in (*found, (at, end)) if span[0] < span[1]]


def _wanted(rows: Iterable[UsageRow], filters: Filters) -> list[UsageRow]:
    return [row for row in rows if all(row.keys[name] == value for name, value in filters)]


def _is_of_an_account(filters: Filters) -> bool:
    return any(name == "account" for name, _ in filters)


def _parted(filters: Filters, by: Names) -> tuple[Filters, Filters]:
    """The filters by columns that are read anyway, and those that the database has to act on."""
    inner = tuple((name, value) for name, value in filters if name in by)
    return inner, tuple(one for one in filters if one not in inner)


__all__ = ["TTL_SECONDS", "Days", "Filters", "by_day", "by_plan_and_account", "covering"]
