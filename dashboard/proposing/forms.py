"""What the forms of the configuration pages share: the preview of their edits, Propose, and Add to the draft."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import streamlit as st

from dashboard import sources
from dashboard.access import CurrentPerson
from dashboard.formats import literal
from dashboard.proposing.bases import Base, forget, seen_versions, stem_of
from dashboard.proposing.drafts import add_to_draft, base_with_draft
from dashboard.proposing.preview import Previewed, in_draft, preview_panel, previewed
from dashboard.proposing.proposed import proposed_note, write_proposal
from dashboard.session import require
from schema.errors import RatecardError
from schema.keys import Key
from sync.edit import Edit, entity_version
from sync.submit import Proposal

_DONE = "last_proposal"
_FAILED = "failed_proposal"
_LAST = "last_edited"
NOT_ALLOWED = "Only an admin whom git knows may propose."
_MOVED = "A value changed as you clicked. Here is the commit that it becomes now: propose it if it is right."
_JOINS = "It stands on what the draft holds, so it can only be proposed with it: add it to the draft."


@dataclass(frozen=True, slots=True)
class _Form:
    """The edits as the page showed them, and all that a click needs to know of their form.

    `prefix` begins the keys of its inputs, `drawn` is what stood in them; `key` is the entity that it is about.
    """

    edits: tuple[Edit, ...]
    prefix: str
    key: Key
    title_key: str
    drawn: Mapping[str, Any]
    base: Base
    now: datetime
    effective: datetime | None

    def title(self) -> str | None:
        """The title at the click; None, with a word, when a value came with it that the diff did not have."""
        title = str(st.session_state[self.title_key]).strip()
        state = st.session_state
        if not title or any(name in state and state[name] != value for name, value in self.drawn.items()):
            state[_FAILED] = (self.key, _MOVED)
            return None
        return title

    def fail(self, error: RatecardError) -> None:
        """Have the next run tell why it did not work."""
        st.session_state[_FAILED] = (self.key, str(error))

    def start_over(self) -> None:
        """Empty the inputs, and let the form of a new entity tell what became of the last one."""
        forget(self.prefix, self.key)
        st.session_state[_LAST] = (stem_of(self.prefix), self.key)


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
    failed: tuple[Key, str] | None = st.session_state.pop(_FAILED, None)
    if failed and failed[0] == key:
        st.error(literal(failed[1]), icon=":material/error:")
    if not edits:
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
    form = _Form(tuple(edits), prefix, key, title_key, _inputs(prefix, watched), base, now, effective)
    _buttons(form, found, allowed=person.may("admin") and bool(person.email), titled=bool(message.strip()))


def _buttons(form: _Form, found: Previewed, *, allowed: bool, titled: bool) -> None:
    reason = None if allowed else NOT_ALLOWED
    if not found.alone:
        st.caption(f":blue[:material/edit_note:] {_JOINS}")
    with st.container(horizontal=True):
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


def _inputs(prefix: str, watched: Sequence[str]) -> dict[str, Any]:
    """What stands in the inputs of a form, by key."""
    state = st.session_state
    return {str(name): state[name] for name in state if str(name).startswith(prefix) or name in watched}


def _propose(form: _Form) -> None:
    # A callback: it runs before the page, with the role read again.
    person = require("admin", "propose a change")
    repository, title = sources.repository(), form.title()
    if repository is None or title is None:
        return
    keys = {form.key, *(edit.key for edit in form.edits)}
    drawn = {key: entity_version(form.base.committed, key, sources.CONFIG_FOLDER) for key in keys}
    try:
        proposal = write_proposal(
            repository,
            form.edits,
            person,
            title=title,
            seen=drawn | seen_versions(keys),
            now=form.now,
            effective=form.effective,
        )
    except RatecardError as error:
        form.fail(error)
        return
    form.start_over()
    st.session_state.setdefault(_DONE, {})[form.key] = proposal


def _add_to_draft(form: _Form) -> None:
    require("admin", "edit the draft")
    title = form.title()
    if title is None:
        return
    try:
        add_to_draft(form.edits, form.base, title=title, effective=form.effective, now=form.now)
    except RatecardError as error:
        form.fail(error)
        return
    form.start_over()


__all__ = ["NOT_ALLOWED", "draft_note", "new_note", "propose_panel"]
