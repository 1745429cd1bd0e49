"""How a text is written as one YAML scalar, so that it reads back as exactly that text."""

from __future__ import annotations

import re

from yaml.nodes import MappingNode, ScalarNode, SequenceNode

from schema.places import read_source
from sync.edit.values import Quoted, Value, Written, written_value
from sync.errors import EditError

_UNPRINTABLE = re.compile("[^\t\n\x20-\x7e\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]|[\u2028\u2029]")
_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
_HAZARDS = re.compile(r"[\t\n]|: | #|^[\s\-?:,\[\]{}#&*!|>'\"%@`=<]|[\s:]$")
_FLOW_HAZARDS = re.compile(r"[,\[\]{}:]")
_BLOCK_HEADER = re.compile(r"[|>](?:[+-]?\d?[+-]?)[ \t]*(#[^\r\n]*)?")


def write_scalar(text: str, *, style: str | None = None, flow: bool = False) -> str:
    """The text as a scalar on one line.

    `style` is the quote that the place has had (it is kept), `flow` says that it stands inside braces or brackets.
    """
    _refuse_surrogates(text)
    if isinstance(text, Written) and not (flow and text.raw[:1] not in "'\"" and _FLOW_HAZARDS.search(text.raw)):
        return text.raw
    if isinstance(text, Quoted) and style not in ("'", '"'):
        style = '"'
    simple = not _UNPRINTABLE.search(text)
    if style == "'" and simple and "\n" not in text:
        return "'" + text.replace("'", "''") + "'"
    if style != '"' and style != "'" and simple and _plain_reads_back(text, flow=flow):
        return text
    return '"' + "".join(map(_escaped, text)) + '"'


def write_literal(text: str, indent: int, newline: str, comment: str = "") -> str | None:
    """The text as a literal block (`|`) whose lines stand at column `indent`, or None when a block cannot hold it."""
    lines = text.split("\n")
    body, ending = (lines[:-1], "") if lines[-1] == "" else (lines, "-")
    blank_ends = not body or not body[0].strip() or not body[-1].strip()
    if blank_ends or body[0].startswith((" ", "\t")) or _UNPRINTABLE.search(text):
        return None
    pad = " " * indent
    return newline.join([f"|{ending}{comment}", *(pad + line if line else "" for line in body)])


def block_comment(raw: str) -> str:
    """The comment on the first line of a block scalar, with a space before it; empty when there is none."""
    match = _BLOCK_HEADER.match(raw)
    return f"  {match[1]}" if match and match[1] else ""


def parse_scalar(text: str) -> str:
    """One YAML scalar as the command line gets it: quotes are taken off and remembered, anything else is the text."""
    stripped = text.strip()
    if stripped[:1] in ("'", '"') and len(stripped) > 1:
        node = read_source("value", stripped).root
        if isinstance(node, ScalarNode) and node.style == stripped[0]:
            return Quoted(node.value)
    return stripped


def parse_value(text: str) -> Value:
    """A scalar, or a flow collection such as `[a, b]` or `{input: 0.80}` as lists and dicts."""
    stripped = text.strip()
    if stripped[:1] in ("[", "{") and stripped[-1:] in ("]", "}"):
        source = read_source("value", stripped)
        if source.findings:
            raise EditError(f"'{stripped}' is not a value: {source.findings[0].message}")
        if isinstance(source.root, MappingNode | SequenceNode):
            value: Value = written_value(source, source.root)
            return value
    return parse_scalar(text)


def _plain_reads_back(text: str, *, flow: bool) -> bool:
    if _HAZARDS.search(text) or (flow and _FLOW_HAZARDS.search(text)):
        # A leading '-', '?' or ':' is harmless before a letter or digit (as in a negative number), and so on: ask.
        return not _needs_quotes(text) and _parsed(text, flow=flow)
    return _parsed(text, flow=flow)


def _needs_quotes(text: str) -> bool:
    return not text or text != text.strip() or "\n" in text or "\t" in text or text[0] in "=<%@`#&*!|>'\"[]{},"


def _parsed(text: str, *, flow: bool) -> bool:
    source = read_source("value", f"k: [{text}]\n" if flow else f"k: {text}\n")
    node = source.node(("k", 0) if flow else ("k",))
    if source.findings or not isinstance(node, ScalarNode) or node.style or node.value != text:
        return False
    parent = source.node(("k",))
    alone = not flow or (isinstance(parent, SequenceNode) and len(parent.value) == 1)
    return alone and source.value["k"] == ([text] if flow else text)


def _escaped(character: str) -> str:
    if character in _ESCAPES:
        return _ESCAPES[character]
    if not _UNPRINTABLE.match(character):
        return character
    number = ord(character)
    if number < 0x100:
        return f"\\x{number:02X}"
    return f"\\u{number:04X}" if number < 0x10000 else f"\\U{number:08X}"


def _refuse_surrogates(text: str) -> None:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise EditError(f"character {error.start + 1} of a value cannot be written as UTF-8") from None
