"""Who called on which day: sets of users and accounts as bits, from which any range is counted without the database."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import reduce
from math import ceil
from operator import or_
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Engine

from dashboard.kept_sums import Days, Filters
from metering import analytics
from metering.analytics import WORD_DAYS, Callers, Period
from schema.database import reading

MOST_USERS = 100_000
"""Of how many users the days are kept: about 25 megabytes. Beyond, the database counts."""
_DAY = timedelta(days=1)
_AT_ONCE = timedelta(days=4 * WORD_DAYS)
"""How many days one look is for: four whole numbers of each user."""


@dataclass(frozen=True, slots=True)
class _Who:
    """Who called, a bit each, by their place in the order in which they were first seen."""

    users: int = 0
    accounts: int = 0
    """Those with calls that name a user."""
    nameless: int = 0
    """Those with calls that name none."""

    def __or__(self, other: _Who) -> _Who:
        return _Who(self.users | other.users, self.accounts | other.accounts, self.nameless | other.nameless)

    @property
    def counted(self) -> Callers:
        """An account that names no user counts as one."""
        users = self.users.bit_count() + (self.nameless & ~self.accounts).bit_count()
        return Callers(users, (self.nameless | self.accounts).bit_count())


@dataclass(slots=True)
class CallerDays:
    """Who called on each day. One thread asks the database, and others wait for it only for what is missing."""

    filters: Filters
    _days: dict[date, _Who] = field(default_factory=dict)
    _users: dict[tuple[int, str], int] = field(default_factory=dict)
    _accounts: dict[int, int] = field(default_factory=dict)
    _too_many: bool = False
    _turn: Lock = field(default_factory=Lock)

    @property
    def size(self) -> int:
        """How much is kept: users, accounts and days."""
        return len(self._users) + len(self._accounts) + len(self._days)

    def without(self, days: set[date]) -> CallerDays:
        """The same without some days. Who asks for a day meanwhile is answered by the old one."""
        rest = {day: who for day, who in list(self._days.items()) if day not in days}
        return CallerDays(self.filters, rest, dict(self._users), dict(self._accounts), self._too_many)

    def count(self, engine: Engine, periods: Sequence[Days]) -> list[Callers] | None:
        """Who called in each period; None where there are too many users."""
        days = self._days
        asked = {day for period in periods for day in Period(*period).days()}
        if asked - days.keys():
            with self._turn:
                days = self._read(engine, asked)
        if self._too_many:
            return None
        return [reduce(or_, (days[day] for day in Period(*period).days()), _Who()).counted for period in periods]

    def _read(self, engine: Engine, asked: set[date]) -> dict[date, _Who]:
        """Each of the days, and others; those that are not known yet are asked for, some at a time."""
        missing = sorted(asked - self._days.keys())
        found = dict(self._days)
        while missing and not self._too_many:
            period = Period(missing[0], min(missing[-1] + _DAY, missing[0] + _AT_ONCE))
            missing = [day for day in missing if day >= period.bounds()[1]]
            with reading(engine) as connection:
                rows = analytics.days_called(connection, period, dict(self.filters), most=MOST_USERS)
            if rows is None:
                self._too_many = True
            else:
                found |= self._called(rows, list(period.days()))
                self._too_many = len(self._users) > MOST_USERS
        self._days = found
        return found

    def _called(self, rows: Sequence[Any], days: Sequence[date]) -> dict[date, _Who]:
        named, nameless = _parted(rows)
        users = _places(self._users, [(row[0], row[1]) for row in named])
        accounts, others = (_places(self._accounts, [row[0] for row in some]) for some in (named, nameless))
        each = zip(days, _by_day(named, len(days)), _by_day(nameless, len(days)), strict=True)
        return {day: _Who(_set(users[on]), _set(accounts[on]), _set(others[others_on])) for day, on, others_on in each}


def _places(known: dict[Any, int], names: Sequence[Any]) -> NDArray[np.int64]:
    return np.array([known.setdefault(name, len(known)) for name in names], dtype=np.int64)


def _parted(rows: Sequence[Any]) -> tuple[list[Any], list[Any]]:
    """Those that name a user, and those that do not."""
    return [row for row in rows if row[1] is not None], [row for row in rows if row[1] is None]


def _by_day(rows: Sequence[Any], days: int) -> Iterator[NDArray[np.bool_]]:
    """Of each day, which rows have a call."""
    words = [[word or 0 for word in row[2:]] for row in rows]
    called = np.array(words, dtype=np.int64).reshape(len(rows), ceil(days / WORD_DAYS))
    for day in range(days):
        word, bit = divmod(day, WORD_DAYS)
        yield called[:, word] >> bit & 1 == 1


def _set(places: NDArray[np.int64]) -> int:
    """Places as the bits of one whole number."""
    flags = np.zeros(int(places.max(initial=-1)) + 1, dtype=bool)
    flags[places] = True
    return int.from_bytes(np.packbits(flags, bitorder="little").tobytes(), "little")


__all__ = ["MOST_USERS", "CallerDays"]
