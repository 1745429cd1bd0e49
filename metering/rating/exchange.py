"""Dated exchange rates, exact. A pair is found as it is written, turned around, or by way of USD."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from typing import Any

from metering.errors import NoExchangeRateError
from schema.money import MICRO, round_half_even

USD = "USD"

Dated = tuple[tuple[datetime, ...], tuple[int, ...]]


@dataclass(frozen=True, slots=True)
class ExchangeRates:
    """Rates in millionths of the second currency per unit of the first, by pair, each from a moment on."""

    pairs: dict[tuple[str, str], Dated]

    @classmethod
    def from_rows(cls, rows: Iterable[Mapping[str, Any]]) -> ExchangeRates:
        """From the rows of `exchange_rates`."""
        dated: dict[tuple[str, str], list[tuple[datetime, int]]] = defaultdict(list)
        for row in rows:
            dated[row["base"], row["quote"]].append((row["effective"], int(row["rate_micros"])))
        pairs = {}
        for pair, found in dated.items():
            starts, rates = zip(*sorted(found), strict=True)
            pairs[pair] = (starts, rates)
        return cls(pairs)

    def rate(self, base: str, quote: str, at: datetime) -> Fraction:
        """How much of `quote` one unit of `base` is at a moment. Raises NoExchangeRateError."""
        found = self._rate(base, quote, at)
        if found is None and USD not in (base, quote):
            first, second = self._rate(base, USD, at), self._rate(USD, quote, at)
            found = None if first is None or second is None else first * second
        if found is None:
            raise NoExchangeRateError(f"no exchange rate {base}/{quote} is in force at {at.isoformat()}")
        return found

    def starts(self, base: str, quote: str) -> list[datetime]:
        """The moments from which a pair's own rates are in force, kept either way around, in order."""
        return sorted({*self.pairs.get((base, quote), ((), ()))[0], *self.pairs.get((quote, base), ((), ()))[0]})

    def _rate(self, base: str, quote: str, at: datetime) -> Fraction | None:
        if base == quote:
            return Fraction(1)
        direct, inverse = self._in_force((base, quote), at), self._in_force((quote, base), at)
        # Of a pair that is kept both ways, the one that was set later.
        if direct is not None and (inverse is None or direct[0] >= inverse[0]):
            return Fraction(direct[1], MICRO)
        return None if inverse is None else Fraction(MICRO, inverse[1])

    def _in_force(self, pair: tuple[str, str], at: datetime) -> tuple[datetime, int] | None:
        starts, rates = self.pairs.get(pair, ((), ()))
        index = bisect_right(starts, at)
        return (starts[index - 1], rates[index - 1]) if index else None


def exchanged(amount_nanos: int, rate: Fraction) -> int:
    """An amount at a rate, in thousand-millionths of the other currency, rounded once."""
    found = amount_nanos * rate
    return round_half_even(found.numerator, found.denominator)


__all__ = ["USD", "ExchangeRates", "exchanged"]
