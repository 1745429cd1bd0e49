"""Entries of a price that have not begun: which wait, what holds before them, and what another date means. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from schema.catalogue import Entity
from schema.keys import moment_text, split_dated
from sync.edit import Edit, RenameEntity

Prices = Mapping[str, Entity]


def waiting(prices: Prices, model: str, now: datetime) -> list[Entity]:
    """The entries of a model that begin after `now`, the next one first."""
    return [entity for entity in _own(prices, model) if entity.document.effective > now]


def held_at(
    prices: Prices, model: str, at: datetime, moved: Entity | None = None, to: datetime | None = None
) -> Entity | None:
    """The entry in force at a moment, when `moved` begins at `to` instead, or never without it."""
    begins = [(to if entity is moved else entity.document.effective, entity) for entity in _own(prices, model)]
    begun = [(moment, entity) for moment, entity in begins if moment is not None and moment <= at]
    return max(begun, key=lambda one: one[0], default=(at, None))[1]


def _own(prices: Prices, model: str) -> list[Entity]:
    own = (entity for name, entity in prices.items() if split_dated(name)[0] == model)
    return sorted(own, key=lambda entity: entity.document.effective)


def redating(prices: Prices, entry: Entity, at: datetime) -> tuple[list[Edit], str]:
    """The edit that lets an entry begin at another moment, or why it cannot; neither where it begins then already."""
    if at == entry.document.effective:
        return [], ""
    name = f"{split_dated(entry.key.name)[0]}@{moment_text(at)}"
    if name in prices:
        return [], f"There is an entry of {moment_text(at)} already: choose another day."
    return [RenameEntity(entry.key, name)], ""


__all__ = ["held_at", "redating", "waiting"]
