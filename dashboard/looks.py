"""Looks at the events, and what pages share of them: sums and callers of any range, group and filter.

The columns that filters name are read crossed with each other for as long as that makes few groups: to narrow a page by
them, or to choose other days among those that were read, then costs no look. When an event arrives or is corrected, its
day alone is read again. `metering.analytics` does the sums.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from datetime import date
from threading import Lock
from time import monotonic
from typing import TypeVar

import streamlit as st
from sqlalchemy import Connection, Engine, func, select

from dashboard import kept_sums
from dashboard.caller_days import CallerDays
from dashboard.kept_sums import DailySums, Days, Filters, Names, SpanSums
from metering import analytics
from metering.analytics import Arrived, Callers, Period, UsageRow
from schema.database import reading
from schema.tables import accounts

OLDEST_SECONDS = 600
"""How long sums of events are kept: a transaction that ends long after it began may be missing in them."""
_CROSSED = ("provider", "model", "plan", "task")
_FEW_NAMES = (*_CROSSED, "feature", "tool", "tier")
_MOST_SUMS, _MOST_CALLERS = 200_000, 200_000
"""How much is kept in all: two hundred megabytes of sums, and fifty of users."""

Key = TypeVar("Key", bound=Hashable)
Look = TypeVar("Look", DailySums, SpanSums, CallerDays)


@dataclass(frozen=True, slots=True)
class _Extent:
    """How much there is to read."""

    newest: date | None = None
    """The day of the newest event."""
    groups: tuple[int, ...] = ()
    """How many groups the crossed columns make in each plan: in the last two days, as the last may have begun."""
    accounts: int = 0


class _Looks:
    """What was read, by the columns and the filters that the database acted on. Sessions share it.

    What a page asks for last may be a call newer than what it asked for first, and is never older than its stamp.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.extent = _Extent()
        self._daily: dict[tuple[Names, Filters], DailySums] = {}
        self._spans: dict[tuple[Names, Filters], SpanSums] = {}
        self._callers: dict[Filters, CallerDays] = {}
        self._held: tuple[str, Arrived] | None = None
        self._began = 0.0
        self._turn = Lock()

    def hold(self, stamp: str) -> None:
        """Under another stamp, drop what holds no longer: the days of what arrived, or all that is old."""
        if self._holds(stamp):
            return
        with self._turn:
            if self._holds(stamp):
                return
            before = self._held[1] if self._held and not self._is_old() else None
            with reading(self.engine) as connection:
                now = analytics.arrived(connection)
                days = None if before is None else analytics.changed_days(connection, before)
                if days != set():
                    self.extent = _extent(connection)
            if days is None:
                self._daily, self._spans, self._callers, self._began = {}, {}, {}, monotonic()
            elif days:
                self._daily = {of: look.without(days) for of, look in self._daily.items()}
                self._spans = {of: look.without(days) for of, look in self._spans.items()}
                self._callers = {of: look.without(days) for of, look in self._callers.items()}
            self._held = stamp, now

    def _is_old(self) -> bool:
        return monotonic() - self._began > OLDEST_SECONDS

    def _holds(self, stamp: str) -> bool:
        return self._held is not None and self._held[0] == stamp and not self._is_old()

    def knows(self, by: Names, filters: Filters, period: Days) -> bool:
        """Whether nothing of a range has to be asked for by day."""
        look = self._daily.get((by, filters))
        return look is not None and look.knows(period)

    def daily(self, by: Names, filters: Filters) -> DailySums:
        """Sums by day."""
        with self._turn:
            return _found(self._daily, (by, filters), DailySums(by, filters), _MOST_SUMS)

    def spans(self, by: Names, filters: Filters) -> SpanSums:
        """Sums of columns of which there are too many to have them for each day."""
        with self._turn:
            return _found(self._spans, (by, filters), SpanSums(by, filters), _MOST_SUMS)

    def callers(self, filters: Filters) -> CallerDays:
        """Who called on each day."""
        with self._turn:
            return _found(self._callers, filters, CallerDays(filters), _MOST_CALLERS)


def _extent(connection: Connection) -> _Extent:
    as_of = analytics.data_as_of(connection)
    if as_of is None:
        return _Extent()
    rows = analytics.usage_by(connection, _CROSSED, Period.last(2, as_of.date()), units=())
    number = connection.execute(select(func.count()).select_from(accounts)).scalar_one()
    return _Extent(as_of.date(), tuple(Counter(row.keys["plan"] for row in rows).values()), number)


def _found(known: dict[Key, Look], key: Key, new: Look, most: int) -> Look:
    """The look of a key; for a new one the oldest go that are too many."""
    if key not in known:
        while sum(look.size for look in known.values()) > most:
            del known[next(iter(known))]
        known[key] = new
    return known[key]


@st.cache_resource(show_spinner=False, max_entries=1)
def _kept(_engine: Engine, database: str) -> _Looks:
    return _Looks(_engine)


def _looks(engine: Engine, stamp: str) -> _Looks:
    found = _kept(engine, str(engine.url))
    found.hold(stamp)
    return found


def by_day(engine: Engine, stamp: str, groups: Names, period: Days, filters: Filters) -> list[UsageRow] | None:
    """Sums by columns and day: the one look behind most of what the pages show of a range.

    None where it is not worth it, as there may be too many: the database should sum up.
    """
    looks, (first, end) = _looks(engine, stamp), period
    alone = groups if len(groups) == 1 and groups[0] in _FEW_NAMES else None
    crossed = _CROSSED if {*groups} <= {*_CROSSED} else None
    if crossed and not _is_of_an_account(filters) and sum(looks.extent.groups) * (end - first).days > kept_sums.MOST:
        crossed = None
    ways = [by for by in (crossed, alone) if by is not None]
    if not ways:
        return None
    # What was read with the days before serves each half, too.
    by = next((by for by in ways if looks.knows(by, _parted(filters, by)[1], period)), ways[0])
    inner, outer = _parted(filters, by)
    return looks.daily(by, outer).part(engine, groups, period, inner)


def by_plan_and_account(engine: Engine, stamp: str, period: Days, filters: Filters) -> list[UsageRow]:
    """Sums by plan and account, without units."""
    looks, wanted = _looks(engine, stamp), ("plan", "account")
    extent, crossed = looks.extent, (*_CROSSED, "account")
    # The calls of one account have an index of their own.
    few = not _is_of_an_account(filters) and max(extent.groups, default=0) * extent.accounts <= kept_sums.MOST
    by, (inner, outer) = (crossed, _parted(filters, crossed)) if few else (wanted, ((), filters))
    return looks.spans(by, outer).part(engine, wanted, period, inner, extent.newest)


def callers(engine: Engine, stamp: str, periods: Sequence[Days], filters: Filters) -> list[Callers] | None:
    """Who called in each of some periods; None where the database should count, as there are too many."""
    return _looks(engine, stamp).callers(filters).count(engine, periods)


def _is_of_an_account(filters: Filters) -> bool:
    return any(name == "account" for name, _ in filters)


def _parted(filters: Filters, by: Names) -> tuple[Filters, Filters]:
    """The filters by columns that are read anyway, and those that the database has to act on."""
    inner = tuple((name, value) for name, value in filters if name in by)
    return inner, tuple(one for one in filters if one not in inner)


__all__ = ["OLDEST_SECONDS", "by_day", "by_plan_and_account", "callers"]
