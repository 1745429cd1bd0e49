"""How the pages write proposals, and what they tell of one that is written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

import streamlit as st

from dashboard import sources
from dashboard.access import CurrentPerson
from dashboard.formats import literal, short_commit
from dashboard.proposing.upstream import REMOTE_LOCK, environment, upstream
from schema.keys import Key
from sync.context import environment_admins
from sync.edit import Edit
from sync.propose import propose
from sync.repository import Person, Repository
from sync.submit import Proposal


def write_proposal(
    repository: Repository,
    edits: Sequence[Edit],
    person: CurrentPerson,
    *,
    title: str,
    seen: Mapping[Key, str],
    now: datetime,
    effective: datetime | None = None,
) -> Proposal:
    """Make edits a commit of the person, and push it where proposals go to a remote. Raises RatecardError."""
    with REMOTE_LOCK:
        return propose(
            repository,
            edits,
            title=title,
            author=Person(person.name, person.email),
            folder=sources.CONFIG_FOLDER,
            upstream=upstream(),
            now=now,
            seen=seen,
            effective=effective,
            environment_admins=environment_admins(),
            environment=environment(),
        )


def proposed_note(done: Proposal) -> None:
    """What a proposal became, and the ways to it."""
    words = f"Proposed as commit **{short_commit(done.commit)}** on branch **{literal(done.branch)}**"
    if done.unpushed:
        st.warning(
            f"{words}, which only this clone has: {literal(done.unpushed)}. Push it from Proposals.",
            icon=":material/cloud_off:",
        )
    else:
        pushed = f", pushed to {literal(done.remote)}" if done.remote else ""
        st.success(f"{words}{pushed}.", icon=":material/check_circle:")
    for note in done.notes:
        st.caption(f":orange[:material/info:] {literal(note)}")
    with st.container(horizontal=True, vertical_alignment="center"):
        if done.url:
            request_link(done.url, opened=done.opened)
        st.page_link(
            "app_pages/proposals.py",
            label="Review and merge it" if sources.local_merges() else "Review it",
            icon=":material/arrow_forward:",
            icon_position="right",
            query_params={"branch": done.branch},
        )


def request_link(url: str, *, opened: bool) -> None:
    """The pull request that is open, or the page that opens it."""
    label = "See the pull request" if opened else "Open the pull request"
    st.link_button(label, url, icon=":material/open_in_new:", type="primary")


__all__ = ["proposed_note", "request_link", "write_proposal"]
