"""The entry that an edit of a price starts from, and from when on the edit holds. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time

from schema.catalogue import Entity
from schema.keys import moment_text, split_dated


@dataclass(frozen=True, slots=True)
class Start:
    """An edit of an entry that `stands` there, or a new entry: a copy of `entity`, or the first one without it."""

    entity: Entity | None
    stands: bool
    effective: datetime

    def full_name(self, model: str) -> str:
        """The name that the edit goes by: with its date, but for a copy, which the edit itself dates."""
        dated = f"{model}@{moment_text(self.effective)}"
        return dated if self.stands or self.entity is None else model


def start_of(
    entities: Mapping[str, Entity], model: str, wanted: date, applied: Collection[datetime], now: datetime
) -> Start:
    """Where an edit starts that is to hold from a day on. `applied` are the moments of the entries that were applied.

    Calls may have been billed by an entry of today that was applied: a further edit begins now, and leaves it alone.
    """
    own = {entity.document.effective: entity for name, entity in entities.items() if split_dated(name)[0] == model}
    begun = [moment for moment in own if moment <= now]
    newest = max(begun, default=None)
    effective = datetime.combine(wanted, time.min, UTC)
    if newest is not None and wanted == now.date() == newest.date():
        effective = now.replace(second=0, microsecond=0) if newest in applied else newest
    if effective in own:
        return Start(own[effective], True, effective)
    return Start(None if newest is None else own[newest], False, effective)


__all__ = ["Start", "start_of"]
