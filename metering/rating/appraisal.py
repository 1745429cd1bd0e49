"""What one call is worth by the rate book: found, rated, and the refusal that it met on the way. Pure.

A refusal stops a call that is about to be made. A call that has happened is kept all the same, unpriced.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from metering.book.entities import Release
from metering.book.ratebook import RateBook, no_price, not_registered, refusal
from metering.errors import NoPricingError, RefusalError, UnregisteredModelError
from metering.rating.features import Feature
from metering.rating.price import Price
from metering.rating.rating import amounts, exact_amounts, exact_burn, with_feature
from schema.keys import split_model
from schema.money import MICRO, round_half_even, usd

UNNAMED_PROVIDER = "unknown"
"""Where a call stands whose provider nobody named and whose model nobody registered."""


class Quote(NamedTuple):
    """What a call would cost and be charged, in nano-USD (and USD), by which price of which release."""

    cost_nanos: int
    charge_nanos: int
    price_key: str | None
    """`provider/model@date`; None when an unregistered model is charged by credit burn."""
    release: Release

    @property
    def cost(self) -> Decimal:
        """What the provider takes, in USD."""
        return usd(self.cost_nanos)

    @property
    def charge(self) -> Decimal:
        """What it is worth to us, in USD."""
        return usd(self.charge_nanos)


class Appraisal(NamedTuple):
    """A call that has happened, rated. With a refusal it is unpriced: cost and charge are 0."""

    provider: str
    model: str
    price: Price | None
    cost_nanos: int
    charge_nanos: int
    refusal: RefusalError | None


def quote(
    book: RateBook,
    provider: str | None,
    model: str,
    units: Mapping[str, int],
    at: datetime,
    plan: str | None,
    task: str | None = None,
    reasoning_level: str | None = None,
    feature: str | None = None,
) -> Quote:
    """Rate a call (units in stored parts) that is about to be made at a moment, for an account on `plan`.

    A feature that the rate card does not have is only a name. Raises UnregisteredModelError (also when the model is
    inactive), NoPricingError, UnknownUnitError, and BadEventError for an unknown reasoning level.
    """
    multiplier = MICRO if reasoning_level is None else book.output_multiplier(reasoning_level)
    sold = None if feature is None else book.features.get(feature)
    entry = book.entries.get((provider or "", model))
    if entry is None:
        entry = book.find(provider, model)
        if entry is None:
            if not model and feature is not None:
                return Quote(0, _alone(book, units, plan, task, sold), None, book.release)
            charge = _burned(book, units, plan, multiplier, sold)
            if charge is None:
                raise book.unregistered(provider, model)
            return Quote(0, charge if _billable(book, task) else 0, None, book.release)
    index = bisect_right(entry.starts, at)  # as `Entry.price_at`
    if not index or not entry.model.active:
        raise refusal(entry.model, at)
    price = entry.prices[index - 1]
    if sold is None:
        cost, charge = amounts(price, units, plan, multiplier)
    else:
        cost, charge = _with_feature(price, units, plan, multiplier, sold)
    if task is not None and not _billable(book, task):
        charge = 0
    # Half the time of Quote(…), whose constructor is written in Python.
    return tuple.__new__(Quote, (cost, charge, price.key, book.release))


def appraise(
    book: RateBook,
    provider: str | None,
    model: str,
    units: Mapping[str, int],
    *,
    plan: str,
    at: datetime,
    task: str | None,
    reasoning_level: str | None,
    feature: str | None = None,
) -> Appraisal:
    """Rate a call (units in stored parts) that happened at a moment, by the price in force then.

    An inactive model that has a price is billed. Without a model it is a use of a feature or of a tool alone, which
    costs nothing. Raises BadEventError for an unknown reasoning level.
    """
    multiplier = book.output_multiplier(reasoning_level)
    billable = _billable(book, task)
    sold = None if feature is None else book.features.get(feature)
    if not model:
        return Appraisal("", "", None, 0, _alone(book, units, plan, task, sold), None)
    entry = book.find(provider, model)
    try:
        if entry is None:
            charge = _burned(book, units, plan, multiplier, sold)
            error = UnregisteredModelError(not_registered(provider, model)) if charge is None else None
            return Appraisal(*_named(provider, model), None, 0, (charge or 0) if billable else 0, error)
        found = entry.model
        price = entry.price_at(at)
        if price is None:
            raise no_price(found, at)
        if sold is None:
            cost, charge = amounts(price, units, plan, multiplier)
        else:
            cost, charge = _with_feature(price, units, plan, multiplier, sold)
    except NoPricingError as error:
        named = _named(provider, model) if entry is None else (entry.model.provider, entry.model.name)
        return Appraisal(*named, None, 0, 0, error)
    return Appraisal(found.provider, found.name, price, cost, charge if billable else 0, None)


def _billable(book: RateBook, task: str | None) -> bool:
    return task is None or book.billable.get(task, True)


def _with_feature(
    price: Price, units: Mapping[str, int], plan: str | None, output_multiplier_micros: int, feature: Feature
) -> tuple[int, int]:
    cost, charge = exact_amounts(price, units, plan, output_multiplier_micros)
    return round_half_even(*cost), with_feature(charge, feature, units, plan)


def _alone(
    book: RateBook, units: Mapping[str, int], plan: str | None, task: str | None, feature: Feature | None
) -> int:
    """The charge of a use that called no model: the feature's."""
    if feature is None or not _billable(book, task):
        return 0
    return with_feature((0, 1), feature, units, plan)


def _burned(
    book: RateBook,
    units: Mapping[str, int],
    plan: str | None,
    output_multiplier_micros: int,
    feature: Feature | None,
) -> int | None:
    settings = book.settings
    if settings.unknown_model_micros is None:
        return None
    burned = exact_burn(settings.credit_burn, settings.unknown_model_micros, units, output_multiplier_micros)
    return round_half_even(*burned) if feature is None else with_feature(burned, feature, units, plan)


def _named(provider: str | None, model: str) -> tuple[str, str]:
    if provider is not None:
        return provider, model
    if "/" in model.strip("/"):
        return split_model(model.strip("/"))
    return UNNAMED_PROVIDER, model


__all__ = ["Appraisal", "Quote", "appraise", "quote"]
