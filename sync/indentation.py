"""Two-space indentation of YAML, line by line, without a change of what it says.

Lines that begin with a key or a dash stand by their depth; comments go with the line they belong to; the further lines
of a value move with it.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass, field
from itertools import accumulate

from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from schema.places import Source
from sync.edit.geometry import content_end, is_block, is_indent, item_ends, line_start
from sync.edit.replace import dash_position
from sync.errors import EditError

STEP = 2
Replacement = tuple[int, int, str]


@dataclass(slots=True)
class _Lines:
    """What each line begins with: by line, its old and its new column."""

    starts: list[int]
    """Where the lines begin."""
    structure: dict[int, tuple[int, int]] = field(default_factory=dict)
    """Lines that begin with a key or dash."""
    shifted: dict[int, int] = field(default_factory=dict)
    """Further lines of a value: how far they move."""
    placed: dict[int, int] = field(default_factory=dict)
    """Further lines of a value: their new column."""
    verbatim: set[int] = field(default_factory=set)
    """Lines of block scalars, whose trailing blanks are content."""
    gaps: list[Replacement] = field(default_factory=list)
    """Blanks between a dash and its item."""

    def line_of(self, position: int) -> int:
        """The line (from 0) of a position."""
        return bisect_right(self.starts, position) - 1


def indentation(source: Source) -> list[Replacement]:
    """The replacements, in order, that put a file (with line ends `\\n`) into two-space indentation.

    Raises EditError for `? key`, which has no canonical form here.
    """
    if source.root is None:
        return []
    lines = source.text.split("\n")
    found = _Lines(list(accumulate((len(line) + 1 for line in lines[:-1]), initial=0)))
    _walk(source, source.root, 0, found)
    structure = sorted(found.structure)
    replacements: list[Replacement] = list(found.gaps)
    for number, (begin, line) in enumerate(zip(found.starts, lines, strict=True)):
        old = len(line) - len(line.lstrip(" "))
        new = _new_column(line, number, old, found, structure)
        if new is not None and new != old:
            replacements.append((begin, begin + old, " " * new))
    return sorted(replacements)


def _walk(source: Source, node: Node, column: int, found: _Lines) -> None:
    if isinstance(node, MappingNode):
        for key, child in node.value:
            _begin(source, key.start_mark.index, column, found)
            if child.start_mark.index >= key.end_mark.index:
                _value(source, child, column, key.start_mark.column, key.end_mark.index, found)
    elif isinstance(node, SequenceNode):
        ends = [node.start_mark.index, *item_ends(source, node)]
        for index, child in enumerate(node.value):
            dash = dash_position(source, node, index)
            _begin(source, dash, column, found)
            if child.start_mark.index < dash:
                continue
            gap = source.text[dash + 1 : child.start_mark.index]
            if gap and not gap.strip(" ") and child.start_mark.index != child.end_mark.index and gap != " ":
                found.gaps.append((dash + 1, child.start_mark.index, " "))
            _value(source, child, column, dash - line_start(source.text, dash), ends[index], found)


def _begin(source: Source, position: int, column: int, found: _Lines) -> None:
    start = line_start(source.text, position)
    before = source.text[start:position]
    if not before.strip(" "):
        found.structure[found.line_of(position)] = (len(before), column)
    elif "?" in before and before.strip(" -") == "?":
        line = found.line_of(position) + 1
        raise EditError(f"{source.file}:{line}: `? key` has no canonical form; write `key:`")


def _value(source: Source, node: Node, column: int, old_column: int, after: int, found: _Lines) -> None:
    """The value behind a key or dash that stands at `old_column` and moves to `column`."""
    if is_block(node):
        _walk(source, node, column + STEP, found)
        return
    text = source.text
    first = found.line_of(node.start_mark.index)
    last = found.line_of(content_end(source, node, after))
    if isinstance(node, ScalarNode) and node.style in ("|", ">"):
        last = max(last, found.line_of(max(node.end_mark.index - 1, 0)))
        _block_scalar(text, first, last, column, old_column, found)
        return
    for number in range(first + 1, last + 1):
        if isinstance(node, ScalarNode):
            found.placed[number] = column + STEP
        else:
            found.shifted[number] = column - old_column
    start = int(node.start_mark.index)
    alone = first > found.line_of(after) and is_indent(text, found.starts[first], start)
    if isinstance(node, ScalarNode) and alone and start != node.end_mark.index:
        found.placed[first] = column + STEP


def _block_scalar(text: str, first: int, last: int, column: int, old_column: int, found: _Lines) -> None:
    lines = text.split("\n")
    header = lines[first].partition("#")[0].rstrip()
    body = range(first + 1, min(last, len(lines) - 1) + 1)
    indents = [len(lines[number]) - len(lines[number].lstrip(" ")) for number in body if lines[number].strip()]
    shift = column - old_column if header[-1:].isdigit() or header[-2:-1].isdigit() else 0
    if indents and not (header[-1:].isdigit() or header[-2:-1].isdigit()):
        shift = column + STEP - indents[0]
    for number in body:
        found.verbatim.add(number)
        found.shifted[number] = shift


def _new_column(line: str, number: int, old: int, found: _Lines, structure: list[int]) -> int | None:
    if number in found.verbatim:
        return max(0, old + found.shifted[number]) if line.strip() or old + found.shifted[number] > 0 else 0
    if not line.strip():
        return None
    if number in found.structure:
        return found.structure[number][1]
    if number in found.placed:
        return found.placed[number]
    if number in found.shifted:
        return max(0, old + found.shifted[number])
    return _comment_column(number, old, found, structure) if line.lstrip(" ").startswith("#") else None


def _comment_column(number: int, old: int, found: _Lines, structure: list[int]) -> int:
    """A comment stands with the next line when it did, else with the nearest line above at its column."""
    index = bisect_left(structure, number)
    following = found.structure[structure[index]] if index < len(structure) else None
    if following is not None and following[0] == old:
        return following[1]
    for above in reversed(structure[:index]):
        if found.structure[above][0] == old:
            return found.structure[above][1]
        if found.structure[above][0] == 0:
            break
    if following is not None and (old < following[0] or not index):
        return following[1]
    return found.structure[structure[index - 1]][1] if index and old else 0
