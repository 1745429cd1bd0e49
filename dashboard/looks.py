"""Looks at the events, and what pages share of them: sums and callers of any range, group and filter.

The columns that filters name are read crossed with each other for as long as that makes few groups: to narrow a page by
them, or to choose other days among those that were read, then costs no look. When an event arrives or is corrected, its
day alone is read again. `metering.analytics` does the sums.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import date
from threading import Lock
from time import monotonic

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
_MOST_IN_ALL = 200_000


class _Looks:
    """What was read, by the columns and the filters that the database acted on, and how much there is to read."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.newest: date | None = None
        """The day of the newest event."""
        self.groups: list[int] = []
        """How many groups the crossed columns make in each plan: in the last two days, as the last may have begun."""
        self.number_of_accounts = 0
        self._daily: dict[tuple[Names, Filters], DailySums] = {}
        self._spans: dict[tuple[Names, Filters], SpanSums] = {}
        self._callers: dict[Filters, CallerDays] = {}
        self._stamp: str | None = None
        self._arrived: Arrived | None = None
        self._began = 0.0
        self._turn = Lock()

    def hold(self, stamp: str) -> None:
        """Under another stamp, drop what holds no longer: the days of what arrived, or all that is old."""
        with self._turn:
            old = self._arrived is None or monotonic() - self._began > OLDEST_SECONDS
            if stamp == self._stamp and not old:
                return
            with reading(self.engine) as connection:
                now = analytics.arrived(connection)
                days = None if old or self._arrived is None else analytics.changed_days(connection, self._arrived)
                if days != set():
                    self._measure(connection)
            if days is None:
                self._clear()
                self._began = monotonic()
            else:
                for look in self._all():
                    look.drop(days)
            self._arrived, self._stamp = now, stamp

    def _measure(self, connection: Connection) -> None:
        newest = analytics.data_as_of(connection)
        self.newest, self.groups = newest and newest.date(), []
        if self.newest:
            rows = analytics.usage_by(connection, _CROSSED, Period.last(2, self.newest), units=())
            self.groups = list(Counter(row.keys["plan"] for row in rows).values())
        self.number_of_accounts = connection.execute(select(func.count()).select_from(accounts)).scalar_one()

    def knows(self, by: Names, filters: Filters, period: Days) -> bool:
        """Whether nothing of a range has to be asked for by day."""
        look = self._daily.get((by, filters))
        return look is not None and look.knows(period)

    def daily(self, by: Names, filters: Filters, period: Days, groups: Names, inner: Filters) -> list[UsageRow]:
        """What there is of a range, by fewer columns and of those rows alone that more filters want; with the day."""
        self._make_room()
        look = self._daily.setdefault((by, filters), DailySums(by, filters))
        return look.part(self.engine, groups, period, inner)

    def spans(self, by: Names, filters: Filters, period: Days, groups: Names, inner: Filters) -> list[UsageRow]:
        """The same without the day, of columns of which there are too many to have them for each day."""
        self._make_room()
        look = self._spans.setdefault((by, filters), SpanSums(by, filters))
        return look.part(self.engine, groups, period, inner, self.newest)

    def callers(self, periods: Sequence[Days], filters: Filters) -> list[Callers] | None:
        """Who called in each of some periods; None where there are too many to be kept."""
        self._make_room()
        return self._callers.setdefault(filters, CallerDays(filters)).count(self.engine, periods)

    def _all(self) -> list[DailySums | SpanSums | CallerDays]:
        return [*self._daily.values(), *self._spans.values(), *self._callers.values()]

    def _clear(self) -> None:
        for known in (self._daily, self._spans, self._callers):
            known.clear()

    def _make_room(self) -> None:
        if sum(look.size for look in self._all()) > _MOST_IN_ALL:
            self._clear()


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
    if crossed and not _is_of_an_account(filters) and sum(looks.groups) * (end - first).days > kept_sums.MOST:
        crossed = None
    ways = [by for by in (crossed, alone) if by is not None]
    if not ways:
        return None
    # What was read with the days before serves each half, too.
    by = next((by for by in ways if looks.knows(by, _parted(filters, by)[1], period)), ways[0])
    inner, outer = _parted(filters, by)
    return looks.daily(by, outer, period, groups, inner)


def by_plan_and_account(engine: Engine, stamp: str, period: Days, filters: Filters) -> list[UsageRow]:
    """Sums by plan and account, without units."""
    looks, by = _looks(engine, stamp), ("plan", "account")
    # The calls of one account have an index of their own.
    if not _is_of_an_account(filters) and max(looks.groups, default=0) * looks.number_of_accounts <= kept_sums.MOST:
        inner, outer = _parted(filters, (*_CROSSED, "account"))
        return looks.spans((*_CROSSED, "account"), outer, period, by, inner)
    return looks.spans(by, filters, period, by, ())


def callers(engine: Engine, stamp: str, periods: Sequence[Days], filters: Filters) -> list[Callers] | None:
    """Who called in each of some periods; None where the database should count, as there are too many."""
    return _looks(engine, stamp).callers(periods, filters)


def _is_of_an_account(filters: Filters) -> bool:
    return any(name == "account" for name, _ in filters)


def _parted(filters: Filters, by: Names) -> tuple[Filters, Filters]:
    """The filters by columns that are read anyway, and those that the database has to act on."""
    inner = tuple((name, value) for name, value in filters if name in by)
    return inner, tuple(one for one in filters if one not in inner)


__all__ = ["OLDEST_SECONDS", "by_day", "by_plan_and_account", "callers"]
