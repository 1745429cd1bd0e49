"""The text of a file without one entry of a mapping or one item of a sequence."""

from __future__ import annotations

from yaml.nodes import MappingNode, SequenceNode

from schema.places import Path, Source
from sync.edit.geometry import content_end, is_block, is_indent, item_ends, line_end, line_start, next_line
from sync.edit.replace import dash_position, replace_node
from sync.edit.values import FlowMapping, FlowSequence
from sync.errors import EditError


def remove_part(source: Source, path: Path) -> str:
    """Take out the entry or item that `path` ends with, and the comment that stands right above it."""
    parent = source.node(path[:-1])
    if not isinstance(parent, MappingNode | SequenceNode):
        raise EditError(f"{source.file}: there is nothing to remove")
    if len(parent.value) == 1:
        if len(path) == 1:
            raise EditError(f"{source.file}: the only entry of a file cannot be removed; delete the file")
        empty = FlowMapping() if isinstance(parent, MappingNode) else FlowSequence()
        return replace_node(source, path[:-1], empty)
    starts, ends = _entries(source, parent)
    index = _index(parent, path)
    if not is_block(parent):
        return _without_flow_entry(source.text, starts, ends, index)
    start = starts[index]
    begin = line_start(source.text, start)
    if not is_indent(source.text, begin, start):
        if index + 1 == len(starts):
            raise EditError(f"{source.file}: the last entry on a line cannot be removed; do it by hand")
        return source.text[:start] + source.text[starts[index + 1] :]
    return _without_lines(source.text, begin, next_line(source.text, line_end(source.text, ends[index])), start - begin)


def _entries(source: Source, parent: MappingNode | SequenceNode) -> tuple[list[int], list[int]]:
    if isinstance(parent, MappingNode):
        starts = [_key_start(source.text, int(key.start_mark.index)) for key, _ in parent.value]
        ends, last = [], 0
        for key, child in parent.value:
            last = content_end(source, child, max(key.end_mark.index, last))
            ends.append(last)
        return starts, ends
    ends = item_ends(source, parent)
    if is_block(parent):
        return [dash_position(source, parent, index) for index in range(len(ends))], ends
    return [int(child.start_mark.index) for child in parent.value], ends


def _key_start(text: str, start: int) -> int:
    """Where an entry starts: at its key, or at the question mark of `? key`."""
    before = text[line_start(text, start) : start]
    return start - len(before) + before.index("?") if before.strip() == "?" else start


def _index(parent: MappingNode | SequenceNode, path: Path) -> int:
    step = path[-1]
    if isinstance(parent, SequenceNode):
        return int(step)
    return next(index for index, (key, _) in enumerate(parent.value) if key.value == step)


def _without_flow_entry(text: str, starts: list[int], ends: list[int], index: int) -> str:
    if index:
        return text[: ends[index - 1]] + text[ends[index] :]
    return text[: starts[0]] + text[starts[1] if len(starts) > 1 else ends[0] :]


def _without_lines(text: str, begin: int, end: int, column: int) -> str:
    begin = _with_comment_above(text, begin, column)
    blank_above = begin > 0 and not text[line_start(text, _break_before(text, begin)) : begin].strip()
    blank_below = end >= len(text) or not text[end : line_end(text, end)].strip()
    if blank_above and blank_below:
        begin = line_start(text, _break_before(text, begin))
    if end >= len(text) and not text.endswith(("\n", "\r")):
        begin = _break_before(text, begin)
    return text[:begin] + text[end:]


def _with_comment_above(text: str, begin: int, column: int) -> int:
    """The start of the comment lines that stand right above a line, at its column. A file's first lines stay."""
    top = begin
    while top > 0:
        start = line_start(text, _break_before(text, top))
        line = text[start:top]
        if not line.startswith(" " * column + "#"):
            return top
        top = start
    return begin


def _break_before(text: str, position: int) -> int:
    """Where the line break begins that ends right before a position."""
    if text[:position].endswith("\r\n"):
        return position - 2
    return max(position - 1, 0)
