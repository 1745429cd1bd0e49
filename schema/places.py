"""YAML text as values that know their place.

PyYAML's libyaml parser makes the node tree; this module turns nodes into plain values. Every scalar stays the text
that was written (documents read numbers and dates from it exactly), a plain empty or `null` scalar is None. Nothing is
resolved the YAML 1.1 way: `no` is text.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterator
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
"""How many lists and mappings may stand inside each other."""
MAX_EXPANSION = 20
"""How many times larger than its text's nodes a document may grow through aliases."""

Path = tuple[str | int, ...]

_NULLS = frozenset({"", "~", "null", "Null", "NULL"})
_NUMBER = re.compile(
    r"[-+]?(0|[1-9][0-9]{0,60}|[1-9][0-9]{0,2}(?:_[0-9]{3}){1,15})(\.[0-9]{1,60})?([eE][-+]?[0-9]{1,2})?"
)
_MERGE = "<<"
_LINE_END = re.compile("\r\n|[\r\n\u0085\u2028\u2029]")


class _TooDeepError(Exception):
    def __init__(self, node: Node) -> None:
        self.node = node


class _TextResolver:
    """Leaves scalars alone: PyYAML asks a resolver for tags, and all we want is the text.

    It is told of every step into a node, which is where depth is bounded: libyaml's composer recurses in C, and enough
    levels would end the process.
    """

    _depth = 0

    def resolve(self, kind: type[Node], value: str | None, implicit: object) -> str:
        return ""

    def descend_resolver(self, current_node: Node | None, current_index: object) -> None:
        self._depth += 1
        # The scalar in the deepest list or mapping is a step, too.
        if self._depth > MAX_DEPTH + 1 and current_node is not None:
            raise _TooDeepError(current_node)

    def ascend_resolver(self) -> None:
        self._depth -= 1


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
                return self.place_of(node)
            path = path[:-1]
        return self.place_of(self.root) if self.root is not None else Place(self.file)

    def typed(self, path: Path) -> Any:
        """The value at `path` with YAML 1.2's core types: null, true, false, whole numbers, decimals, text."""
        node = self.node(path)
        return None if node is None else _typed(node)

    def place_of(self, node: Node) -> Place:
        """Where a node begins."""
        return _place_of(self.file, node)

    def scalars(self) -> Iterator[ScalarNode]:
        """Every scalar of the document, keys included, each once."""
        for node in () if self.root is None else _nodes(self.root):
            if isinstance(node, ScalarNode):
                yield node

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
            if name == _MERGE and not key.style:
                self._report("MERGE_KEY", "merge keys (<<) are not read: write the values out", key)
                continue
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
        self.findings.append(Finding(code, message, self.place_of(node)))


def read_source(file: str, data: bytes | str) -> Source:
    """Parse one file. Faults of the text are `findings` of the result, whose `value` is then None."""
    if len(data) > MAX_BYTES:
        size = len(data) / 1024 / 1024
        return _unusable(file, "FILE_TOO_LARGE", f"the file has {size:.1f} MB; at most 5 MB are read: split it")
    try:
        text = data if isinstance(data, str) else data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        return _unusable(file, "NOT_UTF8", f"byte {error.start} is not UTF-8; save the file as UTF-8")
    composer = None
    try:
        composer = _Composer(text)
        root = composer.get_single_node()
    except yaml.YAMLError as error:
        return _syntax_fault(file, text, error)
    except _TooDeepError as error:
        message = f"values are nested more than {MAX_DEPTH} levels deep"
        return _unusable(file, "TOO_DEEP", message, text, _place_of(file, error.node))
    finally:
        if composer is not None:
            composer.dispose()
    if root is not None and "*" in text:
        fault = _expansion_fault(root)
        if fault is not None:
            return _unusable(file, "ANCHOR_EXPLOSION", fault, text, _place_of(file, root))
    source = Source(file, text, root)
    if root is not None and "!" in text:
        source.findings.extend(_tag_faults(file, root))
    return source


def _unusable(file: str, code: str, message: str, text: str = "", place: Place | None = None) -> Source:
    source = Source(file, text, None)
    source.findings.append(Finding(code, message, place or Place(file)))
    return source


def _place_of(file: str, node: Node) -> Place:
    return Place(file, node.start_mark.line + 1, node.start_mark.column + 1)


def _syntax_fault(file: str, text: str, error: yaml.YAMLError) -> Source:
    if isinstance(error, yaml.reader.ReaderError):
        # It counts bytes of UTF-8; an escape shows what an editor may not.
        before = text.encode()[: error.position].decode(errors="ignore")
        place = Place(file, before.count("\n") + 1, len(before) - before.rfind("\n"))
        return _unusable(
            file, "YAML_SYNTAX", f"the character U+{error.character:04X} cannot stand in YAML", text, place
        )
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or "it cannot be read"
    if problem == "but found another document":
        message = "a second document begins here; a file holds one: put it into a file of its own"
    else:
        message = f"this is not valid YAML: {problem}"
    return _unusable(file, "YAML_SYNTAX", message, text, _place_of_mark(file, text, mark) if mark else None)


def _place_of_mark(file: str, text: str, mark: yaml.Mark) -> Place:
    """Where a fault was found; what is missed at the end of the text is told behind its last line that says a thing."""
    written = text.rstrip()
    if mark.index < len(written):
        return Place(file, mark.line + 1, mark.column + 1)
    lines = _LINE_END.split(written)
    return Place(file, len(lines), len(lines[-1]) + 1)


def _tag_faults(file: str, root: Node) -> list[Finding]:
    tagged = [node for node in _nodes(root) if node.tag]
    return [Finding("TAG", f"tags are not read: remove {node.tag}", _place_of(file, node)) for node in tagged]


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
    written = sum(1 + (len(node.value) if isinstance(node.value, list) else 0) for node in _nodes(root))
    if expanded > MAX_EXPANSION * written + 1_000:
        return f"aliases (*) blow {written:,} written values up to {expanded:,}; write them out"
    return None


def _nodes(root: Node) -> Iterator[Node]:
    """Every node once, however many aliases lead to it."""
    seen: set[int] = set()
    stack = [root]
    while stack:
        current = stack.pop()
        if id(current) in seen:
            continue
        seen.add(id(current))
        yield current
        if isinstance(current, SequenceNode):
            stack.extend(reversed(current.value))
        elif isinstance(current, MappingNode):
            stack.extend(part for pair in reversed(current.value) for part in reversed(pair))


def _typed(node: Node) -> Any:
    if isinstance(node, MappingNode):
        # As in `_build`: what is no key is left out, and the first of two equal keys counts.
        typed: dict[str, Any] = {}
        for key, child in node.value:
            if isinstance(key, ScalarNode) and key.value not in typed:
                typed[key.value] = _typed(child)
        return typed
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
    # A run of digits longer than any amount, or a huge exponent, stays text: its digits could fill the memory. So does
    # what readers take for different numbers: a leading zero, a misplaced underscore.
    if number is None:
        return text
    return Decimal(text) if number[2] or number[3] else int(text)
