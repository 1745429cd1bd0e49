"""What the use of a feature is charged, by plan. Pure; the arithmetic is the meter's own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from metering.rating.features import DIVISOR, Feature
from schema.money import round_half_even

NO_PLAN = ""
"""Stands for every plan that has no amount of its own."""
COUNTED = {"per_token": "tokens", "per_use": "uses", "per_image": "images"}
EXAMPLE = {"per_token": 1_000, "per_use": 1, "per_image": 1}
"""How many an example counts."""


def charge_nanos(feature: Feature, plan: str, quantity: int) -> int:
    """What so many tokens, uses or images are charged on a plan, rounded once."""
    return round_half_even(quantity * feature.rate(plan or None), DIVISOR)


def charges(row: Mapping[str, Any] | None, plans: Sequence[str], quantity: int) -> dict[str, int | None]:
    """The charge on each plan, in nano-USD; None where there is no feature."""
    if row is None:
        return dict.fromkeys(plans)
    feature = Feature.from_row(row)
    return {plan: charge_nanos(feature, plan, quantity) for plan in plans}


def charged_words(row: Mapping[str, Any]) -> str:
    """How a feature is charged: `free`, `besides the model`, `instead of the model`."""
    if not row["billable"]:
        return "free"
    return "instead of the model" if row["mode"] == "replace" else "besides the model"


__all__ = ["COUNTED", "EXAMPLE", "NO_PLAN", "charge_nanos", "charged_words", "charges"]
