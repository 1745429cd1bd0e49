"""What the forms of the configuration pages share: the preview of their edits, Propose, and Add to the draft."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import streamlit as st

from dashboard import sources
from dashboard.access import CurrentPerson
from dashboard.formats import literal
from dashboard.layout import at_hand
from dashboard.proposing.drafts import add_to_draft, base_with_draft
from dashboard.proposing.form_state import (
    OpenEdits,
    fail,
    forget,
    inputs_of,
    remember_open,
    seen_versions,
    stem_of,
    taken_failure,
)
from dashboard.proposing.preview import Previewed, in_draft, preview_panel, previewed
from dashboard.proposing.proposed import proposed_note, write_proposal
from dashboard.session import require
from schema.errors import RatecardError
from schema.keys import Key
from sync.edit import Edit
from sync.errors import ConflictError
from sync.submit import Proposal

_DONE = "last_proposal"
_LAST = "last_edited"
NOT_ALLOWED = "Only an admin whom git knows may propose."
_MOVED = "A value changed as you clicked. Here is the commit that it becomes now: propose it if it is right."
_JOINS = "It stands on what the draft holds, so it can only be proposed with it: add it to the draft."


def _title_at_click(form: OpenEdits) -> str | None:
    """The title at the click; None, with a word, when a value came with it that the diff did not have."""
    title = str(st.session_state[form.title_key]).strip()
    state = st.session_state
    if not title or any(name in state and state[name] != value for name, value in form.drawn.items()):
        fail(form.key, _MOVED)
        return None
    return title


def _start_over(form: OpenEdits) -> None:
    """Empty the inputs, and let the form of a new entity tell what became of the last one."""
    forget(form.prefix, form.key)
    st.session_state[_LAST] = (stem_of(form.prefix), form.key)


def propose_panel(
    edits: Sequence[Edit],
    *,
    prefix: str,
    key: Key,
    title: str,
    person: CurrentPerson,
    now: datetime,
    effective: datetime | None = None,
    watched: Sequence[str] = (),
) -> None:
    """The diff of the edits, what validation says of it, its money impact, a title, and the buttons that make it a
    commit or put it into the draft.

    `prefix` begins the keys of the form's inputs, `watched` are the keys of further ones; `key` is the entity whose
    version the person has seen.
    """
    if failed := taken_failure(key):
        st.error(literal(failed), icon=":material/error:")
    if not edits:
        remember_open(None)
        _notes(key)
        st.caption("Change a value to see the commit that it becomes.")
        return
    st.session_state.get(_DONE, {}).pop(key, None)
    repository, base = sources.repository(), base_with_draft(now)
    if repository is None or base is None:
        return
    try:
        found = previewed(repository, base, edits, effective=effective, now=now)
    except RatecardError as error:
        st.error(literal(str(error)), icon=":material/error:")
        return
    preview_panel(found.shown, key=prefix, now=now)
    title_key = f"title_{prefix}{title}"
    message = st.text_input("Title of the commit", value=title, key=title_key, max_chars=100)
    form = OpenEdits(tuple(edits), prefix, key, title_key, inputs_of(prefix, watched), base, now, effective)
    allowed = person.may("admin") and bool(person.email)
    remember_open(form if allowed else None)
    _buttons(form, found, allowed=allowed, titled=bool(message.strip()))


def _buttons(form: OpenEdits, found: Previewed, *, allowed: bool, titled: bool) -> None:
    reason = None if allowed else NOT_ALLOWED
    if not found.alone:
        st.caption(f":blue[:material/edit_note:] {_JOINS}")
    with at_hand(form.prefix):
        if found.alone:
            st.button(
                "Propose",
                type="primary",
                icon=":material/commit:",
                key=f"propose_{form.prefix}",
                disabled=not (allowed and found.shown.validation.ok and titled),
                help=reason,
                on_click=_propose,
                args=(form,),
            )
        st.button(
            "Add to the draft",
            type="secondary" if found.alone else "primary",
            icon=":material/playlist_add:",
            key=f"draft_{form.prefix}",
            disabled=not (allowed and titled) or bool(form.base.unfit),
            help=reason or "Gather it with other edits, to be proposed as one commit.",
            on_click=_add_to_draft,
            args=(form,),
        )
        st.button(
            "Start over", key=f"reset_{form.prefix}", type="tertiary", on_click=forget, args=(form.prefix, form.key)
        )


def _notes(key: Key) -> None:
    """What the last proposal about an entity became, until the next edit; and what the draft holds of it."""
    done: dict[Key, Proposal] = st.session_state.get(_DONE, {})
    if key in done:
        proposed_note(done[key])
    if in_draft(key):
        draft_note("The draft holds an edit of this.")


def draft_note(words: str) -> None:
    """A word about the draft, and the way to it."""
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f":blue[:material/edit_note:] {words}", width="content")
        st.page_link("app_pages/draft.py", label="Open the draft", icon=":material/arrow_forward:")


def new_note(stem: str) -> None:
    """What became of the entity that was last added by a form, which is empty again."""
    last: tuple[str, Key] | None = st.session_state.get(_LAST)
    if last is not None and last[0] == stem:
        _notes(last[1])


def _propose(form: OpenEdits) -> None:
    # A callback: it runs before the page, with the role read again.
    person = require("admin", "propose a change")
    repository, title = sources.repository(), _title_at_click(form)
    if repository is None or title is None:
        return
    try:
        proposal = write_proposal(
            repository,
            form.edits,
            person,
            title=title,
            seen=seen_versions(form.base, form.keys),
            now=form.now,
            effective=form.effective,
        )
    except ConflictError as error:
        fail(form.key, f"{error.key} has changed since you saw it: look at it again.")
        return
    except RatecardError as error:
        fail(form.key, str(error))
        return
    _start_over(form)
    st.session_state.setdefault(_DONE, {})[form.key] = proposal


def _add_to_draft(form: OpenEdits) -> None:
    require("admin", "edit the draft")
    title = _title_at_click(form)
    if title is None:
        return
    try:
        add_to_draft(form.edits, form.base, title=title, effective=form.effective, now=form.now)
    except RatecardError as error:
        fail(form.key, str(error))
        return
    _start_over(form)


__all__ = ["NOT_ALLOWED", "draft_note", "new_note", "propose_panel"]
