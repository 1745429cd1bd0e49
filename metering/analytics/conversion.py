"""A total in a second currency: every amount at the exchange rate in force when it arose, rounded once.

An event counts at the rate of its moment, its adjustments too; fees, which accrue by whole UTC day, and overdraft that
was repaid count at the rate in force when their day begins.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from fractions import Fraction

from sqlalchemy import ColumnElement, Connection, case, func, literal, select

from metering.analytics.events import MONEY, Filters, adjusted, conditions
from metering.analytics.fees import read_fees
from metering.analytics.period import Period, midnight
from metering.analytics.repayments import repaid_daily
from metering.analytics.totals import fee_period
from metering.rating.exchange import USD, ExchangeRates
from schema.money import round_half_even
from schema.tables import CONFIG_TABLES, usage_events

_event = usage_events.c


@dataclass(frozen=True, slots=True)
class Converted:
    """The sums of a period in thousand-millionths of a currency."""

    currency: str
    cost_nanos: int
    charge_nanos: int
    revenue_nanos: int
    """With subscription fees and repaid overdraft, as in `Totals`."""

    @property
    def profit_nanos(self) -> int:
        """Revenue less cost."""
        return self.revenue_nanos - self.cost_nanos


def second_currency(connection: Connection) -> tuple[str | None, ExchangeRates]:
    """The currency in which totals are also shown, by the setting `currency`, and the current exchange rates."""
    settings, rates = CONFIG_TABLES["setting"].table, CONFIG_TABLES["rate"].table
    named = select(settings.c.value).where(settings.c.setting == "currency", settings.c.retired_release.is_(None))
    rows = connection.execute(select(rates).where(rates.c.retired_release.is_(None))).mappings()
    exchange = ExchangeRates.from_rows([dict(row) for row in rows])
    currency = connection.execute(named).scalar()
    return (None if currency in (None, USD) else str(currency)), exchange


def totals_in(
    connection: Connection,
    currency: str,
    exchange: ExchangeRates,
    period: Period,
    filters: Filters | None = None,
    *,
    today: date | None = None,
) -> Converted:
    """What `totals` sums up, in another currency. Raises NoExchangeRateError for amounts of before the first rate."""
    amounts = _amounts(connection, exchange.starts(USD, currency), period, filters or {}, today)
    return _converted(amounts, currency, exchange)


def usage_in(
    connection: Connection, currency: str, exchange: ExchangeRates, period: Period, filters: Filters | None = None
) -> Converted:
    """What `usage_by` sums up, in another currency: events alone. Raises NoExchangeRateError as `totals_in`."""
    amounts = _of_events(connection, exchange.starts(USD, currency), period, filters or {})
    return _converted(amounts.items(), currency, exchange)


def _converted(found: Iterable[tuple[datetime, tuple[int, ...]]], currency: str, exchange: ExchangeRates) -> Converted:
    sums = [Fraction()] * len(MONEY)
    for at, amounts in found:
        if any(amounts):
            rate = exchange.rate(USD, currency, at)
            sums = [total + amount * rate for total, amount in zip(sums, amounts, strict=True)]
    return Converted(currency, *(round_half_even(total.numerator, total.denominator) for total in sums))


def _amounts(
    connection: Connection, starts: list[datetime], period: Period, filters: Filters, today: date | None
) -> Iterator[tuple[datetime, tuple[int, ...]]]:
    """Cost, charge and revenue in nano-USD, by the moment from which their rate is in force."""
    yield from _of_events(connection, starts, period, filters).items()
    for day, repaid in repaid_daily(connection, period, filters).items():
        yield midnight(day), (0, 0, repaid)
    days = fee_period(connection, period, today)
    if days is not None:
        for fee in read_fees(connection, days, filters):
            for day, earned in fee.earned_daily(*days.bounds()):
                yield midnight(day), (0, 0, earned)


def _of_events(
    connection: Connection, starts: list[datetime], period: Period, filters: Filters
) -> dict[datetime, tuple[int, ...]]:
    # Events are summed up by day, and within a day by the rates that begin after midnight.
    late = [start for start in starts if start != midnight(start.date()) and _within(period, start)]
    later = [(_event.occurred_at >= start, place) for place, start in reversed(list(enumerate(late, 1)))]
    part: ColumnElement[int] = case(*later, else_=0) if later else literal(0)
    where = conditions(period, filters)
    columns = [_event.day, part.label("part")]
    found: dict[datetime, list[int]] = defaultdict(lambda: [0] * len(MONEY))
    sums = select(*columns, *(func.sum(_event[name]) for name in MONEY)).where(*where)
    for query in (sums.group_by(*columns), adjusted(columns, period, where)):
        for day, place, *amounts in connection.execute(query):
            begins = midnight(day)
            at = max(begins, late[place - 1]) if place else begins
            for column, amount in enumerate(amounts):
                found[at][column] += int(amount)
    return {at: tuple(amounts) for at, amounts in found.items()}


def _within(period: Period, start: datetime) -> bool:
    day = start.date()
    return (period.start is None or day >= period.start) and (period.end is None or day < period.end)


__all__ = ["Converted", "second_currency", "totals_in", "usage_in"]
