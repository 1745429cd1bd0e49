"""Queries of the configuration pages: what the current release says, and which release said each thing.

Cached by the stamp of the database. Rows are the canonical rows of the tables (see `schema.tables.config`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import streamlit as st
from sqlalchemy import Connection, Engine, select

from metering.book.ratebook import RateBook
from schema.database import reading
from schema.tables import CONFIG_TABLES, release_changes, releases

TTL_SECONDS = 30
Row = dict[str, Any]
Status = Literal["in force", "scheduled", "past", "replaced"]


@dataclass(frozen=True, slots=True)
class Origin:
    """The release that said something."""

    release: int
    commit: str
    label: str | None
    title: str
    author: str
    applied_at: datetime


@dataclass(frozen=True, slots=True)
class PriceEntry:
    """A dated price with its standing and the release that it came with."""

    row: Row
    status: Status
    origin: Origin
    retired: Origin | None

    @property
    def key(self) -> str:
        """`provider/model`."""
        return f"{self.row['provider']}/{self.row['model']}"


@dataclass(frozen=True, slots=True)
class Event:
    """One change of an entity by a release."""

    action: str
    after: Row | None
    origin: Origin


@st.cache_data(ttl=TTL_SECONDS, show_spinner=False, max_entries=10)
def book(_engine: Engine, stamp: str, now: datetime) -> RateBook:
    """The rate book as the runtime loads it; `now` is a whole minute."""
    with reading(_engine) as connection:
        return RateBook.load(connection, now=now)


@st.cache_data(ttl=TTL_SECONDS, show_spinner=False, max_entries=20)
def current(_engine: Engine, stamp: str, kind: str) -> list[Row]:
    """The current rows of a kind with their origin, by key."""
    found = CONFIG_TABLES[kind]
    with reading(_engine) as connection:
        origins = _origins(connection)
        rows = connection.execute(select(found.table).where(found.table.c.retired_release.is_(None))).mappings().all()
    ordered = sorted(rows, key=lambda row: tuple(str(row[name]) for name in found.key))
    return [{**row, "origin": origins[row["introduced_release"]]} for row in ordered]


@st.cache_data(ttl=TTL_SECONDS, show_spinner=False, max_entries=10)
def prices(_engine: Engine, stamp: str, now: datetime) -> dict[str, list[PriceEntry]]:
    """Every price that was ever applied, by `provider/model`, newest first. `now` is a whole minute."""
    table = CONFIG_TABLES["price"].table
    with reading(_engine) as connection:
        origins = _origins(connection)
        rows = [dict(row) for row in connection.execute(select(table)).mappings()]
        rate_book = RateBook.load(connection, now=now)
    by_model: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        by_model[f"{row['provider']}/{row['model']}"].append(row)
    entries: dict[str, list[PriceEntry]] = {}
    for model, found in sorted(by_model.items()):
        price = rate_book.price_at(found[0]["provider"], found[0]["model"], now)
        entries[model] = _entries(found, price.id if price else None, origins, now)
    return entries


def _entries(
    rows: Sequence[Row], in_force: int | None, origins: Mapping[int, Origin], now: datetime
) -> list[PriceEntry]:
    entries = []
    for row in rows:
        if row["retired_release"] is not None:
            status: Status = "replaced"
        elif row["id"] == in_force:
            status = "in force"
        else:
            status = "scheduled" if row["in_force_from"] > now else "past"
        retired = None if row["retired_release"] is None else origins[row["retired_release"]]
        entries.append(PriceEntry(row, status, origins[row["introduced_release"]], retired))
    return sorted(entries, key=lambda entry: (entry.row["effective"], entry.row["id"]), reverse=True)


@st.cache_data(ttl=TTL_SECONDS, show_spinner=False, max_entries=100)
def history(_engine: Engine, stamp: str, kind: str, key: str) -> list[Event]:
    """What releases did to an entity, newest first."""
    change = release_changes.c
    with reading(_engine) as connection:
        origins = _origins(connection)
        query = (
            select(change.action, change.after, change.release_id)
            .where(change.kind == kind, change.key == key)
            .order_by(change.release_id.desc())
        )
        return [Event(action, after, origins[release]) for action, after, release in connection.execute(query)]


def _origins(connection: Connection) -> dict[int, Origin]:
    table = releases.c
    query = select(table.id, table.commit_sha, table.label, table.title, table.author, table.applied_at)
    return {row[0]: Origin(*row) for row in connection.execute(query)}
