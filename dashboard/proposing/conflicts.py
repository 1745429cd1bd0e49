"""A draft on a base branch that has moved on: theirs and mine by field, and how each is settled. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from dashboard.proposing.parts import (
    DraftPart,
    Files,
    begun,
    field_value,
    quoted,
    shown,
    value_of,
    with_edits,
)
from schema.keys import Key
from sync.edit import AddEntity, CopyEntry, Edit, RemoveEntity, RenameEntity, SetField, entity_version
from sync.edit.edits import VALUE_FIELD

WHOLE = ""
"""The field of a difference about the entity as a whole."""


@dataclass(frozen=True, slots=True)
class Difference:
    """A field that both sides changed: as the person saw it, as the base branch has it now, as the draft has it."""

    field: str
    seen: str
    theirs: str
    mine: str


@dataclass(frozen=True, slots=True)
class Rebased:
    """A part held against a newer base: None when the base says all of it already.

    `differences` wait for a decision; without any the part stands on the newer base. `others` are fields that only the
    base branch changed: they stay as they are there.
    """

    part: DraftPart | None
    differences: tuple[Difference, ...] = ()
    others: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Sides:
    """The entity of a part three times over."""

    seen: Any
    theirs: Any
    mine: Any

    def of(self, key: Key, field: str) -> tuple[Any, Any, Any]:
        seen, theirs, mine = (field_value(key, value, field) for value in (self.seen, self.theirs, self.mine))
        return seen, theirs, mine


def rebased(part: DraftPart, seen: Files, base: Files, commit: str, now: datetime) -> Rebased:
    """Hold a part, made on the files `seen`, against those of `base` at `commit`. Raises EditError."""
    if entity_version(seen, part.watched) == entity_version(base, part.watched):
        return Rebased(replace(part, commit=commit, kept=frozenset()))
    sides = _sides(part, seen, base, now)
    part = replace(part, edits=tuple(_wanted_still(part, sides)))
    if not any(not isinstance(edit, CopyEntry) for edit in part.edits):
        return Rebased(None)
    others = tuple(_others(part, sides))
    open_ones = tuple(one for one in _differences(part, sides) if one.field not in part.kept)
    if open_ones:
        return Rebased(part, open_ones, others)
    return Rebased(replace(part, commit=commit, kept=frozenset()), (), others)


def _sides(part: DraftPart, seen: Files, base: Files, now: datetime) -> _Sides:
    return _Sides(
        value_of(begun(part, seen, now), part.key),
        value_of(begun(part, base, now), part.key),
        value_of(with_edits(seen, part.edits, now), part.key),
    )


def _wanted_still(part: DraftPart, sides: _Sides) -> Iterator[Edit]:
    """The edits without those that the base branch made, too."""
    for edit in part.edits:
        if isinstance(edit, SetField) and sides.theirs is not None:
            _, theirs, mine = sides.of(part.key, edit.field)
            if theirs != mine:
                yield edit
        elif isinstance(edit, AddEntity | RemoveEntity):
            if sides.theirs != sides.mine:
                yield edit
        else:
            yield edit


def _differences(part: DraftPart, sides: _Sides) -> Iterator[Difference]:
    added = any(isinstance(edit, AddEntity) for edit in part.edits)
    if sides.mine is None or (sides.theirs is None and not added) or (added and sides.theirs is not None):
        if sides.theirs != sides.seen:
            yield Difference(WHOLE, shown(sides.seen), shown(sides.theirs), shown(sides.mine))
        return
    for edit in part.edits:
        if isinstance(edit, SetField):
            seen, theirs, mine = sides.of(part.key, edit.field)
            if theirs not in (seen, mine):
                yield Difference(edit.field, shown(seen), shown(theirs), shown(mine))


def _others(part: DraftPart, sides: _Sides) -> Iterator[str]:
    if not isinstance(sides.seen, dict) or not isinstance(sides.theirs, dict):
        return
    mine = {edit.field.partition(".")[0] for edit in part.edits if isinstance(edit, SetField)}
    for name in dict.fromkeys((*sides.seen, *sides.theirs)):
        if name not in mine and sides.seen.get(name) != sides.theirs.get(name):
            yield name


def keep_mine(part: DraftPart, field: str, seen: Files, base: Files, commit: str, now: datetime) -> DraftPart | None:
    """The part when a field, or the whole entity, is to be as the draft has it; None when nothing has to change."""
    if field != WHOLE:
        return replace(part, kept=part.kept | {field})
    if any(isinstance(edit, RemoveEntity | RenameEntity) for edit in part.edits):
        return replace(part, commit=commit)
    sides = _sides(part, seen, base, now)
    edits: list[Edit]
    if sides.theirs is None:
        edits = [AddEntity(part.key, _fields_of(part.key, sides.mine))]
    else:
        fields = _fields_of(part.key, sides.mine)
        theirs = _fields_of(part.key, sides.theirs)
        edits = [SetField(part.key, name, value) for name, value in fields.items() if theirs.get(name) != value]
    return replace(part, edits=tuple(edits), commit=commit, kept=frozenset()) if edits else None


def _fields_of(key: Key, value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        return {VALUE_FIELD: value}
    dated = key.kind in ("price", "rate")
    return {quoted(name): child for name, child in value.items() if not (dated and name == "effective")}


def take_theirs(part: DraftPart, field: str) -> DraftPart | None:
    """The part when a field, or the whole entity, is to be as the base branch has it; None when nothing is left."""
    if field == WHOLE:
        return None
    edits = tuple(edit for edit in part.edits if not (isinstance(edit, SetField) and edit.field == field))
    return replace(part, edits=edits) if any(not isinstance(edit, CopyEntry) for edit in edits) else None


__all__ = ["WHOLE", "Difference", "Rebased", "keep_mine", "rebased", "take_theirs"]
