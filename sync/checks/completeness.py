"""Completeness: every active model is priced for what its type needs, every price says what is charged, and no name
means two models."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from schema.catalogue import Catalogue, Entity
from schema.documents.pricing import Rates
from schema.findings import Finding
from schema.keys import moment_text
from schema.places import Path
from schema.units import REQUIRED_UNITS
from sync.checks.tree import Tree, leading


def check_last_pricing(tree: Tree) -> Iterator[Finding]:
    """LAST_PRICING: an active model without a price in force, with the routes that lead to it."""
    catalogue = tree.catalogue
    for model, entity in catalogue.of("model").items():
        history = tree.histories.get(model)
        if not entity.document.active or (history and history[0].document.effective <= tree.now):
            continue
        if not history and catalogue.may_exist("price", model):
            continue
        provider = model.partition("/")[0]
        where = catalogue.file(f"pricing/{provider}.yaml")
        begins = moment_text(history[0].document.effective) if history else ""
        why = f"its first price begins on {begins}" if begins else "it has no price"
        routes = tree.routes_to.get(model, ())
        led = f", and {leading(routes)} to it" if routes else ""
        message = f"{model} is active, but {why}{led}: add an entry to {where}, or set active: false"
        yield Finding("LAST_PRICING", message, entity.place(key=True))


def check_units(tree: Tree) -> Iterator[Finding]:
    """MISSING_UNIT: a price, or its list price, without a rate that the model's type needs."""
    models = tree.catalogue.of("model")
    for name, history in tree.histories.items():
        model = models.get(name)
        if model is None:
            continue
        kind = model.document.type
        for entity in history:
            entry = entity.document
            yield from _missing_units(entity, (), entry, kind)
            if entry.charge is not None:
                yield from _missing_units(entity, ("charge",), entry.charge, kind)


def _missing_units(entity: Entity, path: Path, rates: Rates, kind: str) -> Iterator[Finding]:
    required: Collection[str] = REQUIRED_UNITS[kind]
    if not required and not rates.per_million and not rates.per_unit:
        yield Finding("MISSING_UNIT", f"{entity.key} names no unit at all", entity.place(*path))
    missing = [unit for unit in required if unit not in rates.per_million and unit not in rates.per_unit]
    if missing:
        what = " and ".join(missing)
        message = f"{entity.key} has no rate for {what}, which a model of type {kind} needs"
        place = entity.place(*path, "per_million", key=True) if rates.per_million else entity.place(*path)
        yield Finding("MISSING_UNIT", message, place)


def check_margins(catalogue: Catalogue) -> Iterator[Finding]:
    """NO_MARGIN: an entry that does not say what is charged, in a file without a default."""
    for entity in catalogue.of("price").values():
        entry = entity.document
        says = entry.margin is not None or entry.charge is not None or entry.credits is not None
        if not says and entity.parent.defaults is None:  # type: ignore[attr-defined]
            message = f"{entity.key} has no margin, charge or credits, and the file has no defaults.margin"
            yield Finding("NO_MARGIN", message, entity.place())


def check_aliases(catalogue: Catalogue) -> Iterator[Finding]:
    """ALIAS_TWICE: an alias of two models, or one that is the name of another model."""
    names = {name.partition("/")[2]: name for name in catalogue.of("model")}
    owners: dict[str, Entity] = {}
    for name, entity in catalogue.of("model").items():
        for index, alias in enumerate(entity.document.aliases):
            first = owners.setdefault(alias, entity)
            named = names.get(alias) or (alias if alias in catalogue.of("model") else None)
            if first is not entity or index != entity.document.aliases.index(alias):
                message = f"the alias '{alias}' of {name} is already one of {first.key.name}"
            elif named is not None:
                message = f"the alias '{alias}' of {name} is the name of {named}"
            else:
                continue
            yield Finding("ALIAS_TWICE", message, entity.place("aliases", index))


def check_people(catalogue: Catalogue, environment_admins: Sequence[str]) -> Iterator[Finding]:
    """ADMIN_EMAILS_PROTECTED: an admin by RATECARD_ADMINS whom a document gives a lower role."""
    protected = {admin.strip().lower() for admin in environment_admins}
    for person, entity in catalogue.of("access").items():
        if entity.document != "admin" and person in protected:
            message = f"{person} is an admin by RATECARD_ADMINS and cannot be a mere {entity.document}"
            yield Finding("ADMIN_EMAILS_PROTECTED", message, entity.place())
