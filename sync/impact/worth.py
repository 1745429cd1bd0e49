"""Prices as vectors over all units, to price very many calls: the same numbers as `metering.rating.rating`, faster.

A vector holds the rate of each of `schema.units.UNITS`, in that order, so that a call's parts times it sum up in one
step. Reasoning levels are part of the vectors. A unit without a rate stands as `UNPRICED`, which no sum of real rates
comes near: a call that used it is kept and charged nothing until a price lands.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from operator import mul

from metering.rating.credit_burn import CreditBurn
from metering.rating.features import DIVISOR, Feature
from metering.rating.price import Price, table
from metering.rating.rating import tables_at
from schema.money import MICRO, NANO, round_half_even
from schema.units import INPUT_UNITS, MILLION, UNITS

UNPRICED = 1 << 320

_INPUT = tuple(UNITS.index(unit) for unit in INPUT_UNITS)
Vector = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Rates:
    """What calls of one context tier come to.

    The cost is parts x `costs` over `cost_divisor` nano-USD, the charge parts x `charges` (None: as the costs) x
    `factor` over `charge_divisor`. A call that counts none of the unit at the place `once` is charged `flat` besides.
    """

    costs: Vector
    cost_divisor: int
    charges: Vector | None
    factor: int
    charge_divisor: int
    flat: int = 0
    once: int | None = None


@dataclass(frozen=True, slots=True)
class Worth:
    """What a price makes of calls of one plan, task and reasoning level: rates, and those of higher context tiers."""

    base: Rates
    above: tuple[tuple[int, Rates], ...] = ()
    """Highest first; the whole call takes the rates when its input is greater than the start."""

    def at(self, size: int) -> Rates:
        """The rates for an input of `size` units."""
        return next((rates for start, rates in self.above if size > start), self.base)


_NO_UNITS: Vector = (0,) * len(UNITS)
NOTHING = Worth(Rates(_NO_UNITS, 1, None, 0, 1))
"""A call that no price covers."""


def worth_of_price(price: Price, plan: str, multiplier_micros: int, *, billable: bool) -> Worth:
    """What a price is worth; `multiplier_micros` multiplies `output` (reasoning levels)."""
    starts = sorted({start for start, _ in (*price.costs_above, *price.charges_above)}, reverse=True)

    def rates(size: int) -> Rates:
        costs, charges = tables_at(price, size)
        factor = price.plan_margins.get(plan, price.margin) if charges is None else price.charge_factor
        return Rates(
            _vector(costs, multiplier_micros),
            price.cost_divisor * MICRO,
            None if charges is None else _vector(charges, multiplier_micros),
            factor if billable else 0,
            price.charge_divisor * MICRO,
        )

    return Worth(rates(0), tuple((start, rates(start + 1)) for start in starts))


def worth_of_burn(burn: CreditBurn, credits_micros: int, multiplier_micros: int) -> Worth:
    """What a model that is not registered is worth when it burns credits; its cost is not known."""
    weights = _vector(table(burn.weights, MILLION), multiplier_micros)
    return Worth(Rates(_NO_UNITS, 1, weights, credits_micros * NANO, burn.divisor * MICRO))


def worth_with_feature(worth: Worth, feature: Feature, plan: str) -> Worth:
    """What calls are worth that use a feature, too: beside what they are worth without it, or in its place."""
    own = feature.rate(plan)
    counted = tuple(own if unit in feature.counted else 0 for unit in UNITS)
    once = UNITS.index(feature.counted[0]) if feature.once else None

    def rates(plain: Rates) -> Rates:
        divisor = plain.charge_divisor
        kept = 0 if feature.replaces else plain.factor * DIVISOR
        base = plain.costs if plain.charges is None else plain.charges
        # What has no rate stays so, also where another charge takes its place: the runtime keeps such a call unpriced.
        charges = tuple(
            UNPRICED if rate >= UNPRICED else rate * kept + added * divisor
            for rate, added in zip(base, counted, strict=True)
        )
        return Rates(plain.costs, plain.cost_divisor, charges, 1, divisor * DIVISOR, own * divisor, once)

    return Worth(rates(worth.base), tuple((start, rates(plain)) for start, plain in worth.above))


def _vector(rates: Mapping[str, int], output_multiplier_micros: int) -> Vector:
    return tuple(
        rates[unit] * (output_multiplier_micros if unit == "output" else MICRO) if unit in rates else UNPRICED
        for unit in UNITS
    )


def input_of(parts: Vector) -> int:
    """The input of a call, which decides about its context tier."""
    return sum(parts[place] for place in _INPUT)


def amounts_of(before: Rates, after: Rates, parts: Vector, events: int = 1) -> tuple[int, int, int, int]:
    """Cost and charge before, cost and charge after, of parts as the vectors have them, in nano-USD."""
    total = sum(map(mul, parts, before.costs))
    cost_before, charge_before = _amounts(before, total, parts, events)
    if after.costs is not before.costs:
        total = sum(map(mul, parts, after.costs))
    elif after.cost_divisor == before.cost_divisor and after.charges is before.charges is None and total < UNPRICED:
        # A margin that changes leaves the cost as it is.
        return (
            cost_before,
            charge_before,
            cost_before,
            round_half_even(total * after.factor, after.charge_divisor),
        )
    return (cost_before, charge_before, *_amounts(after, total, parts, events))


def _amounts(rates: Rates, total: int, parts: Vector, events: int) -> tuple[int, int]:
    worth = total if rates.charges is None else sum(map(mul, parts, rates.charges))
    if total >= UNPRICED or worth >= UNPRICED:
        return 0, 0
    charge = worth * rates.factor
    if rates.once is not None and not parts[rates.once]:
        charge += rates.flat * events
    return round_half_even(total, rates.cost_divisor), round_half_even(charge, rates.charge_divisor)


__all__ = [
    "NOTHING",
    "Rates",
    "Worth",
    "amounts_of",
    "input_of",
    "worth_of_burn",
    "worth_of_price",
    "worth_with_feature",
]
