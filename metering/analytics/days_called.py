"""The days on which each user called, from one look at the events: who called in any range can be counted from them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Connection, Integer, and_, case, cast, func, literal, select

from metering.analytics.events import Filters, conditions, look_side_by_side
from metering.analytics.period import Period
from schema.tables import usage_events

WORD_DAYS = 62
"""How many days a whole number of the database holds, a bit each."""
_event = usage_events.c


def days_called(connection: Connection, period: Period, filters: Filters, *, most: int) -> Sequence[Any] | None:
    """Rows of account number, user or None, and days with a call; None where there would be more than `most`.

    The days are as many whole numbers as a period needs, of 62 days each from its first one; the lowest bit is the
    first day. None stands for a number without a day. Raises ValueError for a period with an open side.
    """
    first, end = period.bounds()
    starts = [first + timedelta(days=days) for days in range(0, (end - first).days, WORD_DAYS)]
    words = [_word(connection, start).label(f"days_{place}") for place, start in enumerate(starts)]
    pair = (_event.account_id, _event.user_id)
    look_side_by_side(connection)
    query = select(*pair, *words).where(*conditions(period, filters)).group_by(*pair).limit(most + 1)
    rows = connection.execute(query).all()
    return rows if len(rows) <= most else None


def _word(connection: Connection, first: date) -> ColumnElement[int]:
    """The days with a call, a bit each, counted from `first`; NULL where none is among them."""
    one = literal(1, BigInteger)
    within = and_(_event.day >= first, _event.day < first + timedelta(days=WORD_DAYS))
    if connection.dialect.name == "postgresql":
        return func.bit_or(case((within, one.bitwise_lshift(_event.day - literal(first)))), type_=BigInteger)
    offset = cast(func.julianday(_event.day) - func.julianday(literal(first)), Integer)
    # Different powers of two add up to what `or` makes of them.
    return func.sum(case((within, one.bitwise_lshift(offset))).distinct(), type_=BigInteger)


__all__ = ["WORD_DAYS", "days_called"]
