"""What credit packs cost a credit, and how much less than the dearest. Pure, in exact whole numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any

from dashboard.formats import MISSING
from schema.money import NANO, plain, round_half_even, usd

CREDITS_SHOWN = 1_000
"""Prices are told for so many credits: for one they would be all zeros."""
_SHOWN_STEP = 100_000
"""Prices of credits are told to four decimals."""


@dataclass(frozen=True, slots=True)
class PackPrice:
    """A pack's price a credit; amounts in billionths of its currency."""

    price_nanos: int
    currency: str
    credits: int

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> PackPrice:
        """From a row of `credit_packs`."""
        return cls(row["price_nanos"], row["currency"], row["credits"])

    @property
    def per_credit(self) -> Fraction | None:
        """None for a pack that holds no credits."""
        return Fraction(self.price_nanos, self.credits) if self.credits else None

    @property
    def shown(self) -> str:
        """The price of `CREDITS_SHOWN` credits."""
        if self.per_credit is None:
            return MISSING
        each = self.per_credit * CREDITS_SHOWN / _SHOWN_STEP
        return amount_text(round_half_even(each.numerator, each.denominator) * _SHOWN_STEP, self.currency)

    def face_nanos(self, credits_per_dollar: int) -> int:
        """The usage that it buys, in nano-USD."""
        return round_half_even(self.credits * NANO, credits_per_dollar)


def amount_text(amount_nanos: int, currency: str) -> str:
    """An amount of any currency with its decimals, at least two: `15.00 USD`."""
    whole, _, decimals = plain(usd(amount_nanos)).partition(".")
    return f"{int(whole):,}.{decimals.ljust(2, '0')} {currency}"


def dearest(packs: Sequence[Mapping[str, Any]]) -> dict[str, Fraction]:
    """The highest price a credit among the packs that are sold, by currency."""
    found: dict[str, Fraction] = {}
    for row in packs:
        each = PackPrice.of(row).per_credit
        if row["active"] and each is not None:
            found[row["currency"]] = max(each, found.get(row["currency"], each))
    return found


def discount(price: PackPrice, highest: Mapping[str, Fraction]) -> Decimal | None:
    """How many percent a credit costs less than in the dearest pack of the currency, to one decimal."""
    top, each = highest.get(price.currency), price.per_credit
    if not top or each is None:
        return None
    tenths = (1 - each / top) * 1_000
    return Decimal(round_half_even(tenths.numerator, tenths.denominator)) / 10


def discount_text(percent: Decimal | None) -> str:
    """A discount in words."""
    return MISSING if percent is None else "none" if percent <= 0 else f"{percent}%"


def sales_words(sold: int, days: int, old: PackPrice, new: PackPrice | None, credits_per_dollar: int) -> str:
    """What the sales of some days come to at the price now and at another one; None stands for a pack that goes."""
    if not sold:
        return f"None was sold in the last {days} days."
    takes = amount_text(sold * old.price_nanos, old.currency)
    worth = amount_text(sold * old.face_nanos(credits_per_dollar), "USD")
    words = f"{sold:,} sold in the last {days} days: {takes} at the price now"
    if new is None:
        return f"{words}, for {worth} of usage."
    words += f", {amount_text(sold * new.price_nanos, new.currency)} at this one"
    if new.credits == old.credits:
        return f"{words}, for {worth} of usage."
    return f"{words}; for {worth} of usage now, {amount_text(sold * new.face_nanos(credits_per_dollar), 'USD')} then."


__all__ = ["CREDITS_SHOWN", "PackPrice", "amount_text", "dearest", "discount", "discount_text", "sales_words"]
