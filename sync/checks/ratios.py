"""How far two rates are apart, and what slip that looks like."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from schema.documents.pricing import Rates
from schema.money import plain
from schema.places import Path
from schema.units import MILLION

_TEN = 10
_FIFTY = 50
"""From here on a factor looks like 100 that came with a change of price; to 500, from where on it looks like 1,000."""
_FIVE_HUNDRED = 500
_PER_TOKEN = 200_000

FOLDS = ("THOUSANDFOLD", "HUNDREDFOLD", "TENFOLD_CHANGE")


def factor(one: Decimal, other: Decimal) -> Decimal:
    """How many times the smaller of two amounts the larger one is; infinity when one of them is zero."""
    smaller, larger = sorted((one, other))
    return larger / smaller if smaller else Decimal("Infinity")


def fold_of(one: Decimal, other: Decimal) -> str | None:
    """The code of a change by a factor, or None below 10; zero is no factor."""
    smaller, larger = (one, other) if one < other else (other, one)
    if not smaller or larger < _TEN * smaller:
        return None
    if larger >= _FIVE_HUNDRED * smaller:
        return "THOUSANDFOLD"
    return "HUNDREDFOLD" if larger >= _FIFTY * smaller else "TENFOLD_CHANGE"


def meant(one: Decimal, other: Decimal) -> str:
    """The slip that probably happened between two rates that are ten times apart, or more."""
    match fold_of(one, other):
        case "THOUSANDFOLD" if factor(one, other) >= _PER_TOKEN:
            return "a price per token typed as one per million, or the reverse?"
        case "THOUSANDFOLD":
            return "a price per 1,000 typed as one per million, or the reverse?"
        case "HUNDREDFOLD":
            return "cents typed as dollars, or the reverse?"
        case _:
            return "a slip of the decimal point?"


def per_million(rates: Rates) -> Mapping[str, Decimal]:
    """USD per million units, whichever way they were written."""
    if not rates.per_unit:
        return rates.per_million
    return {**rates.per_million, **{unit: rate * MILLION for unit, rate in rates.per_unit.items()}}


def rate_path(rates: Rates, unit: str) -> Path:
    """Where a unit's rate stands within its rates."""
    return ("per_million" if unit in rates.per_million else "per_unit", unit)


def shown(rates: Rates, unit: str) -> str:
    """A rate as it was written: `2.5 per million`, `0.04 each`."""
    if unit in rates.per_million:
        return f"{plain(rates.per_million[unit])} per million"
    return f"{plain(rates.per_unit[unit])} each"


__all__ = ["FOLDS", "factor", "fold_of", "meant", "per_million", "rate_path", "shown"]
