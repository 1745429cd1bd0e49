"""What the kinds of entities ask of an edit: short forms, dated entries, roles."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from schema.keys import Key, moment_text, split_dated
from schema.places import Path, Source
from sync.edit.changes import assign, put_item, take_out
from sync.edit.edits import SINGLE_VALUES, VALUE_FIELD, AddEntity, RemoveEntity, SetField, parse_field
from sync.edit.homes import home_of
from sync.edit.locate import (
    ROLES,
    Files,
    Location,
    container_path,
    dated_index,
    effective_of,
    find,
    moment_of,
    part_at,
    paths_of,
    require,
)
from sync.edit.values import BlockMapping, FlowMapping, Value, written_value
from sync.errors import EditError

_OPTIONAL_TOP_LEVEL = frozenset({"setting", "policy"})
"""Kinds that exist by their default when no document names them: setting one writes it."""


def set_field(files: Files, edit: SetField) -> None:
    """Set a field of an entity that exists."""
    key = edit.key
    if key.kind == "access":
        _set_role(files, edit)
        return
    steps = _steps(key, edit.field)
    found = find(files, key)
    if found is None and (key.kind in _OPTIONAL_TOP_LEVEL or (key.kind == "run_unit" and "/" not in key.name)):
        found = Location(home_of(files, key), container_path(key))
    if found is None:
        found = require(files, key)
    source = files.source(found.file)
    if edit.value is None:
        files.put(found.file, _unset(source, found.path, steps, key))
        return
    source, path = _past_short_form(source, key, found.path, steps)
    source = assign(source, path, edit.value)
    if key.kind == "route" and steps in (("model",), ("split",)):
        other = (*found.path, "split" if steps == ("model",) else "model")
        if source.node(other) is not None:
            source = take_out(source, other)
    files.put(found.file, source)


def add_entity(files: Files, edit: AddEntity) -> None:
    """Put a new entity where those of its kind (and provider) are. Raises EditError when it is there already."""
    key = edit.key
    if find(files, key) is not None:
        raise EditError(f"{key} is already there; set its fields instead")
    if key.kind == "access":
        _put_person(files, key.name, _role(edit.fields.get("role", edit.fields.get(VALUE_FIELD))))
        return
    fields = _nested(key, edit.fields)
    file = home_of(files, key)
    source = files.source(file)
    path = container_path(key)
    if key.kind in ("price", "rate"):
        date = split_dated(key.name)[1]
        entry = {"effective": date, **{name: value for name, value in fields.items() if name != "effective"}}
        files.put(file, put_dated(source, path, entry))
    elif key.kind == "provider":
        for name, value in fields.items():
            source = assign(source, (name,), value)
        files.put(file, source)
    else:
        files.put(file, assign(source, path, fields))


def remove_entity(files: Files, edit: RemoveEntity) -> None:
    """Take an entity out; the list of a model's last price goes with it."""
    found = require(files, edit.key)
    source = files.source(found.file)
    if edit.key.kind == "provider":
        if source.value.get("models"):
            raise EditError(f"{edit.key} still has models in {source.file}; remove them first")
        files.put(found.file, None)
        return
    path = found.path
    if edit.key.kind in ("price", "rate") and len(part_at(source, path[:-1])) == 1:
        path = path[:-1]
    files.put(found.file, take_out(source, path))


def copy_in_force(files: Files, key: Key, effective: datetime, now: datetime) -> Key:
    """Make sure that a price without a date in its key has an entry from `effective` on; returns the key with the date.

    A missing entry is a copy of the one in force at `now`, its numbers spelled as they were, without what was said
    about the old one only: its accepted warnings and its comments. Raises EditError when no entry is in force.
    """
    dated = Key(key.kind, f"{key.name}@{moment_text(effective)}")
    if find(files, dated) is not None:
        return dated
    path = container_path(key)
    for file in paths_of(files, key):
        source = files.source(file)
        entries = part_at(source, path)
        in_force = _in_force(entries, now)
        if in_force is None:
            continue
        node = source.node((*path, in_force))
        assert node is not None  # noqa: S101 - the entry was just read there
        entry = {**written_value(source, node), "effective": moment_text(effective)}
        entry.pop("accept", None)
        files.put(file, put_dated(source, path, type(written_value(source, node))(entry)))
        return dated
    raise EditError(f"{key} has no entry in force to start from; name one as {key}@YYYY-MM-DD, or add one")


def put_dated(source: Source, path: Path, entry: Mapping[str, Any]) -> Source:
    """Put a dated entry into its list, where the order of dates wants it."""
    entries = part_at(source, path)
    if not isinstance(entries, list) or not entries:
        return assign(source, path, [entry if isinstance(entry, FlowMapping) else BlockMapping(entry)])
    moment = moment_of(entry["effective"])
    moments = [effective_of(other) for other in entries]
    known = [other for other in moments if other is not None]
    index = len(entries)
    if moment is not None and len(known) == len(moments):
        newest_first = len(known) > 1 and known == sorted(known, reverse=True)
        later = [other < moment if newest_first else other > moment for other in known]
        index = later.index(True) if True in later else len(entries)
    return put_item(source, path, index, entry)


def _in_force(entries: object, now: datetime) -> int | None:
    if not isinstance(entries, list):
        return None
    dated = [(moment, index) for index, moment in enumerate(map(effective_of, entries)) if moment and moment <= now]
    return max(dated)[1] if dated else None


def _steps(key: Key, field: str) -> Path:
    steps = parse_field(field)
    if key.kind in SINGLE_VALUES and steps == (VALUE_FIELD,):
        return ("model",) if key.kind == "route" else ()
    return steps


def _unset(source: Source, path: Path, steps: Path, key: Key) -> Source:
    if steps and source.node((*path, *steps)) is None:
        return source
    if not steps and source.node(path) is None:
        return source
    if key.kind == "route" and not isinstance(part_at(source, path), dict):
        raise EditError(f"{key} is only a model; give it another one or remove the route")
    return take_out(source, (*path, *steps))


def _past_short_form(source: Source, key: Key, path: Path, steps: Path) -> tuple[Source, Path]:
    """Where a field stands when its place is written in the short form: `task: model`, `margin: 2.8`.

    A field beside the short form's own turns it into the long form first.
    """
    for depth in range(len(steps) + 1):
        name = _short_name(key, steps[:depth])
        rest = steps[depth:]
        place = (*path, *steps[:depth])
        node = source.node(place)
        current = part_at(source, place)
        if name is None or not rest or not isinstance(current, str) or node is None:
            continue
        if rest == (name,):
            return source, place
        return assign(source, place, {name: written_value(source, node)}), (*path, *steps)
    return source, (*path, *steps)


def _short_name(key: Key, steps: Path) -> str | None:
    if key.kind == "route" and not steps:
        return "model"
    return "default" if key.kind == "price" and steps == ("margin",) else None


def _nested(key: Key, fields: Mapping[str, Value]) -> Any:
    """Dotted fields as nested mappings; the single value of kinds that are one."""
    whole = fields.get(VALUE_FIELD) if key.kind in SINGLE_VALUES else None
    if whole is not None:
        if len(fields) > 1:
            raise EditError(f"{key} is given a value and fields; give one of them")
        return whole
    if key.kind in ("run_unit", "reasoning"):
        raise EditError(f"{key} needs a value, such as {key}=1.5")
    result: dict[str | int, Any] = {}
    for name, value in fields.items():
        if value is None:
            continue
        *parents, last = parse_field(name)
        place = result
        for step in parents:
            place = place.setdefault(step, {})
        place[last] = value
    if key.kind == "route" and set(result) == {"model"}:
        return result["model"]
    return _listed(result)


def _listed(value: Any) -> Any:
    """Mappings whose keys are 0, 1, 2 … as lists."""
    if not isinstance(value, dict):
        return value
    children = {step: _listed(child) for step, child in value.items()}
    if children and list(children) == list(range(len(children))):
        return list(children.values())
    # A mapping's own class says how it is written.
    return type(value)({str(step): child for step, child in children.items()})


def _set_role(files: Files, edit: SetField) -> None:
    if edit.field not in ("role", VALUE_FIELD):
        raise EditError(f"{edit.key} has no field '{edit.field}'; it has a role")
    role = _role(edit.value)
    found = require(files, edit.key)
    if found.path[0] == role:
        return
    source = files.source(found.file)
    person = part_at(source, found.path)
    files.put(found.file, take_out(source, found.path))
    _put_person(files, person, role)


def _put_person(files: Files, person: str, role: str) -> None:
    file = home_of(files, Key("access", person))
    source = files.source(file)
    people = part_at(source, (role,))
    if isinstance(people, list):
        files.put(file, put_item(source, (role,), len(people), person))
    else:
        files.put(file, assign(source, (role,), [person]))


def _role(value: Value) -> str:
    if isinstance(value, str) and value in ROLES:
        return ROLES[value]
    if isinstance(value, str) and value in ROLES.values():
        return value
    raise EditError(f"'{value}' is not a role; it is one of {', '.join(ROLES)}")


__all__ = [
    "add_entity",
    "copy_in_force",
    "dated_index",
    "put_dated",
    "remove_entity",
    "set_field",
]
