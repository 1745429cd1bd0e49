"""The edits of the draft, entity by entity: what each changes, how to take it out, and conflicts side by side."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime

import pandas as pd
import streamlit as st

from dashboard.exports import Csv
from dashboard.formats import MISSING, literal, short_commit
from dashboard.layout import card, card_title
from dashboard.proposing.bases import Base, base_at
from dashboard.proposing.conflicts import WHOLE, Difference, Rebased, keep_mine, rebased, take_theirs
from dashboard.proposing.draft_file import Draft, draft_text
from dashboard.proposing.drafts import draft_parts, note, put_part, taken_notes
from dashboard.proposing.forms import NOT_ALLOWED
from dashboard.proposing.links import form_link
from dashboard.proposing.parts import DraftPart, FieldChange, field_changes
from dashboard.session import require
from schema.errors import RatecardError
from schema.keys import Key

_HEADER = ("entity", "field", "before", "after")


def settle(base: Base, now: datetime) -> dict[Key, Rebased]:
    """Hold the draft against the base branch as it is now; what does not conflict moves on to it by itself."""
    open_ones: dict[Key, Rebased] = {}
    for key, part in draft_parts().items():
        if part.commit == base.commit:
            continue
        seen = base_at(part.commit)
        if seen is None:
            put_part(key, replace(part, commit=base.commit))
            note(f"The commit that {key} was edited on is gone: look at what it says on {base.shown} now.")
            continue
        try:
            found = rebased(part, seen.files, base.files, base.commit, now)
        except RatecardError:
            # The edit cannot be written on one of the two; its own card says why.
            continue
        if found.differences:
            open_ones[key] = found
            continue
        put_part(key, found.part)
        if found.part is None:
            note(f"{base.shown} says what the draft said about {key} already: the edit is gone.")
        elif found.others:
            note(f"{base.shown} has other values of {key} since: {', '.join(found.others)}. They stay.")
    return open_ones


def draft_notes() -> None:
    """What happened to the draft by itself, told once."""
    for words in taken_notes():
        st.info(literal(words), icon=":material/info:")


def edits_card(base: Base, conflicts: dict[Key, Rebased], allowed: bool, now: datetime) -> None:
    """Every entity of the draft."""
    parts = list(draft_parts().values())
    with card("draft_edits"):
        note = f"On {literal(base.shown)} at {short_commit(base.commit)}"
        card_title("Edits", note, Csv("draft", _HEADER, lambda: _csv_rows(parts, base, now)))
        for part in parts:
            with st.container(border=True):
                _part(part, conflicts.get(part.key), base, allowed, now)


def _part(part: DraftPart, conflict: Rebased | None, base: Base, allowed: bool, now: datetime) -> None:
    kind, name = part.key
    link = form_link(part)
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.badge(kind.replace("_", " "), color="blue")
            st.markdown(f"**{literal(name)}**", width="content")
        with st.container(horizontal=True, vertical_alignment="center", width="content", gap="small"):
            if link is not None:
                page, parameters = link
                st.page_link(page, label="Form", icon=":material/edit:", query_params=parameters)
            st.button(
                "Remove",
                key=f"remove_{part.key}",
                type="tertiary",
                icon=":material/close:",
                disabled=not allowed,
                help=None if allowed else NOT_ALLOWED,
                on_click=_remove,
                args=(part.key,),
            )
    if conflict is not None:
        _conflict(part, conflict, base, allowed, now)
        return
    try:
        changes = _changes(part, base, now)
    except RatecardError as error:
        st.error(literal(str(error)), icon=":material/error:")
        return
    st.dataframe(
        pd.DataFrame.from_records(
            [
                {"Field": change.field or "value", "Before": change.before or None, "After": change.after or None}
                for change in changes
            ]
        ),
        hide_index=True,
        height="content" if len(changes) <= 10 else 390,
        placeholder=MISSING,
        key=f"changes_{part.key}",
        alt="Fields of the edit",
    )


def _changes(part: DraftPart, base: Base, now: datetime) -> list[FieldChange]:
    return _changes_at(base.commit, now.date().isoformat(), draft_text(Draft({part.key: part})), part, base, now)


@st.cache_data(show_spinner=False, max_entries=200)
def _changes_at(commit: str, day: str, edits: str, _part: DraftPart, _base: Base, _now: datetime) -> list[FieldChange]:
    """Kept by commit, day and edits: large files take a while to parse."""
    return field_changes(_part, _base.files, _now)


def _conflict(part: DraftPart, conflict: Rebased, base: Base, allowed: bool, now: datetime) -> None:
    branch = literal(base.shown)
    st.warning(f"{branch} has changed this since you edited it. Choose what is to stand.", icon=":material/call_split:")
    for place, difference in enumerate(conflict.differences):
        st.markdown(f"**{literal(difference.field)}**" if difference.field else "**The whole entry**")
        sides = (
            ("As you saw it", difference.seen),
            (f"Theirs, on {branch} now", difference.theirs),
            ("Mine, in the draft", difference.mine),
        )
        for column, (title, value) in zip(st.columns(3, gap="small"), sides, strict=True):
            with column, st.container(border=True):
                st.caption(title)
                st.text(value or "nothing")
        _choice(part, difference, base, allowed, now, place)
    if conflict.others:
        st.caption(f"Also changed there, and kept: {literal(', '.join(conflict.others))}")


def _choice(part: DraftPart, difference: Difference, base: Base, allowed: bool, now: datetime, place: int) -> None:
    with st.container(horizontal=True):
        for label, icon, mine in (
            ("Keep mine", ":material/edit:", True),
            ("Take theirs", ":material/download_done:", False),
        ):
            st.button(
                label,
                key=f"{label}_{place}_{part.key}",
                icon=icon,
                disabled=not allowed,
                help=None if allowed else NOT_ALLOWED,
                on_click=_decide,
                args=(part, difference.field, base, now, mine),
            )


def _decide(part: DraftPart, field: str, base: Base, now: datetime, mine: bool) -> None:
    require("admin", "edit the draft")
    seen = base_at(part.commit)
    if seen is None or draft_parts().get(part.key) is None:
        return
    if mine:
        put_part(part.key, keep_mine(part, field, seen.files, base.files, base.commit, now))
    else:
        put_part(part.key, take_theirs(part, field))
    words = "the draft's" if mine else f"{base.shown}'s"
    note(f"{part.key}{f', {field}' if field != WHOLE else ''}: {words} value stands.")


def _remove(key: Key) -> None:
    require("admin", "edit the draft")
    put_part(key, None)


def _csv_rows(parts: Sequence[DraftPart], base: Base, now: datetime) -> Iterator[tuple[object, ...]]:
    for part in parts:
        try:
            changes = _changes(part, base, now)
        except RatecardError as error:
            yield str(part.key), "", "", str(error)
            continue
        for change in changes:
            yield str(part.key), change.field, change.before, change.after


__all__ = ["draft_notes", "edits_card", "settle"]
