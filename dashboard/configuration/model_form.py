"""The form of a model as data: its fields, and the edits that add one with its first price or take it out. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from dashboard.configuration.entity_form import Field, Texts, edits_of, fields_of
from dashboard.configuration.price_form import PriceTexts
from dashboard.configuration.price_form import edits_of as price_edits
from schema.catalogue import Catalogue
from schema.documents.registry import ModelEntry
from schema.documents.settings import DEFAULT_SETTINGS
from schema.keys import Key, moment_text, split_dated
from sync.edit import Edit, RemoveEntity


def model_key(provider: str, name: str) -> Key | None:
    """The key of a model by what was typed; None while a part is missing."""
    provider, name = provider.strip(), name.strip().removeprefix(f"{provider.strip()}/")
    return Key("model", f"{provider}/{name}") if provider and name else None


def access_classes(catalogue: Catalogue) -> tuple[str, ...]:
    """The access classes of the settings, the widest open first."""
    found = catalogue.of("setting").get("access_classes")
    return tuple(DEFAULT_SETTINGS["access_classes"] if found is None else found.document)


def model_fields(key: Key, classes: Sequence[str]) -> tuple[Field, ...]:
    """The fields of a model; `classes` are what its access may be."""
    return tuple(
        replace(field, kind="choice", choices=tuple(classes)) if field.path == "access" else field
        for field in fields_of(ModelEntry, key, leave_out=("accept",))
    )


def additions(
    fields: Sequence[Field], before: Texts, after: Texts, price: PriceTexts, start: PriceTexts, effective: datetime
) -> list[Edit]:
    """A new model and its first price; the price comes into force on a day."""
    [key] = {field.key for field in fields}
    added = edits_of(fields, before, after, new=True)
    return added + price_edits(start, price, f"{key.name}@{moment_text(effective)}", new=True) if added else []


def removals(catalogue: Catalogue, key: Key) -> list[Edit]:
    """The model goes with all its prices, which nothing else can use."""
    prices = [name for name in catalogue.of("price") if split_dated(name)[0] == key.name]
    return [*(RemoveEntity(Key("price", name)) for name in prices), RemoveEntity(key)]


__all__ = ["access_classes", "additions", "model_fields", "model_key", "removals"]
