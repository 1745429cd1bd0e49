"""The price list of a plan: what its customers are charged for a unit of each model and for each feature. Pure.

Prices are shown to the pico-USD; what is charged is rounded once, from the exact product.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from metering.book.entities import Model
from metering.book.ratebook import RateBook
from metering.quotas.admission import opens
from metering.rating.features import DIVISOR, Feature
from metering.rating.price import Price
from metering.rating.rating import tables_at
from schema.money import PICO_PER_NANO, round_half_even
from schema.units import stored_per_unit


@dataclass(frozen=True, slots=True)
class TierPrices:
    """Prices in pico-USD per unit, for calls whose input is greater than `above`; 0 for all others."""

    above: int
    prices: dict[str, int]


@dataclass(frozen=True, slots=True)
class ListedModel:
    """A model that can be called now, and what a plan charges for it."""

    model: Model
    plans: tuple[str, ...]
    """The offered plans that open it."""
    price_key: str
    tiers: tuple[TierPrices, ...]
    """The first is that of calls in no tier."""


def listed_models(book: RateBook, plan: str, at: datetime) -> list[ListedModel]:
    """The active models with a price in force at a moment, by provider and name."""
    entries = {entry.model.key: entry for entry in book.entries.values()}
    found = []
    for _, entry in sorted(entries.items()):
        price = entry.price_at(at)
        if price is not None and entry.model.active:
            opening = tuple(
                one.slug for one in book.plans.values() if one.active and opens(book, one, entry.model.access)
            )
            found.append(ListedModel(entry.model, opening, price.key, _tiers(price, plan)))
    return found


def feature_price(feature: Feature, plan: str) -> int:
    """What one token, use or image of a feature is charged on a plan, in pico-USD."""
    return round_half_even(feature.rate(plan) * PICO_PER_NANO, DIVISOR)


def _tiers(price: Price, plan: str) -> tuple[TierPrices, ...]:
    starts = sorted({start for start, _ in (*price.costs_above, *price.charges_above)})
    return tuple(TierPrices(above, _prices(price, plan, above + 1 if above else 0)) for above in (0, *starts))


def _prices(price: Price, plan: str, size: int) -> dict[str, int]:
    """What is charged for one unit in a call of an input size; the units that the entry names."""
    costs, charges = tables_at(price, size)
    named = price.rates if price.charge_rates is None else price.charge_rates
    if charges is None:
        table, factor = costs, price.plan_margins.get(plan, price.margin)
    else:
        table, factor = charges, price.charge_factor
    return {
        unit: round_half_even(
            table[unit] * stored_per_unit(unit) * factor * PICO_PER_NANO,
            price.charge_divisor,
        )
        for unit in named
        if unit in table
    }


__all__ = ["ListedModel", "TierPrices", "feature_price", "listed_models"]
