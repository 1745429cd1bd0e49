"""The draft: edits gathered from the forms, their diff, their findings and their money, proposed as one commit."""

from __future__ import annotations

from datetime import datetime

import streamlit as st

from dashboard import sources
from dashboard.access import CurrentPerson
from dashboard.formats import literal
from dashboard.layout import at_hand, card, card_title, empty_state, page_header
from dashboard.proposing.bases import Base, read_base
from dashboard.proposing.drafts import discard_draft, draft_parts, draft_title, put_title
from dashboard.proposing.forms import NOT_ALLOWED
from dashboard.proposing.panel import draft_notes, edits_card, settle
from dashboard.proposing.parts import DraftPart, all_edits, default_title, kind_counts
from dashboard.proposing.preview import by_itself, preview_panel
from dashboard.proposing.proposed import proposed_note, write_proposal
from dashboard.session import require
from schema.errors import RatecardError
from sync.edit import entity_version
from sync.submit import Proposal

_DONE = "draft_proposed"
_FAILED = "draft_failed"
_TITLE = "draft_title"
_FORMS = (
    ("app_pages/models.py", "Models", ":material/deployed_code:"),
    ("app_pages/pricing.py", "Pricing", ":material/sell:"),
    ("app_pages/routing.py", "Routing", ":material/alt_route:"),
    ("app_pages/plans.py", "Plans", ":material/card_membership:"),
    ("app_pages/packs.py", "Credit packs", ":material/toll:"),
    ("app_pages/features.py", "Features", ":material/extension:"),
    ("app_pages/rates.py", "Exchange rates", ":material/currency_exchange:"),
    ("app_pages/settings.py", "Settings", ":material/tune:"),
    ("app_pages/access.py", "Access", ":material/shield_person:"),
)


def _keep_title(key: str, proposed: str) -> None:
    require("admin", "edit the draft")
    typed = str(st.session_state[key]).strip()
    try:
        put_title("" if typed == proposed else typed)
    except RatecardError as error:
        st.session_state[_FAILED] = str(error)


def _title(parts: list[DraftPart]) -> tuple[str, str]:
    """Draw the title; its text, and the key of its input."""
    proposed = default_title(parts)
    key = f"{_TITLE}_{proposed}"
    text = st.text_input(
        "Title of the commit",
        value=draft_title() or proposed,
        key=key,
        max_chars=100,
        on_change=_keep_title,
        args=(key, proposed),
    )
    return text, key


def _propose(base: Base, drawn: tuple[DraftPart, ...], title_key: str, now: datetime) -> None:
    # A callback: it runs before the page, with the role read again.
    person = require("admin", "propose the draft")
    repository = sources.repository()
    title = str(st.session_state[title_key]).strip()
    if repository is None or not title:
        return
    if tuple(draft_parts().values()) != drawn:
        st.session_state[_FAILED] = "The draft changed as you clicked: look at it again."
        return
    try:
        proposal = write_proposal(
            repository,
            all_edits(drawn),
            person,
            title=title,
            seen={part.watched: entity_version(base.files, part.watched, sources.CONFIG_FOLDER) for part in drawn},
            now=now,
        )
    except RatecardError as error:
        st.session_state[_FAILED] = str(error)
        return
    discard_draft()
    st.session_state[_DONE] = proposal


def _discard() -> None:
    require("admin", "discard the draft")
    discard_draft()


def _commit(base: Base, parts: list[DraftPart], settled: bool, person: CurrentPerson, now: datetime) -> None:
    allowed = person.may("admin") and bool(person.email)
    repository = sources.repository()
    with card("draft_commit"):
        card_title("The commit", "All edits as one proposal" if settled else "")
        failed: str | None = st.session_state.pop(_FAILED, None)
        if failed:
            st.error(literal(failed), icon=":material/error:")
        valid = False
        if not settled:
            st.caption("Settle what conflicts first; then the diff and its money impact show here.")
        elif repository is not None:
            try:
                shown = by_itself(repository, all_edits(parts), now=now)
            except RatecardError as error:
                st.error(literal(str(error)), icon=":material/error:")
            else:
                valid = shown.validation.ok
                preview_panel(shown, key="draft", now=now)
        title, title_key = _title(parts)
        with at_hand("draft"):
            st.button(
                "Propose",
                type="primary",
                icon=":material/commit:",
                key="propose_draft",
                disabled=not (allowed and valid and title.strip()),
                help=None if allowed else NOT_ALLOWED,
                on_click=_propose,
                args=(base, tuple(parts), title_key, now),
            )
            with st.popover("Discard all", icon=":material/delete:", type="tertiary", disabled=not allowed):
                st.caption("Every edit of the draft goes; what is proposed already stays.")
                st.button("Discard the draft", key="discard_draft", on_click=_discard)


def _empty() -> None:
    done: Proposal | None = st.session_state.get(_DONE)
    if done is not None:
        proposed_note(done)
    empty_state(
        "The draft is empty",
        "Change values on a configuration page and choose “Add to the draft”: several edits become one commit.",
    )
    with st.container(horizontal=True, horizontal_alignment="center"):
        for page_file, label, icon in _FORMS:
            st.page_link(page_file, label=label, icon=icon)


def page() -> None:
    """Draw the page."""
    person = require("viewer")
    now = sources.utc_now()
    page_header("Draft", "Edits of several pages, gathered to become one commit", person)
    base = read_base()
    if base is None:
        empty_state(
            "No repository here",
            "Start the dashboard in the clone that holds config/, on a repository that has the base branch.",
        )
        return
    allowed = person.may("admin") and bool(person.email)
    conflicts = settle(base, now) if allowed else {}
    draft_notes()
    parts = list(draft_parts().values())
    if not parts:
        _empty()
        return
    st.session_state.pop(_DONE, None)
    words = "The draft is kept for you in this clone until you propose or discard it."
    st.caption(f"{', '.join(kind_counts(parts))} edited. {words}")
    left, right = st.columns([5, 7], gap="small")
    with left:
        edits_card(base, conflicts, allowed, now)
    with right:
        _commit(base, parts, not conflicts, person, now)


page()
