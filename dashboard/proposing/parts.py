"""The draft as data: the edits of each entity, gathered from several forms. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from schema.keys import Key, moment_text, split_dated
from sync.edit import (
    ABSENT,
    AddEntity,
    CopyEntry,
    Edit,
    RemoveEntity,
    RenameEntity,
    SetField,
    apply_edits,
    entity_text,
    entity_version,
    parse_field,
)
from sync.edit.edits import SINGLE_VALUES, VALUE_FIELD
from sync.errors import EditError

Files = Mapping[str, bytes]
_DATED = ("price", "rate")
_MOST_TITLE = 100
_SHORT_FORMS = ("model", "default")
"""Fields that a text may stand for: `task: model`, `margin: 2.8`."""


@dataclass(frozen=True, slots=True)
class DraftPart:
    """The edits of one entity. `commit` is the base branch as the person saw it, `titles` are what the forms said."""

    key: Key
    edits: tuple[Edit, ...]
    commit: str
    titles: tuple[str, ...] = ()
    kept: frozenset[str] = frozenset()
    """Fields that stay as edited although the base branch has changed them since."""

    @property
    def undated(self) -> Key:
        """The key without its date: what the form of a price or rate is about."""
        kind, name = self.key
        return Key(kind, split_dated(name)[0]) if kind in _DATED else self.key

    @property
    def begins(self) -> bool:
        """Whether the entity is there by the draft alone."""
        return isinstance(self.edits[0], AddEntity | CopyEntry)

    @property
    def watched(self) -> Key:
        """What must not have changed: the entity, or all entries of a price that begins as a copy."""
        copied = any(isinstance(edit, CopyEntry) for edit in self.edits)
        return self.undated if copied else self.key


@dataclass(frozen=True, slots=True)
class FieldChange:
    """A field of an entity before and after, as the YAML says it; empty where it does not stand."""

    field: str
    before: str
    after: str


def dated_edits(edits: Sequence[Edit], files: Files, *, effective: datetime | None, now: datetime) -> list[Edit]:
    """The edits with the date that they begin on in their keys, so that edits of several dates may stand together."""
    start = effective or now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    found: list[Edit] = []
    for edit in edits:
        key = edit.key
        if key.kind not in _DATED or split_dated(key.name)[1] or isinstance(edit, RemoveEntity | RenameEntity):
            found.append(edit)
            continue
        dated = Key(key.kind, f"{key.name}@{moment_text(start)}")
        if isinstance(edit, SetField):
            copy = CopyEntry(dated)
            if copy not in found and entity_version(files, dated) == ABSENT:
                found.append(copy)
        found.append(replace(edit, key=dated))
    return found


def gathered(parts: Mapping[Key, DraftPart], edits: Sequence[Edit], *, commit: str, title: str) -> dict[Key, DraftPart]:
    """The draft with more edits in it; what is said again about a field replaces what was said before."""
    found = dict(parts)
    for key in dict.fromkeys(edit.key for edit in edits):
        more = [edit for edit in edits if edit.key == key]
        part = found.get(key)
        if part is None:
            found[key] = DraftPart(key, tuple(more), commit, (title,))
            continue
        titles = tuple(dict.fromkeys((*part.titles, title)))
        if part.begins and isinstance(more[-1], RenameEntity):
            # What the draft itself adds is simply added under the other name.
            renamed = Key(key.kind, more[-1].new_name)
            moved = tuple(replace(edit, key=renamed) for edit in found.pop(key).edits)
            found[renamed] = replace(part, key=renamed, edits=moved, titles=titles)
        else:
            found[key] = replace(part, edits=tuple(_merged(part, more)), titles=titles)
    return {key: part for key, part in found.items() if part.edits}


def _merged(part: DraftPart, new: Sequence[Edit]) -> list[Edit]:
    """The edits of one entity together; none are left of an entity that the draft had added and now removes."""
    old = part.edits
    if any(isinstance(edit, RemoveEntity) for edit in new):
        return [] if part.begins else [edit for edit in new if isinstance(edit, RemoveEntity)]
    if any(isinstance(edit, RenameEntity) for edit in new):
        return [edit for edit in old if not isinstance(edit, RenameEntity)] + list(new)
    if not all(isinstance(edit, SetField | CopyEntry) for edit in new):
        removed: list[Edit] = [edit for edit in old if isinstance(edit, RemoveEntity)]
        return removed + list(new)
    said = [edit.field for edit in new if isinstance(edit, SetField)]
    kept: list[Edit] = [
        edit for edit in old if not (isinstance(edit, SetField) and any(_within(edit.field, field) for field in said))
    ]
    return kept + [edit for edit in new if edit not in kept]


def _within(field: str, other: str) -> bool:
    """Whether a field is another one, or a part of it."""
    steps, outer = parse_field(field), parse_field(other)
    return steps[: len(outer)] == outer


def all_edits(parts: Iterable[DraftPart]) -> list[Edit]:
    """The edits of the whole draft in their order."""
    return [edit for part in parts for edit in part.edits]


def default_title(parts: Sequence[DraftPart]) -> str:
    """A title for the commit: what the forms proposed while that is short, else what is edited."""
    titles = list(dict.fromkeys(title for part in parts for title in part.titles))
    together = "; ".join([*titles[:1], *(title[:1].lower() + title[1:] for title in titles[1:])])
    if len(titles) <= 2 and len(together) <= _MOST_TITLE:
        return together
    return f"Change {', '.join(kind_counts(parts))}"


def kind_counts(parts: Iterable[DraftPart]) -> Iterator[str]:
    """How many entities of each kind are edited: `2 prices`, `1 run unit`."""
    kinds = [part.key.kind for part in parts]
    for kind in dict.fromkeys(kinds):
        number = kinds.count(kind)
        words = {"access": "person", "reasoning": "reasoning level"}.get(kind, kind.replace("_", " "))
        plural = {"person": "people", "policy": "policies"}.get(words, f"{words}s")
        yield f"{number} {words if number == 1 else plural}"


def value_of(files: Files, key: Key) -> Any:
    """What an entity says, as plain data with texts for leaves; None when it is not there."""
    if entity_version(files, key) == ABSENT:
        return None
    return json.loads(entity_text(files, key))


def begun(part: DraftPart, files: Files, now: datetime) -> Files:
    """Files in which the entity of a part has begun, where it begins as a copy."""
    return with_edits(files, [edit for edit in part.edits if isinstance(edit, CopyEntry)], now)


def with_edits(files: Files, edits: Sequence[Edit], now: datetime) -> Files:
    """Files after edits. Raises EditError."""
    if not edits:
        return files
    changed = apply_edits(files, edits, now=now)
    after = {path: data for path, data in files.items() if path not in changed}
    return after | {path: data for path, data in changed.items() if data is not None}


def says_nothing(part: DraftPart, files: Files, now: datetime) -> bool:
    """Whether the files say already what a part would make them say. Raises EditError."""
    before: Any = value_of(begun(part, files, now), part.key)
    return bool(before == value_of(with_edits(files, part.edits, now), part.key))


def field_value(key: Key, value: Any, field: str) -> Any:
    """A field of an entity's value by its dotted path; None when it does not stand there."""
    steps = parse_field(field)
    if key.kind in SINGLE_VALUES and steps == (VALUE_FIELD,):
        return value
    for step in steps:
        if isinstance(value, str) and step in _SHORT_FORMS:
            continue
        if isinstance(value, dict):
            value = value.get(str(step))
        elif isinstance(value, list) and isinstance(step, int) and step < len(value):
            value = value[step]
        else:
            return None
    return value


def shown(value: Any) -> str:
    """A value on one line, as YAML would say it."""
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def field_changes(part: DraftPart, files: Files, now: datetime) -> list[FieldChange]:
    """What a part changes, a line for each field. Raises EditError when an edit cannot be written."""
    renamed = [edit.new_name for edit in part.edits if isinstance(edit, RenameEntity)]
    name = [FieldChange("name", part.key.name, renamed[-1])] if renamed else []
    key = Key(part.key.kind, renamed[-1]) if renamed else part.key
    before = value_of(begun(part, files, now), part.key)
    after = value_of(with_edits(files, part.edits, now), key)
    fields = [edit.field for edit in part.edits if isinstance(edit, SetField)]
    if renamed and not fields:
        return name
    if not fields or before is None or after is None:
        fields = _top_fields(before if after is None else after)
    if not fields:
        return [FieldChange("", shown(before), shown(after))]
    return name + [
        FieldChange(field, shown(field_value(part.key, before, field)), shown(field_value(part.key, after, field)))
        for field in fields
    ]


def _top_fields(value: Any) -> list[str]:
    return [quoted(name) for name in value] if isinstance(value, dict) else []


def quoted(name: str) -> str:
    """A name as a step of a dotted path."""
    plain_step = name and not name.isdecimal() and "." not in name and '"' not in name
    return name if plain_step else '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'


__all__ = [
    "DraftPart",
    "EditError",
    "FieldChange",
    "all_edits",
    "begun",
    "dated_edits",
    "default_title",
    "field_changes",
    "field_value",
    "gathered",
    "kind_counts",
    "quoted",
    "says_nothing",
    "shown",
    "value_of",
    "with_edits",
]
