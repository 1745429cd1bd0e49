"""How many users and accounts called, for one range of days or for many at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from math import ceil
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Integer,
    Select,
    and_,
    case,
    cast,
    column,
    false,
    func,
    literal,
    or_,
    select,
    values,
)

from metering.analytics.events import Filters, conditions, look_side_by_side
from metering.analytics.period import Period
from schema.tables import usage_events

_BITS = 62
"""How many days a whole number of the database holds, a bit each."""
_WIDEST = 4 * _BITS
"""How many days apart periods may lie for one look at the events."""
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
    """Who called in each of some periods: from one look at the events, where they lie at most 248 days apart.

    Raises ValueError for periods with an open side.
    """
    bounds = [period.bounds() for period in periods]
    if not bounds:
        return []
    first, last = min(start for start, _ in bounds), max(end for _, end in bounds)
    whole = Period(first, last)
    if (last - first).days <= _WIDEST:
        return _one_look(connection, whole, bounds, filters)
    single = [start for start, end in bounds if end - start == _DAY]
    each_day = callers_daily(connection, Period(min(single), max(single) + _DAY), filters) if single else {}
    return [
        each_day.get(start, _NOBODY) if end - start == _DAY else callers(connection, Period(start, end), filters)
        for start, end in bounds
    ]


def _one_look(
    connection: Connection, whole: Period, bounds: Sequence[tuple[date, date]], filters: Filters
) -> list[Callers]:
    """The days of each user as the bits of whole numbers, held against those of each period."""
    first, last = whole.bounds()
    starts = [first + timedelta(days=_BITS) * place for place in range(ceil((last - first).days / _BITS))]
    words = [_days_called(connection, start).label(f"days_{place}") for place, start in enumerate(starts)]
    pairs = select(_event.account_id, _event.user_id, *words).where(*conditions(whole, filters))
    pairs_of = pairs.group_by(_event.account_id, _event.user_id).subquery("pairs")
    bits = [column(f"bits_{place}", BigInteger) for place in range(len(starts))]
    rows = [(place, *(_bits(*days, start) for start in starts)) for place, days in enumerate(bounds)]
    windows = values(column("place", Integer), *bits).data(rows).cte("windows")
    both = [(pairs_of.c[f"days_{place}"], windows.c[f"bits_{place}"]) for place in range(len(starts))]
    called = or_(false(), *(days.bitwise_and(wanted) != 0 for days, wanted in both))
    members = func.count(pairs_of.c.user_id).label("members")
    each = select(windows.c.place, members).select_from(pairs_of.join(windows, called))
    each_of = each.group_by(windows.c.place, pairs_of.c.account_id).subquery("each")
    users = func.sum(case((each_of.c.members == 0, 1), else_=each_of.c.members))
    look_side_by_side(connection)
    counted = connection.execute(select(each_of.c.place, users, func.count()).group_by(each_of.c.place))
    found = {place: Callers(int(number), int(accounts)) for place, number, accounts in counted}
    return [found.get(place, _NOBODY) for place in range(len(bounds))]


def _bits(start: date, end: date, word: date) -> int:
    """The days of a period within those that begin with `word`, a bit each."""
    low, high = (min(max((day - word).days, 0), _BITS) for day in (start, end))
    return (1 << high) - (1 << low)


def _days_called(connection: Connection, first: date) -> ColumnElement[int]:
    """The days with a call, a bit each, counted from `first`; NULL where none is among them."""
    one = literal(1, BigInteger)
    within = and_(_event.day >= first, _event.day < first + timedelta(days=_BITS))
    if connection.dialect.name == "postgresql":
        return func.bit_or(case((within, one.bitwise_lshift(_event.day - literal(first)))), type_=BigInteger)
    offset = cast(func.julianday(_event.day) - func.julianday(literal(first)), Integer)
    # Different powers of two add up to what `or` makes of them.
    return func.sum(case((within, one.bitwise_lshift(offset))).distinct(), type_=BigInteger)


def active_users(connection: Connection, period: Period) -> int:
    """How many users called in a period; an account whose calls name no user counts as one."""
    return callers(connection, period, {}).users


__all__ = ["Callers", "active_users", "callers", "callers_daily", "callers_in"]
