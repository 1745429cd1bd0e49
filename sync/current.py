"""What the database says: its current rows, its last release, and the rows as that release left them."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from json import JSONDecoder
from typing import Any

from sqlalchemy import JSON, ColumnElement, Connection, Text, func, select, type_coerce

from schema.errors import DatabaseError
from schema.keys import moment_text, parse_moment
from schema.tables import CONFIG_TABLES, release_changes, releases
from sync.desired import Row, Rows
from sync.presenting import present

_MANY_KEYS = 500
"""From how many keys on the whole journal is read rather than each key asked for."""


@dataclass(frozen=True, slots=True)
class Release:
    """A successful apply."""

    id: int
    commit: str
    config_tree: str
    label: str | None
    title: str
    author: str
    applied_by: str
    applied_at: datetime
    creates: int
    updates: int
    deletes: int


@dataclass(frozen=True, slots=True)
class Current:
    """The current rows of all kinds, with what else an apply must know of them."""

    release: Release | None = None
    rows: Rows = field(default_factory=lambda: {kind: {} for kind in CONFIG_TABLES})
    ids: dict[str, dict[str, int]] = field(default_factory=lambda: {kind: {} for kind in CONFIG_TABLES})
    in_force: dict[str, datetime] = field(default_factory=dict)
    """From when each price is in force, by name."""
    origin: str | None = None
    """A digest of the first release: what tells this database from others."""


def current_rows(connection: Connection) -> Rows:
    """The current rows by kind and name."""
    return read_current(connection).rows


def read_current(connection: Connection) -> Current:
    """Everything that is current. Raises DatabaseError for a value that nobody could have written through Ratecard."""
    current = Current(release=last_release(connection), origin=_origin(connection))
    as_text = connection.dialect.name == "sqlite"
    for kind, config in CONFIG_TABLES.items():
        table = config.table
        extra = ["in_force_from"] if kind == "price" else []
        names = [*config.key, *config.values]
        columns: list[ColumnElement[Any]] = [table.c[name] for name in ["id", *extra, *names]]
        decoded = [name for name in names if as_text and isinstance(table.c[name].type, JSON)]
        if decoded:
            columns = [
                type_coerce(table.c[name], Text) if name in decoded else table.c[name]
                for name in ["id", *extra, *names]
            ]
        rows, ids = current.rows[kind], current.ids[kind]
        first = 1 + len(extra)
        try:
            for values in connection.execute(select(*columns).where(table.c.retired_release.is_(None))):
                row = dict(zip(names, values[first:], strict=True))
                for column in decoded:
                    row[column] = _decode(row[column])
                name = row_name(kind, row)
                rows[name] = row
                ids[name] = values[0]
                if extra:
                    current.in_force[name] = values[1]
        except (ValueError, TypeError) as error:
            raise DatabaseError(f"the table {table.name} holds a value that cannot be read: {error}") from None
    return current


_raw_decode = JSONDecoder().raw_decode


def _decode(value: str | float | None) -> Any:
    # Half of the time of a no-change plan would go into the JSON type's own conversion, a call chain a value.
    # SQLite keeps JSON that is a bare number as that number.
    return _raw_decode(value)[0] if isinstance(value, str) else value


def row_name(kind: str, row: Row) -> str:
    """The name of a row in keys, such as `anthropic/claude-haiku-4-5@2026-01-01`."""
    match kind:
        case "model":
            return f"{row['provider']}/{row['model']}"
        case "price":
            return f"{row['provider']}/{row['model']}@{moment_text(row['effective'])}"
        case "route":
            return f"{row['provider']}/{row['task']}"
        case "rate":
            return f"{row['base']}/{row['quote']}@{moment_text(row['effective'])}"
        case _:
            return str(row[CONFIG_TABLES[kind].key[0]])


_RELEASE_COLUMNS = (
    releases.c.id,
    releases.c.commit_sha,
    releases.c.config_tree,
    releases.c.label,
    releases.c.title,
    releases.c.author,
    releases.c.applied_by,
    releases.c.applied_at,
    releases.c.creates,
    releases.c.updates,
    releases.c.deletes,
)


def list_releases(connection: Connection, limit: int | None = None) -> list[Release]:
    """Releases, newest first."""
    query = select(*_RELEASE_COLUMNS).order_by(releases.c.id.desc()).limit(limit)
    return [Release(*row) for row in connection.execute(query)]


def last_release(connection: Connection) -> Release | None:
    """The newest release, or None before the first."""
    return next(iter(list_releases(connection, 1)), None)


def _origin(connection: Connection) -> str | None:
    columns = releases.c
    query = select(columns.commit_sha, columns.fingerprint, columns.applied_at).order_by(columns.id).limit(1)
    first = connection.execute(query).first()
    return None if first is None else sha256(repr(tuple(first)).encode()).hexdigest()[:16]


def released(connection: Connection, keys: Collection[tuple[str, str]] | None = None) -> dict[tuple[str, str], Any]:
    """The entities as the last release left them (as `as_json` writes rows), by kind and name.

    With `keys` at least those are read; a key that no release knows, or that the last one to touch it deleted, is
    absent.
    """
    table = release_changes
    newest = select(func.max(table.c.id)).group_by(table.c.kind, table.c.key)
    if keys is not None and len(keys) <= _MANY_KEYS:
        newest = newest.where(table.c.key.in_({name for _, name in keys}))
    query = select(table.c.kind, table.c.key, table.c.after).where(table.c.id.in_(newest))
    return {(kind, name): after for kind, name, after in connection.execute(query) if after is not None}


def as_json(row: Row) -> Row:
    """A row as the journal keeps it: moments as text."""
    return {name: moment_text(value) if isinstance(value, datetime) else value for name, value in row.items()}


def from_json(entry: Row) -> Row:
    """The inverse of `as_json`, and of `journal_entry` but for the moment from which a price is in force."""
    row = {name: value for name, value in entry.items() if name != "in_force_from"}
    if "effective" in row:
        row["effective"] = parse_moment(row["effective"])
    return row


def journal_entry(kind: str, row: Row, in_force_from: datetime | None) -> Row:
    """What the journal keeps of an entity; of a price also from when it is in force, which is money too."""
    entry = as_json(row)
    if kind == "price" and in_force_from is not None:
        entry["in_force_from"] = moment_text(in_force_from)
    return entry


def same(kind: str, one: Row, other: Row) -> bool:
    """Whether two rows say the same. Free JSON values also agree in their types: `true` is not 1."""
    if one != other:
        return False
    return kind not in ("setting", "policy") or _typed(one["value"]) == _typed(other["value"])


def _typed(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _typed(part) for name, part in value.items()}
    if isinstance(value, list):
        return [_typed(part) for part in value]
    return type(value), value


def differing_fields(kind: str, one: Row, other: Row) -> Iterable[str]:
    """The columns in which two rows of a kind differ."""
    names = dict.fromkeys([*one, *other])
    return [name for name in names if not same(kind, _only(one, name), _only(other, name))]


def _only(row: Row, name: str) -> Row:
    return {"value": row.get(name)}


__all__ = [
    "Current",
    "Release",
    "as_json",
    "current_rows",
    "differing_fields",
    "from_json",
    "journal_entry",
    "last_release",
    "list_releases",
    "present",
    "read_current",
    "released",
    "row_name",
    "same",
]
