"""Values as YAML lines in the habits of a file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sync.edit.geometry import Layout
from sync.edit.scalars import write_scalar
from sync.edit.values import BlockMapping, FlowMapping, FlowSequence, Value, is_mapping, is_sequence

MAX_FLOW_LENGTH = 100
MAX_FLOW_KEYS = 3


def inline(value: Value, *, flow: bool = False, item: bool = False) -> str | None:
    """The value on one line, or None when it is written as a block.

    Scalars, empty collections and lists of scalars stand on one line, and small mappings that are an item of a list.
    `flow` says that the line stands inside braces or brackets, where nothing can be a block.
    """
    if value is None:
        return "null" if flow else ""
    if isinstance(value, str):
        return write_scalar(value, flow=flow)
    if isinstance(value, BlockMapping) and value and not flow:
        return None
    scalars = all(child is None or isinstance(child, str) for child in _children(value))
    if is_mapping(value):
        small = item and scalars and len(value) <= MAX_FLOW_KEYS
        written = _flow(value) if flow or not value or small or isinstance(value, FlowMapping) else None
    else:
        written = _flow(value) if flow or scalars or isinstance(value, FlowSequence) else None
    forced = flow or isinstance(value, FlowMapping | FlowSequence)
    return None if written is None or (len(written) > MAX_FLOW_LENGTH and not forced) else written


def entry_lines(key: str, value: Value, column: int, layout: Layout) -> list[str]:
    """`key: value` as lines with their indentation, without line ends."""
    start = f"{' ' * column}{write_scalar(key)}:"
    written = inline(value)
    if written is not None:
        return [f"{start} {written}".rstrip(" ") if not written else f"{start} {written}"]
    child = column + (layout.dash if is_sequence(value) else layout.step)
    return [start, *block_lines(value, child, layout)]


def item_lines(value: Value, column: int, layout: Layout) -> list[str]:
    """`- value` as lines, the dash at `column`."""
    written = inline(value, item=True)
    pad = " " * column
    if written is not None:
        return [f"{pad}- {written}" if written else f"{pad}-"]
    first, *rest = block_lines(value, column + 2, layout)
    return [f"{pad}- {first[column + 2 :]}", *rest]


def block_lines(value: Value, column: int, layout: Layout) -> list[str]:
    """A mapping or sequence in block style, its keys or dashes at `column`."""
    lines: list[str] = []
    if isinstance(value, Mapping):
        for key, child in value.items():
            lines += entry_lines(key, child, column, layout)
    elif isinstance(value, Sequence):
        for child in value:
            lines += item_lines(child, column, layout)
    return lines


def flow_entry(key: str, value: Value) -> str:
    """`key: value` as it stands inside braces."""
    return f"{write_scalar(key, flow=True)}: {inline(value, flow=True)}"


def _flow(value: Mapping[str, Any] | Sequence[Any]) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(flow_entry(key, child) for key, child in value.items()) + "}"
    return "[" + ", ".join(str(inline(child, flow=True)) for child in value) + "]"


def _children(value: Mapping[str, Any] | Sequence[Any]) -> list[Any]:
    return list(value.values()) if isinstance(value, Mapping) else list(value)
