"""Edits of the database as a proposal: what drift calls edited, written into the YAML of a base branch.

For each entity three sides are compared: as the last release left it, as the database has it, as the base says it.
Where only the database moved, its row becomes edits; where the base moved, too, both are shown and nothing is written.
After the edits the files are read, and every edited entity must be the very row that the database has.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Engine

from schema.catalogue import Catalogue, load_catalogue
from schema.database import database_state, reading, require_current
from schema.findings import Finding, printable
from schema.keys import KINDS, Key
from sync.bases import Base
from sync.changes import find_changes
from sync.current import from_json, journal_entry, read_current, released, same
from sync.desired import Row, Rows, entity_row
from sync.edit import AddEntity, Edit, RemoveEntity, SetField, Value, apply_edits, entity_text
from sync.edit.edits import VALUE_FIELD
from sync.edit.locate import Files, find, part_at
from sync.edit_reasons import Reason, edit_reasons
from sync.errors import ConflictError, EditError, RefusedError
from sync.presenting import present
from sync.proposal_text import edit_lines, listed
from sync.repository import Person, Repository
from sync.row_fields import changed_fields, row_fields
from sync.submit import Preview, Proposal, preview_of, submit, with_changes

DEFAULT_TITLE = "Take over edits made in the database"


@dataclass(frozen=True, slots=True)
class DatabaseEdits:
    """What was edited in the database since its last release: rows then and now, by key; None where there is none.

    `moved` are prices of which only the moment was edited from which they are in force.
    """

    release: int | None
    rows: Mapping[Key, tuple[Row | None, Row | None]]
    names: Mapping[str, frozenset[str]]
    """The names of all models and providers that the database has, by kind."""
    moved: tuple[Key, ...] = ()
    reasons: Mapping[str, Reason] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Exported:
    """The edits of a base, the files that they change, and what could not be exported and why."""

    edits: tuple[Edit, ...]
    changed: Mapping[str, bytes | None]
    notes: tuple[str, ...]


def read_edits(engine: Engine) -> DatabaseEdits:
    """What was edited in the database; nothing in a missing or empty one."""
    if database_state(engine) in ("missing", "empty"):
        return DatabaseEdits(None, {}, {})
    require_current(engine)
    with reading(engine) as connection:
        current, journal = read_current(connection), released(connection)
        release = current.release.id if current.release else None
        reasons = edit_reasons(connection, release)
    left: Rows = {kind: {} for kind in KINDS}
    for (kind, name), entry in journal.items():
        left[kind][name] = from_json(entry)
    changes = {
        Key(change.kind, change.name): (change.before, change.after) for change in find_changes(left, current.rows)
    }
    moved = tuple(
        Key("price", name)
        for name, since in sorted(current.in_force.items())
        if ("price", name) in journal
        and Key("price", name) not in changes
        and journal["price", name].get("in_force_from") != journal_entry("price", {}, since)["in_force_from"]
    )
    names = {kind: frozenset(current.rows[kind]) for kind in ("model", "provider")}
    return DatabaseEdits(release, changes, names, moved, reasons)


def export(found: DatabaseEdits, files: Mapping[str, bytes], *, now: datetime, folder: str = "config") -> Exported:
    """The edits that make the files say what the database says, for every entity that was edited there.

    Raises ConflictError when the files have moved away from the last release in one of these entities.
    """
    catalogue, _ = load_catalogue(files, folder)
    notes = [
        f"{key}: since when it is in force is nothing that YAML says; only the database has it" for key in found.moved
    ]
    wanted: dict[Key, list[Edit]] = {}
    for key in sorted(found.rows, key=lambda key: (KINDS.index(key.kind), key.name)):
        before, after = found.rows[key]
        here = _row(catalogue, key)
        if _same(key.kind, here, after):
            continue
        if not _same(key.kind, here, before):
            raise ConflictError(
                str(key),
                entity_text(files, key, folder),
                "nothing" if after is None else json.dumps(present(key.kind, after), ensure_ascii=False),
                f"the database was edited and git moved on since release {found.release}: bring one of them back first",
            )
        try:
            wanted[key] = list(_edits(found, files, folder, key, here, after))
        except EditError as error:
            notes.append(printable(f"{key} cannot be exported: {error}"))
    return _checked(found, files, wanted, notes, now, folder)


def _checked(
    found: DatabaseEdits,
    files: Mapping[str, bytes],
    wanted: dict[Key, list[Edit]],
    notes: list[str],
    now: datetime,
    folder: str,
) -> Exported:
    """Write the edits and read them back; an entity that does not come out as the database has it is left out."""
    while True:
        written: dict[str, bytes | None] = {}
        failed: dict[Key, str] = {}
        edits: list[Edit] = []
        for key in _in_order(wanted, found):
            try:
                written |= apply_edits(with_changes(files, written), wanted[key], now=now, folder=folder)
            except EditError as error:
                failed[key] = str(error)
                continue
            edits += wanted[key]
        catalogue, findings = load_catalogue(with_changes(files, written), folder)
        for key in wanted.keys() - failed.keys():
            after = found.rows[key][1]
            if not _same(key.kind, _row(catalogue, key), after):
                failed[key] = _why(key, catalogue, after, findings)
        if not failed:
            changed = {path: data for path, data in written.items() if files.get(path) != data}
            return Exported(tuple(edits), changed, tuple(notes))
        for key in sorted(failed):
            del wanted[key]
            notes.append(printable(f"{key} cannot be exported: {failed[key]}"))


def _in_order(wanted: Mapping[Key, Sequence[Edit]], found: DatabaseEdits) -> list[Key]:
    """What goes first, its parts before the whole; then the rest, the whole before its parts."""
    going = [key for key in wanted if found.rows[key][1] is None]
    return [*reversed(going), *(key for key in wanted if key not in going)]


def _why(key: Key, catalogue: Catalogue, after: Row | None, findings: Sequence[Finding]) -> str:
    found = _row(catalogue, key)
    if found is None or after is None:
        return findings[0].message if findings else "the YAML has no way to say it"
    fields = ", ".join(name for name in after if found.get(name) != after[name])
    return f"the YAML has no way to say its {fields}"


def _same(kind: str, one: Row | None, other: Row | None) -> bool:
    return one is other if one is None or other is None else same(kind, one, other)


def _row(catalogue: Catalogue, key: Key) -> Row | None:
    entity = catalogue.of(key.kind).get(key.name)
    return None if entity is None else entity_row(entity, catalogue)


def _edits(
    found: DatabaseEdits, files: Mapping[str, bytes], folder: str, key: Key, here: Row | None, after: Row | None
) -> Iterator[Edit]:
    if after is None:
        yield RemoveEntity(key)
        return
    models, providers = found.names["model"], found.names["provider"]
    fields = row_fields(key.kind, after, models, providers)
    if here is None:
        yield AddEntity(key, fields)
        return
    written = _written(files, folder, key)
    if key.kind in ("setting", "policy"):
        free = key.name.startswith("extra.")
        value = changed_fields(written, here["value"], after["value"], free=free)
        if value is None:
            raise EditError("it is null in the database, which is how the YAML says that there is none")
        yield SetField(key, VALUE_FIELD, value)
        return
    present_fields = row_fields(key.kind, here, models, providers)
    for name in dict.fromkeys([*present_fields, *fields]):
        if present_fields.get(name) != fields.get(name):
            yield from _field_edits(key, name, fields.get(name), written)


def _field_edits(key: Key, name: str, value: Value, written: Any) -> Iterator[Edit]:
    parts = written if isinstance(written, dict) else {}
    if name == "source":
        # A source may hold a note that no column has.
        for part in ("url", "checked") if key.kind == "price" else ("url",):
            yield SetField(key, f"source.{part}", value.get(part) if isinstance(value, dict) else None)
    elif name == "note" and value is None:
        yield from (SetField(key, place, None) for place in ("note", "source.note"))
    elif name == "margin" and isinstance(value, str) and isinstance(parts.get("margin"), dict):
        yield SetField(key, name, {"default": value})
    else:
        yield SetField(key, name, value)


def _written(files: Mapping[str, bytes], folder: str, key: Key) -> Any:
    texts = Files(files, folder)
    place = find(texts, key)
    return None if place is None else part_at(texts.source(place.file), place.path)


def propose_edits(
    repository: Repository,
    engine: Engine,
    *,
    author: Person | None,
    now: datetime,
    title: str | None = None,
    base: str | None = None,
    folder: str = "config",
    push: bool = False,
    environment_admins: Sequence[str] = (),
    environment: Mapping[str, str] | None = None,
) -> Proposal:
    """Write the proposal that takes edits of the database into git. Reads the database, writes nothing there.

    Raises RefusedError when nothing was edited there or nothing of it can be exported, ConflictError when git has moved
    on in the same entity.
    """
    found = read_edits(engine)
    if not found.rows and not found.moved:
        since = f"release {found.release}" if found.release else "any release"
        raise RefusedError("NO_CHANGE", f"nothing was edited in the database since {since}")

    def make(start: Base) -> Preview:
        exported = export(found, start.files, now=now, folder=folder)
        if not exported.edits:
            reasons = "; ".join(exported.notes) or f"{start.shown} says what the database says"
            raise RefusedError("NO_CHANGE", f"nothing can be proposed: {reasons}")
        return preview_of(
            repository,
            start,
            exported.changed,
            folder=folder,
            now=now,
            environment_admins=environment_admins,
            notes=exported.notes,
            details=listed(_lines(found, exported.edits)),
        )

    return submit(
        repository,
        make,
        title=title or DEFAULT_TITLE,
        author=author,
        now=now,
        base=base,
        folder=folder,
        push=push,
        environment=environment,
    )


def _lines(found: DatabaseEdits, edits: Sequence[Edit]) -> Iterator[str]:
    for edit, line in zip(edits, edit_lines(edits), strict=True):
        reason = found.reasons.get(str(edit.key))
        yield line if reason is None else f"{line} ({reason.by} on {reason.at:%Y-%m-%d}: {reason.text})"


__all__ = ["DatabaseEdits", "Exported", "export", "propose_edits", "read_edits"]
