"""What is done with the branch of a proposal: push it, discard it here and there. Both leave a row in the audit log."""

from __future__ import annotations

from datetime import timedelta

import streamlit as st

from dashboard import sources
from dashboard.access import CurrentPerson
from dashboard.formats import literal, moment
from dashboard.proposing.bases import Base
from dashboard.proposing.proposed import request_link
from dashboard.proposing.upstream import REMOTE_LOCK, ask, environment, upstream
from dashboard.session import require
from metering.audit import Actor, note
from schema.database import writing
from schema.errors import RatecardError
from sync.bases import read_policy
from sync.proposals import ProposalInfo, discard
from sync.repository import Person
from sync.upstream import Published, publish

_PUSHED = "proposal_pushed"
_FAILED = "proposal_failed"
_FRESH = timedelta(seconds=15)
_PATIENCE_SECONDS = 20.0


def asked_note() -> str:
    """Have the remote asked what it has; when that was, and a word where it does not answer."""
    remote = upstream()
    if remote is None:
        return ""
    with st.spinner(f"Asking {literal(remote)} …"):
        asked = ask(remote, sources.base_branch(), age=_FRESH, wait=_PATIENCE_SECONDS)
    if asked.fault:
        since = f"as of {moment(asked.answered_at)}" if asked.answered_at else "as this clone knew it before"
        fault = asked.fault[:1].upper() + asked.fault[1:]
        st.warning(f"{literal(fault)}. What is listed is {since}.", icon=":material/cloud_off:")
        st.button("Ask again", icon=":material/refresh:", key="ask_again", on_click=_ask_again, args=(remote,))
    return f"{literal(remote)} was asked {moment(asked.at)}" if asked.at else ""


def _ask_again(remote: str) -> None:
    ask(remote, sources.base_branch(), age=timedelta(0), wait=_PATIENCE_SECONDS)


def pushed_badge(info: ProposalInfo) -> None:
    """Whether others can see it: where it was last seen, and whether that is the commit which is shown."""
    if info.pushed and info.remote:
        st.badge(f"on {literal(info.remote, brackets=False)}", icon=":material/cloud_done:", color="gray")
    elif info.remote:
        words = f"other commits on {literal(info.remote, brackets=False)}"
        st.badge(words, icon=":material/cloud_sync:", color="orange")
    elif upstream() is not None:
        st.badge("only in this clone", icon=":material/cloud_off:", color="orange")


def push_button(info: ProposalInfo, base: Base, allowed: bool) -> None:
    """Push a branch that the remote does not have."""
    remote = upstream()
    if remote is None or info.pushed or not info.here:
        return
    st.button(
        f"Push to {literal(remote)}",
        type="primary",
        icon=":material/cloud_upload:",
        key=f"push_{info.branch}",
        disabled=not allowed,
        help=None if allowed else "Only an admin whom git knows may push.",
        on_click=_push,
        args=(info.branch, base),
    )


def _push(branch: str, base: Base) -> None:
    # A callback: it runs before the page, with the role read again.
    person = require("admin", "push a proposal")
    repository, remote = sources.repository(), upstream()
    if repository is None or remote is None:
        return
    forge = read_policy(base.committed).forge
    try:
        with REMOTE_LOCK:
            done = publish(repository, branch, remote, base.branch, forge=forge, environment=environment())
    except RatecardError as error:
        st.session_state[_FAILED] = (branch, str(error))
        return
    st.session_state[_PUSHED] = done
    _audit(person, "proposal.push", done.branch, {"remote": remote})


def pushed_note() -> None:
    """What became of the last push; shown once."""
    done: Published | None = st.session_state.pop(_PUSHED, None)
    if done is None:
        return
    st.success(f"**{literal(done.branch)}** is on {literal(done.remote)} now.", icon=":material/cloud_done:")
    for words in done.request.notes:
        st.caption(f":orange[:material/info:] {literal(words)}")
    if done.request.url:
        request_link(done.request.url, opened=done.request.opened)


def discard_button(info: ProposalInfo, allowed: bool) -> None:
    """Discard a proposal, after a word about what that means."""
    remote = upstream()
    reach = info.here or (remote is not None and info.remote == remote)
    reason = None
    if not allowed:
        reason = "Only an admin whom git knows may discard a proposal."
    elif not reach:
        reason = "It is not in this clone: close it where it was pushed."
    with st.popover("Discard", icon=":material/delete:", type="tertiary", disabled=reason is not None, help=reason):
        if remote is not None and info.remote == remote:
            also = " and in this clone" if info.here else ""
            st.caption(
                f"The branch goes on {literal(remote)}{also}, for everybody; the forge closes a pull request that is "
                "open for it. The audit log keeps who did it."
            )
        else:
            st.caption("The branch goes; its commit stays in git's memory for a while.")
        st.button("Discard it", key=f"discard_{info.branch}", on_click=_discard, args=(info.branch, info.commit))


def _discard(branch: str, commit: str) -> None:
    person = require("admin", "discard a proposal")
    repository = sources.repository()
    if repository is None:
        return
    try:
        with REMOTE_LOCK:
            discard(repository, branch, upstream(), commit)
    except RatecardError as error:
        st.session_state[_FAILED] = (branch, str(error))
        return
    _audit(person, "proposal.discard", branch, {"commit": commit})


def failed_note(branch: str) -> None:
    """Why the last thing that was done with this branch did not work."""
    failed: tuple[str, str] | None = st.session_state.get(_FAILED)
    if failed and failed[0] == branch:
        st.error(literal(failed[1]), icon=":material/error:")
        del st.session_state[_FAILED]


def _audit(person: CurrentPerson, action: str, branch: str, facts: dict[str, str]) -> None:
    """A row in the audit log, where there is a database to keep it."""
    if sources.state()[0] != "current":
        return
    with writing(sources.engine()) as connection:
        actor = Actor(str(Person(person.name, person.email)))
        note(connection, actor, action, f"branch {branch}", at=sources.utc_now(), before=facts)


__all__ = ["asked_note", "discard_button", "failed_note", "push_button", "pushed_badge", "pushed_note"]
