"""Where an entity lives: its file and its path in there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from schema.documents import document_kind
from schema.findings import did_you_mean
from schema.keys import Key, moment_text, parse_moment, split_dated, split_model
from schema.places import Path, Source, read_source
from sync.errors import EditError

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
ROLES = {"admin": "admins", "analyst": "analysts", "viewer": "viewers"}
DOCUMENT_OF = {
    "provider": "registry",
    "model": "registry",
    "price": "pricing",
    "task": "tasks",
    "route": "routing",
    "plan": "plans",
    "pack": "credit_packs",
    "feature": "features",
    "run_unit": "run_units",
    "reasoning": "reasoning",
    "rate": "exchange_rates",
    "setting": "settings",
    "access": "access",
    "policy": "ratecard",
}
"""The kind of file that holds a kind of entity."""
OF_PROVIDERS = frozenset({"registry", "pricing", "routing"})
"""Kinds of files that belong to one provider."""
_CONTAINERS = {
    "model": "models",
    "price": "prices",
    "route": "routes",
    "task": "tasks",
    "plan": "plans",
    "pack": "packs",
    "feature": "features",
    "reasoning": "levels",
    "rate": "rates",
}
_RUN_UNIT_TABLES = {"tier": "tiers", "tool": "overheads"}


@dataclass(frozen=True, slots=True)
class Location:
    """A file and a path in it."""

    file: str
    path: Path


class Files:
    """The texts of a configuration while it is edited; files are parsed when they are asked for.

    `given` maps paths inside the config folder to contents as they were, `folder` stands before them in messages.
    """

    def __init__(self, files: Mapping[str, bytes], folder: str = "config") -> None:
        self.given = {path: data for path, data in files.items() if not _is_hidden(path)}
        self._folder = folder
        self._sources: dict[str, Source | None] = {}

    def paths(self, kind: str) -> list[str]:
        """The files of a kind of document, in order."""
        return [path for path in self.all_paths() if document_kind(path) == kind]

    def all_paths(self) -> list[str]:
        """Every file."""
        return sorted(path for path in {*self.given, *self._sources} if self._exists(path))

    def source(self, path: str) -> Source:
        """A parsed file; raises EditError when its text has a fault."""
        found = self._sources.get(path)
        if found is None:
            data = self.given[path]
            if type(data) is not bytes:
                raise EditError(f"{self._folder}/{path} is a link or a submodule; edit the file that it stands for")
            found = read_source(f"{self._folder}/{path}", data)
            if found.findings:
                raise EditError(f"{found.findings[0]}; mend the file before editing it here")
            self._sources[path] = found
        return found

    def put(self, path: str, source: Source | None) -> None:
        """Take an edited file, or None for a file that goes."""
        self._sources[path] = source

    def new_source(self, path: str, text: str) -> Source:
        """A file that does not exist yet."""
        return read_source(f"{self._folder}/{path}", text)

    def changed(self) -> dict[str, bytes | None]:
        """The files whose bytes differ from those given; None for a file that is gone."""
        result: dict[str, bytes | None] = {}
        for path, source in sorted(self._sources.items()):
            before = self.given.get(path)
            if source is None:
                if before is not None:
                    result[path] = None
                continue
            mark = BYTE_ORDER_MARK if before is not None and before.startswith(BYTE_ORDER_MARK) else b""
            after = mark + source.text.encode("utf-8")
            if after != before:
                result[path] = after
        return result

    def _exists(self, path: str) -> bool:
        return self._sources[path] is not None if path in self._sources else path in self.given


def find(files: Files, key: Key) -> Location | None:
    """Where an entity stands, or None when the configuration has none of this key. A price needs its date."""
    for file in paths_of(files, key):
        path = _path_in(files.source(file), key)
        if path is not None:
            return Location(file, path)
    return None


def require(files: Files, key: Key) -> Location:
    """Where an entity stands; raises EditError with the nearest name when it is not there."""
    found = find(files, key)
    if found is None:
        raise EditError(f"there is no {key}{did_you_mean(key.name, names(files, key.kind))}")
    return found


def paths_of(files: Files, key: Key) -> list[str]:
    """The files in which an entity may stand: those of its kind, and of its provider when it has one."""
    kind = DOCUMENT_OF[key.kind]
    paths = files.paths(kind)
    if kind not in OF_PROVIDERS:
        return paths
    provider = key.name if key.kind == "provider" else split_model(key.name)[0]
    held = [path for path in paths if _top(files.source(path)).get("provider") == provider]
    if key.kind == "provider":
        held.sort(key=lambda path: "display_name" not in _top(files.source(path)))
    return held


def names(files: Files, kind: str) -> list[str]:
    """The names of all entities of a kind."""
    return sorted({name for path in files.paths(DOCUMENT_OF[kind]) for name in _names_in(files.source(path), kind)})


def container_path(key: Key) -> Path:
    """The path of an entity by its name alone; that of a dated entry is the list that holds it."""
    name = key.name
    if key.kind == "provider":
        return ()
    if key.kind in ("price", "rate"):
        name = split_dated(name)[0]
    if key.kind in ("model", "price", "route"):
        name = split_model(name)[1]
    if key.kind == "run_unit":
        table, slash, entry = name.partition("/")
        if not slash:
            return (name,)
        if table not in _RUN_UNIT_TABLES or not entry:
            raise EditError(f"'{key}' is no key; write run_unit tier/NAME, tool/NAME, minimum or decimals")
        return (_RUN_UNIT_TABLES[table], entry)
    if key.kind == "setting":
        top, point, extra = name.partition(".")
        return ("extra", extra) if top == "extra" and point and extra else (name,)
    if key.kind in ("policy", "access"):
        return (name,)
    return (_CONTAINERS[key.kind], name)


def dated_index(entries: object, date: str) -> int | None:
    """The index of the entry with this effective moment in a list of dated entries."""
    wanted = moment_of(date)
    if not isinstance(entries, list) or wanted is None:
        return None
    return next((index for index, entry in enumerate(entries) if effective_of(entry) == wanted), None)


def effective_of(entry: object) -> datetime | None:
    """The effective moment of a dated entry, or None when it has none that can be read."""
    return moment_of(entry.get("effective")) if isinstance(entry, dict) else None


def moment_of(text: object) -> datetime | None:
    """A date or timestamp, or None when it is not one."""
    try:
        return parse_moment(text) if isinstance(text, str) else None
    except ValueError:
        return None


def part_at(source: Source, path: Path) -> Any:
    """The value at a path, or None."""
    value = source.value
    for step in path:
        if isinstance(value, dict):
            value = value.get(step)
        elif isinstance(value, list) and isinstance(step, int) and step < len(value):
            value = value[step]
        else:
            return None
    return value


def _path_in(source: Source, key: Key) -> Path | None:
    if key.kind == "access":
        return _access_path(source, key.name)
    path = container_path(key)
    if key.kind in ("price", "rate"):
        name, date = split_dated(key.name)
        if not date:
            raise EditError(f"'{key}' has no date; write {key.kind} {name}@YYYY-MM-DD")
        if moment_of(date) is None:
            raise EditError(f"'{date}' in '{key}' is not a date; write YYYY-MM-DD or YYYY-MM-DDTHH:MM:SSZ")
        index = dated_index(part_at(source, path), date)
        return None if index is None else (*path, index)
    return path if source.node(path) is not None else None


def _access_path(source: Source, person: str) -> Path | None:
    for role in ROLES.values():
        people = _top(source).get(role)
        for index, other in enumerate(people if isinstance(people, list) else ()):
            if isinstance(other, str) and other.strip().lower() == person.lower():
                return (role, index)
    return None


def _names_in(source: Source, kind: str) -> Iterator[str]:
    top = _top(source)
    provider = top.get("provider")
    if kind == "provider":
        yield str(provider)
    elif kind in _CONTAINERS:
        prefix = f"{provider}/" if DOCUMENT_OF[kind] in OF_PROVIDERS else ""
        entries = top.get(_CONTAINERS[kind])
        for name, value in (entries if isinstance(entries, dict) else {}).items():
            if kind not in ("price", "rate"):
                yield f"{prefix}{name}"
                continue
            for moment in map(effective_of, value if isinstance(value, list) else ()):
                yield f"{prefix}{name}@{moment_text(moment.astimezone(UTC))}" if moment else f"{prefix}{name}"
    elif kind == "run_unit":
        for word, table in _RUN_UNIT_TABLES.items():
            yield from (f"{word}/{name}" for name in (top.get(table) or {}))
    elif kind == "access":
        yield from (str(person) for role in ROLES.values() for person in (top.get(role) or ()))
    else:
        yield from map(str, top)


def _is_hidden(path: str) -> bool:
    return any(part.startswith(".") for part in path.split("/"))


def _top(source: Source) -> dict[str, Any]:
    return source.value if isinstance(source.value, dict) else {}
