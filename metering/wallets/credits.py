"""Credits: how amounts of the ledger, which is in USD, are shown to customers. Nothing is charged in them."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from metering.book.settings import Settings
from schema.money import NANO, Rounding, scaled, whole_of


@dataclass(frozen=True, slots=True)
class CreditDisplay:
    """`per_dollar` credits are one USD; they are shown with `precision` decimals.

    `up` rounds towards more credit and `down` towards less, below zero as well; `nearest` takes the even one of two
    that are as near.
    """

    per_dollar: int
    name: str
    precision: int
    rounding: Rounding

    @classmethod
    def of(cls, settings: Settings) -> CreditDisplay:
        """As the settings say."""
        values: dict[str, Any] = settings.values
        return cls(
            settings.credits_per_dollar,
            str(values["credit_display_name"]),
            int(values["display_precision"]),
            values["rounding_mode"],
        )

    def amount(self, amount_nanos: int) -> Decimal:
        """Credits of an amount in nano-USD, rounded to the decimals that are shown."""
        parts = amount_nanos * self.per_dollar * 10**self.precision
        return scaled(whole_of(parts, NANO, self.rounding), self.precision)

    def text(self, amount_nanos: int) -> str:
        """The same for reading: `1,250 credits`."""
        return f"{self.amount(amount_nanos):,} {self.name}"


__all__ = ["CreditDisplay"]
