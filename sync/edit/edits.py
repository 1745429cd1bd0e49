"""Edits as data, and how the command line spells them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from schema.keys import Key, parse_key
from schema.places import Path
from sync.edit.scalars import parse_value
from sync.edit.values import Value
from sync.errors import UsageError

VALUE_FIELD = "value"
"""The field of an entity that is a single value, such as a setting."""
SINGLE_VALUES = frozenset({"setting", "run_unit", "reasoning", "policy", "route", "access"})
"""Kinds whose value may follow the key without a field."""


@dataclass(frozen=True, slots=True)
class SetField:
    """Give a field another value; None takes the field out.

    `field` is a dotted path inside the entity (`per_million.input`, `above_input.0.from`, `features."a.b"`), `value` is
    text that is written as one YAML scalar, quoted when it must be, or a list or mapping of such texts.
    """

    key: Key
    field: str
    value: Value


@dataclass(frozen=True, slots=True)
class AddEntity:
    """A new entity with these fields, by dotted path."""

    key: Key
    fields: Mapping[str, Value] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RemoveEntity:
    """The entity goes from the configuration."""

    key: Key


@dataclass(frozen=True, slots=True)
class RenameEntity:
    """The entity gets another name, and what refers to it follows; a price or rate gets another date.

    `new_name` is a name as keys have it (`anthropic/claude-haiku-5`); of a price or rate the date alone will do.
    """

    key: Key
    new_name: str


@dataclass(frozen=True, slots=True)
class CopyEntry:
    """A price or rate has an entry of the date in its key: where there is none, a copy of the one in force."""

    key: Key


Edit = SetField | AddEntity | RemoveEntity | RenameEntity | CopyEntry

_STEP = re.compile(r'"((?:[^"\\]|\\.)*)"|([^."]+)')


def parse_field(text: str) -> Path:
    """A dotted path as steps; a step with dots is quoted, a whole number is an item of a list. Raises UsageError."""
    steps: list[str | int] = []
    position = 0
    while True:
        match = _STEP.match(text, position)
        if match is None:
            raise UsageError(f"'{text}' is not a field; write it as name, name.name or name.\"na.me\"")
        if match[1] is not None:
            steps.append(re.sub(r"\\(.)", r"\1", match[1]))
        else:
            steps.append(int(match[2]) if match[2].isascii() and match[2].isdigit() else match[2])
        position = match.end()
        if position == len(text):
            return tuple(steps)
        if text[position] != ".":
            raise UsageError(f"'{text}' is not a field; a point is missing after {text[:position]}")
        position += 1


def parse_set(text: str) -> SetField:
    """`KEY#dotted.field=VALUE`; the field may be left out where an entity is a single value. Raises UsageError."""
    kind = text.strip().partition(" ")[0]
    equals, hash_sign = text.find("="), text.find("#")
    if equals < 0:
        raise UsageError(f"'{text}' sets nothing; write KEY#FIELD=VALUE")
    if kind in SINGLE_VALUES and not 0 <= hash_sign < equals:
        return SetField(parse_key(text[:equals]), VALUE_FIELD, parse_value(text[equals + 1 :]))
    if hash_sign < 0:
        raise UsageError(f"'{text}' names no field; write KEY#FIELD=VALUE")
    name, value = _field_and_value(text, hash_sign + 1)
    return SetField(parse_key(text[:hash_sign]), name, parse_value(value))


def parse_unset(text: str) -> SetField:
    """`KEY#dotted.field`: the field that goes. Raises UsageError."""
    key, hash_sign, name = text.partition("#")
    if not hash_sign:
        raise UsageError(f"'{text}' names no field; write KEY#FIELD")
    parse_field(name)
    return SetField(parse_key(key), name, None)


def parse_rename(text: str) -> RenameEntity:
    """`KEY=NEW`: the entity and its new name. Raises UsageError."""
    key, equals, name = text.partition("=")
    if not equals or not name.strip():
        raise UsageError(f"'{text}' renames nothing; write KEY=NEW")
    return RenameEntity(parse_key(key), name.strip())


def _field_and_value(text: str, start: int) -> tuple[str, str]:
    quoted = False
    for position in range(start, len(text)):
        if text[position] == '"' and text[position - 1] != "\\":
            quoted = not quoted
        elif text[position] == "=" and not quoted:
            name = text[start:position].strip()
            parse_field(name)
            return name, text[position + 1 :]
    raise UsageError(f"'{text}' sets nothing; write KEY#FIELD=VALUE")
