"""Queries of the releases page: releases, what differs between them, and the explanation of a call; cached.

Releases and what they wrote never change, so that the number of the newest one is all that their caches need.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import streamlit as st
from sqlalchemy import Engine, select

from dashboard import sources
from schema.database import reading
from schema.documents.policy import Forge
from schema.tables import accounts, usage_events
from sync.current import Release, list_releases
from sync.errors import RepositoryError
from sync.explain import Explanation, explain
from sync.explain.origin import Archive
from sync.forge import ForgePage, page_of
from sync.plumbing import remote_url
from sync.release_diff import ReleaseDiff, beside_prices, diff_releases
from sync.repository import Repository

TTL_SECONDS = 30
PAGE_ROWS = 20
LATEST_CALLS = 12


@dataclass(frozen=True, slots=True)
class Call:
    """A call that was recorded."""

    account: str
    event_id: str
    occurred_at: datetime
    provider: str
    model: str
    charge_nanos: int


@st.cache_data(show_spinner=False, max_entries=5)
def releases(_engine: Engine, database: str, newest: int) -> list[Release]:
    """All releases, newest first."""
    with reading(_engine) as connection:
        return list_releases(connection)


@st.cache_data(show_spinner=False, max_entries=50)
def difference(_engine: Engine, database: str, newest: int, before: str, after: str) -> ReleaseDiff:
    """What differs between two releases; new prices beside those that they follow. Raises RefusedError."""
    with reading(_engine) as connection:
        return beside_prices(connection, diff_releases(connection, before, after))


@st.cache_data(ttl=TTL_SECONDS, show_spinner=False, max_entries=50)
def explanation(_engine: Engine, stamp: str, event: str, account: str | None, top: str | None) -> Explanation:
    """Why a call was charged what it was. Raises RefusedError."""
    if top is None:
        archive = Archive(None, sources.CONFIG_FOLDER, "the dashboard was not started in a git repository")
    else:
        archive = Archive(Repository.open(top), sources.CONFIG_FOLDER)
    with reading(_engine) as connection:
        return explain(connection, archive, event, account)


@st.cache_data(ttl=TTL_SECONDS, show_spinner=False, max_entries=5)
def latest_calls(_engine: Engine, stamp: str) -> list[Call]:
    """The calls that were recorded last, newest first."""
    event = usage_events.c
    query = (
        select(accounts.c.account, event.event_id, event.occurred_at, event.provider, event.model, event.charge_nanos)
        .join(accounts, accounts.c.id == event.account_id)
        .order_by(event.id.desc())
        .limit(LATEST_CALLS)
    )
    with reading(_engine) as connection:
        return [Call(*row) for row in connection.execute(query)]


@st.cache_data(show_spinner=False, max_entries=200)
def written_lines(top: str, commit: str, file: str, first: int, last: int) -> str | None:
    """Some lines of a file at a commit, with their numbers; None when git does not have them."""
    try:
        text = Repository.open(top).run("show", f"{commit}:{file}")
    except RepositoryError:
        return None
    lines = text.split("\n")[first - 1 : last]
    width = len(str(last))
    return "\n".join(f"{number:>{width}}  {line}" for number, line in enumerate(lines, first))


def forge_page() -> ForgePage | None:
    """The forge's page of the repository around the working directory, if there is one that a link may go to."""
    repository = sources.repository()
    if repository is None:
        return None
    forge: Forge | None = sources.policy().get("forge")
    page = page_of(forge, remote_url(repository, forge.remote if forge else "origin"))
    return page if page is not None and page.url.startswith(("https://", "http://")) else None


__all__ = [
    "LATEST_CALLS",
    "PAGE_ROWS",
    "Call",
    "difference",
    "explanation",
    "forge_page",
    "latest_calls",
    "releases",
    "written_lines",
]
