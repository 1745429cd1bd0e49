"""How many users and accounts called, for one range of days or for many at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Connection, Integer, Select, case, cast, func, literal, select

from metering.analytics.events import Filters, conditions, look_side_by_side
from metering.analytics.period import Period
from schema.tables import usage_events

WIDEST = 62
"""How many days the ranges of `callers_in` may lie apart: each is a bit of a whole number."""
_event = usage_events.c


@dataclass(frozen=True, slots=True)
class Callers:
    """Who called. An account whose calls name no user counts as one user."""

    users: int
    accounts: int


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
    # Pairs first: a database hashes those, side by side, where it would sort all events for a distinct count.
    wanted = select(_event.account_id, _event.user_id, *by).where(*conditions(period, filters))
    pairs = wanted.distinct().subquery()
    members = func.count(pairs.c.user_id).label("members")
    groups = [pairs.c[column.name] for column in by]
    each = select(pairs.c.account_id, members, *groups).group_by(pairs.c.account_id, *groups).subquery()
    users = func.sum(case((each.c.members == 0, 1), else_=each.c.members))
    groups = [each.c[column.name] for column in by]
    look_side_by_side(connection)
    return select(users, func.count(), *groups).select_from(each).group_by(*groups)


def callers_in(connection: Connection, periods: Sequence[Period]) -> list[Callers]:
    """Who called in each of some periods, from one look at the events.

    Raises ValueError for periods with an open side, and for those that lie more than WIDEST days apart.
    """
    bounds = [period.bounds() for period in periods]
    if not bounds:
        return []
    first, last = min(start for start, _ in bounds), max(end for _, end in bounds)
    if (last - first).days > WIDEST:
        raise ValueError(f"the periods lie more than {WIDEST} days apart")
    days = _days_called(connection, first).label("days")
    within = conditions(Period(first, last), {})
    pairs = select(_event.account_id, _event.user_id, days).where(*within)
    pairs = pairs.group_by(_event.account_id, _event.user_id)
    each = _by_account(pairs.subquery(), [_bits(start, end, first) for start, end in bounds]).subquery()
    columns: list[ColumnElement[Any]] = []
    for place in range(len(bounds)):
        members, called = each.c[f"members_{place}"], each.c[f"called_{place}"]
        columns += [func.sum(case((members == 0, called), else_=members)), func.sum(called)]
    look_side_by_side(connection)
    numbers = [int(number or 0) for number in connection.execute(select(*columns)).one()]
    return [Callers(*numbers[place * 2 : place * 2 + 2]) for place in range(len(bounds))]


def _by_account(pairs: Any, windows: Sequence[int]) -> Any:
    """For each account and window: how many of its users called, and whether there was a call at all."""
    columns: list[ColumnElement[Any]] = []
    for place, bits in enumerate(windows):
        within = pairs.c.days.bitwise_and(literal(bits, BigInteger)) != 0
        columns.append(func.count(case((within, pairs.c.user_id))).label(f"members_{place}"))
        columns.append(func.max(case((within, 1), else_=0)).label(f"called_{place}"))
    return select(pairs.c.account_id, *columns).group_by(pairs.c.account_id)


def _bits(start: date, end: date, first: date) -> int:
    return (1 << (end - first).days) - (1 << (start - first).days)


def _days_called(connection: Connection, first: date) -> ColumnElement[int]:
    """The days with a call, counted from `first`, as the bits of a whole number."""
    one = literal(1, BigInteger)
    if connection.dialect.name == "postgresql":
        return func.bit_or(one.bitwise_lshift(_event.day - literal(first)), type_=BigInteger)
    offset = cast(func.julianday(_event.day) - func.julianday(literal(first)), Integer)
    # Different powers of two add up to what `or` makes of them.
    return func.sum(one.bitwise_lshift(offset).distinct(), type_=BigInteger)


def active_users(connection: Connection, period: Period) -> int:
    """How many users called in a period; an account whose calls name no user counts as one."""
    return callers(connection, period, {}).users


__all__ = ["WIDEST", "Callers", "active_users", "callers", "callers_daily", "callers_in"]
