"""Where the parts of a document end and which lines they take.

Positions are indexes into the text. A YAML node's own end mark is not enough: that of a block collection lies behind
the comments that follow it, and an alias has the marks of its anchor.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise

from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from schema.places import Path, Source, scalar
from sync.errors import EditError

_ALIAS = re.compile(r"(?:[ \t\r\n:,\[-]|#[^\r\n]*+)*+\*[^\s,\]}]+")
_TRAILING_BLANKS = re.compile(r"(?:\r?\n|\r)[ \t\r\n]*\Z|[ \t]+\Z")
DEFAULT_STEP = 2


@dataclass(frozen=True, slots=True)
class Layout:
    """The habits of one file: line ends, indentation of a mapping in a mapping, of a dash under its key."""

    newline: str = "\n"
    step: int = DEFAULT_STEP
    dash: int = DEFAULT_STEP


def layout_of(source: Source) -> Layout:
    """The habits that the file shows, those of the first place that shows one."""
    newline = "\r\n" if "\r\n" in source.text else "\n"
    step = dash = None
    stack: list[Node] = [source.root] if source.root is not None else []
    while stack and (step is None or dash is None):
        node = stack.pop()
        if isinstance(node, SequenceNode):
            stack.extend(reversed(node.value))
        if not isinstance(node, MappingNode):
            continue
        for key, child in node.value:
            if is_block(node) and is_block(child) and child.start_mark.index > key.end_mark.index:
                offset = first_column(child) - key.start_mark.column
                if isinstance(child, MappingNode):
                    step = offset if step is None else step
                else:
                    dash = offset if dash is None else dash
        stack.extend(reversed([child for _, child in node.value]))
    step = DEFAULT_STEP if step is None or step < 1 else step
    return Layout(newline, step, DEFAULT_STEP if dash is None or dash < 0 else dash)


def is_block(node: Node | None) -> bool:
    """Whether the node is a mapping or sequence in block style."""
    return isinstance(node, MappingNode | SequenceNode) and not node.flow_style


def is_null(node: Node) -> bool:
    """Whether the node is a plain null."""
    return isinstance(node, ScalarNode) and not node.style and scalar(node.value) is None


def place_text(source: Source, node: Node) -> str:
    """`file:line:column` of a node."""
    return f"{source.file}:{node.start_mark.line + 1}:{node.start_mark.column + 1}"


def first_column(node: Node) -> int:
    """The column of a block collection's keys or dashes."""
    if isinstance(node, MappingNode) and node.value:
        return min(int(key.start_mark.column) for key, _ in node.value)
    return int(node.start_mark.column)


def content_end(source: Source, node: Node, after: int) -> int:
    """Where the content of a node ends; `after` is the end of its key or of the item before it (for aliases)."""
    text = source.text
    start, end = node.start_mark.index, node.end_mark.index
    if start < after:
        alias = _ALIAS.match(text, after)
        if alias is None:
            raise EditError(f"{place_text(source, node)}: cannot follow an alias (*) here; write its value out")
        return alias.end()
    if isinstance(node, ScalarNode):
        if node.style in ("|", ">"):
            return _block_end(text, start, end)
        return int(end)
    if not is_block(node):
        return int(end)
    last = int(start)
    if isinstance(node, SequenceNode):
        for child in node.value:
            last = content_end(source, child, last)
    elif isinstance(node, MappingNode):
        for key, child in node.value:
            last = content_end(source, child, max(key.end_mark.index, last))
    return last


def item_ends(source: Source, node: SequenceNode) -> list[int]:
    """Where the content of each item ends."""
    ends: list[int] = []
    last = node.start_mark.index + (1 if node.flow_style else 0)
    for child in node.value:
        last = content_end(source, child, last)
        ends.append(last)
    return ends


def _block_end(text: str, start: int, end: int) -> int:
    raw = text[start:end]
    header = raw.splitlines()[0] if raw else ""
    if "+" in header.partition("#")[0]:
        return start + len(raw[:-2] if raw.endswith("\r\n") else raw[:-1] if raw.endswith("\n") else raw)
    blanks = _TRAILING_BLANKS.search(raw)
    return start + (blanks.start() if blanks else len(raw))


def line_start(text: str, position: int) -> int:
    """The first position of the line of `position`."""
    return max(text.rfind("\n", 0, position), text.rfind("\r", 0, position)) + 1


def line_end(text: str, position: int) -> int:
    """The position of the line break (or the end of the text) that ends the line of `position`."""
    match = re.compile(r"[\r\n]").search(text, position)
    return match.start() if match else len(text)


def next_line(text: str, position: int) -> int:
    """The first position of the next line, or the end of the text."""
    end = line_end(text, position)
    return end + 2 if text.startswith("\r\n", end) else min(end + 1, len(text))


def is_indent(text: str, start: int, end: int) -> bool:
    """Whether only spaces stand between two positions."""
    return not text[start:end].strip(" ")


def refuse_anchors(source: Source, path: Path) -> None:
    """Refuse when an anchor, alias or tag stands on the way to `path`: a change there would be a change elsewhere too.

    Raises EditError.
    """
    node, before = source.root, 0
    steps = iter(path)
    while node is not None:
        refuse_sign(source, node, before)
        step = next(steps, None)
        if step is None:
            return
        before, node = _step(source, node, step)


def refuse_sign(source: Source, node: Node, before: int) -> None:
    """Refuse a node that has an anchor, an alias or a tag; `before` is where the node may begin at the earliest."""
    what = _sign(source, node, before)
    if what is not None:
        raise EditError(
            f"{place_text(source, node)}: {what} stands on the way to this value, so a change would reach further"
            " than it says; write the value out by hand first"
        )


def _sign(source: Source, node: Node, before: int) -> str | None:
    start = node.start_mark.index
    if start < before:
        return "an alias (*)"
    if start == node.end_mark.index:
        return None
    return {"&": "an anchor (&)", "*": "an alias (*)", "!": "a tag (!)"}.get(source.text[start])


def _step(source: Source, node: Node, step: str | int) -> tuple[int, Node | None]:
    if isinstance(node, MappingNode):
        return next(((key.end_mark.index, child) for key, child in node.value if key.value == step), (0, None))
    if isinstance(node, SequenceNode) and isinstance(step, int) and step < len(node.value):
        return [node.start_mark.index, *item_ends(source, node)][step], node.value[step]
    return 0, None


def blank_between(text: str, start: int, end: int) -> bool:
    """Whether a blank line stands between two positions."""
    lines = text[start:end].splitlines()
    return any(not line.strip() for line in lines[1:-1])


def blanks_between_entries(source: Source, node: Node) -> bool:
    """Whether the entries of a block collection are set apart by blank lines (more often than not)."""
    if isinstance(node, MappingNode):
        starts = [key.start_mark.index for key, _ in node.value]
        ends, last = [], 0
        for key, child in node.value:
            last = content_end(source, child, max(key.end_mark.index, last))
            ends.append(last)
    elif isinstance(node, SequenceNode):
        starts, ends = [child.start_mark.index for child in node.value], item_ends(source, node)
    else:
        return False
    gaps = [blank_between(source.text, end, start) for end, (_, start) in zip(ends, pairwise(starts), strict=False)]
    return bool(gaps) and sum(gaps) * 2 > len(gaps)
