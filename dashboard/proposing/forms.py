"""What the forms of the configuration pages share: the example call, the diff with its findings and its money impact,
Propose, and Add to the draft.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import streamlit as st

from dashboard import sources
from dashboard.access import CurrentPerson
from dashboard.configuration.example_cost import Example, difference
from dashboard.formats import exact_money, literal, short_commit
from dashboard.proposing.drafts import Base, add_to_draft, draft_parts, forget, read_base, seen_versions
from dashboard.proposing.impact_panel import impact_panel
from dashboard.session import require
from schema.errors import RatecardError
from schema.findings import Finding
from schema.keys import Key
from sync.context import environment_admins
from sync.edit import Edit
from sync.propose import Preview, preview, propose
from sync.repository import Person

_DONE = "last_proposal"
_FAILED = "failed_proposal"
_LAST = "last_edited"
NOT_ALLOWED = "Only an admin whom git knows may propose."
_MOVED = "A value changed as you clicked. Here is the commit that it becomes now: propose it if it is right."


def example_panel(words: str, before: Example | None, after: Example | None) -> None:
    """The example call before and after the edit."""
    st.markdown(f"**Example call** · {literal(words)}" if words else "**Example call**")
    if after is None:
        st.caption("No price for such a call yet: fill in the rates.")
        return
    first, second, third = st.columns(3, gap="small")
    with first:
        _example("Cost", after.cost_nanos, before.cost_nanos if before else None, "inverse")
    with second:
        _example("Charge", after.charge_nanos, before.charge_nanos if before else None, "normal")
    with third:
        changed = before is not None and before.margin != after.margin
        st.metric(
            "Charge ÷ cost",
            after.margin,
            f"was {before.margin}" if before and changed else None,
            delta_color="off",
            delta_arrow="off",
        )


def _example(label: str, after: int, before: int | None, good: str) -> None:
    delta = None if before is None else difference(after, before)
    words = f"was {exact_money(before)}" if before is not None and delta else None
    st.metric(
        label,
        exact_money(after),
        delta,
        delta_color="inverse" if good == "inverse" else "normal",
        delta_description=words,
    )


def findings_list(findings: Sequence[Finding]) -> None:
    """Errors and warnings of a validation, each with its place."""
    for finding in findings:
        colour, icon = ("red", "error") if finding.severity == "error" else ("orange", "warning")
        place = literal(f"{finding.place.file}:{finding.place.line}")
        st.markdown(f":{colour}[:material/{icon}:] {literal(finding.message)} :gray[{place} · {finding.code}]")


def preview_panel(shown: Preview, *, key: str, now: datetime) -> None:
    """The diff of some edits, what validation says of it, and what it moves in money."""
    st.code(shown.diff, language="diff")
    for note in shown.notes:
        st.caption(f":orange[:material/info:] {literal(note)}")
    findings_list([*shown.validation.errors, *_about(shown)])
    impact_panel(shown, key=key, now=now)


def proposed_note(branch: str, commit: str) -> None:
    """What a proposal became, and the way to it."""
    st.success(
        f"Proposed as commit **{short_commit(commit)}** on branch **{literal(branch)}**.",
        icon=":material/check_circle:",
    )
    st.page_link(
        "app_pages/proposals.py",
        label="Review and merge it",
        icon=":material/arrow_forward:",
        icon_position="right",
        query_params={"branch": branch},
    )


def _notes(key: Key) -> None:
    """What the last proposal about an entity became, until the next edit; and what the draft holds of it."""
    done: dict[Key, tuple[str, str]] = st.session_state.get(_DONE, {})
    if key in done:
        proposed_note(*done[key])
    _draft_note(key)


def new_note(prefix: str) -> None:
    """What became of the entity that was last added by a form, which is empty again."""
    last: tuple[str, Key] | None = st.session_state.get(_LAST)
    if last is not None and last[0] == prefix:
        _notes(last[1])


def _draft_note(key: Key) -> None:
    if any(key in (part.key, part.undated) for part in draft_parts().values()):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(":blue[:material/edit_note:] The draft holds an edit of this.", width="content")
            st.page_link("app_pages/draft.py", label="Open the draft", icon=":material/arrow_forward:")


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
    repository, base = sources.repository(), read_base()
    if repository is None or base is None:
        st.caption("Not in a git repository: edits cannot be proposed from here.")
        return
    try:
        shown: Preview = preview(
            repository,
            edits,
            folder=sources.CONFIG_FOLDER,
            now=now,
            effective=effective,
            environment_admins=environment_admins(),
        )
    except RatecardError as error:
        st.error(literal(str(error)), icon=":material/error:")
        return
    preview_panel(shown, key=prefix, now=now)
    allowed = person.may("admin") and bool(person.email)
    drawn = _inputs(prefix, watched)
    title_key = f"title_{prefix}{title}"
    message = st.text_input("Title of the commit", value=title, key=title_key, max_chars=100)
    with st.container(horizontal=True):
        st.button(
            "Propose",
            type="primary",
            icon=":material/commit:",
            key=f"propose_{prefix}",
            disabled=not (allowed and shown.validation.ok and message.strip()),
            help=None if allowed else NOT_ALLOWED,
            on_click=_propose,
            args=(edits, prefix, key, title_key, drawn, now, effective),
        )
        st.button(
            "Add to the draft",
            icon=":material/playlist_add:",
            key=f"draft_{prefix}",
            disabled=not (allowed and message.strip()),
            help="Gather it with other edits, to be proposed as one commit." if allowed else NOT_ALLOWED,
            on_click=_add_to_draft,
            args=(edits, prefix, key, title_key, drawn, now, effective, base),
        )
        st.button("Start over", key=f"reset_{prefix}", type="tertiary", on_click=forget, args=(prefix, key))


def _about(shown: Preview) -> list[Finding]:
    """The warnings in files that the edit touches; the others were there before."""
    touched = {f"{sources.CONFIG_FOLDER}/{path}" for path in shown.files}
    return [finding for finding in shown.validation.warnings if finding.place.file in touched]


def _inputs(prefix: str, watched: Sequence[str]) -> dict[str, Any]:
    """What stands in the inputs of a form, by key."""
    state = st.session_state
    return {str(name): state[name] for name in state if str(name).startswith(prefix) or name in watched}


def _propose(
    edits: Sequence[Edit],
    prefix: str,
    key: Key,
    title_key: str,
    drawn: Mapping[str, Any],
    now: datetime,
    effective: datetime | None,
) -> None:
    # A callback: it runs before the page, with the role read again.
    person = require("admin", "propose a change")
    repository = sources.repository()
    if repository is None:
        return
    title = _title_as_drawn(key, title_key, drawn)
    if title is None:
        return
    try:
        proposal = propose(
            repository,
            edits,
            title=title,
            author=Person(person.name, person.email),
            folder=sources.CONFIG_FOLDER,
            now=now,
            effective=effective,
            seen=seen_versions({key, *(edit.key for edit in edits)}),
            environment_admins=environment_admins(),
        )
    except RatecardError as error:
        st.session_state[_FAILED] = (key, str(error))
        return
    forget(prefix, key)
    st.session_state[_LAST] = (prefix, key)
    st.session_state.setdefault(_DONE, {})[key] = (proposal.branch, proposal.commit)


def _title_as_drawn(key: Key, title_key: str, drawn: Mapping[str, Any]) -> str | None:
    # A click may bring a value with it that was typed last: the diff on the page does not have it.
    title = str(st.session_state[title_key]).strip()
    if not title or any(name in st.session_state and st.session_state[name] != drawn[name] for name in drawn):
        st.session_state[_FAILED] = (key, _MOVED)
        return None
    return title


def _add_to_draft(
    edits: Sequence[Edit],
    prefix: str,
    key: Key,
    title_key: str,
    drawn: Mapping[str, Any],
    now: datetime,
    effective: datetime | None,
    base: Base,
) -> None:
    require("admin", "edit the draft")
    title = _title_as_drawn(key, title_key, drawn)
    if title is None:
        return
    try:
        add_to_draft(edits, base, title=title, effective=effective, now=now)
    except RatecardError as error:
        st.session_state[_FAILED] = (key, str(error))
        return
    forget(prefix, key)
    st.session_state[_LAST] = (prefix, key)


__all__ = [
    "NOT_ALLOWED",
    "example_panel",
    "findings_list",
    "new_note",
    "preview_panel",
    "propose_panel",
    "proposed_note",
]
