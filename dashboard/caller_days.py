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
    """Who called on each day among the events that some filters want; one thread asks, and the others wait."""

    filters: Filters
    too_many: bool = False
    _days: dict[date, _Who] = field(default_factory=dict)
    _users: dict[tuple[int, str], int] = field(default_factory=dict)
    _accounts: dict[int, int] = field(default_factory=dict)
    _turn: Lock = field(default_factory=Lock)

    @property
    def size(self) -> int:
        """How many users are known."""
        return len(self._users) + len(self._accounts)

    def drop(self, days: set[date]) -> None:
        """Forget some days."""
        with self._turn:
            for day in days:
                self._days.pop(day, None)

    def count(self, engine: Engine, periods: Sequence[Days]) -> list[Callers] | None:
        """Who called in each period; None where there are too many users."""
        with self._turn:
            self._read(engine, {day for period in periods for day in Period(*period).days()} - self._days.keys())
            if self.too_many:
                return None
            return [
                reduce(or_, (self._days[day] for day in Period(*period).days()), _Who()).counted for period in periods
            ]

    def _read(self, engine: Engine, missing: set[date]) -> None:
        if self.too_many or not missing:
            return
        asked = Period(min(missing), max(missing) + _DAY)
        with reading(engine) as connection:
            rows = analytics.days_called(connection, asked, dict(self.filters), most=MOST_USERS)
        if rows is None or self.size > 2 * MOST_USERS:
            self.too_many = True
            return
        named, nameless = _parted(rows)
        users = _places(self._users, [(row[0], row[1]) for row in named])
        accounts, others = (_places(self._accounts, [row[0] for row in some]) for some in (named, nameless))
        days = list(asked.days())
        for day, on, others_on in zip(days, _called(named, len(days)), _called(nameless, len(days)), strict=True):
            self._days[day] = _Who(_set(users[on]), _set(accounts[on]), _set(others[others_on]))


def _places(known: dict[Any, int], names: Sequence[Any]) -> NDArray[np.int64]:
    return np.array([known.setdefault(name, len(known)) for name in names], dtype=np.int64)


def _parted(rows: Sequence[Any]) -> tuple[list[Any], list[Any]]:
    """Those that name a user, and those that do not."""
    return [row for row in rows if row[1] is not None], [row for row in rows if row[1] is None]


def _called(rows: Sequence[Any], days: int) -> Iterator[NDArray[np.bool_]]:
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
