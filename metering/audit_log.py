"""Reading the audit log: filtered, newest first, page by page, with what a filter can be set to."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, func, select

from schema.tables import audit_log

RECENT = 20_000
"""How many entries are looked through for what can be chosen."""
MOST_CHOICES = 500
"""How many people are offered to choose from: those who did the most."""

_row = audit_log.c


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """Which entries are wanted; None stands for all."""

    start: datetime | None = None
    end: datetime | None = None
    """The first moment that is not wanted any more."""
    actor: str | None = None
    action: str | None = None
    kind: str | None = None
    """What the thing is that something was done to: the first word of its name, such as `account`."""
    subject: str | None = None
    """A part of the thing's name, in whatever case."""


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """Something that somebody did."""

    id: int
    at: datetime
    actor: str
    action: str
    target: str
    before: Any
    after: Any
    address: str | None

    @property
    def kind(self) -> str:
        """The first word of what it was done to."""
        return self.target.partition(" ")[0]

    @property
    def subject(self) -> str:
        """The rest: which one it was."""
        return self.target.partition(" ")[2]


@dataclass(frozen=True, slots=True)
class AuditChoices:
    """What occurs among the newest entries: who did the most first, the rest by name."""

    actors: tuple[str, ...]
    actions: tuple[str, ...]
    kinds: tuple[str, ...]


def count_entries(connection: Connection, wanted: AuditFilter) -> int:
    """How many entries a filter lets through."""
    return int(connection.execute(_filtered(connection, select(func.count(_row.id)), wanted)).scalar_one())


def read_entries(connection: Connection, wanted: AuditFilter, *, limit: int, offset: int = 0) -> list[AuditEntry]:
    """Entries, newest first: at most `limit`, after the first `offset`."""
    query = _newest_first(_filtered(connection, _entries(), wanted)).limit(limit).offset(offset)
    return [AuditEntry(*row) for row in connection.execute(query)]


def stream_entries(connection: Connection, wanted: AuditFilter, *, limit: int) -> Iterator[AuditEntry]:
    """The same for a file: read as they are asked for."""
    query = _newest_first(_filtered(connection, _entries(), wanted)).limit(limit)
    for row in connection.execution_options(yield_per=1_000).execute(query):
        yield AuditEntry(*row)


def find_entry(connection: Connection, number: int) -> AuditEntry | None:
    """The entry of a number."""
    found = connection.execute(_entries().where(_row.id == number)).one_or_none()
    return None if found is None else AuditEntry(*found)


def audit_choices(connection: Connection) -> AuditChoices:
    """What the newest entries can be filtered by; a log may be too long to be looked through whole."""
    newest = select(_row.actor, _row.action, _kind(connection).label("kind"))
    recent = newest.order_by(_row.at.desc(), _row.id.desc()).limit(RECENT).subquery().c
    busiest = select(recent.actor).group_by(recent.actor).order_by(func.count().desc(), recent.actor)
    pairs = connection.execute(select(recent.action, recent.kind).distinct()).all()
    return AuditChoices(
        tuple(connection.execute(busiest.limit(MOST_CHOICES)).scalars()),
        tuple(sorted({action for action, _ in pairs})),
        tuple(sorted({kind for _, kind in pairs})),
    )


def _entries() -> Select[Any]:
    return select(_row.id, _row.at, _row.actor, _row.action, _row.target, _row.before, _row.after, _row.address)


def _newest_first(query: Select[Any]) -> Select[Any]:
    return query.order_by(_row.at.desc(), _row.id.desc())


def _filtered(connection: Connection, query: Select[Any], wanted: AuditFilter) -> Select[Any]:
    if wanted.start is not None:
        query = query.where(_row.at >= wanted.start)
    if wanted.end is not None:
        query = query.where(_row.at < wanted.end)
    if wanted.actor is not None:
        query = query.where(_row.actor == wanted.actor)
    if wanted.action is not None:
        query = query.where(_row.action == wanted.action)
    if wanted.kind is not None:
        query = query.where(_kind(connection) == wanted.kind)
    if wanted.subject is not None:
        query = query.where(_row.target.icontains(wanted.subject, autoescape=True))
    return query


def _kind(connection: Connection) -> ColumnElement[str]:
    if connection.dialect.name == "postgresql":
        return func.split_part(_row.target, " ", 1)
    return func.substr(_row.target, 1, func.instr(_row.target + " ", " ") - 1)


__all__ = [
    "MOST_CHOICES",
    "RECENT",
    "AuditChoices",
    "AuditEntry",
    "AuditFilter",
    "audit_choices",
    "count_entries",
    "find_entry",
    "read_entries",
    "stream_entries",
]
