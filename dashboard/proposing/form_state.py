"""What a session keeps of its forms: what the person saw of an entity, what they edited, and the keys of the inputs.

Edits that are open when somebody else changes the same entity go into the draft, where both are shown.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import streamlit as st

from dashboard import sources
from dashboard.proposing.bases import Base
from dashboard.proposing.drafts import add_to_draft
from dashboard.session import current_person
from schema.errors import RatecardError
from schema.keys import Key
from sync.edit import Edit, entity_version

_SEEN = "seen_versions"
_ROUNDS = "form_rounds"
_OPEN = "open_edits"
_KEPT = "kept_edits"
_FAILED = "failed_proposal"


@dataclass(frozen=True, slots=True)
class OpenEdits:
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

    @property
    def keys(self) -> set[Key]:
        """The entities that the edits and their form are about."""
        return {self.key, *(edit.key for edit in self.edits)}


def see(base: Base, key: Key) -> str:
    """The version of an entity, for the keys of its form; a change on the branch since it was last seen is told."""
    seen: dict[Key, str] = st.session_state.setdefault(_SEEN, {})
    committed = entity_version(base.committed, key, sources.CONFIG_FOLDER)
    changed = seen.get(key, committed) != committed
    seen[key] = committed
    if changed and _keep_open_edits(key):
        st.rerun()
    if st.session_state.pop(_KEPT, None) == key:
        st.warning(
            "Somebody changed this while you edited it. Your edit is in your draft now: choose there what is to stand.",
            icon=":material/call_split:",
        )
        st.page_link("app_pages/draft.py", label="Choose in the draft", icon=":material/arrow_forward:")
    elif changed:
        st.warning("Somebody changed this while you looked at it: the form shows it as it is now.")
    return entity_version(base.files, key, sources.CONFIG_FOLDER)[:8] if base.drafted else committed[:8]


def _keep_open_edits(key: Key) -> bool:
    """Put the edits of an entity that somebody else has changed into the draft, where both can be seen."""
    found: OpenEdits | None = st.session_state.pop(_OPEN, None)
    if found is None or key not in found.keys or not any(name in st.session_state for name in found.drawn):
        return False
    if not current_person().may("admin"):
        return False
    title = str(st.session_state.get(found.title_key, "")).strip()
    try:
        add_to_draft(found.edits, found.base, title=title, effective=found.effective, now=found.now)
    except RatecardError:
        return False
    st.session_state.pop(_FAILED, None)
    st.session_state[_KEPT] = key
    return True


def remember_open(edits: OpenEdits | None) -> None:
    """Keep what stands in the form of this page for the case that somebody else changes the same; None for nothing."""
    st.session_state[_OPEN] = edits


def fail(key: Key, words: str) -> None:
    """Have the next run tell why something did not work for an entity."""
    st.session_state[_FAILED] = (key, words)


def taken_failure(key: Key) -> str:
    """Why the last click did not work for an entity, told once; empty when it did."""
    failed: tuple[Key, str] | None = st.session_state.pop(_FAILED, None)
    return failed[1] if failed and failed[0] == key else ""


def seen_versions(base: Base, keys: Collection[Key]) -> dict[Key, str]:
    """The versions of some entities as the person saw them; of those that no form showed, as a base has them."""
    seen: dict[Key, str] = st.session_state.get(_SEEN, {})
    return {key: seen.get(key) or entity_version(base.committed, key, sources.CONFIG_FOLDER) for key in keys}


def inputs_of(prefix: str, watched: Sequence[str]) -> dict[str, Any]:
    """What stands in the inputs of a form, by key; `watched` are the keys of further ones."""
    state = st.session_state
    return {str(name): state[name] for name in state if str(name).startswith(prefix) or name in watched}


def form_prefix(stem: str) -> str:
    """What the keys of a form's inputs begin with: another one each time that the form starts over.

    A browser keeps what was typed in an input for as long as the input has its key.
    """
    rounds: dict[str, int] = st.session_state.get(_ROUNDS, {})
    return f"{stem}{rounds.get(stem, 0)}."


def stem_of(prefix: str) -> str:
    """The form of a prefix, whichever time it started over."""
    return prefix.removesuffix(".").rstrip("0123456789")


def forget(prefix: str, key: Key | None = None) -> None:
    """Start over: drop the form's inputs, whose keys begin with `prefix`, and what was seen of the entity."""
    for name in [str(name) for name in st.session_state if str(name).startswith(prefix)]:
        del st.session_state[name]
    rounds: dict[str, int] = st.session_state.setdefault(_ROUNDS, {})
    rounds[stem_of(prefix)] = rounds.get(stem_of(prefix), 0) + 1
    remember_open(None)
    if key is not None:
        st.session_state.get(_SEEN, {}).pop(key, None)


__all__ = [
    "OpenEdits",
    "fail",
    "forget",
    "form_prefix",
    "inputs_of",
    "remember_open",
    "see",
    "seen_versions",
    "stem_of",
    "taken_failure",
]
