"""The draft of the person who sits here: the edits of several forms, to be proposed as one commit.

It is kept in a file of theirs, so all tabs of a person have the same one; every change reads it anew.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from threading import Lock

import streamlit as st

from dashboard import sources
from dashboard.proposing.bases import Base, read_base
from dashboard.proposing.draft_file import (
    Draft,
    DraftFileError,
    draft_of,
    draft_path,
    draft_text,
    read_draft,
    write_draft,
)
from dashboard.proposing.parts import DraftPart, all_edits, dated_edits, gathered, says_nothing, with_edits
from schema.catalogue import load_catalogue
from schema.errors import RatecardError
from schema.keys import Key
from sync.edit import Edit

_PATH = "draft_path"
_NOTES = "draft_notes"
_LOCK = Lock()

Parts = dict[Key, DraftPart]


def open_draft(address: str) -> None:
    """Let the rest of this run read the draft of an address, of which the caller is certain."""
    repository = sources.repository() if address else None
    st.session_state[_PATH] = draft_path(repository.top, address) if repository else None


def draft_parts() -> Parts:
    """The draft by entity."""
    return dict(_draft().parts)


def draft_title() -> str:
    """What the person typed as the title of the draft's commit; empty when nothing."""
    return _draft().title


def _draft() -> Draft:
    """The draft; one that cannot be read is set aside and told."""
    path: Path | None = st.session_state.get(_PATH)
    if path is None:
        return Draft()
    try:
        return read_draft(path)
    except DraftFileError as error:
        aside = path.with_suffix(".unreadable")
        logging.getLogger("ratecard.dashboard").warning("%s; it is %s now", error, aside.name)
        path.replace(aside)
        note(f"Your draft could not be read. It was set aside as {aside}.")
        return Draft()


def _change(change: Callable[[Draft], Draft]) -> None:
    path: Path | None = st.session_state.get(_PATH)
    if path is None:
        raise DraftFileError("there is nobody and no repository to keep a draft for")
    with _LOCK:
        write_draft(path, change(_draft()))


def put_part(key: Key, part: DraftPart | None) -> None:
    """Put the edits of an entity into the draft in the place of those there; None takes the entity out."""

    def change(draft: Draft) -> Draft:
        others = {name: other for name, other in draft.parts.items() if name != key}
        return replace(draft, parts=others if part is None else {**draft.parts, key: part})

    _change(change)


def put_title(title: str) -> None:
    """Keep a title for the draft's commit; an empty one leaves it to the edits."""
    _change(lambda draft: replace(draft, title=title))


def discard_draft() -> None:
    """Empty the draft."""
    _change(lambda _: Draft())


def add_to_draft(edits: Sequence[Edit], base: Base, *, title: str, effective: datetime | None, now: datetime) -> None:
    """Gather edits that were made on a base. Raises EditError for one that cannot be written, and DraftFileError."""
    dated = dated_edits(edits, base.files, effective=effective, now=now)

    def change(draft: Draft) -> Draft:
        found = gathered(draft.parts, dated, commit=base.commit, title=title)
        touched = {edit.key for edit in dated}
        parts = {
            key: part
            for key, part in found.items()
            if key not in touched or not says_nothing(part, base.committed, now)
        }
        return replace(draft, parts=parts)

    _change(change)


def base_with_draft(now: datetime) -> Base | None:
    """The base branch with the draft laid over it: what forms start from, so that edits of one entity gather."""
    base, parts = read_base(), draft_parts()
    if base is None or not parts:
        return base
    return _laid_over(base.commit, draft_text(Draft(parts)), now.date().isoformat(), base, now)


@st.cache_resource(show_spinner=False, max_entries=8)
def _laid_over(commit: str, draft: str, day: str, _base: Base, _now: datetime) -> Base:
    try:
        files = with_edits(_base.committed, all_edits(draft_of(draft).parts.values()), _now)
    except RatecardError as error:
        return replace(_base, unfit=str(error))
    catalogue, _ = load_catalogue(files, sources.CONFIG_FOLDER)
    return replace(_base, files=files, catalogue=catalogue)


def note(words: str) -> None:
    """Remember what happened to the draft by itself, for its page to tell."""
    st.session_state.setdefault(_NOTES, []).append(words)


def taken_notes() -> list[str]:
    """What happened to the draft by itself since this was asked last."""
    found: list[str] = st.session_state.pop(_NOTES, [])
    return found


__all__ = [
    "add_to_draft",
    "base_with_draft",
    "discard_draft",
    "draft_parts",
    "draft_title",
    "note",
    "open_draft",
    "put_part",
    "put_title",
    "taken_notes",
]
