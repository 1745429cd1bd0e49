"""The changes of an apply as a table: a line for each field that differs. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sync.changes import Change
from sync.presenting import present

COLUMNS = ("Action", "What", "Field", "Before", "After")


def change_rows(changes: Sequence[Change]) -> list[dict[str, str]]:
    """Action, entity, field, before and after; values as they stand in the YAML."""
    rows = []
    for change in changes:
        before = dict(_fields("", present(change.kind, change.before)))
        after = dict(_fields("", present(change.kind, change.after)))
        for field in sorted(before.keys() | after.keys()):
            if before.get(field) != after.get(field):
                told = (change.action, change.key, field, before.get(field, ""), after.get(field, ""))
                rows.append(dict(zip(COLUMNS, told, strict=True)))
    return rows


def _fields(prefix: str, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        for name, part in value.items():
            yield from _fields(f"{prefix}.{name}" if prefix else str(name), part)
    elif isinstance(value, list) and any(isinstance(part, Mapping) for part in value):
        for index, part in enumerate(value):
            yield from _fields(f"{prefix}.{index}", part)
    elif isinstance(value, list):
        yield prefix, ", ".join(map(str, value))
    elif isinstance(value, bool):
        yield prefix, "true" if value else "false"
    elif value is not None:
        yield prefix, str(value)
