"""Where in git an entity was written: file and lines at the commit of a release, and who wrote each line."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from yaml import MappingNode, Node, ScalarNode, SequenceNode

from schema.catalogue import load_catalogue
from schema.documents import document_kind
from schema.entities import Entity
from schema.keys import Key
from schema.places import Path
from schema.tables import CONFIG_TABLES
from sync.current import Release, same
from sync.desired import Row, entity_row
from sync.errors import RepositoryError
from sync.repository import Repository, commit_moment

DOCUMENT_KINDS = {
    "price": "pricing",
    "feature": "features",
    "run_unit": "run_units",
    "reasoning": "reasoning",
    "task": "tasks",
    "setting": "settings",
}
"""The kind of document that holds an entity of a kind."""


@dataclass(frozen=True, slots=True)
class Written:
    """The commit that last changed a line. `certain` is False where a shallow clone ends: it may have been earlier."""

    commit: str
    author: str
    at: datetime
    title: str
    certain: bool

    def as_json(self) -> dict[str, Any]:
        """The commit as it stands in `explain --format json`."""
        return {
            "commit": self.commit,
            "author": self.author,
            "authored_at": self.at.isoformat().replace("+00:00", "Z"),
            "title": self.title,
            "certain": self.certain,
        }


@dataclass(frozen=True, slots=True)
class Part:
    """One line that a step of the sum takes its number from."""

    line: int
    written: Written | None


@dataclass(frozen=True, slots=True)
class Origin:
    """An entity in git. `agrees` is False when no release's commit says what the database does."""

    key: str
    file: str
    line: int
    end_line: int
    release: Release
    agrees: bool
    written: Written | None
    """The newest of the commits that its lines come from."""
    parts: Mapping[str, Part]


@dataclass(frozen=True, slots=True)
class Unknown:
    """Why git cannot say where an entity was written."""

    reason: str


TOP = "/"
"""The first step of a path that is counted from the top of the document, not from the entity."""

Wanted = Mapping[str, Sequence[Path]]
"""Lines to find, by a name of the caller's: the first of several paths that the document has."""


class Archive:
    """Reads entities from git blobs at commits; a commit's documents are read once a kind."""

    def __init__(self, repository: Repository | None, folder: str, why_not: str = "") -> None:
        self._repository = repository
        self._folder = folder
        self._why_not = why_not
        self._read: dict[tuple[str, str], dict[str, Entity]] = {}

    def find(self, key: Key, row: Row, releases: Iterable[Release], wanted: Wanted) -> Origin | Unknown:
        """The entity as the first of the releases' commits has it whose document says what `row` does.

        When none does, the first that knows the entity is taken, and told not to agree.
        """
        if self._repository is None:
            return Unknown(self._why_not)
        config = CONFIG_TABLES[key.kind]
        said = {name: row[name] for name in (*config.key, *config.values)}
        first: tuple[Release, Entity] | None = None
        reasons: list[str] = []
        for release in _one_a_commit(releases):
            try:
                entities = self._entities(release.commit, key.kind)
            except RepositoryError as error:
                reasons.append(str(error))
                continue
            entity = entities.get(key.name)
            if entity is None:
                reasons.append(f"{key} is not in {self._folder} at commit {release.commit[:12]}")
                continue
            if same(key.kind, _row(entity), said):
                return self._origin(entity, release, wanted, agrees=True)
            first = first or (release, entity)
        if first is not None:
            return self._origin(first[1], first[0], wanted, agrees=False)
        return Unknown(reasons[0])

    def _entities(self, commit: str, kind: str) -> dict[str, Entity]:
        known = self._read.get((commit, kind))
        if known is None:
            repository = self._repository
            assert repository is not None  # noqa: S101 - `find` has seen to it
            if not repository.knows(commit):
                shallow = ": it is shallow; run `git fetch --unshallow`" if repository.is_shallow() else ""
                raise RepositoryError(f"this clone does not know commit {commit[:12]}{shallow}")
            files = repository.config_files(commit, self._folder)
            wanted = DOCUMENT_KINDS[kind]
            some = {path: data for path, data in files.items() if document_kind(path) == wanted}
            folder = repository.relative(self._folder)
            catalogue, _ = load_catalogue(some, folder)
            known = self._read[commit, kind] = catalogue.of(kind)
        return known

    def _origin(self, entity: Entity, release: Release, wanted: Wanted, *, agrees: bool) -> Origin:
        source = entity.source
        lines = {name: line for name, paths in wanted.items() if (line := _line(entity, paths)) is not None}
        node = source.node(entity.path)
        start = entity.place(key=_named_by_key(entity)).line
        end = start if node is None else max(start, _last_line(node))
        spans = [(start, end), *((line, line) for line in lines.values() if not start <= line <= end)]
        try:
            blamed = dict(_blame(self._repository, release.commit, source.file, spans))
        except RepositoryError:
            blamed = {}
        own = [blamed[line] for line in range(start, end + 1) if line in blamed]
        return Origin(
            key=str(entity.key),
            file=source.file.removeprefix("./"),
            line=start,
            end_line=end,
            release=release,
            agrees=agrees,
            written=_last(self._repository, own),
            parts={name: Part(line, blamed.get(line)) for name, line in lines.items()},
        )


def _one_a_commit(releases: Iterable[Release]) -> Iterable[Release]:
    found: dict[str, Release] = {}
    for release in releases:
        found.setdefault(release.commit, release)
    return found.values()


def _last(repository: Repository | None, commits: Iterable[Written]) -> Written | None:
    """The last of some commits: the one that descends from the others; by date where neither descends."""
    last: Written | None = None
    for one in {written.commit: written for written in commits}.values():
        later = repository is None or last is None or repository.is_ancestor(last.commit, one.commit)
        if later or (last and one.at > last.at and repository and not repository.is_ancestor(one.commit, last.commit)):
            last = one
    return last


def _row(entity: Entity) -> Row:
    # No kind that is asked for here looks at the rest of the catalogue.
    return entity_row(entity, None)  # type: ignore[arg-type]


def _named_by_key(entity: Entity) -> bool:
    return bool(entity.path) and isinstance(entity.path[-1], str)


def _line(entity: Entity, paths: Sequence[Path]) -> int | None:
    for path in paths:
        whole = path[1:] if path and path[0] == TOP else (*entity.path, *path)
        if entity.source.node(whole) is not None:
            return entity.source.place(whole, key=bool(whole) and isinstance(whole[-1], str)).line
    return None


def _last_line(node: Node) -> int:
    """The last line of a node's text, from 1: the end mark of a block lies where the next token begins."""
    match node:
        case ScalarNode(end_mark=end):
            return int(end.line) + (1 if end.column else 0)
        case MappingNode(value=pairs) if pairs:
            return max(_last_line(part) for pair in pairs for part in pair)
        case SequenceNode(value=items) if items:
            return max(map(_last_line, items))
    return int(node.end_mark.line) + 1


def _blame(
    repository: Repository | None, commit: str, file: str, spans: Iterable[tuple[int, int]]
) -> Iterator[tuple[int, Written]]:
    """Who wrote the lines of a file as it stands at a commit, by line."""
    if repository is None:
        return
    ranges = [word for start, end in spans for word in ("-L", f"{start},{end}")]
    top = str(repository.top / file)
    told = repository.run("blame", "--line-porcelain", "--ignore-revs-file=", *ranges, commit, "--", top)
    shallow = repository.is_shallow()
    for line, values in _porcelain(told):
        author = f"{values.get('author', '')} {values.get('author-mail', '')}".strip()
        at = commit_moment(int(values.get("author-time", 0)))
        certain = not (shallow and "boundary" in values)
        yield line, Written(values["commit"], author, at, values.get("summary", ""), certain)


def _porcelain(told: str) -> Iterator[tuple[int, dict[str, str]]]:
    values: dict[str, str] = {}
    line = 0
    for text in told.split("\n"):
        if text.startswith("\t"):
            yield line, values
            values = {}
        elif not values:
            commit, _, numbers = text.partition(" ")
            line = int(numbers.split(" ")[1])
            values = {"commit": commit}
        else:
            name, _, value = text.partition(" ")
            values[name] = value


__all__ = ["TOP", "Archive", "Origin", "Part", "Unknown", "Wanted", "Written"]
