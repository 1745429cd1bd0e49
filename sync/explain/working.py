"""The sum of one call, done again in steps that a person can follow with a pocket calculator. Pure and exact.

`metering.rating.rating` comes to the same amounts by fewer steps; a test compares the two.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from metering.rating.credit_burn import CreditBurn
from metering.rating.features import Feature
from metering.rating.price import Price, Tiers
from metering.rating.rating import input_size
from schema.money import MICRO, NANO, PICO, round_half_even
from schema.units import MILLION, RATE_FALLBACKS, UNITS, stored_per_unit

Way = Literal["margin", "list price", "credits", "free", "no model"]


@dataclass(frozen=True, slots=True)
class Line:
    """One unit of a call: so many, at a rate, times a multiplier (of a reasoning level).

    `rate` is USD per unit, or the weight when credits are burned; `amount` is the product of the three.
    """

    unit: str
    count: Fraction
    rate: Fraction
    rate_of: str
    """The unit whose rate it is: its own, or the one that it falls back to."""
    tier_from: int | None
    """The context tier that names the rate; None for the entry's own rates."""
    multiplier: Fraction
    amount: Fraction


@dataclass(frozen=True, slots=True)
class FeatureLine:
    """What a call is charged for a feature: so many tokens, uses or images, at an amount in USD, times a multiplier."""

    feature: Feature
    quantity: int
    amount: Fraction
    multiplier: Fraction
    plan: str | None
    """The plan that has an amount or multiplier of its own."""
    exact: Fraction


@dataclass(frozen=True, slots=True)
class Working:
    """Cost and charge of one call. The exact sums are in USD, before the one rounding to whole nano-USD."""

    tier_from: int | None
    """The tier of the cost that the call is in, by its input."""
    cost_lines: tuple[Line, ...]
    exact_cost: Fraction
    way: Way
    margin: Fraction | None
    margin_plan: str | None
    """The plan for which the entry names a margin of its own."""
    charge_lines: tuple[Line, ...]
    """Of a list price in USD, of credits in weighted tokens; none when the charge is a margin."""
    credits_multiplier: Fraction | None
    tokens_per_credit: int
    credits_per_dollar: int
    exact_model_charge: Fraction
    """What the call is charged by its model's price, also where a feature takes its place."""
    feature: FeatureLine | None = None

    @property
    def exact_charge(self) -> Fraction:
        """What the call is charged: by its model, by its feature, or by both."""
        if self.feature is None:
            return self.exact_model_charge
        return self.feature.exact + (0 if self.feature.feature.replaces else self.exact_model_charge)

    @property
    def cost_nanos(self) -> int:
        """The cost, rounded half to even."""
        return _nanos(self.exact_cost)

    @property
    def charge_nanos(self) -> int:
        """The charge, rounded half to even."""
        return _nanos(self.exact_charge)


def work_out(
    price: Price | None,
    burn: CreditBurn,
    units: Mapping[str, int],
    *,
    plan: str,
    output_multiplier_micros: int = MICRO,
    billable: bool = True,
    credits_micros: int | None = None,
    feature: Feature | None = None,
    called: bool = True,
) -> Working:
    """The steps of a call with `units` (stored parts), by a price, or (without one) by credit burn alone.

    `billable` is whether its task is charged; `credits_micros` is the multiplier for a model that is not registered;
    `called` is whether there was a model, and not only a feature or a tool.
    """
    multiplier = Fraction(output_multiplier_micros, MICRO)
    size = input_size(units)
    costs: tuple[Line, ...] = ()
    if price is not None:
        costs = _lines(price.rates, price.tiers, size, units, multiplier, PICO)
    exact_cost = sum((line.amount for line in costs), Fraction())
    tier = None if price is None else max((start for start, _ in price.tiers if size > start), default=None)
    way: Way = "margin"
    margin: Fraction | None = None
    margin_plan: str | None = None
    charges: tuple[Line, ...] = ()
    burn_multiplier: Fraction | None = None
    if not billable:
        way, exact_charge = "free", Fraction()
    elif not called:
        way, exact_charge = "no model", Fraction()
    elif price is not None and price.charge_rates is not None:
        way = "list price"
        charges = _lines(price.charge_rates, price.charge_tiers, size, units, multiplier, PICO)
        exact_charge = sum((line.amount for line in charges), Fraction())
    elif price is None or price.credits_micros is not None:
        way = "credits"
        burn_multiplier = Fraction((credits_micros if price is None else price.credits_micros) or 0, MICRO)
        charges = _lines(burn.weights, (), size, units, multiplier, MICRO)
        tokens = sum((line.amount for line in charges), Fraction())
        exact_charge = tokens * burn_multiplier / burn.tokens_per_credit / burn.credits_per_dollar
    else:
        margin_plan = plan if plan in price.plan_margins else None
        margin = Fraction(price.plan_margins.get(plan, price.margin), MICRO)
        exact_charge = exact_cost * margin
    return Working(
        tier_from=tier,
        cost_lines=costs,
        exact_cost=exact_cost,
        way=way,
        margin=margin,
        margin_plan=margin_plan,
        charge_lines=charges,
        credits_multiplier=burn_multiplier,
        tokens_per_credit=burn.tokens_per_credit,
        credits_per_dollar=burn.credits_per_dollar,
        exact_model_charge=exact_charge,
        feature=_feature_line(feature, units, plan) if feature is not None and billable else None,
    )


def _feature_line(feature: Feature, units: Mapping[str, int], plan: str) -> FeatureLine:
    own = plan if plan in feature.plans else None
    amount_pico, multiplier_micros = feature.plans.get(plan, (feature.amount_pico, feature.multiplier_micros))
    quantity, amount, multiplier = (
        feature.quantity(units),
        Fraction(amount_pico, PICO),
        Fraction(multiplier_micros, MICRO),
    )
    exact = quantity * amount * multiplier if feature.billable else Fraction()
    return FeatureLine(feature, quantity, amount, multiplier, own, exact)


def _lines(
    rates: Mapping[str, int], tiers: Tiers, size: int, units: Mapping[str, int], multiplier: Fraction, scale: int
) -> tuple[Line, ...]:
    """A line a unit: a tier inherits the rates that it does not name, then units take those they fall back to."""
    named = {unit: (rate, None) for unit, rate in rates.items()} | {
        unit: (rate, start) for start, changed in tiers if size > start for unit, rate in changed.items()
    }
    lines = []
    for unit in UNITS:
        parts = units.get(unit, 0)
        source = next((other for other in (unit, *RATE_FALLBACKS.get(unit, ())) if other in named), None)
        if not parts or source is None:
            continue
        rate, tier = named[source]
        count = Fraction(parts, stored_per_unit(unit))
        factor = multiplier if unit == "output" else Fraction(1)
        usd = Fraction(rate, scale)
        lines.append(Line(unit, count, usd, source, tier, factor, count * usd * factor))
    return tuple(lines)


def _nanos(usd: Fraction) -> int:
    return round_half_even(usd.numerator * NANO, usd.denominator)


def exact_text(value: Fraction, places: int = 18) -> str:
    """A fraction as a plain decimal; `…` marks one that does not end within so many decimals."""
    scaled, rest = divmod(abs(value.numerator) * 10**places, value.denominator)
    digits = str(scaled).rjust(places + 1, "0")
    text = f"{digits[:-places]}.{digits[-places:].rstrip('0')}".rstrip(".")
    return f"{'-' if value < 0 else ''}{text}{'…' if rest else ''}"


def per_million(rate: Fraction) -> Fraction:
    """A rate per million units."""
    return rate * MILLION


__all__ = ["FeatureLine", "Line", "Way", "Working", "exact_text", "per_million", "work_out"]
