"""Exchange rates as tables: dated entries with their standing, inverse, and every currency in every other. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, localcontext
from fractions import Fraction
from typing import Any, Literal

from metering.errors import NoExchangeRateError
from metering.rating.exchange import USD, ExchangeRates
from schema.money import MICRO, plain

Standing = Literal["in force", "scheduled", "past"]
_DIGITS = 8


@dataclass(frozen=True, slots=True)
class DatedRate:
    """An entry of a pair, with how it stands at a moment."""

    pair: str
    effective: datetime
    rate_micros: int
    standing: Standing
    row: dict[str, Any]

    @property
    def rate(self) -> Fraction:
        """How much of the second currency one of the first is."""
        return Fraction(self.rate_micros, MICRO)


def rate_text(rate: Fraction) -> str:
    """A rate with at most eight significant digits, in plain figures: `18.5`, `0.054054054`."""
    with localcontext() as context:
        context.prec = _DIGITS
        return plain(Decimal(rate.numerator) / Decimal(rate.denominator))


def dated_rates(rows: Sequence[dict[str, Any]], now: datetime) -> dict[str, list[DatedRate]]:
    """The entries of every pair, newest first."""
    by_pair: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        by_pair.setdefault(f"{row['base']}/{row['quote']}", []).append(row)
    found = {}
    for pair, entries in sorted(by_pair.items()):
        begun = [row["effective"] for row in entries if row["effective"] <= now]
        in_force = max(begun, default=None)
        found[pair] = [
            DatedRate(pair, row["effective"], row["rate_micros"], _standing(row["effective"], in_force, now), row)
            for row in sorted(entries, key=lambda row: row["effective"], reverse=True)
        ]
    return found


def _standing(effective: datetime, in_force: datetime | None, now: datetime) -> Standing:
    if effective > now:
        return "scheduled"
    return "in force" if effective == in_force else "past"


def currencies(rates: ExchangeRates) -> list[str]:
    """Every currency that a rate names, USD first."""
    named = {currency for pair in rates.pairs for currency in pair}
    return [USD, *sorted(named - {USD})] if named else []


def cross_rates(rates: ExchangeRates, now: datetime) -> list[list[str | None]]:
    """A line for each currency: how much one of it is in every other; None where no rate leads there."""
    names = currencies(rates)
    return [[base, *(_cross(rates, base, quote, now) for quote in names)] for base in names]


def _cross(rates: ExchangeRates, base: str, quote: str, now: datetime) -> str | None:
    try:
        return rate_text(rates.rate(base, quote, now))
    except NoExchangeRateError:
        return None


__all__ = ["DatedRate", "cross_rates", "currencies", "dated_rates", "rate_text"]
