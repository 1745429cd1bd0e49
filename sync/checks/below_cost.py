"""What is sold below cost, or far above it: margins, list prices in every context tier, and credit burn."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from schema.catalogue import Catalogue, Entity
from schema.documents.pricing import Margins
from schema.findings import Finding, Place
from schema.money import per_million_text, per_unit_text, plain
from schema.units import UNITS, stored_per_unit
from sync.checks.ratios import rate_path

if TYPE_CHECKING:
    from fractions import Fraction

    from metering.rating.price import Price

_HIGH = 10


def check_margins_out_of_range(catalogue: Catalogue) -> Iterator[Finding]:
    """MARGIN_BELOW_ONE and MARGIN_ABOVE_TEN: the margin that an entry has or takes from its file."""
    for entity in catalogue.of("price").values():
        entry = entity.document
        if entry.charge is not None or entry.credits is not None:
            continue
        defaults = entity.parent.defaults  # type: ignore[attr-defined]
        margins: Margins | None = entry.margin or (defaults.margin if defaults else None)
        if margins is None or (not margins.plans and 1 <= margins.default <= _HIGH):
            continue
        every = {"": margins.default} | {f" for {plan}": margin for plan, margin in margins.plans.items()}
        below = [f"{plain(margin)}{whose}" for whose, margin in every.items() if margin < 1]
        above = [f"{plain(margin)}{whose}" for whose, margin in every.items() if margin > _HIGH]
        if below:
            message = f"a margin of {', '.join(below)} sells below cost"
            yield Finding("MARGIN_BELOW_ONE", message, _place(entity), "warning")
        if above:
            message = f"a margin of {', '.join(above)} is a factor: is a percentage meant?"
            yield Finding("MARGIN_ABOVE_TEN", message, _place(entity), "warning")


def _place(entity: Entity) -> Place:
    return entity.place("margin") if entity.document.margin else entity.place()


def check_charges(catalogue: Catalogue) -> Iterator[Finding]:
    """CHARGE_BELOW_COST, CREDITS_BELOW_COST, MARGIN_ABOVE_TEN: what is charged by a list price or by credit burn."""
    charged = [
        entity
        for entity in catalogue.of("price").values()
        if entity.document.charge is not None or entity.document.credits is not None
    ]
    if not charged:
        return
    # What calls are rated by decides, and is only loaded by a tree that needs it.
    from metering.book.settings import read_settings
    from metering.rating.price import Price
    from sync.desired import entity_row

    rows = {name: entity_row(entity, catalogue)["value"] for name, entity in catalogue.of("setting").items()}
    burn = read_settings(rows).credit_burn
    for entity in charged:
        if entity.document.charge is None and not catalogue.complete("setting"):
            continue
        ratios = list(_ratios(Price.compile(entity_row(entity, catalogue), burn)))
        if entity.document.charge is not None:
            yield from _list_price_below_cost(entity, ratios)
        else:
            yield from _credits_below_cost(entity, ratios)
        yield from _far_above_cost(entity, ratios)


class _Ratio(NamedTuple):
    """Charge to cost of a unit in a call of some size."""

    ratio: Fraction
    unit: str
    above: int | None
    """The input that the call is greater than; None below all tiers."""
    cost: int
    """In pico-USD per unit, as the charge."""
    charge: Fraction


def _ratios(price: Price) -> Iterator[_Ratio]:
    from fractions import Fraction

    from metering.rating.rating import tables_at

    named = {*price.rates, *(price.charge_rates or ())}
    for tiers in (price.tiers, price.charge_tiers):
        named.update(unit for _, rates in tiers for unit in rates)
    starts = sorted({start for start, _ in (*price.costs_above, *price.charges_above)})
    for above in (None, *starts):
        costs, charges = tables_at(price, 0 if above is None else above + 1)
        for unit in UNITS:
            if unit not in named or not costs.get(unit) or unit not in (charges or {}):
                continue
            parts = stored_per_unit(unit) * 1_000
            cost = Fraction(costs[unit] * parts, price.cost_divisor)
            charge = Fraction((charges or {})[unit] * price.charge_factor * parts, price.charge_divisor)
            yield _Ratio(charge / cost, unit, above, int(cost), charge)


def _list_price_below_cost(entity: Entity, ratios: list[_Ratio]) -> Iterator[Finding]:
    below = next((one for one in ratios if one.ratio < 1), None)
    if below is None:
        return
    charge = entity.document.charge
    written = below.unit in charge.per_million or below.unit in charge.per_unit
    path = ("charge", *rate_path(charge, below.unit)) if written else ("charge",)
    message = f"{below.unit} is charged {_shown(entity, below, int(below.charge))}{_costs(entity, below)}"
    yield Finding("CHARGE_BELOW_COST", message, entity.place(*path), "warning")


def _credits_below_cost(entity: Entity, ratios: list[_Ratio]) -> Iterator[Finding]:
    if not ratios:
        return
    worst = min(ratios, key=lambda one: one.ratio)
    if worst.ratio * _HIGH >= 1 and any(one.ratio >= 1 for one in ratios):
        return
    message = f"{worst.unit} burns credits worth {_shown(entity, worst, int(worst.charge))}{_costs(entity, worst)}"
    yield Finding("CREDITS_BELOW_COST", message, entity.place("credits"), "warning")


def _far_above_cost(entity: Entity, ratios: list[_Ratio]) -> Iterator[Finding]:
    # One unit alone may be far above: a cached token is often sold like any other.
    far = min(ratios, key=lambda one: one.ratio, default=None)
    if far is None or far.ratio <= _HIGH:
        return
    way = "charge" if entity.document.charge is not None else "credits"
    message = f"{far.unit} is charged {_shown(entity, far, int(far.charge))}{_costs(entity, far)}: too many zeros?"
    yield Finding("MARGIN_ABOVE_TEN", message, entity.place(way), "warning")


def _costs(entity: Entity, ratio: _Ratio) -> str:
    above = "" if ratio.above is None else f" above an input of {ratio.above}"
    return f" and costs {_shown(entity, ratio, ratio.cost)}{above}"


def _shown(entity: Entity, ratio: _Ratio, pico: int) -> str:
    if ratio.unit in entity.document.per_unit:
        return f"{per_unit_text(pico)} each"
    return f"{per_million_text(pico)} per million"


__all__ = ["check_charges", "check_margins_out_of_range"]
