"""The text of a file with another value in the place of one."""

from __future__ import annotations

import re

from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from schema.places import Path, Source
from sync.edit.geometry import (
    Layout,
    content_end,
    first_column,
    is_block,
    item_ends,
    layout_of,
    line_end,
    line_start,
)
from sync.edit.scalars import block_comment, write_literal, write_scalar
from sync.edit.values import Value, is_sequence
from sync.edit.writing import block_lines, inline
from sync.errors import EditError

_MARKED_SEQUENCE = re.compile(r"(?:[&!]\S*[ \t]*)+(?:#[^\r\n]*)?[\r\n]+(?:[ \t]*(?:#[^\r\n]*)?[\r\n]+)*( *)-")
_COLON = re.compile(r"(?:[ \t\r\n]|#[^\r\n]*+)*+:")


def replace_node(source: Source, path: Path, value: Value) -> str:
    """Replace the whole value at `path`: a scalar's characters, or the lines of a collection."""
    node = source.node(path)
    if node is None:
        raise EditError(f"{source.file}: there is nothing to replace")
    if not path:
        return _replace_root(source, node, value)
    parent = source.node(path[:-1])
    layout = layout_of(source)
    flow = not is_block(parent)
    after, before = _surroundings(source, path)
    start, end = _span(source, node, after)
    written = inline(value, flow=flow, item=isinstance(parent, SequenceNode))
    if isinstance(node, ScalarNode) and isinstance(value, str):
        written = _scalar(source, path, node, value, layout, flow=flow)
    if written is None:
        return _as_block(source, path, value, layout, after, start, end)
    if is_block(node):
        return _collapsed(source, written, before, start, end)
    if flow and isinstance(parent, MappingNode) and start == end == after and source.text[start - 1] != ":":
        return source.text[:start] + ": " + written + source.text[end:]
    space = " " if written and start == before and source.text[start - 1 : start] in (":", "-") else ""
    if not written and not flow:
        start = before
    return source.text[:start] + space + written + source.text[end:]


def _surroundings(source: Source, path: Path) -> tuple[int, int]:
    """Where the search for the value's end begins, and the position right behind its colon or dash."""
    parent = source.node(path[:-1])
    if isinstance(parent, MappingNode):
        key = source.key_node(path)
        if key is None:
            raise EditError(f"{source.file}: there is nothing to replace")
        end = int(key.end_mark.index)
        return end, _behind_colon(source.text, end)
    if isinstance(parent, SequenceNode) and isinstance(path[-1], int):
        ends = [int(parent.start_mark.index), *item_ends(source, parent)]
        after = ends[path[-1]]
        return after, dash_position(source, parent, path[-1]) + 1 if is_block(parent) else after
    raise EditError(f"{source.file}: there is nothing to replace")


def _behind_colon(text: str, position: int) -> int:
    colon = _COLON.match(text, position)
    return colon.end() if colon else position


def dash_column(source: Source, sequence: SequenceNode) -> int:
    """The column of a block sequence's dashes; its node begins at its anchor or tag when it has one."""
    start = sequence.start_mark.index
    if source.text[start : start + 1] == "-":
        return int(sequence.start_mark.column)
    match = _MARKED_SEQUENCE.match(source.text, start)
    if match is None:
        raise EditError(f"{source.file}: cannot find the dashes of a list on line {sequence.start_mark.line + 1}")
    return len(match[1])


def dash_position(source: Source, sequence: SequenceNode, index: int) -> int:
    """Where the dash of an item of a block sequence stands. Raises EditError when it is not found."""
    column = dash_column(source, sequence)
    item = sequence.value[index]
    position = item.start_mark.index
    if index and position < sequence.value[index - 1].start_mark.index:
        position = item_ends(source, sequence)[index]
    while True:
        start = line_start(source.text, position)
        if source.text[start + column : start + column + 1] == "-" and start + column <= position:
            return start + column
        if start == 0 or start <= sequence.start_mark.index:
            raise EditError(f"{source.file}: cannot find the dash of item {index}")
        position = start - 1


def _span(source: Source, node: Node, after: int) -> tuple[int, int]:
    return int(node.start_mark.index), content_end(source, node, after)


def _scalar(source: Source, path: Path, node: ScalarNode, value: str, layout: Layout, *, flow: bool) -> str:
    raw = source.text[node.start_mark.index : node.end_mark.index]
    if node.style not in ("|", ">"):
        return write_scalar(value, style=node.style, flow=flow)
    comment = block_comment(raw)
    if node.style == "|" and "\n" in value:
        parent = source.node(path[:-1])
        column = first_column(parent) if parent is not None else 0
        literal = write_literal(value, column + layout.step, layout.newline, comment)
        if literal is not None:
            return literal
    return write_scalar(value, flow=flow) + comment


def _as_block(source: Source, path: Path, value: Value, layout: Layout, after: int, start: int, end: int) -> str:
    """A block in the place of a scalar or of braces: what stands behind on the line stays there."""
    text = source.text
    parent = source.node(path[:-1])
    column = first_column(parent) if parent is not None else 0
    if isinstance(parent, SequenceNode):
        gap = " " if text[start - 1 : start] == "-" else ""
        lines = block_lines(value, start + len(gap) - line_start(text, start), layout)
        lines[0] = gap + lines[0].lstrip(" ")
        return text[:start] + layout.newline.join(lines) + text[end:]
    lines = block_lines(value, column + (layout.dash if is_sequence(value) else layout.step), layout)
    colon = _behind_colon(text, after)
    stop = line_end(text, end)
    rest = text[end:stop]
    head = text[:colon] if is_empty(text[colon:start]) else text[:start].rstrip(" ")
    return head + rest.rstrip(" ") + layout.newline + layout.newline.join(lines) + text[stop:]


def is_empty(text: str) -> bool:
    """Whether the text is only spaces."""
    return not text.strip(" \t")


def _collapsed(source: Source, written: str, before: int, start: int, end: int) -> str:
    """One line in the place of a block; the comment behind the key stays, those inside the block go."""
    text = source.text
    stop = line_end(text, before)
    if start < stop:
        return text[:before] + " " + written + text[end:]
    return text[:before] + (" " + written if written else "") + text[before:stop] + text[line_end(text, end) :]


def _replace_root(source: Source, node: Node, value: Value) -> str:
    if is_block(node):
        raise EditError(f"{source.file}: the whole document cannot be replaced by an edit")
    layout = layout_of(source)
    lines = layout.newline.join(block_lines(value, 0, layout))
    return source.text[: node.start_mark.index] + lines + source.text[node.end_mark.index :]
