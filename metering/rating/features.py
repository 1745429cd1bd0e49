"""Features: what is charged for by itself, beside a model's charge or in its place. Pure, in whole numbers.

The charge of a feature is quantity x amount x multiplier. The quantity of `per_use` is the event's requests, of
`per_image` its images, of `per_token` its tokens of every kind; an event that counts no requests, or no images, is one.
A plan may have another amount or multiplier.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from schema.money import MICRO, PICO_PER_NANO
from schema.units import TOKEN_UNITS

DIVISOR = PICO_PER_NANO * MICRO
"""From quantity x pico-USD x millionths to nano-USD."""

_COUNTED = {"per_token": TOKEN_UNITS, "per_image": ("image",), "per_use": ("request",)}


@dataclass(frozen=True, slots=True)
class Feature:
    """A feature of the rate card; amounts in pico-USD, multipliers in millionths."""

    name: str
    cost_type: str
    """per_token, per_use or per_image."""
    amount_pico: int
    multiplier_micros: int
    plans: dict[str, tuple[int, int]]
    """Amount and multiplier of plans that have others."""
    billable: bool
    replaces: bool
    """Whether it takes the place of the model's charge; the cost stays."""

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Feature:
        """A feature from a row of `features`."""
        amount, multiplier = row["amount_pico"], row["multiplier_micros"]
        plans = {}
        for plan, other in (row["plan_overrides"] or {}).items():
            named = [other.get("amount_pico"), other.get("multiplier_micros")]
            plans[plan] = (amount if named[0] is None else named[0], multiplier if named[1] is None else named[1])
        return cls(
            name=row["feature"],
            cost_type=row["cost_type"],
            amount_pico=amount,
            multiplier_micros=multiplier,
            plans=plans,
            billable=row["billable"],
            replaces=row["mode"] == "replace",
        )

    @property
    def counted(self) -> tuple[str, ...]:
        """The units that it is charged by."""
        return _COUNTED[self.cost_type]

    @property
    def once(self) -> bool:
        """Whether an event that counts none of the units is charged as one."""
        return self.cost_type != "per_token"

    def rate(self, plan: str | None) -> int:
        """What one token, use or image is charged on a plan, in nano-USD x `DIVISOR`; 0 when it is not billable."""
        if not self.billable:
            return 0
        amount, multiplier = self.plans.get(plan or "", (self.amount_pico, self.multiplier_micros))
        return amount * multiplier

    def quantity(self, units: Mapping[str, int]) -> int:
        """How many tokens, uses or images an event counts; `units` are stored parts."""
        counted = sum(units.get(unit, 0) for unit in self.counted)
        return 1 if self.once and not counted else counted


__all__ = ["DIVISOR", "Feature"]
