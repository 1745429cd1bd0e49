"""Sums in a second currency: every amount at the exchange rate in force when it arose, each sum rounded once.

An event counts at the rate of its moment, its adjustments too; fees, which accrue by whole UTC day, and overdraft that
was repaid count at the rate in force when their day begins. What is converted raises NoExchangeRateError for amounts of
before the first rate.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from fractions import Fraction
from itertools import pairwise
from typing import Any

from sqlalchemy import Connection, select

from metering.analytics.events import Filters, UsageRow, event_days, usage_by
from metering.analytics.fees import read_fees
from metering.analytics.period import Period, midnight, utc_day
from metering.analytics.repayments import repaid_daily
from metering.analytics.totals import fee_period
from metering.rating.exchange import USD, ExchangeRates
from schema.money import round_half_even
from schema.tables import CONFIG_TABLES

_DAY = timedelta(days=1)
_MOMENT = timedelta(microseconds=1)


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


@dataclass(frozen=True, slots=True)
class Conversion:
    """Amounts of USD in a currency, each at the rate of its moment."""

    currency: str
    exchange: ExchangeRates

    def rate(self, at: datetime) -> Fraction:
        """How much of it one USD is at a moment. Raises NoExchangeRateError."""
        return self.exchange.rate(USD, self.currency, at)

    def at_midnight(self, nanos: int, day: date) -> int:
        """An amount of USD at the rate in force when a day begins. Raises NoExchangeRateError."""
        return rounded(nanos * self.rate(midnight(day))) if nanos else 0

    def starts(self, period: Period) -> list[datetime]:
        """The moments within a period, after its first, from which another rate is in force."""
        opens = None if period.start is None else midnight(period.start)
        closes = None if period.end is None else midnight(period.end)
        found = self.exchange.starts(USD, self.currency)
        return [at for at in found if (opens is None or at > opens) and (closes is None or at < closes)]

    def spans(self, period: Period) -> Iterator[tuple[date, date]]:
        """The parts of a period with two bounds at whose days one rate is in force, at midnight; in order."""
        start, end = period.bounds()
        turns = {utc_day(at - _MOMENT) + _DAY for at in self.starts(period)} - {start, end}
        edges = [start, *sorted(turns), end] if start < end else []
        yield from pairwise(edges)

    def usage_sums(
        self,
        connection: Connection,
        by: Sequence[str],
        period: Period,
        filters: Filters,
        among: tuple[str, Collection[str | None]] | None = None,
    ) -> dict[tuple[Any, ...], list[Fraction]]:
        """Requests, cost, charge and revenue by the columns of `usage_by`, before they are rounded."""
        starts = self.starts(period)
        days = event_days(connection) if period.start is None else (period.start, None)
        if days is None:
            return {}
        sums: dict[tuple[Any, ...], list[Fraction]] = defaultdict(lambda: [Fraction()] * 4)
        for row in usage_by(connection, by, period, filters, units=(), among=among, since=starts):
            amounts = (row.cost_nanos, row.charge_nanos, row.revenue_nanos)
            rate = self.rate(row.keys.get("since") or midnight(days[0])) if any(amounts) else Fraction()
            added = (Fraction(row.requests), *(amount * rate for amount in amounts))
            key = tuple(row.keys[name] for name in by)
            sums[key] = [held + more for held, more in zip(sums[key], added, strict=True)]
        return sums

    def usage_by(
        self,
        connection: Connection,
        by: Sequence[str],
        period: Period,
        filters: Filters,
        among: tuple[str, Collection[str | None]] | None = None,
    ) -> list[UsageRow]:
        """What `usage_by` says, without units and in no order, with amounts in the currency."""
        return [
            UsageRow(dict(zip(by, key, strict=True)), int(requests), {}, *map(rounded, amounts))
            for key, (requests, *amounts) in self.usage_sums(connection, by, period, filters, among).items()
        ]


def rounded(amount: Fraction) -> int:
    """The sum of converted amounts in whole thousand-millionths."""
    return round_half_even(amount.numerator, amount.denominator)


def totals_in(
    connection: Connection,
    currency: str,
    exchange: ExchangeRates,
    period: Period,
    filters: Filters | None = None,
    *,
    today: date | None = None,
) -> Converted:
    """What `totals` sums up, in another currency."""
    wanted, conversion = filters or {}, Conversion(currency, exchange)
    (_, cost, charge, revenue) = conversion.usage_sums(connection, (), period, wanted).get((), [Fraction()] * 4)
    for day, repaid in repaid_daily(connection, period, wanted).items():
        revenue += repaid * conversion.rate(midnight(day))
    days = fee_period(connection, period, today)
    for start, end in conversion.spans(days) if days is not None else ():
        earned = sum(fee.earned(start, end) for fee in read_fees(connection, Period(start, end), wanted))
        revenue += earned * conversion.rate(midnight(start)) if earned else 0
    return Converted(currency, *map(rounded, (cost, charge, revenue)))


def usage_in(
    connection: Connection, currency: str, exchange: ExchangeRates, period: Period, filters: Filters | None = None
) -> Converted:
    """What `usage_by` sums up, in another currency: events alone."""
    sums = Conversion(currency, exchange).usage_sums(connection, (), period, filters or {})
    return Converted(currency, *map(rounded, sums.get((), [Fraction()] * 4)[1:]))


__all__ = ["Conversion", "Converted", "rounded", "second_currency", "totals_in", "usage_in"]
