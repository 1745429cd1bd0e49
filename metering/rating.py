"""Rating: what a call costs and is charged. Pure, in whole numbers.

Cost and charge are each rounded once, half even, from the exact product of units, rate and margin.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, NoReturn

from metering.credit_burn import CreditBurn
from metering.errors import NoPricingError, UnknownUnitError
from metering.price import RATE_DIVISOR, Price, Table, Tiers, table
from schema.findings import did_you_mean
from schema.money import MICRO, NANO, round_half_even
from schema.units import UNITS

_MARGIN_DIVISOR = RATE_DIVISOR * MICRO


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
    """As `rate`, as a plain pair."""
    costs, charges = price.costs, price.charges
    if price.tiered:
        get = units.get
        size = get("input", 0) + get("cache_read", 0) + get("cache_write", 0) + get("cache_write_1h", 0)
        costs = _tier(size, costs, price.costs_above)
        if charges is not None:
            charges = _tier(size, charges, price.charges_above)
    scale = 1
    if output_multiplier_micros != MICRO:
        scale = MICRO
        units = {
            unit: parts * (output_multiplier_micros if unit == "output" else MICRO) for unit, parts in units.items()
        }
    total = _total(costs, units, price)
    cost = round_half_even(total, RATE_DIVISOR * scale)
    if charges is None:
        margin = price.plan_margins.get(plan or "", price.margin)
        return cost, round_half_even(total * margin, _MARGIN_DIVISOR * scale)
    total = _total(charges, units, price)
    return cost, round_half_even(total * price.charge_factor, price.charge_divisor * scale)


def burn_charge(
    burn: CreditBurn, multiplier_micros: int, units: Mapping[str, int], *, output_multiplier_micros: int = MICRO
) -> int:
    """The charge in nano-USD of units by credit burn alone, for a model that is not registered.

    Raises NoPricingError for a unit without a weight.
    """
    weights = table(burn.weights)
    total = 0
    for unit, parts in units.items():
        if parts and unit not in weights:
            raise NoPricingError(f"credit burn has no weight for '{unit}'")
        factor = output_multiplier_micros if unit == "output" else MICRO
        total += parts * factor * weights.get(unit, 0)
    return round_half_even(total * multiplier_micros * NANO, burn.divisor * MICRO)


def _tier(size: int, rates: Table, above: Tiers) -> Table:
    for start, higher in above:
        if size > start:
            return higher
    return rates


def _total(rates: Table, units: Mapping[str, int], price: Price) -> int:
    total = 0
    try:
        for unit, parts in units.items():
            total += parts * rates[unit]
    except KeyError:
        known = {unit: parts for unit, parts in units.items() if unit in rates}
        for unit, parts in units.items():
            if unit not in rates and (parts or unit not in UNITS):
                _no_rate(unit, price)
        return _total(rates, known, price)
    return total


def _no_rate(unit: str, price: Price) -> NoReturn:
    if unit not in UNITS:
        raise UnknownUnitError(f"'{unit}' is not a unit{did_you_mean(unit, UNITS)}")
    raise NoPricingError(f"price {price.key} has no rate for '{unit}'")


__all__ = ["Rated", "amounts", "burn_charge", "rate"]
