"""The remote that proposals start from and are pushed to, where the policy does not merge them in this clone.

It is asked in the background while people look at pages, so that forms start from what others have merged.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from threading import Lock, Thread
from typing import Any

import streamlit as st

from dashboard import sources
from schema.documents.policy import Forge
from schema.errors import RatecardError
from sync.plumbing import ref_sha
from sync.repository import Repository
from sync.upstream import fetch_proposals, upstream_of

EVERY = timedelta(seconds=60)
"""How old an answer of the remote may be while people look at forms."""
PATIENCE_SECONDS = 2.0
"""How long the first page of a server waits for the remote."""
REMOTE_LOCK = Lock()
"""Held by whoever fetches or pushes: git lets only one of them move a ref."""


@dataclass
class Asked:
    """What came of asking the remote: when that was, when it last answered, and why it did not."""

    at: datetime | None = None
    answered_at: datetime | None = None
    fault: str = ""
    running: Lock = field(default_factory=Lock)

    def due(self, now: datetime, age: timedelta) -> bool:
        """Whether the last time is longer ago."""
        return self.at is None or now - self.at >= age


@st.cache_data(show_spinner=False, ttl=EVERY, max_entries=20)
def _upstream(top: str, _forge: Forge | None, forge: str) -> str | None:
    return upstream_of(Repository.open(top), _forge, local_merges=False)


def upstream(policy: Mapping[str, Any] | None = None) -> str | None:
    """The name of the remote; None where proposals stay in this clone. `policy` is that of HEAD, else it is read."""
    stated = sources.policy() if policy is None else policy
    repository = None if stated.get("local_merges") is True else sources.repository()
    if repository is None:
        return None
    forge: Forge | None = stated.get("forge")
    return _upstream(str(repository.top), forge, str(forge))


def fetched_ref(repository: Repository) -> str:
    """Where git stands: the base branch as it was fetched from the remote, else HEAD."""
    remote, branch = upstream(), sources.base_branch()
    if remote is None:
        return "HEAD"
    ask(remote, branch)
    shown = f"{remote}/{branch}"
    return shown if ref_sha(repository, f"refs/remotes/{shown}") else "HEAD"


def environment() -> Mapping[str, str]:
    """Where the token of the forge is looked for."""
    return os.environ


@st.cache_resource(show_spinner=False)
def _asked(top: str, remote: str, branch: str) -> Asked:
    return Asked()


def ask(remote: str, branch: str, *, age: timedelta = EVERY, wait: float = 0.0) -> Asked:
    """Have the remote asked what it has, when that was longer ago than `age`; waits up to `wait` seconds for it."""
    repository, now = sources.repository(), sources.utc_now()
    if repository is None:
        return Asked()
    asked = _asked(str(repository.top), remote, branch)
    if asked.due(now, age) and asked.running.acquire(blocking=False):
        patience = max(wait, PATIENCE_SECONDS if asked.at is None else 0.0)
        asked.at = now
        thread = Thread(target=_fetch, args=(str(repository.top), remote, branch, asked), daemon=True)
        thread.start()
        thread.join(patience)
    return asked


def _fetch(top: str, remote: str, branch: str, asked: Asked) -> None:
    try:
        with REMOTE_LOCK:
            fetch_proposals(Repository.open(top), remote, branch)
    except RatecardError as error:
        asked.fault = str(error)
    else:
        asked.fault, asked.answered_at = "", sources.utc_now()
    finally:
        asked.running.release()


__all__ = ["REMOTE_LOCK", "Asked", "ask", "environment", "fetched_ref", "upstream"]
