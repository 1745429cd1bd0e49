"""The text of a file with a new entry of a mapping or a new item of a sequence."""

from __future__ import annotations

from collections.abc import Mapping

from yaml.nodes import MappingNode, Node, SequenceNode

from schema.places import Path, Source
from sync.edit.geometry import (
    Layout,
    blanks_between_entries,
    content_end,
    first_column,
    is_block,
    is_indent,
    item_ends,
    layout_of,
    line_end,
    line_start,
)
from sync.edit.replace import dash_position, replace_node
from sync.edit.values import BlockMapping, FlowMapping, Value
from sync.edit.writing import block_lines, entry_lines, flow_entry, inline, item_lines
from sync.errors import EditError


def insert_key(source: Source, path: Path, key: str, value: Value) -> str:
    """Put `key: value` behind the last entry of the mapping at `path`."""
    node = source.node(path)
    if not isinstance(node, MappingNode):
        raise EditError(f"{source.file}: '{key}' cannot be put where there is no mapping")
    if node.flow_style:
        if not node.value and (inline(value) is None or isinstance(value, dict)) and path:
            return replace_node(source, path, {key: value})
        return _insert_into_flow(source, node, len(node.value), flow_entry(key, value))
    layout = layout_of(source)
    lines = entry_lines(key, value, first_column(node), layout)
    return _insert_lines(source, node, content_end(source, node, 0), lines, layout)


def insert_item(source: Source, path: Path, index: int, value: Value) -> str:
    """Put an item into the sequence at `path`, before the item that now has this index."""
    node = source.node(path)
    if not isinstance(node, SequenceNode):
        raise EditError(f"{source.file}: there is no list to put an item into")
    if node.flow_style:
        if not node.value and inline(value) is None:
            return replace_node(source, path, [value])
        return _insert_into_flow(source, node, index, str(inline(value, flow=True)))
    layout = layout_of(source)
    lines = item_lines(_like_siblings(node, value), first_column(node), layout)
    if index == 0:
        dash = dash_position(source, node, 0)
        start = line_start(source.text, dash)
        if not is_indent(source.text, start, dash):
            raise EditError(f"{source.file}: a list inside a list cannot get a new first item; write it by hand")
        block = "".join(line + layout.newline for line in lines)
        return source.text[:start] + block + source.text[start:]
    return _insert_lines(source, node, item_ends(source, node)[index - 1], lines, layout)


def _like_siblings(node: SequenceNode, value: Value) -> Value:
    """A mapping in the style in which all mappings of the list are written, if they agree."""
    siblings = [child for child in node.value if isinstance(child, MappingNode)]
    if not isinstance(value, Mapping) or isinstance(value, FlowMapping) or not siblings:
        return value
    if all(is_block(child) for child in siblings):
        return BlockMapping(value)
    return value if any(is_block(child) for child in siblings) else FlowMapping(value)


def insert_document(source: Source, value: Value) -> str:
    """Lines for a file that has only comments, or nothing."""
    layout = layout_of(source)
    text = source.text
    start = text if not text or text.endswith(("\n", "\r")) else text + layout.newline
    return start + "".join(line + layout.newline for line in block_lines(value, 0, layout))


def _insert_lines(source: Source, node: Node, content: int, lines: list[str], layout: Layout) -> str:
    """Lines behind the line on which `content` ends; set apart by a blank line when the entries around are."""
    position = line_end(source.text, content)
    if blanks_between_entries(source, node):
        lines = ["", *lines]
    block = "".join(layout.newline + line for line in lines)
    return source.text[:position] + block + source.text[position:]


def _insert_into_flow(source: Source, node: MappingNode | SequenceNode, index: int, written: str) -> str:
    text = source.text
    children = [child for _, child in node.value] if isinstance(node, MappingNode) else node.value
    if not children:
        start, end = node.start_mark.index, node.end_mark.index
        return text[: start + 1] + written + text[end - 1 :]
    if index == 0:
        first = children[0].start_mark.index
        return text[:first] + written + ", " + text[first:]
    if isinstance(node, MappingNode):
        key, child = node.value[index - 1]
        position = content_end(source, child, key.end_mark.index)
        starts = [key.start_mark.index for key, _ in node.value]
    else:
        position = item_ends(source, node)[index - 1]
        starts = [child.start_mark.index for child in children]
    return text[:position] + "," + _gap(text, starts) + written + text[position:]


def _gap(text: str, starts: list[int]) -> str:
    """What stands between the last two entries: a space, or a new line when each has its own."""
    if len(starts) > 1:
        begin = line_start(text, starts[-1])
        if begin > starts[-2] and is_indent(text, begin, starts[-1]):
            newline = "\r\n" if text[begin - 2 : begin] == "\r\n" else "\n"
            return newline + text[begin : starts[-1]]
    return " "
