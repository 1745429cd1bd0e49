"""Propose a rollback: the way back to an earlier release as a branch, by the function of `ratecard rollback`."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from dashboard import sources
from dashboard.access import CurrentPerson
from dashboard.exports import csv_button
from dashboard.formats import literal
from dashboard.proposing.proposed import proposed_note
from dashboard.proposing.upstream import REMOTE_LOCK, environment, upstream
from dashboard.releases import data as release_data
from dashboard.releases.table import counts_text, difference_csv, difference_rows, release_name
from dashboard.session import require
from schema.errors import RatecardError
from sync.context import environment_admins
from sync.current import Release
from sync.repository import Person
from sync.rollback import rollback
from sync.submit import Proposal

_DONE = "rollback_done"
_FAILED = "rollback_failed"
_KEPT = (
    "Prices in effect stay, because calls may have been billed by them: where another price was in force then, it is "
    "appended again, from today on. Prices that are only scheduled go."
)


def _propose(release: int) -> None:
    # A callback: it runs before the page, with the role read again.
    person = require("admin", "propose a rollback")
    repository = sources.repository()
    if repository is None:
        return
    try:
        with REMOTE_LOCK:
            st.session_state[_DONE] = rollback(
                repository,
                sources.engine(),
                str(release),
                author=Person(person.name, person.email),
                now=sources.utc_now(),
                folder=sources.CONFIG_FOLDER,
                upstream=upstream(),
                environment_admins=environment_admins(),
                environment=environment(),
            )
    except RatecardError as error:
        st.session_state[_FAILED] = str(error)


def rollback_note() -> None:
    """What the last rollback became, or why there is none; shown once."""
    failed: str | None = st.session_state.pop(_FAILED, None)
    if failed:
        st.error(literal(failed), icon=":material/error:")
    done: Proposal | None = st.session_state.pop(_DONE, None)
    if done is not None:
        proposed_note(done)


def rollback_panel(release: Release, newest: Release, database: str, person: CurrentPerson) -> None:
    """A popover that shows what would be undone, and proposes it."""
    allowed = person.may("admin") and bool(person.email)
    reason = None
    if release.id == newest.id:
        reason = "This is the release in force; to undo it, roll back to the one before."
    elif not allowed:
        reason = "Only an admin whom git knows may propose a rollback."
    elif sources.repository() is None:
        reason = "Not in a git repository: nothing can be proposed from here."
    with st.popover("Propose a rollback", icon=":material/undo:", disabled=reason is not None, help=reason, width=220):
        if reason is not None:
            return
        diff = release_data.difference(sources.engine(), database, newest.id, str(newest.id), str(release.id))
        st.markdown(f"**Back to {literal(release_name(release))}**")
        st.caption(f"Against what holds now: {counts_text(diff.summary)}. {_KEPT}")
        rows = difference_rows(diff.differences)
        if rows:
            st.dataframe(
                pd.DataFrame.from_records(rows),
                hide_index=True,
                height="content" if len(rows) <= 8 else 320,
                width=760,
                key="table_rollback",
                alt="What goes back",
            )
            csv_button(difference_csv(f"back-to-release-{release.id}", diff))
        st.button("Propose it", type="primary", icon=":material/commit:", on_click=_propose, args=(release.id,))
