"""Where the dashboard reads and writes: the repository of the working directory, and its database.

The only module that knows the environment and the clock; what it opens is kept for all sessions.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import streamlit as st
from sqlalchemy import Connection, Engine, select

from metering.analytics import Arrived, arrived, data_as_of
from schema.catalogue import load_catalogue
from schema.database import DatabaseState, database_state, make_engine, reading, shown_url
from schema.documents import document_kind
from schema.tables import releases
from sync.context import DATABASE_VARIABLE, database_url
from sync.errors import RepositoryError
from sync.repository import Repository

CONFIG_FOLDER = "config"
TTL_SECONDS = 60
"""How long answers are kept under one stamp: accounts, credit and subscriptions change without another."""


@dataclass(frozen=True, slots=True)
class Stamp:
    """What the database holds: it changes with every release, event and correction, and keys what is cached."""

    database: str
    release: int
    commit: str
    config_tree: str
    applied_at: datetime
    as_of: datetime | None
    arrived: Arrived

    def minute(self, now: datetime) -> datetime:
        """The whole minute, so that reruns share what is cached; or the release, whose prices hold from its moment."""
        return max(now.replace(second=0, microsecond=0), self.applied_at)

    @property
    def text(self) -> str:
        """The stamp as a cache key."""
        return f"{self.database} {self.release} {self.as_of} {self.arrived.newest} {self.arrived.near}"


def utc_now() -> datetime:
    """The clock of every page."""
    return datetime.now(UTC)


def variable_is_set(name: str) -> bool:
    """Whether a variable of the server's environment holds anything; its value is never read further."""
    return bool(os.environ.get(name))


def repository() -> Repository | None:
    """The git repository around the working directory, or None outside of one."""
    try:
        return Repository.open(Path.cwd())
    except RepositoryError:
        return None


def policy() -> Mapping[str, Any]:
    """The policy of the commit at HEAD, by its top-level key; empty outside of a repository."""
    found = repository()
    if found is None:
        return {}
    try:
        return _policy(str(found.top), found.sha("HEAD"))
    except RepositoryError:
        return {}


@st.cache_data(show_spinner=False, max_entries=50)
def _policy(top: str, sha: str) -> dict[str, Any]:
    files = Repository.open(top).config_files(sha, CONFIG_FOLDER)
    policy_files = {path: content for path, content in files.items() if document_kind(path) == "ratecard"}
    catalogue, _ = load_catalogue(policy_files, CONFIG_FOLDER)
    return {name: entity.document for name, entity in catalogue.of("policy").items()}


def local_merges() -> bool:
    """Whether the policy lets the dashboard merge proposals into the base branch of its own clone."""
    return policy().get("local_merges") is True


def base_branch() -> str:
    """The branch that proposals start from."""
    return str(policy().get("base_branch") or "main")


@st.cache_resource(show_spinner=False)
def _url(named: str | None, folder: str) -> str:
    return database_url(None, repository())


def url() -> str:
    """RATECARD_DATABASE_URL, else `.ratecard/ratecard.db` at the top of the repository."""
    return _url(os.environ.get(DATABASE_VARIABLE), str(Path.cwd()))


@st.cache_resource(show_spinner=False)
def _engine(address: str) -> Engine:
    return make_engine(address, create=False)


def engine() -> Engine:
    """The engine of the database; nothing connects yet, and a missing file is not made."""
    return _engine(url())


def state() -> tuple[DatabaseState, str]:
    """What stands behind the engine, and its address without the password. Raises DatabaseError when out of reach."""
    found = engine()
    return database_state(found), shown_url(found.url)


def stamp(connection: Connection) -> Stamp | None:
    """What the database holds now, or None before the first release."""
    newest = connection.execute(
        select(releases.c.id, releases.c.commit_sha, releases.c.config_tree, releases.c.applied_at)
        .order_by(releases.c.id.desc())
        .limit(1)
    ).one_or_none()
    if newest is None:
        return None
    return Stamp(url(), *newest, data_as_of(connection), arrived(connection))


def read_stamp() -> Stamp | None:
    """The same in a transaction of its own. Raises DatabaseError."""
    with reading(engine()) as connection:
        return stamp(connection)


__all__ = [
    "CONFIG_FOLDER",
    "TTL_SECONDS",
    "Stamp",
    "base_branch",
    "engine",
    "local_merges",
    "policy",
    "read_stamp",
    "repository",
    "state",
    "utc_now",
    "variable_is_set",
]
