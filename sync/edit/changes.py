"""One change of one file's text: replace a value, put one in, take one out, rename a key.

Each function takes a parsed file and returns the parsed result, after checking that it says exactly what was wanted:
the old value with this change and nothing else. All raise EditError when the text does not allow the change.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any

from yaml.nodes import MappingNode, ScalarNode

from schema.places import Path, Source, read_source
from sync.edit import insert, remove, replace
from sync.edit.geometry import is_block, is_null, refuse_anchors, refuse_sign
from sync.edit.scalars import write_scalar
from sync.edit.values import Value, is_mapping, is_sequence, plain
from sync.errors import EditError


def assign(source: Source, path: Path, value: Value) -> Source:
    """Set the value at `path`; mappings on the way that are missing are made."""
    refuse_anchors(source, path)
    depth = len(path)
    while depth and source.node(path[:depth]) is None:
        depth -= 1
    if depth == len(path):
        return _change(source, path, value)
    step, rest = path[depth], path[depth + 1 :]
    nested: Any = value
    for missing in reversed(rest):
        if isinstance(missing, int):
            raise EditError(f"{source.file}: there is no item {missing} in '{_dotted(path)}'")
        nested = {missing: nested}
    return _put(source, path[:depth], step, nested)


def put_item(source: Source, path: Path, index: int, value: Value) -> Source:
    """Put an item into the sequence at `path`, before the item that now has this index."""
    refuse_anchors(source, path)
    wanted = copy.deepcopy(source.value)
    items = _part(wanted, path)
    if items is None:
        return _verified(source, replace.replace_node(source, path, [value]), _with(wanted, path, [plain(value)]))
    items.insert(index, plain(value))
    return _verified(source, insert.insert_item(source, path, index, value), wanted)


def take_out(source: Source, path: Path) -> Source:
    """Remove the entry or item at `path`; its comment goes with it. A container that becomes empty stays as `{}`."""
    refuse_anchors(source, path)
    if source.node(path) is None:
        raise EditError(f"{source.file}: there is no '{_dotted(path)}'")
    wanted = copy.deepcopy(source.value)
    del _part(wanted, path[:-1])[path[-1]]
    return _verified(source, remove.remove_part(source, path), wanted)


def rename_key(source: Source, path: Path, name: str) -> Source:
    """Give the key that `path` ends with another name; its quotes, its value and its place stay."""
    refuse_anchors(source, path[:-1])
    parent, key = source.node(path[:-1]), source.key_node(path)
    if not isinstance(parent, MappingNode) or not isinstance(key, ScalarNode):
        raise EditError(f"{source.file}: there is no '{_dotted(path)}'")
    entries = _part(source.value, path[:-1])
    if name in entries:
        raise EditError(f"{source.place((*path[:-1], name), key=True)}: '{name}' is already there")
    refuse_sign(source, key, int(parent.start_mark.index))
    start, end = int(key.start_mark.index), int(key.end_mark.index)
    written = write_scalar(name, style=key.style, flow=not is_block(parent))
    renamed = {name if step == path[-1] else step: child for step, child in entries.items()}
    wanted = _with(copy.deepcopy(source.value), path[:-1], renamed)
    return _verified(source, source.text[:start] + written + source.text[end:], wanted)


def _change(source: Source, path: Path, value: Value) -> Source:
    current = _part(source.value, path)
    if current == plain(value):
        return source
    if isinstance(current, dict) and isinstance(value, Mapping) and current and value:
        for key, child in value.items():
            source = assign(source, (*path, key), child)
        for key in [key for key in current if key not in value]:
            source = take_out(source, (*path, key))
        return source
    if isinstance(current, list) and is_sequence(value) and current and value:
        return _change_items(source, path, current, list(value))
    wanted = _with(copy.deepcopy(source.value), path, plain(value))
    return _verified(source, replace.replace_node(source, path, value), wanted)


def _change_items(source: Source, path: Path, current: list[Any], value: Sequence[Any]) -> Source:
    """Keep the items that both begin and end with; change, remove or insert those between."""
    new = [plain(item) for item in value]
    head = 0
    while head < min(len(current), len(new)) and current[head] == new[head]:
        head += 1
    tail = 0
    while tail < min(len(current), len(new)) - head and current[-1 - tail] == new[-1 - tail]:
        tail += 1
    old_middle, new_middle = len(current) - head - tail, len(new) - head - tail
    for index in range(head, head + min(old_middle, new_middle)):
        source = assign(source, (*path, index), value[index])
    for index in range(head + old_middle - 1, head + new_middle - 1, -1):
        source = take_out(source, (*path, index))
    for index in range(head + old_middle, head + new_middle):
        source = put_item(source, path, index, value[index])
    return source


def _put(source: Source, path: Path, step: str | int, value: Value) -> Source:
    node = source.node(path)
    current = _part(source.value, path)
    if isinstance(step, int):
        if not isinstance(current, list) or step != len(current):
            raise EditError(f"{source.file}: there is no item {step} in '{_dotted(path)}'")
        return put_item(source, path, step, value)
    if node is not None and not is_null(node) and not is_mapping(current):
        raise EditError(f"{source.place(path)}: '{_dotted(path)}' is not a mapping, so it cannot hold '{step}'")
    if node is None:
        return _verified(source, insert.insert_document(source, {step: value}), {step: plain(value)})
    wanted = copy.deepcopy(source.value)
    if current is None:
        wanted = _with(wanted, path, {step: plain(value)})
        return _verified(source, replace.replace_node(source, path, {step: value}), wanted)
    _part(wanted, path)[step] = plain(value)
    return _verified(source, insert.insert_key(source, path, step, value), wanted)


def _verified(source: Source, text: str, wanted: Any) -> Source:
    result = read_source(source.file, text)
    if result.findings or result.value != wanted:
        raise EditError(
            f"{source.file}: this edit cannot be written into the text without touching something else; make it by hand"
        )
    return result


def _part(value: Any, path: Path) -> Any:
    for step in path:
        value = value[step]
    return value


def _with(value: Any, path: Path, part: Any) -> Any:
    if not path:
        return part
    _part(value, path[:-1])[path[-1]] = part
    return value


def _dotted(path: Path) -> str:
    return ".".join(str(step) for step in path)
