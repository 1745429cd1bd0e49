"""Entities: the parts of documents that plans, keys and tables know by name."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from pydantic import BaseModel

from schema.documents.access import AccessDocument
from schema.documents.commerce import CreditPacksDocument, FeaturesDocument
from schema.documents.plans import PlansDocument
from schema.documents.pricing import PricingDocument
from schema.documents.rates import ExchangeRatesDocument, ReasoningDocument, RunUnitsDocument
from schema.documents.registry import RegistryDocument
from schema.documents.routing import RoutingDocument, TasksDocument
from schema.findings import Place
from schema.keys import Key, moment_text
from schema.places import Path, Source

CONTAINERS = {
    "registry": ("model", "models"),
    "pricing": ("price", "prices"),
    "routing": ("route", "routes"),
    "tasks": ("task", "tasks"),
    "plans": ("plan", "plans"),
    "credit_packs": ("pack", "packs"),
    "features": ("feature", "features"),
    "reasoning": ("reasoning", "levels"),
    "exchange_rates": ("rate", "rates"),
}
"""Kind of document: the kind of entity it holds, and under which key."""


class Entity(NamedTuple):
    """One entity and where it was written.

    `document` is its part of the document (or a scalar, such as a role or a setting), `parent` the whole document,
    whose defaults it may take, `path` its place in the file.
    """

    key: Key
    document: Any
    source: Source
    path: Path
    parent: BaseModel

    def place(self, *more: str | int, key: bool = False) -> Place:
        """Where the entity stands, or a part of it."""
        return self.source.place((*self.path, *more), key=key)


def entities_of(kind: str, document: Any, source: Source) -> Iterator[Entity]:
    """The entities of one document."""
    match document:
        case RegistryDocument(provider=provider, models=models):
            yield Entity(Key("provider", provider), document, source, (), document)
            for name, part in models.items():
                yield Entity(Key("model", f"{provider}/{name}"), part, source, ("models", name), document)
        case PricingDocument(provider=provider, prices=prices):
            for name, entries in prices.items():
                for index, entry in enumerate(entries):
                    key = Key("price", f"{provider}/{name}@{moment_text(entry.effective)}")
                    yield Entity(key, entry, source, ("prices", name, index), document)
        case RoutingDocument(provider=provider, routes=routes):
            for name, route in routes.items():
                yield Entity(Key("route", f"{provider}/{name}"), route, source, ("routes", name), document)
        case ExchangeRatesDocument(rates=rates):
            for pair, dated in rates.items():
                for index, rate in enumerate(dated):
                    key = Key("rate", f"{pair}@{moment_text(rate.effective)}")
                    yield Entity(key, rate, source, ("rates", pair, index), document)
        case RunUnitsDocument():
            yield from _run_units(document, source)
        case AccessDocument():
            for role, people in (("admin", "admins"), ("analyst", "analysts"), ("viewer", "viewers")):
                for index, person in enumerate(getattr(document, people)):
                    yield Entity(Key("access", person), role, source, (people, index), document)
        case TasksDocument() | PlansDocument() | CreditPacksDocument() | FeaturesDocument() | ReasoningDocument():
            entity, container = CONTAINERS[kind]
            for name, part in getattr(document, container).items():
                yield Entity(Key(entity, name), part, source, (container, name), document)
        case _:
            yield from _top_level("setting" if kind == "settings" else "policy", document, source)


def _run_units(document: RunUnitsDocument, source: Source) -> Iterator[Entity]:
    for name in ("minimum", "decimals"):
        if name in document.model_fields_set:
            yield Entity(Key("run_unit", name), getattr(document, name), source, (name,), document)
    for prefix, container in (("tier", "tiers"), ("tool", "overheads")):
        for name, value in getattr(document, container).items():
            yield Entity(Key("run_unit", f"{prefix}/{name}"), value, source, (container, name), document)


def _top_level(kind: str, document: BaseModel, source: Source) -> Iterator[Entity]:
    for name in sorted(document.model_fields_set):
        value = getattr(document, name)
        if kind == "setting" and name == "extra":
            for extra in value:
                path: Path = ("extra", extra)
                yield Entity(Key(kind, f"extra.{extra}"), source.typed(path), source, path, document)
        elif value is not None:
            yield Entity(Key(kind, name), value, source, (name,), document)


__all__ = ["CONTAINERS", "Entity", "entities_of"]
