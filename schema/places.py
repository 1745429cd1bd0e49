"""YAML text as values that know their place.

PyYAML's libyaml parser makes the node tree; this module turns nodes into plain values. Every scalar stays the text
that was written (documents read numbers and dates from it exactly), a plain empty or `null` scalar is None. Nothing is
resolved the YAML 1.1 way: `no` is text.
"""

from __future__ import annotations

import re
from collections.abc import Hashable
from decimal import Decimal
from typing import Any

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from schema.findings import Finding, Place

try:
    from yaml._yaml import CParser
except ImportError as missing:  # pragma: no cover - every wheel of PyYAML carries libyaml
    raise ImportError("PyYAML was built without libyaml; install its binary wheel") from missing

MAX_BYTES = 5 * 1024 * 1024
MAX_DEPTH = 50
MAX_EXPANSION = 20
"""How many times larger than its text's nodes a document may grow through aliases."""

Path = tuple[str | int, ...]

_NULLS = frozenset({"", "~", "null", "Null", "NULL"})
_NUMBER = re.compile(r"[-+]?(\d[\d_]*)(\.\d+)?([eE][-+]?\d+)?")
_NESTERS = re.compile(r"[\[\]{}]")
_LINE_NESTING = re.compile(r"(?:[-?:][ \t]+){8}")


class _TextResolver:
    """Leaves scalars alone: PyYAML asks a resolver for tags, and all we want is the text."""

    def resolve(self, kind: type[Node], value: str | None, implicit: object) -> str:
        return ""

    def descend_resolver(self, current_node: Node | None, current_index: object) -> None:
        return

    def ascend_resolver(self) -> None:
        return


class _Composer(_TextResolver, CParser):
    def __init__(self, text: str) -> None:
        CParser.__init__(self, text)


class Source:
    """One parsed file: `value` is plain data, `place(path)` says where a part of it stands.

    `root` is the YAML node tree, whose marks (`index`, `line`, `column`) editing works with.
    """

    def __init__(self, file: str, text: str, root: Node | None) -> None:
        self.file = file
        self.text = text
        self.root = root
        self.findings: list[Finding] = []
        self._built: dict[int, Any] = {}
        self.value: Any = self._build(root) if root is not None else None

    def node(self, path: Path) -> Node | None:
        """The node at `path`, or None when the document has no such part."""
        node = self.root
        for step in path:
            if isinstance(node, MappingNode):
                node = next((value for key, value in node.value if key.value == step), None)
            elif isinstance(node, SequenceNode) and isinstance(step, int) and step < len(node.value):
                node = node.value[step]
            else:
                return None
        return node

    def key_node(self, path: Path) -> Node | None:
        """The node of the mapping key that `path` ends with, or None."""
        parent = self.node(path[:-1])
        if isinstance(parent, MappingNode):
            return next((key for key, _ in parent.value if key.value == path[-1]), None)
        return None

    def place(self, path: Path = (), *, key: bool = False) -> Place:
        """Where the value at `path` begins (its key with `key=True`); the nearest parent's place when it is absent."""
        while path:
            node = (self.key_node(path) if key else None) or self.node(path)
            if node is not None:
                return self._place(node)
            path = path[:-1]
        return self._place(self.root) if self.root is not None else Place(self.file)

    def typed(self, path: Path) -> Any:
        """The value at `path` with YAML 1.2's core types: null, true, false, whole numbers, decimals, text."""
        node = self.node(path)
        return None if node is None else _typed(node)

    def _place(self, node: Node) -> Place:
        return Place(self.file, node.start_mark.line + 1, node.start_mark.column + 1)

    def _build(self, node: Node) -> Any:
        if isinstance(node, ScalarNode):
            value = node.value
            # libyaml's composer gives a plain scalar the style '', PyYAML's own gives None.
            return None if not node.style and value in _NULLS else value
        known = self._built.get(id(node), self)
        if known is not self:
            return known
        if isinstance(node, SequenceNode):
            items: list[Any] = []
            self._built[id(node)] = items
            build = self._build
            items.extend([build(child) for child in node.value])
            return items
        return self._build_mapping(node)

    def _build_mapping(self, node: MappingNode) -> dict[Hashable, Any]:
        mapping: dict[Hashable, Any] = {}
        self._built[id(node)] = mapping
        for key, child in node.value:
            if not isinstance(key, ScalarNode):
                self._report("BAD_KEY", "a key must be plain text", key)
                continue
            name = key.value
            if name in mapping:
                first = next(other for other, _ in node.value if other.value == name)
                line = first.start_mark.line + 1
                self._report("DUPLICATE_KEY", f"'{name}' stands twice; it is already set on line {line}", key)
                continue
            # The scalar case of _build, repeated here because most nodes are scalars in mappings.
            if type(child) is ScalarNode:
                text = child.value
                mapping[name] = None if not child.style and text in _NULLS else text
            else:
                mapping[name] = self._build(child)
        return mapping

    def _report(self, code: str, message: str, node: Node) -> None:
        self.findings.append(Finding(code, message, self._place(node)))


def read_source(file: str, data: bytes | str) -> Source:
    """Parse one file. Faults of the text are `findings` of the result, whose `value` is then None."""
    if len(data) > MAX_BYTES:
        size = len(data) / 1024 / 1024
        return _unusable(file, "FILE_TOO_LARGE", f"the file has {size:.1f} MB; at most 5 MB are read: split it")
    try:
        text = data if isinstance(data, str) else data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        return _unusable(file, "NOT_UTF8", f"byte {error.start} is not UTF-8; save the file as UTF-8")
    try:
        deep = _too_deep(text)
        if deep is not None:
            message = f"values are nested more than {MAX_DEPTH} levels deep"
            return _unusable(file, "TOO_DEEP", message, text, deep)
        composer = _Composer(text)
        try:
            root = composer.get_single_node()
        finally:
            composer.dispose()
    except yaml.YAMLError as error:
        return _syntax_fault(file, text, error)
    if root is not None and "*" in text:
        fault = _expansion_fault(root)
        if fault is not None:
            mark = root.start_mark
            return _unusable(file, "ANCHOR_EXPLOSION", fault, text, Place(file, mark.line + 1, mark.column + 1))
    return Source(file, text, root)


def _unusable(file: str, code: str, message: str, text: str = "", place: Place | None = None) -> Source:
    source = Source(file, text, None)
    source.findings.append(Finding(code, message, Place(file, place.line, place.column) if place else Place(file)))
    return source


def _syntax_fault(file: str, text: str, error: yaml.YAMLError) -> Source:
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or getattr(error, "reason", None) or "it cannot be read"
    place = Place(file, mark.line + 1, mark.column + 1) if mark else None
    return _unusable(file, "YAML_SYNTAX", f"this is not valid YAML: {problem}", text, place)


def _too_deep(text: str) -> Place | None:
    """Where nesting passes MAX_DEPTH. libyaml's composer recurses in C, so depth is bounded before it runs."""
    depth = deepest = 0
    for match in _NESTERS.finditer(text):
        depth = depth + 1 if match[0] in "[{" else max(0, depth - 1)
        deepest = max(deepest, depth)
    indented = "\n" + " " * (MAX_DEPTH + 1) in text
    if deepest <= MAX_DEPTH // 2 and not indented and not _LINE_NESTING.search(text):
        return None
    level = 0
    for event in yaml.parse(text, yaml.CSafeLoader):
        if isinstance(event, yaml.CollectionStartEvent):
            level += 1
            if level > MAX_DEPTH:
                mark = event.start_mark
                return Place("", mark.line + 1, mark.column + 1) if mark else Place("")
        elif isinstance(event, yaml.CollectionEndEvent):
            level -= 1
    return None


def _expansion_fault(root: Node) -> str | None:
    sizes: dict[int, int] = {}
    open_nodes: set[int] = set()

    def size(node: Node) -> int:
        if isinstance(node, ScalarNode):
            return 1
        known = sizes.get(id(node))
        if known is not None:
            return known
        if id(node) in open_nodes:
            raise RecursionError
        open_nodes.add(id(node))
        children = node.value if isinstance(node, SequenceNode) else [part for pair in node.value for part in pair]
        total = 1 + sum(size(child) for child in children)
        open_nodes.discard(id(node))
        sizes[id(node)] = total
        return total

    try:
        expanded = size(root)
    except RecursionError:
        return "an alias (*) stands inside the very value that its anchor (&) names"
    written = sum(1 + (len(node_value) if isinstance(node_value, list) else 0) for node_value in _values(root, set()))
    if expanded > MAX_EXPANSION * written + 1_000:
        return f"aliases (*) blow {written:,} written values up to {expanded:,}; write them out"
    return None


def _values(node: Node, seen: set[int]) -> list[Any]:
    found: list[Any] = []
    stack = [node]
    while stack:
        current = stack.pop()
        if id(current) in seen:
            continue
        seen.add(id(current))
        found.append(current.value)
        if isinstance(current, SequenceNode):
            stack.extend(current.value)
        elif isinstance(current, MappingNode):
            stack.extend(part for pair in current.value for part in pair)
    return found


def _typed(node: Node) -> Any:
    if isinstance(node, MappingNode):
        return {key.value: _typed(child) for key, child in node.value}
    if isinstance(node, SequenceNode):
        return [_typed(child) for child in node.value]
    text: str = node.value
    return text if isinstance(node, ScalarNode) and node.style else scalar(text)


def scalar(text: str) -> bool | int | Decimal | str | None:
    """A plain scalar with YAML 1.2's core types; numbers with a point or an exponent are decimals, never floats."""
    if text in _NULLS:
        return None
    if text in ("true", "True", "TRUE"):
        return True
    if text in ("false", "False", "FALSE"):
        return False
    number = _NUMBER.fullmatch(text)
    if number is None:
        return text
    return Decimal(text) if number[2] or number[3] else int(text)
