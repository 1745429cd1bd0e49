"""Edits applied to the texts of a configuration."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime

from schema.keys import Key, moment_text, split_dated
from schema.places import Source
from sync.edit.edits import AddEntity, CopyEntry, Edit, RemoveEntity, RenameEntity, SetField
from sync.edit.entities import add_entity, copy_in_force, remove_entity, set_field
from sync.edit.locate import Files, container_path, find, moment_of, names, part_at, paths_of
from sync.edit.rename import rename_entity
from sync.edit.values import Value, plain
from sync.errors import EditError

ABSENT = "absent"
"""The version of an entity that is not there."""
_DATED = ("price", "rate")
_UNDATED: dict[type, str] = {RemoveEntity: "goes", RenameEntity: "gets another date", CopyEntry: "is wanted"}


def apply_edits(
    files: Mapping[str, bytes],
    edits: Sequence[Edit],
    *,
    now: datetime,
    effective: datetime | None = None,
    folder: str = "config",
) -> dict[str, bytes | None]:
    """The files that the edits change, by path inside the config folder; None for a file that goes.

    A dated kind without a date in its key is edited from `effective` on (default: the day of `now`): in a copy of the
    entry in force at `now`, put beside it. Raises EditError when an edit cannot be written exactly.
    """
    texts = Files(files, folder)
    for edit in edits:
        key = resolve_key(texts, edit, now=now, effective=effective)
        if isinstance(edit, SetField):
            set_field(texts, SetField(key, edit.field, edit.value))
        elif isinstance(edit, AddEntity):
            add_entity(texts, AddEntity(key, edit.fields))
        elif isinstance(edit, RenameEntity):
            rename_entity(texts, RenameEntity(key, edit.new_name))
        elif isinstance(edit, CopyEntry):
            _copy(texts, key, now)
        else:
            remove_entity(texts, RemoveEntity(key))
    return texts.changed()


def resolve_key(texts: Files, edit: Edit, *, now: datetime, effective: datetime | None) -> Key:
    """The key with its date. For setting a field without a date, the dated entry is made when it is missing."""
    key = edit.key
    if key.kind not in _DATED:
        return key
    name, date = split_dated(key.name)
    if date:
        moment = moment_of(date)
        if moment is None:
            raise EditError(f"'{date}' in '{key}' is not a date; write YYYY-MM-DD or YYYY-MM-DDTHH:MM:SSZ")
        return Key(key.kind, f"{name}@{moment_text(moment)}")
    if isinstance(edit, RemoveEntity | RenameEntity | CopyEntry):
        what = _UNDATED[type(edit)]
        raise EditError(f"'{key}' has no date; write {key.kind} {name}@YYYY-MM-DD to say which entry {what}")
    start = effective or now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    if isinstance(edit, AddEntity):
        return Key(key.kind, f"{name}@{moment_text(start)}")
    return copy_in_force(texts, key, start, now)


def _copy(texts: Files, key: Key, now: datetime) -> None:
    name, date = split_dated(key.name)
    moment = moment_of(date)
    if key.kind not in _DATED or moment is None:
        raise EditError(f"'{key}' has no date: only dated entries of prices and rates are copied")
    copy_in_force(texts, Key(key.kind, name), moment, now)


def entity_version(files: Mapping[str, bytes], key: Key, folder: str = "config") -> str:
    """What an entity says, as a hash: equal versions mean equal values, comments and spelling of YAML aside.

    A price or rate without a date in its key stands for all its entries. `ABSENT` when there is no such entity.
    """
    found = find_value(Files(files, folder), key)
    if found is None:
        return ABSENT
    text = json.dumps(plain(found[1]), sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8")).hexdigest()[:16]


def entity_text(files: Mapping[str, bytes], key: Key, folder: str = "config") -> str:
    """What an entity says, on one line of JSON, for messages; `nothing` when it is not there."""
    found = find_value(Files(files, folder), key)
    return "nothing" if found is None else json.dumps(plain(found[1]), ensure_ascii=False)


def find_value(texts: Files, key: Key) -> tuple[Source, Value] | None:
    """The file and value of an entity, or None."""
    if key.kind in _DATED and not split_dated(key.name)[1]:
        for file in paths_of(texts, key):
            entries = part_at(texts.source(file), container_path(key))
            if entries is not None:
                return texts.source(file), entries
        return None
    location = find(texts, key)
    if location is None:
        return None
    source = texts.source(location.file)
    if key.kind == "access":
        return source, {"role": location.path[0]}
    value = part_at(source, location.path)
    if key.kind == "provider" and isinstance(value, dict):
        value = {name: child for name, child in value.items() if name != "models"}
    return source, value


def reprice_notes(files: Mapping[str, bytes], edits: Sequence[Edit], now: datetime) -> list[str]:
    """What an apply will ask for because of these edits: an entry already in effect changes only with --reprice."""
    texts = Files(files)
    return list(dict.fromkeys(note for edit in edits for note in _reprice_notes(texts, edit, now)))


def _reprice_notes(texts: Files, edit: Edit, now: datetime) -> Iterator[str]:
    name, date = split_dated(edit.key.name)
    moment = moment_of(date)
    past = edit.key.kind == "price" and moment is not None and moment <= now
    if past and find(texts, Key("price", f"{name}@{date}")) is not None:
        yield f"{edit.key} is in effect already: apply will ask for --reprice"
    if not isinstance(edit, RenameEntity) or edit.key.kind not in ("model", "provider"):
        return
    for price in names(texts, "price"):
        model, date = split_dated(price)
        moment = moment_of(date)
        renamed = model == edit.key.name or (edit.key.kind == "provider" and model.startswith(f"{edit.key.name}/"))
        if renamed and moment is not None and moment <= now:
            yield f"price {price} is in effect already and gets another name: apply will ask for --reprice"
