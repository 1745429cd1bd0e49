"""How many users and accounts called, for one range of days or for many at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from sqlalchemy import Connection, Select, case, func, select

from metering.analytics.events import Filters, conditions, look_side_by_side
from metering.analytics.period import Period
from schema.tables import usage_events

_DAY = timedelta(days=1)
_event = usage_events.c


@dataclass(frozen=True, slots=True)
class Callers:
    """Who called. An account whose calls name no user counts as one user."""

    users: int
    accounts: int


_NOBODY = Callers(0, 0)


def callers(connection: Connection, period: Period, filters: Filters) -> Callers:
    """Who called in a period."""
    row = connection.execute(_counted(connection, period, filters)).one()
    return Callers(int(row[0] or 0), int(row[1]))


def callers_daily(connection: Connection, period: Period, filters: Filters) -> dict[date, Callers]:
    """Who called on each day; days without any calls are absent."""
    rows = connection.execute(_counted(connection, period, filters, _event.day))
    return {day: Callers(int(users), int(number)) for users, number, day in rows}


def _counted(connection: Connection, period: Period, filters: Filters, *by: Any) -> Select[Any]:
    """Numbers of users and of accounts, and the columns that they are counted by."""
    # Pairs first: a database hashes those, side by side, where it would sort all events for a distinct count. And as
    # groups: DISTINCT is hashed twice by one function in PostgreSQL, and the second table is one long collision.
    columns = (_event.account_id, _event.user_id, *by)
    pairs = select(*columns).where(*conditions(period, filters)).group_by(*columns).subquery()
    members = func.count(pairs.c.user_id).label("members")
    groups = [pairs.c[column.name] for column in by]
    each = select(pairs.c.account_id, members, *groups).group_by(pairs.c.account_id, *groups).subquery()
    users = func.sum(case((each.c.members == 0, 1), else_=each.c.members))
    groups = [each.c[column.name] for column in by]
    look_side_by_side(connection)
    return select(users, func.count(), *groups).select_from(each).group_by(*groups)


def callers_in(connection: Connection, periods: Sequence[Period], filters: Filters) -> list[Callers]:
    """Who called in each of some periods: single days from one look at the events, each other period from its own.

    Raises ValueError for periods with an open side.
    """
    bounds = [period.bounds() for period in periods]
    single = [start for start, end in bounds if end - start == _DAY]
    each_day = callers_daily(connection, Period(min(single), max(single) + _DAY), filters) if single else {}
    return [
        each_day.get(start, _NOBODY) if end - start == _DAY else callers(connection, Period(start, end), filters)
        for start, end in bounds
    ]


def active_users(connection: Connection, period: Period) -> int:
    """How many users called in a period; an account whose calls name no user counts as one."""
    return callers(connection, period, {}).users


__all__ = ["Callers", "active_users", "callers", "callers_daily", "callers_in"]
