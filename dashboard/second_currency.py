"""The second currency of the settings: amounts in it at the rate that was in force at their moment."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime

import streamlit as st
from sqlalchemy import Engine

from dashboard import sources
from dashboard.converted_csv import beside
from dashboard.exports import Csv
from dashboard.filters import Selection
from dashboard.kept_sums import Days, Filters
from dashboard.sources import TTL_SECONDS
from metering import analytics
from metering.analytics import Conversion, DayRow, Period, UsageRow
from metering.analytics.profit import Earnings, profit
from metering.errors import NoExchangeRateError
from metering.rating.exchange import ExchangeRates
from schema.database import reading
from schema.money import NANO, round_half_even


@dataclass(frozen=True, slots=True)
class SecondCurrency:
    """A currency with its dated rates. Where no rate is in force, there is no amount."""

    name: str
    exchange: ExchangeRates

    @property
    def conversion(self) -> Conversion:
        """How sums over days are converted."""
        return Conversion(self.name, self.exchange)

    def nanos(self, usd_nanos: int, at: datetime) -> int | None:
        """Thousand-millionths of it, at the rate in force at a moment."""
        try:
            rate = self.conversion.rate(at)
        except NoExchangeRateError:
            return None
        return round_half_even(usd_nanos * rate.numerator, rate.denominator)

    def amounts(self, usd_nanos: Sequence[int | None], moments: Sequence[datetime]) -> list[float | None]:
        """Amounts of moments for a column of a table: floats, for showing only."""
        pairs = zip(usd_nanos, moments, strict=True)
        found = [None if nanos is None else self.nanos(nanos, at) for nanos, at in pairs]
        return [None if nanos is None else nanos / NANO for nanos in found]


@st.cache_data(ttl=TTL_SECONDS, show_spinner=False, max_entries=10)
def second_currency(_engine: Engine, stamp: str) -> SecondCurrency | None:
    """That of the settings, if they name one."""
    with reading(_engine) as connection:
        name, exchange = analytics.second_currency(connection)
    return None if name is None else SecondCurrency(name, exchange)


@dataclass(frozen=True, slots=True)
class InCurrency:
    """The sums of a page in the second currency: what `dashboard.data` says of them in USD, with other amounts.

    Raises NoExchangeRateError for amounts of before the first rate.
    """

    currency: SecondCurrency
    stamp: str
    period: Days
    filters: Filters
    today: date

    def usage_by(self, by: tuple[str, ...], among: tuple[str, tuple[str | None, ...]] | None = None) -> list[UsageRow]:
        """Sums by columns, in no order; `among` for some values of a column only."""
        return _usage_by(sources.engine(), self.stamp, self.currency, by, self.period, self.filters, among)

    def profit(self) -> tuple[list[Earnings], list[Earnings]]:
        """What each plan and each account earned and cost."""
        return _profit(sources.engine(), self.stamp, self.currency, self.period, self.filters, self.today)

    def daily(self) -> list[DayRow]:
        """A row a day."""
        with reading(sources.engine()) as connection:
            asked = (connection, Period(*self.period), dict(self.filters))
            return analytics.daily(*asked, today=self.today, into=self.currency.conversion)


def in_currency(selection: Selection, stamp: str) -> InCurrency | None:
    """The sums of a selection in the second currency, when they are wanted."""
    currency = second_currency(sources.engine(), stamp) if selection.converted else None
    if currency is None:
        return None
    return InCurrency(currency, stamp, selection.bounds, selection.filters, sources.utc_now().date())


def beside_in(sums: InCurrency | None, file: Csv, keys: int, make: Callable[[InCurrency], Csv]) -> Csv:
    """A file of sums with them in the second currency, when it is wanted; `make` makes the file of those.

    A row is said by its first `keys` cells. Where there is no exchange rate, the cells are empty.
    """
    if sums is None:
        return file

    def made() -> Csv | None:
        try:
            return make(sums)
        except NoExchangeRateError:
            return None

    return beside(file, sums.currency.name, keys, made)


@st.cache_data(ttl=TTL_SECONDS, show_spinner=False, max_entries=30)
def _usage_by(
    _engine: Engine,
    stamp: str,
    _currency: SecondCurrency,
    by: tuple[str, ...],
    period: Days,
    filters: Filters,
    among: tuple[str, tuple[str | None, ...]] | None,
) -> list[UsageRow]:
    with reading(_engine) as connection:
        return _currency.conversion.usage_by(connection, by, Period(*period), dict(filters), among)


@st.cache_data(ttl=TTL_SECONDS, show_spinner=False, max_entries=30)
def _profit(
    _engine: Engine, stamp: str, _currency: SecondCurrency, period: Days, filters: Filters, today: date
) -> tuple[list[Earnings], list[Earnings]]:
    with reading(_engine) as connection:
        return profit(connection, Period(*period), dict(filters), today=today, into=_currency.conversion)


__all__ = ["InCurrency", "SecondCurrency", "beside_in", "in_currency", "second_currency"]
