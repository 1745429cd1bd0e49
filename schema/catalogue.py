"""The whole tree of documents as one object.

`load_catalogue` reads every YAML file of a config folder and finds all faults of single documents and all duplicates
in one pass. A faulty part (a model, a route, a plan …) is left out and remembered as doubtful, so that checks over the
tree do not report what merely follows from it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import PurePosixPath
from typing import Any

from pydantic import BaseModel, ValidationError
from yaml.nodes import MappingNode

from schema.documents import DOCUMENTS, document_kind
from schema.entities import CONTAINERS, Entity, entities_of
from schema.faults import faults
from schema.findings import Finding, Place, did_you_mean
from schema.keys import KINDS
from schema.places import Path, Source, read_source
from schema.secrets import find_secrets

SUFFIXES = (".yaml", ".yml")
KEPT_FILES = 128
KEPT_BYTES = 16 * 1024
"""How many files are kept as they were read, and how large they may be: who edits one reads the others again and again,
and a tree of nodes takes forty times the memory of its text."""

_DUPLICATES = {
    "model": "DUPLICATE_MODEL",
    "price": "DUPLICATE_PRICING",
    "route": "DUPLICATE_ROUTING",
    "access": "PERSON_TWICE",
}

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
_INVISIBLE = re.compile("[\u0085\u00ad\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff]")
"""Line ends that only some readers know, marks that turn the order of reading around, and spaces without a width; the
joiners U+200C and U+200D are letters of names and of emoji."""


class LinkedFile(bytes):
    """Stands for what is no plain file: a symbolic link, a submodule, a device. Never followed, never read."""


class Catalogue:
    """All entities by kind and name, and the sources they were read from, by file."""

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self.entities: dict[str, dict[str, Entity]] = {kind: {} for kind in KINDS}
        self.sources: dict[str, Source] = {}
        self._doubtful: set[tuple[str, str]] = set()
        self._failed: set[tuple[str, str | None]] = set()

    def of(self, kind: str) -> dict[str, Entity]:
        """The entities of a kind by name."""
        return self.entities[kind]

    def may_exist(self, kind: str, name: str) -> bool:
        """Whether an entity exists, or may stand in a part that could not be read."""
        if name in self.entities[kind] or (kind, name) in self._doubtful or (kind, None) in self._failed:
            return True
        return (kind, name.partition("/")[0]) in self._failed

    def model_of(self, provider: str, text: str) -> str:
        """`provider/model` of what a route says: its own provider's model, else one of the provider it begins with."""
        own = f"{provider}/{text}"
        head, slash, _ = text.partition("/")
        if own in self.entities["model"] or not slash:
            return own
        return text if head in self.entities["provider"] else own

    def complete(self, kind: str) -> bool:
        """Whether every part of the tree that holds entities of a kind could be read."""
        return not any(doubtful == kind for doubtful, _ in self._doubtful | self._failed)

    def doubt(self, kind: str, name: str) -> None:
        """Remember that an entity was written but could not be read."""
        self._doubtful.add((kind, name))

    def fail(self, kind: str, provider: str | None) -> None:
        """Remember that entities of a kind (of one provider, or any) could not be read."""
        self._failed.add((kind, provider))

    def file(self, name: str) -> str:
        """The path of a file of the folder, for findings about what is missing."""
        return f"{self.folder}/{name}"

    def counts(self) -> dict[str, int]:
        """How many entities of each kind there are."""
        return {kind: len(entities) for kind, entities in self.entities.items()}


def load_catalogue(files: Mapping[str, bytes], folder: str = "config") -> tuple[Catalogue, list[Finding]]:
    """Read all documents. `files` maps paths inside the folder to contents; findings name `folder/path`.

    Only `*.yaml` and `*.yml` are read; files and folders whose name begins with a dot are not looked at.
    """
    catalogue = Catalogue(folder)
    findings: list[Finding] = []
    for path in sorted(files):
        if _is_hidden(path) or not (isinstance(files[path], LinkedFile) or _is_document(path)):
            continue
        file = f"{folder}/{path}"
        fault = _path_fault(path, files[path])
        if fault is not None:
            findings.append(Finding(fault[0], fault[1], Place(file)))
            kind = document_kind(path)
            if kind is not None:
                _fail_document(catalogue, kind, None)
            continue
        text = (_read_again if len(files[path]) <= KEPT_BYTES else _read)(file, files[path])
        catalogue.sources[file] = text.source
        findings += _load(catalogue, str(document_kind(path)), text)
    return catalogue, findings


def _is_hidden(path: str) -> bool:
    return any(part.startswith(".") and part != ".." for part in PurePosixPath(path).parts)


def _is_document(path: str) -> bool:
    return PurePosixPath(path).suffix.lower() in SUFFIXES


def _path_fault(path: str, data: bytes) -> tuple[str, str] | None:
    pure = PurePosixPath(path)
    if pure.is_absolute() or ".." in pure.parts:
        return "PATH_OUTSIDE", "the path leaves the folder: only files inside it are read"
    if isinstance(data, LinkedFile):
        return "PATH_OUTSIDE", "links and submodules are not followed: put the files themselves here"
    if document_kind(path) is None:
        name = pure.parts[0] if len(pure.parts) > 1 else pure.stem
        hint = did_you_mean(name, DOCUMENTS)
        return "UNKNOWN_FILE", f"'{name}' is not a kind of document{hint} (known: {', '.join(DOCUMENTS)})"
    return None


@dataclass(frozen=True, slots=True)
class _Text:
    """A file as it was read, and what stands in its text that should stand in none."""

    source: Source
    secrets: tuple[Finding, ...]
    characters: tuple[Finding, ...]


def _read(file: str, data: bytes) -> _Text:
    source = read_source(file, data)
    characters = (*_invisible_characters(source), *_control_characters(source))
    return _Text(source, tuple(_secrets(source)), characters)


_read_again = lru_cache(KEPT_FILES)(_read)


def _load(catalogue: Catalogue, kind: str, text: _Text) -> list[Finding]:
    model, source = DOCUMENTS[kind], text.source
    findings = [_named_duplicate(finding, kind, source) for finding in source.findings]
    findings += [*text.secrets, *text.characters]
    unreadable = bool(text.characters) or any(finding.code != "DUPLICATE_KEY" for finding in source.findings)
    if source.value is None or unreadable:
        _fail_document(catalogue, kind, source.value)
        if not findings:
            findings.append(Finding("EMPTY_FILE", "the file says nothing: fill it or delete it", Place(source.file)))
        return findings
    try:
        document: BaseModel = model.model_validate(source.value)
    except ValidationError as error:
        found = faults(model, source, error.errors(include_url=False))
        told = {finding.place for finding in findings if finding.code == "SECRET_IN_YAML"}
        findings += [finding for _, finding in found if finding.place not in told]
        salvaged = _salvage(catalogue, kind, source, [path for path, _ in found])
        if salvaged is None:
            _fail_document(catalogue, kind, source.value)
            return findings
        document = salvaged
    for entity in entities_of(kind, document, source):
        duplicate = _add(catalogue, entity)
        if duplicate is not None:
            findings.append(duplicate)
    return findings


def _named_duplicate(finding: Finding, kind: str, source: Source) -> Finding:
    """A key that stands twice is a duplicate entity when it names one."""
    entity, container = CONTAINERS.get(kind, ("", ""))
    if finding.code != "DUPLICATE_KEY" or entity not in _DUPLICATES or entity == "price" or source.root is None:
        return finding
    node = source.node((container,))
    if not isinstance(node, MappingNode):
        return finding
    places = {(key.start_mark.line + 1, key.start_mark.column + 1) for key, _ in node.value}
    if (finding.place.line, finding.place.column) not in places:
        return finding
    return Finding(_DUPLICATES[entity], finding.message, finding.place)


def _secrets(source: Source) -> list[Finding]:
    text = source.text
    message = "this looks like a secret: put it into an environment variable and name that (`secret_env: NAME`)"
    found = []
    for offset in find_secrets(text):
        line_start = text.rfind("\n", 0, offset) + 1
        place = Place(source.file, text.count("\n", 0, offset) + 1, offset - line_start + 1)
        found.append(Finding("SECRET_IN_YAML", message, place))
    return found


def _control_characters(source: Source) -> list[Finding]:
    """Escapes in quoted text may write what no name needs, what terminals obey and what PostgreSQL refuses."""
    if "\\" not in source.text:
        return []
    found = []
    for node in source.scalars():
        if _CONTROL.search(node.value):
            message = "this text holds a control character; remove the escape"
            found.append(Finding("CONTROL_CHARACTER", message, source.place_of(node)))
        elif "\\" in source.text[node.start_mark.index : node.end_mark.index] and _INVISIBLE.search(node.value):
            message = "this text holds an invisible character; remove the escape"
            found.append(Finding("INVISIBLE_CHARACTER", message, source.place_of(node)))
    return found


def _invisible_characters(source: Source) -> list[Finding]:
    """What a reviewer does not see, comments included: other orders of reading, other ends of lines, no width."""
    text = source.text
    if text.isascii():
        return []
    found = []
    for match in _INVISIBLE.finditer(text):
        line_start = text.rfind("\n", 0, match.start()) + 1
        place = Place(source.file, text.count("\n", 0, match.start()) + 1, match.start() - line_start + 1)
        message = f"an invisible character (U+{ord(match[0]):04X}) stands here; remove it"
        found.append(Finding("INVISIBLE_CHARACTER", message, place))
    return found


def _salvage(catalogue: Catalogue, kind: str, source: Source, paths: list[Path]) -> BaseModel | None:
    """The document without its faulty parts, or None when what is left is no document either."""
    if not isinstance(source.value, dict):
        return None
    value = dict(source.value)
    entity, container = CONTAINERS.get(kind, ("", ""))
    for path in paths:
        if not path:
            return None
        if path[0] == container and len(path) > 1 and isinstance(value[container], dict):
            value[container] = {name: part for name, part in value[container].items() if name != path[1]}
            catalogue.doubt(entity, _doubtful_name(kind, value, str(path[1])))
        else:
            value.pop(path[0], None)
            _fail_document(catalogue, kind, source.value)
    try:
        document: BaseModel = DOCUMENTS[kind].model_validate(value)
    except ValidationError:
        return None
    return document


def _doubtful_name(kind: str, value: dict[str, Any], name: str) -> str:
    return f"{value.get('provider')}/{name}" if kind in ("registry", "pricing", "routing") else name


_HOLDS = {
    "registry": ("provider", "model"),
    "run_units": ("run_unit",),
    "settings": ("setting",),
    "access": ("access",),
    "ratecard": ("policy",),
}


def _fail_document(catalogue: Catalogue, kind: str, value: Any) -> None:
    provider = value.get("provider") if isinstance(value, dict) else None
    for entity in _HOLDS.get(kind) or (CONTAINERS[kind][0],):
        catalogue.fail(entity, provider if isinstance(provider, str) else None)


def _add(catalogue: Catalogue, entity: Entity) -> Finding | None:
    kind, name = entity.key
    known = catalogue.entities[kind]
    first = known.setdefault(name, entity)
    if first is entity:
        return None
    if kind == "provider":
        return _merge_provider(known, first, entity)
    code = _DUPLICATES.get(kind, "DUPLICATE_ENTRY")
    message = f"{entity.key} stands twice; it is already set at {first.place(key=True)}"
    return Finding(code, message, entity.place(key=True))


def _merge_provider(known: dict[str, Entity], first: Entity, entity: Entity) -> Finding | None:
    """Several files may hold models of one provider; its display name is said once."""
    said, again = first.document.display_name, entity.document.display_name
    if said is None or again is None or said == again:
        if said is None and again is not None:
            known[entity.key.name] = entity
        return None
    message = f"{entity.key} is called '{again}' here and '{said}' at {first.place('display_name')}"
    return Finding("DUPLICATE_ENTRY", message, entity.place("display_name"))


__all__ = ["CONTAINERS", "SUFFIXES", "Catalogue", "Entity", "LinkedFile", "load_catalogue"]
