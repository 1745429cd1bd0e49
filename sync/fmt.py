"""The canonical form of a document: how `fmt` writes it and `fmt --check` wants it.

The line that names the JSON Schema comes first; two spaces a level, a list's dashes two spaces under their key; LF, no
tabs between values, no blanks at the ends of lines, one line end at the end. Comments, order, quotes and blank lines
stay, and the result must say what the text said before.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from yaml.nodes import MappingNode, ScalarNode, SequenceNode

from schema.catalogue import LinkedFile
from schema.documents import document_kind
from schema.findings import Finding
from schema.places import Source, read_source
from sync.edit.homes import schema_reference
from sync.edit.locate import BYTE_ORDER_MARK
from sync.errors import EditError
from sync.indentation import Replacement, indentation

_SCHEMA_LINE = re.compile(r"^[ \t]*#[ \t]*yaml-language-server:[ \t]*(\$schema=\S+)[ \t]*$", re.MULTILINE)
_TABBED = re.compile(r"[ \t]*\t[ \t]*")
_ENDING = re.compile(r"[ \t]+$", re.MULTILINE)
_MAX_NAMED_LINES = 3


@dataclass(frozen=True, slots=True)
class Deviation:
    """One way in which a file is not canonical, with the lines (from 1) where it shows; none when it is the file's."""

    what: str
    lines: tuple[int, ...] = ()

    def __str__(self) -> str:
        if not self.lines:
            return self.what
        named = ", ".join(map(str, self.lines[:_MAX_NAMED_LINES])) + (
            " …" if len(self.lines) > _MAX_NAMED_LINES else ""
        )
        return f"{self.what} (line{'s' if len(self.lines) > 1 else ''} {named})"


@dataclass(frozen=True, slots=True)
class Formatted:
    """A file in canonical form. `deviations` say what was not; `findings` why a file could not be read at all."""

    path: str
    data: bytes
    deviations: tuple[Deviation, ...] = ()
    findings: tuple[Finding, ...] = ()


def format_files(files: Mapping[str, bytes], folder: str = "config") -> list[Formatted]:
    """Every file (by path inside the folder) that is not canonical or cannot be read."""
    results = []
    for path in sorted(files):
        hidden = any(part.startswith(".") for part in path.split("/"))
        if hidden or isinstance(files[path], LinkedFile) or document_kind(path) is None:
            continue
        done = format_file(path, files[path], schema_reference(files, path), folder)
        if done.deviations or done.findings:
            results.append(done)
    return results


def format_file(path: str, data: bytes, reference: str, folder: str = "config") -> Formatted:
    """One file in canonical form; `reference` is where its JSON Schema is when it does not say so itself.

    Raises EditError when a canonical form would change what the file says.
    """
    file = f"{folder}/{path}"
    before = read_source(file, data)
    if before.findings:
        return Formatted(path, data, findings=tuple(before.findings))
    deviations: list[Deviation] = []
    if data.startswith(BYTE_ORDER_MARK):
        deviations.append(Deviation("byte order mark"))
    text = before.text
    if "\r" in text:
        deviations.append(Deviation("line ends other than LF"))
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    for what, find in (
        ("tabs", lambda source: _outside(source, _TABBED, " ")),
        ("blanks at the end", lambda source: _outside(source, _ENDING, "")),
        ("indentation", indentation),
    ):
        replacements = find(read_source(file, text))
        if replacements:
            deviations.append(Deviation(what, _lines_of(text, replacements)))
            text = _applied(text, replacements)
    text, more = _framed(text, reference)
    after = read_source(file, text)
    if after.findings or after.value != before.value or _styles(after) != _styles(before):
        raise EditError(f"{file}: the canonical form would say something else; put it in order by hand")
    return Formatted(path, text.encode("utf-8"), (*deviations, *more))


def _framed(text: str, reference: str) -> tuple[str, list[Deviation]]:
    """The text with its schema line first and one line end last."""
    deviations = []
    line = _SCHEMA_LINE.search(text)
    first = f"# yaml-language-server: {line[1] if line else f'$schema={reference}'}\n"
    if not text.startswith(first):
        deviations.append(Deviation("no schema line first"))
        rest = text if line is None else text[: line.start()] + text[line.end() :].removeprefix("\n")
        text = first + rest
    ended = text.rstrip("\n") + "\n"
    if read_source("", ended).value != read_source("", text).value:
        ended = text if text.endswith("\n") else text + "\n"
    if ended != text:
        deviations.append(Deviation("not one line end at the end"))
    return ended, deviations


def _outside(source: Source, pattern: re.Pattern[str], replacement: str) -> list[Replacement]:
    """Where a pattern stands outside of values and, for anything but line ends, outside of comments."""
    ranges = sorted((node.start_mark.index, node.end_mark.index) for node in _scalars(source))
    found = []
    for match in pattern.finditer(source.text):
        inside = any(start < match.end() and match.start() < end for start, end in ranges)
        begin = source.text.rfind("\n", 0, match.start()) + 1
        comment = replacement and re.search(r"(^|[ \t])#", source.text[begin : match.start()])
        if not inside and not comment:
            found.append((match.start(), match.end(), replacement))
    return found


def _scalars(source: Source) -> Iterable[ScalarNode]:
    stack = [] if source.root is None else [source.root]
    seen: set[int] = set()
    while stack:
        node = stack.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        if isinstance(node, ScalarNode):
            yield node
        elif isinstance(node, MappingNode):
            stack.extend(part for pair in node.value for part in pair)
        elif isinstance(node, SequenceNode):
            stack.extend(node.value)


def _styles(source: Source) -> list[tuple[str, str]]:
    return sorted((node.value, node.style or "") for node in _scalars(source))


def _applied(text: str, replacements: list[Replacement]) -> str:
    for start, end, new in reversed(replacements):
        text = text[:start] + new + text[end:]
    return text


def _lines_of(text: str, replacements: list[Replacement]) -> tuple[int, ...]:
    return tuple(dict.fromkeys(text.count("\n", 0, start) + 1 for start, _, _ in replacements))
