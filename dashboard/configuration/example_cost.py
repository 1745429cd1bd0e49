"""What one call costs and is charged, for forms: rated exactly as the runtime rates it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from dashboard.formats import MISSING, multiplier
from metering.book.settings import Settings
from metering.errors import MeteringError
from metering.rating.price import Price
from metering.rating.rating import rate
from schema.money import MICRO, round_half_even
from schema.units import stored_per_unit

Row = Mapping[str, Any]
INPUT_TOKENS = 1_000
OUTPUT_TOKENS = 500


@dataclass(frozen=True, slots=True)
class Example:
    """Cost and charge of the example call in nano-USD."""

    cost_nanos: int
    charge_nanos: int

    @property
    def margin(self) -> str:
        """Charge over cost, or a dash when it costs nothing."""
        if self.cost_nanos == 0:
            return MISSING
        return multiplier(round_half_even(self.charge_nanos * 1_000, self.cost_nanos) * 1_000)


def example_units(rates: Mapping[str, int]) -> dict[str, int]:
    """The example call in stored parts: 1,000 input and 500 output tokens, or one of what the price counts."""
    if "input" in rates and "output" in rates:
        return {"input": INPUT_TOKENS, "output": OUTPUT_TOKENS}
    if "input" in rates:
        return {"input": INPUT_TOKENS}
    unit = next(iter(rates), None)
    return {} if unit is None else {unit: stored_per_unit(unit)}


def units_text(units: Mapping[str, int]) -> str:
    """The example call in words: `1,000 input + 500 output`."""
    return " + ".join(f"{parts // stored_per_unit(unit):,} {unit.replace('_', ' ')}" for unit, parts in units.items())


def example(
    price: Price | None, units: Mapping[str, int], plan: str | None = None, *, output_micros: int = MICRO
) -> Example | None:
    """The example call by a price; None without a price, or when the price has no rate for it.

    `output_micros` multiplies its output, in millionths, as the level of its reasoning does.
    """
    if price is None or not units:
        return None
    try:
        rated = rate(price, units, plan=plan, output_multiplier_micros=output_micros)
    except MeteringError:
        return None
    return Example(rated.cost_nanos, rated.charge_nanos)


def price_of(row: Row, settings: Settings) -> Price:
    """A price from a canonical row, under the current settings."""
    burn = settings.values["credit_burn"]
    return Price.from_row(row, credit_burn=burn, credits_per_dollar=settings.credits_per_dollar)


def blended(parts: list[tuple[Example | None, int]]) -> Example | None:
    """The mean of examples by their shares in percent; None when one of them is missing."""
    if not parts or any(found is None for found, _ in parts):
        return None
    cost = sum(found.cost_nanos * share for found, share in parts if found)
    charge = sum(found.charge_nanos * share for found, share in parts if found)
    return Example(round_half_even(cost, 100), round_half_even(charge, 100))


def difference(after: int, before: int) -> str | None:
    """How an amount moved in percent, with its sign; None when it did not."""
    if after == before or before == 0:
        return None
    return f"{Decimal((after - before) * 100) / Decimal(before):+.1f}%"
