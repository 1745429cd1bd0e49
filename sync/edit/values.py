"""What an edit may write: values as data whose leaves are text.

A value is text (None is null), a mapping or a sequence of values. Leaves that must be written in a certain way say so
by their class; a plain `str` is written in the simplest form that reads back as the same text.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from schema.places import Source
from sync.edit.geometry import is_null

Value = str | None | Mapping[str, Any] | Sequence[Any]
"""Text, null, or a mapping or sequence of values."""


class Quoted(str):
    """Text that is written in quotes even where it need not be, so that `"100"` stays text."""


class Written(str):
    """Text that already stands in a file, with the characters it is written with (`raw`)."""

    raw: str

    def __new__(cls, text: str, raw: str) -> Written:
        """Text and how it is spelled."""
        made = super().__new__(cls, text)
        made.raw = raw
        return made


class FlowMapping(dict[str, Any]):
    """A mapping that is written `{in: braces}`."""


class BlockMapping(dict[str, Any]):
    """A mapping that is written with a line for each key, however small."""


class FlowSequence(list[Any]):
    """A sequence that is written `[in, brackets]`."""


def is_mapping(value: object) -> bool:
    """Whether the value is a mapping."""
    return isinstance(value, Mapping)


def is_sequence(value: object) -> bool:
    """Whether the value is a sequence and not text."""
    return isinstance(value, Sequence) and not isinstance(value, str)


def plain(value: Value) -> Any:
    """The value as `Source.value` would hold it after reading: dicts, lists, text and None."""
    if value is None:
        return None
    if isinstance(value, str):
        return str(value)
    if isinstance(value, Mapping):
        return {str(key): plain(child) for key, child in value.items()}
    return [plain(child) for child in value]


def written_value(source: Source, node: Node) -> Any:
    """The part of a document at `node`, its leaves spelled as they are, its comments left out."""
    if isinstance(node, ScalarNode):
        raw = source.text[node.start_mark.index : node.end_mark.index]
        if is_null(node):
            return None
        if "\n" in raw or "\r" in raw or raw[:1] in "|>&!*":
            return str(node.value)
        return Written(node.value, raw)
    if isinstance(node, SequenceNode):
        items = [written_value(source, child) for child in node.value]
        return FlowSequence(items) if node.flow_style else items
    assert isinstance(node, MappingNode)  # noqa: S101 - libyaml makes three kinds of nodes
    entries = {key.value: written_value(source, child) for key, child in node.value}
    return FlowMapping(entries) if node.flow_style else entries
