"""Rating: what a call costs and is charged. Pure, in whole numbers.

Cost and charge are each rounded once, half even, from the exact product of units, rate and margin.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, NoReturn

from metering.errors import NoPricingError, UnknownUnitError
from metering.rating.credit_burn import CreditBurn
from metering.rating.features import DIVISOR, Feature
from metering.rating.price import Price, Table, table
from schema.findings import did_you_mean
from schema.money import MICRO, NANO, round_half_even
from schema.units import INPUT_UNITS, MILLION, UNITS


class Rated(NamedTuple):
    """Cost and charge of a call in nano-USD."""

    cost_nanos: int
    charge_nanos: int


def rate(price: Price, units: Mapping[str, int], *, plan: str | None, output_multiplier_micros: int = MICRO) -> Rated:
    """Rate units (in stored parts, see `schema.units`) by a price, for an account on `plan`.

    A context tier applies to the whole call when its input (`schema.units.INPUT_UNITS` together) is strictly greater
    than the tier's `from`. `output_multiplier_micros` multiplies the `output` units (reasoning levels), in millionths.
    Raises NoPricingError for a unit without a rate, UnknownUnitError for one that does not exist; zero needs no rate.
    """
    return Rated(*amounts(price, units, plan, output_multiplier_micros))


def amounts(price: Price, units: Mapping[str, int], plan: str | None, output_multiplier_micros: int) -> tuple[int, int]:
    """As `rate`, as a plain pair. Every call passes through here: nothing is done that could be spared."""
    costs, charges = price.costs, price.charges
    if price.tiers_from is not None and sum(units.values()) > price.tiers_from:
        costs, charges = tables_at(price, input_size(units))
    if output_multiplier_micros != MICRO or charges is not None:
        return _amounts(price, costs, charges, units, plan, output_multiplier_micros)
    total = 0
    try:
        for unit, parts in units.items():
            total += parts * costs[unit]
    except KeyError:
        total = _total(costs, units, price)
    margins = price.plan_margins
    margin = margins.get(plan or "", price.margin) if margins else price.margin
    return round_half_even(total, price.cost_divisor), round_half_even(total * margin, price.charge_divisor)


def _amounts(
    price: Price,
    costs: Table,
    charges: Table | None,
    units: Mapping[str, int],
    plan: str | None,
    output_multiplier_micros: int,
) -> tuple[int, int]:
    """Any way to charge, with any multiplier."""
    cost, charge = _exact(price, costs, charges, units, plan, output_multiplier_micros)
    return round_half_even(*cost), round_half_even(*charge)


Ratio = tuple[int, int]
"""Exact nano-USD: numerator and divisor."""


def exact_amounts(
    price: Price, units: Mapping[str, int], plan: str | None, output_multiplier_micros: int
) -> tuple[Ratio, Ratio]:
    """Cost and charge before they are rounded. Raises what `rate` raises."""
    costs, charges = tables_at(price, input_size(units))
    return _exact(price, costs, charges, units, plan, output_multiplier_micros)


def _exact(
    price: Price,
    costs: Table,
    charges: Table | None,
    units: Mapping[str, int],
    plan: str | None,
    output_multiplier_micros: int,
) -> tuple[Ratio, Ratio]:
    # Both sums are scaled by a million, so that they stay whole.
    scaled = {unit: parts * (output_multiplier_micros if unit == "output" else MICRO) for unit, parts in units.items()}
    total = _total(costs, scaled, price)
    cost = total, price.cost_divisor * MICRO
    if charges is None:
        total *= price.plan_margins.get(plan or "", price.margin)
    else:
        total = _total(charges, scaled, price) * price.charge_factor
    return cost, (total, price.charge_divisor * MICRO)


def with_feature(charge: Ratio, feature: Feature, units: Mapping[str, int], plan: str | None) -> int:
    """The charge in nano-USD of an event that used a feature, rounded once from the exact sum.

    The feature's charge comes to that of the model, or takes its place.
    """
    own = feature.quantity(units) * feature.rate(plan)
    if feature.replaces:
        return round_half_even(own, DIVISOR)
    numerator, divisor = charge
    return round_half_even(numerator * DIVISOR + own * divisor, divisor * DIVISOR)


def input_size(units: Mapping[str, int]) -> int:
    """What decides about a call's context tier: its input units together."""
    return sum(units.get(unit, 0) for unit in INPUT_UNITS)


def tables_at(price: Price, size: int) -> tuple[Table, Table | None]:
    """The tables of cost and charge for a call whose input is `size` units; the latter is None for a margin."""
    costs = next((higher for start, higher in price.costs_above if size > start), price.costs)
    charges = next((higher for start, higher in price.charges_above if size > start), price.charges)
    return costs, charges


def burn_charge(
    burn: CreditBurn, multiplier_micros: int, units: Mapping[str, int], *, output_multiplier_micros: int = MICRO
) -> int:
    """The charge in nano-USD of units by credit burn alone, for a model that is not registered.

    Raises NoPricingError for a unit without a weight.
    """
    return round_half_even(*exact_burn(burn, multiplier_micros, units, output_multiplier_micros))


def exact_burn(
    burn: CreditBurn, multiplier_micros: int, units: Mapping[str, int], output_multiplier_micros: int
) -> Ratio:
    """The same before it is rounded."""
    weights = table(burn.weights, MILLION)
    total = 0
    for unit, parts in units.items():
        if parts and unit not in weights:
            raise NoPricingError(f"credit burn has no weight for '{unit}'")
        factor = output_multiplier_micros if unit == "output" else MICRO
        total += parts * factor * weights.get(unit, 0)
    return total * multiplier_micros * NANO, burn.divisor * MICRO


def _total(rates: Table, units: Mapping[str, int], price: Price) -> int:
    total = 0
    for unit, parts in units.items():
        rate = rates.get(unit)
        if rate is not None:
            total += parts * rate
        elif parts or unit not in UNITS:
            _no_rate(unit, price)
    return total


def _no_rate(unit: str, price: Price) -> NoReturn:
    if unit not in UNITS:
        raise UnknownUnitError(f"'{unit}' is not a unit{did_you_mean(unit, UNITS)}")
    raise NoPricingError(f"price {price.key} has no rate for '{unit}'")


__all__ = [
    "Rated",
    "Ratio",
    "amounts",
    "burn_charge",
    "exact_amounts",
    "exact_burn",
    "input_size",
    "rate",
    "tables_at",
    "with_feature",
]
