"""Proposals: branches that wait, who wrote them, what they change; merging and applying where the policy allows it."""

from __future__ import annotations

import streamlit as st

from dashboard import sources
from dashboard.access import CurrentPerson
from dashboard.formats import literal, moment, short_commit
from dashboard.layout import card, empty_state, page_header
from dashboard.proposing.bases import Base, base_at, read_base
from dashboard.proposing.impact_panel import impact_panel
from dashboard.proposing.merging import CONFIRM, confirm_merge, merge_note, unapplied
from dashboard.proposing.preview import findings_list
from dashboard.proposing.publishing import (
    asked_note,
    discard_button,
    failed_note,
    push_button,
    pushed_badge,
    pushed_note,
)
from dashboard.proposing.upstream import upstream
from dashboard.session import require
from sync.bases import Base as BranchFiles
from sync.bases import read_policy
from sync.checks import Validation, validate_files
from sync.context import environment_admins
from sync.errors import RepositoryError
from sync.forge import ForgePage, page_of
from sync.plumbing import quiet, remote_url
from sync.proposals import ProposalInfo, list_proposals
from sync.render.style import count as numbered
from sync.repository import Repository
from sync.submit import Preview, remote_of


@st.cache_resource(show_spinner=False, max_entries=50)
def _checks(top: str, commit: str, day: str) -> Validation:
    """What validation says of a proposal's own commit; `day` decides which prices are in force."""
    files = Repository.open(top).config_files(commit, sources.CONFIG_FOLDER)
    return validate_files(files, sources.CONFIG_FOLDER, sources.utc_now(), environment_admins())


def _badges(info: ProposalInfo, checks: Validation) -> None:
    with st.container(horizontal=True, gap="xsmall", width="content"):
        if info.merges:
            st.badge("Merges cleanly", icon=":material/check:", color="green")
        else:
            st.badge("Conflicts with the base", icon=":material/error:", color="red")
        if checks.ok:
            st.badge("Checks pass", icon=":material/check:", color="green")
        else:
            st.badge(numbered(len(checks.errors), "error"), icon=":material/error:", color="red")
        pushed_badge(info)


def _proposal(
    repository: Repository,
    info: ProposalInfo,
    base: Base,
    person: CurrentPerson,
    forge: ForgePage | None,
    *,
    opened: bool,
) -> None:
    checks = _checks(str(repository.top), info.commit, sources.utc_now().date().isoformat())
    with card(f"proposal_{info.branch}"):
        with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
            with st.container(gap="xxsmall", width="stretch"):
                st.subheader(literal(info.title), anchor=False)
                st.caption(f"{literal(str(info.author))} · {moment(info.authored_at)}")
            _badges(info, checks)
        with st.container(horizontal=True, gap="medium"):
            st.caption(f":material/alt_route: {literal(info.branch)}", width="content")
            st.caption(f":material/commit: {short_commit(info.commit)}", width="content")
            st.caption(f":material/description: {', '.join(literal(file) for file in info.files)}", width="content")
        findings_list(checks.errors)
        if not info.merges:
            words = f"{base.shown} has changed the same lines since: discard it, and propose the change anew."
            st.markdown(f":red[:material/error:] {literal(words)}")
        with st.expander("Diff", expanded=opened):
            st.code(info.diff, language="diff")
        _impact(repository, info, base, checks)
        _actions(info, checks, base, person, forge)
        failed_note(info.branch)


def _impact(repository: Repository, info: ProposalInfo, base: Base, checks: Validation) -> None:
    """What the proposal moves in money, held against the commit that it was made on."""
    try:
        fork = base_at(quiet(repository, "merge-base", base.commit, info.commit).strip())
    except RepositoryError:
        fork = None
    if fork is not None:
        start = BranchFiles(base.branch, fork.commit, fork.files)
        shown = Preview(start, {}, {info.branch: info.diff}, checks, ())
        impact_panel(shown, key=info.branch, now=sources.utc_now())


def _actions(
    info: ProposalInfo, checks: Validation, base: Base, person: CurrentPerson, forge: ForgePage | None
) -> None:
    allowed = person.may("admin") and bool(person.email)
    there = upstream()
    reason = None
    if not sources.local_merges():
        reason = "The policy leaves merging to the forge (local_merges in config/ratecard.yaml)."
    elif not allowed:
        reason = "Only an admin whom git knows may merge and apply."
    elif sources.state()[0] != "current":
        reason = "There is no database to apply to yet: run `ratecard apply` first."
    elif not info.merges or not checks.ok:
        reason = "It must merge cleanly and pass its checks first."
    with st.container(horizontal=True, vertical_alignment="center"):
        if there is not None:
            push_button(info, base, allowed)
        else:
            _merge_button(info, reason)
        if forge is not None and (there is None or info.remote):
            needs = "" if there else f" It must have the branch: `git push origin {literal(info.branch)}`"
            st.link_button(
                "Pull request",
                forge.new_request(info.branch, base.branch),
                icon=":material/open_in_new:",
                help=f"{literal(forge.host)} opens one, or shows the one that is open.{needs}",
            )
        discard_button(info, allowed)
    if st.session_state.get(CONFIRM) == (info.branch, info.commit) and reason is None:
        confirm_merge(info, base, person)


def _merge_button(info: ProposalInfo, reason: str | None) -> None:
    st.button(
        "Merge and apply",
        type="primary",
        icon=":material/merge:",
        key=f"merge_{info.branch}",
        disabled=reason is not None,
        help=reason,
        on_click=st.session_state.__setitem__,
        args=(CONFIRM, (info.branch, info.commit)),
    )


def _list(repository: Repository, base: Base, person: CurrentPerson, asked: str) -> None:
    found = list_proposals(repository, base.branch, sources.CONFIG_FOLDER, upstream())
    wanted = st.query_params.get("branch")
    if not found:
        empty_state(
            "No proposals wait",
            "Change a model, a price or a route, and propose it: the commit shows up here.",
        )
        st.caption(asked)
        return
    words = f"{len(found):,} waiting to be merged into {literal(base.shown)}"
    st.caption(f"{words} · {asked}" if asked else words)
    found.sort(key=lambda info: info.branch != wanted)
    named = read_policy(base.committed).forge
    forge = page_of(named, remote_url(repository, remote_of(named)))
    for info in found:
        _proposal(repository, info, base, person, forge, opened=len(found) <= 3 or info.branch == wanted)


def page() -> None:
    """Draw the page."""
    person = require("viewer")
    page_header("Proposals", "Edits that wait as branches", person)
    merge_note()
    pushed_note()
    repository, asked = sources.repository(), asked_note()
    base = read_base()
    if repository is None or base is None:
        empty_state(
            "No repository here",
            "Start the dashboard in the clone that holds config/, on a repository that has the base branch.",
        )
        return
    if sources.state()[0] == "current":
        unapplied(base, person, person.may("admin") and bool(person.email))
    _list(repository, base, person, asked)


page()
