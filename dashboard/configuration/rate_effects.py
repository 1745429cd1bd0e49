"""What another exchange rate means with the numbers of the business. Pure."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

from dashboard.formats import money
from metering.rating.exchange import USD
from schema.money import NANO, round_half_even

DAYS = 30


def charges_words(charge_nanos: int, pair: str, before: Fraction | None, after: Fraction) -> str:
    """The charges of the last days in the pair's other currency, at the rate before and at this one.

    Empty for a pair without the dollar, in which nothing is charged.
    """
    base, _, quote = pair.partition("/")
    if USD not in (base, quote):
        return ""
    other = quote if base == USD else base
    rates = [rate if base == USD else 1 / rate for rate in (before, after) if rate is not None]
    amounts = [_amount(charge_nanos, rate, other) for rate in rates]
    at = "at this rate" if len(amounts) == 1 else f"at the rate before, {amounts[1]} at this one"
    return f"What calls of the last {DAYS} days were charged, {money(charge_nanos)}, is {amounts[0]} {at}."


def _amount(nanos: int, rate: Fraction, currency: str) -> str:
    cents = round_half_even(nanos * rate.numerator * 100, rate.denominator * NANO)
    return f"{Decimal(cents).scaleb(-2):,.2f} {currency}"


__all__ = ["DAYS", "charges_words"]
