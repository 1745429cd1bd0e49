"""Coverage: what a model's price can be asked for today can be asked for on every later date, as cost and as charge."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Set

from schema.catalogue import Catalogue, Entity
from schema.documents.pricing import PriceEntry, Rates
from schema.documents.settings import DEFAULT_SETTINGS
from schema.findings import Finding, Place
from schema.keys import moment_text
from schema.units import RATE_FALLBACKS, REQUIRED_UNITS, UNITS
from sync.checks.tree import Tree, leading, priced_model


def check_unit_gaps(tree: Tree) -> Iterator[Finding]:
    """UNIT_GAP of routed models, UNIT_DROPPED of others: a unit that the entry before has, and this one has not.

    Looked at are the price in force and those to come: a model that is paid by the image today would be unpriced from
    the day on which only tokens have a rate. Units that take another one's rate by rule are no gap.
    """
    for model, history in tree.histories.items():
        gaps = [place for place in range(1, len(history)) if not _named(history[place - 1]) <= _named(history[place])]
        registered = tree.catalogue.of("model").get(model) if gaps else None
        if registered is None or not registered.document.active:
            continue
        routes = tree.routes_to.get(model, ())
        for place in gaps:
            earlier, later = history[place - 1 : place + 1]
            if place < tree.in_force(model):
                continue
            before, after = _named(earlier), _named(later)
            required = REQUIRED_UNITS[registered.document.type]
            gone = [unit for unit in UNITS if unit in before and not _has(after, unit) and unit not in required]
            if not gone:
                continue
            message = (
                f"{later.key} has no rate for {' and '.join(gone)}, which the entry of"
                f" {moment_text(earlier.document.effective)} has"
            )
            if routes:
                message += f", and {leading(routes)} to it: add it; 0 is a rate"
                yield Finding("UNIT_GAP", message, _place(later))
            else:
                yield Finding("UNIT_DROPPED", message, _place(later), "warning")


def check_charged_units(catalogue: Catalogue) -> Iterator[Finding]:
    """MISSING_CHARGE: units that have a cost and no charge by list price or credit burn, or a charge and no cost."""
    burn = catalogue.of("setting").get("credit_burn")
    weights = DEFAULT_SETTINGS["credit_burn"]["weights"] if burn is None else burn.document.weights
    for entity in catalogue.of("price").values():
        entry = entity.document
        if entry.charge is not None:
            cost, charge = _all_named(entry), _all_named(entry.charge)
            model = catalogue.of("model").get(priced_model(entity))
            required = REQUIRED_UNITS[model.document.type] if model is not None else ()
            uncharged, uncosted = _lacking(cost, charge, required), _lacking(charge, cost, required)
            if uncharged:
                message = f"the list price of {entity.key} has no rate for {uncharged}, which costs something"
                yield Finding("MISSING_CHARGE", message, entity.place("charge", key=True))
            if uncosted:
                message = f"{entity.key} charges for {uncosted}, but has no cost for it; 0 is a cost"
                yield Finding("MISSING_CHARGE", message, entity.place("charge", key=True))
        elif entry.credits is not None and catalogue.complete("setting"):
            unweighed = _lacking(_all_named(entry), set(weights), ())
            if unweighed:
                message = f"{entity.key} burns credits, but credit_burn has no weight for {unweighed}"
                yield Finding("MISSING_CHARGE", message, entity.place("credits", key=True))


def _lacking(wanted: Set[str], there: Set[str], required: Collection[str]) -> str:
    """The units that are not there, neither by rule; the required ones are missed elsewhere."""
    return " and ".join(unit for unit in UNITS if unit in wanted and not _has(there, unit) and unit not in required)


def _has(named: Set[str], unit: str) -> bool:
    return unit in named or any(other in named for other in RATE_FALLBACKS.get(unit, ()))


def _named(price: Entity) -> Set[str]:
    return _names(price.document)


def _names(rates: Rates) -> Set[str]:
    return rates.per_million.keys() | rates.per_unit.keys() if rates.per_unit else rates.per_million.keys()


def _all_named(rates: PriceEntry | Rates) -> Set[str]:
    named = set(_names(rates))
    for tier in rates.above_input:  # type: ignore[union-attr]
        named |= _names(tier)
    return named


def _place(entity: Entity) -> Place:
    return entity.place("per_million" if entity.document.per_million else "per_unit", key=True)


__all__ = ["check_charged_units", "check_unit_gaps"]
