"""Looks at the events, and what pages share of them: sums by day, for any range, group and filter.

The columns that filters name are read crossed with each other for as long as that makes few groups: to narrow a page by
them, or to choose other days among those that were read, then costs no look. `metering.analytics` does the sums.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, timedelta
from threading import Lock

import streamlit as st
from sqlalchemy import Engine, func, select

from metering import analytics
from metering.analytics import Period, UsageRow
from schema.database import reading
from schema.tables import accounts

_TTL_SECONDS = 600
"""How long they are kept: the stamp that they are keyed by changes with every event."""
CROSSED = ("provider", "model", "plan", "task")
_ALONE = ("feature", "tool", "tier")
_MOST = 30_000
"""How many sums a look may have for the sake of filters: of a million calls, ten thousand take twice as long to read
as the thousand by model and day."""
_KEPT = 8
"""How many looks are kept: each may hold thirty megabytes, and with every event there is another."""
_DAY = timedelta(days=1)

Days = tuple[date, date]
"""The first day and the day after the last."""
Filters = tuple[tuple[str, str], ...]
"""Column and wanted value, in a form that a cache can key by."""
Names = tuple[str, ...]


@dataclass(slots=True)
class _Daily:
    """Sums by some columns for each day; one thread asks, and the others wait for the answer."""

    days: dict[date, list[UsageRow]] = field(default_factory=dict)
    narrowed: dict[tuple[Names, Filters], dict[date, list[UsageRow]]] = field(default_factory=dict)
    turn: Lock = field(default_factory=Lock)

    def read(self, engine: Engine, by: Names, period: Days, filters: Filters) -> None:
        """Ask for the days that are not known yet."""
        missing = [day for day in Period(*period).days() if day not in self.days]
        if not missing:
            return
        asked = Period(missing[0], missing[-1] + _DAY)
        with reading(engine) as connection:
            rows = analytics.usage_by(connection, (*by, "day"), asked, dict(filters))
        found: dict[date, list[UsageRow]] = {day: [] for day in asked.days()}
        for row in rows:
            found[row.keys["day"]].append(row)
        self.days |= found

    def part(self, groups: Names, period: Days, filters: Filters) -> list[UsageRow]:
        """What was read of a range, by fewer columns and of those rows alone that filters want."""
        known, found = self.narrowed.setdefault((groups, filters), {}), []
        for day in Period(*period).days():
            if day not in known:
                known[day] = analytics.summed(_wanted(self.days[day], filters), (*groups, "day"))
            found += known[day]
        return found


@dataclass(slots=True)
class _Spans:
    """Sums by some columns, of which there are too many to have them for each day; one thread asks, the others wait."""

    known: dict[Days, list[UsageRow]] = field(default_factory=dict)
    turn: Lock = field(default_factory=Lock)

    def read(self, engine: Engine, by: Names, period: Days, filters: Filters) -> list[UsageRow]:
        """What is known of spans within a range, and what the database says of the rest of it."""
        found: list[UsageRow] = []
        for span in covering(period, self.known):
            if span not in self.known:
                with reading(engine) as connection:
                    self.known[span] = analytics.usage_by(connection, by, Period(*span), dict(filters), units=())
            found += self.known[span]
        return found


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


@st.cache_resource(ttl=_TTL_SECONDS, show_spinner=False, max_entries=_KEPT)
def _daily(_engine: Engine, stamp: str, by: Names, filters: Filters) -> _Daily:
    return _Daily()


@st.cache_resource(ttl=_TTL_SECONDS, show_spinner=False, max_entries=_KEPT)
def _spans(_engine: Engine, stamp: str, by: Names, filters: Filters) -> _Spans:
    return _Spans()


def is_shared(groups: Names) -> bool:
    """Whether a look at these columns by day serves what is shown of them."""
    return {*groups} <= {*CROSSED} or (len(groups) == 1 and groups[0] in _ALONE)


def by_day(engine: Engine, stamp: str, groups: Names, period: Days, filters: Filters) -> list[UsageRow]:
    """Sums by columns that are shared, and day: the one look behind most of what the pages show of a range."""
    first, end = period
    crossed = {*groups} <= {*CROSSED} and sum(_groups(engine, stamp)) * (end - first).days <= _MOST
    by = CROSSED if crossed else groups
    inner, outer = _parted(filters, by)
    look = _daily(engine, stamp, by, outer)
    with look.turn:
        look.read(engine, by, period, outer)
        return look.part(groups, period, inner)


def by_plan_and_account(engine: Engine, stamp: str, period: Days, filters: Filters) -> list[UsageRow]:
    """Sums by plan and account, without units."""
    groups = ("plan", "account")
    crossed = max(_groups(engine, stamp), default=0) * _number_of_accounts(engine, stamp) <= _MOST
    by = tuple(dict.fromkeys((*CROSSED, *groups))) if crossed else groups
    inner, outer = _parted(filters, by)
    look = _spans(engine, stamp, by, outer)
    with look.turn:
        rows = look.read(engine, by, period, outer)
    return analytics.summed(_wanted(rows, inner), groups)


def _parted(filters: Filters, by: Names) -> tuple[Filters, Filters]:
    """The filters by columns that are read anyway, and those that the database has to act on."""
    inner = tuple((name, value) for name, value in filters if name in by)
    return inner, tuple(one for one in filters if one not in inner)


@st.cache_data(ttl=_TTL_SECONDS, show_spinner=False, max_entries=_KEPT)
def _groups(_engine: Engine, stamp: str) -> list[int]:
    """How many groups the crossed columns make in each plan on a day, by the last two, as the last may have begun."""
    with reading(_engine) as connection:
        newest = analytics.data_as_of(connection)
        if newest is None:
            return []
        rows = analytics.usage_by(connection, CROSSED, Period.last(2, newest.date()), units=())
    return list(Counter(row.keys["plan"] for row in rows).values())


@st.cache_data(ttl=_TTL_SECONDS, show_spinner=False, max_entries=_KEPT)
def _number_of_accounts(_engine: Engine, stamp: str) -> int:
    with reading(_engine) as connection:
        return connection.execute(select(func.count()).select_from(accounts)).scalar_one()


def forget() -> None:
    """Drop what was read."""
    for cached in (_daily, _spans):
        cached.clear()


__all__ = ["CROSSED", "Days", "Filters", "by_day", "by_plan_and_account", "forget", "is_shared"]
