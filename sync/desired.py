"""What the documents say, as rows of the database.

A row is a dict of the key and value columns of its table (`schema.tables.CONFIG_TABLES`), in the types that the
database gives back, so that a desired row and a current row can be compared as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any

from pydantic import BaseModel

from schema.catalogue import Catalogue, Entity
from schema.documents.pricing import Margins, Rates, Tier
from schema.keys import moment_text, split_dated
from schema.money import MICRO, micros, nanos, plain, rate_from_per_million, rate_from_per_unit

Row = dict[str, Any]
Rows = dict[str, dict[str, Row]]
"""By kind, then by name."""

# The same few amounts stand in thousands of entries.
_per_million = lru_cache(maxsize=20_000)(rate_from_per_million)
_per_unit = lru_cache(maxsize=20_000)(rate_from_per_unit)
_micros = lru_cache(maxsize=20_000)(micros)


def desired_rows(catalogue: Catalogue) -> Rows:
    """Every entity of a catalogue without errors, as the row that it should be."""
    return {
        kind: {name: _ROWS[kind](entity, catalogue) for name, entity in entities.items()}
        for kind, entities in catalogue.entities.items()
    }


def entity_row(entity: Entity, catalogue: Catalogue) -> Row:
    """The row of one entity."""
    return _ROWS[entity.key.kind](entity, catalogue)


def _provider(entity: Entity, _: Catalogue) -> Row:
    name = entity.key.name
    return {"provider": name, "display_name": entity.document.display_name or name}


def _model(entity: Entity, _: Catalogue) -> Row:
    provider, _slash, model = entity.key.name.partition("/")
    entry = entity.document
    return {
        "provider": provider,
        "model": model,
        "display_name": entry.display_name,
        "type": entry.type,
        "access": entry.access,
        "aliases": list(entry.aliases),
        "context_window": entry.context_window,
        "max_output": entry.max_output,
        "active": entry.active,
    }


def _price(entity: Entity, _: Catalogue) -> Row:
    provider, _slash, model = split_dated(entity.key.name)[0].partition("/")
    entry = entity.document
    margins: Margins | None = None
    if entry.charge is None and entry.credits is None:
        defaults = entity.parent.defaults  # type: ignore[attr-defined]
        margins = entry.margin or (defaults.margin if defaults else None)
    source = entry.source
    return {
        "provider": provider,
        "model": model,
        "effective": entry.effective,
        "rates": _rates(entry),
        "tiers": _tiers(entry.above_input),
        "margin_micros": None if margins is None else _micros(margins.default),
        "plan_margins": {plan: _micros(margin) for plan, margin in margins.plans.items()} if margins else {},
        "charge_rates": None if entry.charge is None else _rates(entry.charge),
        "charge_tiers": None if entry.charge is None else _tiers(entry.charge.above_input),
        "credits_micros": None if entry.credits is None else _micros(entry.credits.multiplier),
        "source_url": source.url if source else None,
        "source_checked": source.checked.isoformat() if source and source.checked else None,
        "note": entry.note or (source.note if source else None),
    }


def _rates(rates: Rates) -> dict[str, int]:
    found = {unit: _per_million(usd) for unit, usd in rates.per_million.items()}
    if rates.per_unit:
        found.update({unit: _per_unit(usd) for unit, usd in rates.per_unit.items()})
    return found


def _tiers(tiers: tuple[Tier, ...]) -> list[dict[str, Any]]:
    return [{"from": tier.from_, "rates": _rates(tier)} for tier in tiers]


def _task(entity: Entity, _: Catalogue) -> Row:
    entry = entity.document
    return {"task": entity.key.name, "description": entry.description, "billable": entry.billable}


def _route(entity: Entity, catalogue: Catalogue) -> Row:
    provider, _slash, task = entity.key.name.partition("/")
    route = entity.document
    return {
        "provider": provider,
        "task": task,
        "targets": [{"model": catalogue.model_of(provider, model), "weight": weight} for model, weight in route.parts],
        "fallbacks": [catalogue.model_of(provider, model) for model in route.fallbacks],
    }


def _plan(entity: Entity, _: Catalogue) -> Row:
    entry = entity.document
    custom = entry.price == "custom"
    return {
        "plan": entity.key.name,
        "name": entry.name,
        "description": entry.description,
        "active": entry.active,
        "monthly_nanos": None if custom else nanos(entry.price.monthly),
        "annual_nanos": None if custom or entry.price.annual is None else nanos(entry.price.annual),
        "currency": entry.currency,
        "trial_days": entry.trial_days,
        "access": entry.access,
        "included_nanos": nanos(entry.included_credit),
        "overage": entry.overage,
        "limits": dict(entry.limits),
        "features": list(entry.features),
        "litellm": jsonable(entry.litellm),
    }


def _pack(entity: Entity, _: Catalogue) -> Row:
    entry = entity.document
    return {
        "pack": entity.key.name,
        "price_nanos": nanos(entry.price),
        "currency": entry.currency,
        "credits": entry.credits,
        "sort_order": entry.order,
        "badge": entry.badge,
        "active": entry.active,
        "stripe_price_id": entry.stripe_price_id,
    }


def _feature(entity: Entity, _: Catalogue) -> Row:
    entry = entity.document
    return {
        "feature": entity.key.name,
        "display_name": entry.display_name,
        "description": entry.description,
        "cost_type": entry.cost_type,
        "amount_pico": _per_unit(entry.amount),
        "multiplier_micros": _micros(entry.multiplier),
        "plan_overrides": {
            plan: {
                "amount_pico": None if override.amount is None else _per_unit(override.amount),
                "multiplier_micros": None if override.multiplier is None else _micros(override.multiplier),
            }
            for plan, override in entry.plans.items()
        },
        "billable": entry.billable,
        "mode": entry.mode,
    }


def _run_unit(entity: Entity, _: Catalogue) -> Row:
    value = entity.document
    return {"name": entity.key.name, "value_micros": value * MICRO if isinstance(value, int) else _micros(value)}


def _reasoning(entity: Entity, _: Catalogue) -> Row:
    return {"level": entity.key.name, "multiplier_micros": _micros(entity.document)}


def _rate(entity: Entity, _: Catalogue) -> Row:
    base, _slash, quote = split_dated(entity.key.name)[0].partition("/")
    entry = entity.document
    return {
        "base": base,
        "quote": quote,
        "effective": entry.effective,
        "rate_micros": _micros(entry.rate),
        "source_url": entry.source.url if entry.source else None,
    }


def _setting(entity: Entity, _: Catalogue) -> Row:
    return {"setting": entity.key.name, "value": jsonable(entity.document)}


def _access(entity: Entity, _: Catalogue) -> Row:
    return {"person": entity.key.name, "role": entity.document}


def _policy(entity: Entity, _: Catalogue) -> Row:
    return {"policy": entity.key.name, "value": jsonable(entity.document)}


def jsonable(value: Any) -> Any:
    """A part of a document as JSON stores it: decimals and dates as text, absent parts as null."""
    if isinstance(value, BaseModel):
        return {name: jsonable(getattr(value, name)) for name in type(value).model_fields}
    if isinstance(value, Decimal):
        return plain(value)
    if isinstance(value, datetime):
        return moment_text(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {str(name): jsonable(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [jsonable(part) for part in value]
    return value


_ROWS: dict[str, Callable[[Entity, Catalogue], Row]] = {
    "provider": _provider,
    "model": _model,
    "price": _price,
    "task": _task,
    "route": _route,
    "plan": _plan,
    "pack": _pack,
    "feature": _feature,
    "run_unit": _run_unit,
    "reasoning": _reasoning,
    "rate": _rate,
    "setting": _setting,
    "access": _access,
    "policy": _policy,
}

__all__ = ["Row", "Rows", "desired_rows", "entity_row", "jsonable"]
