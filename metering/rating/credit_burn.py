"""Credit burn: calls charged by weighted tokens instead of by their cost.

Output-equivalent tokens are the sum of units x weight; credits are those x the price's multiplier /
`tokens_per_credit`; USD are credits / `credits_per_dollar`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from schema.documents.settings import DEFAULT_SETTINGS
from schema.money import MICRO, micros
from schema.units import MILLION


@dataclass(frozen=True, slots=True)
class CreditBurn:
    """How weighted tokens become credits, and credits USD."""

    weights: dict[str, int]
    """Millionths of an output-equivalent token, by unit."""
    tokens_per_credit: int
    credits_per_dollar: int

    @property
    def divisor(self) -> int:
        """From a sum of parts x table of weights, times the multiplier in millionths, times 1e9, to nano-USD."""
        return MILLION * MICRO * MICRO * self.tokens_per_credit * self.credits_per_dollar


def read_credit_burn(value: Mapping[str, Any] | None, credits_per_dollar: int) -> CreditBurn:
    """The setting `credit_burn`; parts that it leaves out are the default's."""
    merged = {**DEFAULT_SETTINGS["credit_burn"], **(value or {})}
    return CreditBurn(
        weights={unit: micros(Decimal(str(weight))) for unit, weight in merged["weights"].items()},
        tokens_per_credit=int(merged["tokens_per_credit"]),
        credits_per_dollar=credits_per_dollar,
    )


__all__ = ["CreditBurn", "read_credit_burn"]
