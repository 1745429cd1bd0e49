"""What a session knows of its edits: the base branch and the versions that the person saw, and the draft.

The draft gathers the edits of several forms, survives page switches and goes with the session.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import streamlit as st

from dashboard import sources
from dashboard.proposing.parts import DraftPart, dated_edits, gathered
from schema.catalogue import Catalogue, Entity, load_catalogue
from schema.keys import Key
from sync.edit import Edit, entity_version
from sync.errors import RepositoryError
from sync.repository import Repository

_SEEN = "seen_versions"
_DRAFT = "draft"


@dataclass(frozen=True, slots=True)
class Base:
    """The branch that proposals start from, at one commit."""

    branch: str
    commit: str
    files: Mapping[str, bytes]
    catalogue: Catalogue

    def find(self, key: Key) -> Entity | None:
        """An entity as the branch has it."""
        return self.catalogue.of(key.kind).get(key.name)


@st.cache_resource(show_spinner=False, max_entries=4)
def _read(top: str, branch: str, sha: str) -> Base:
    files = Repository.open(top).config_files(sha, sources.CONFIG_FOLDER)
    catalogue, _ = load_catalogue(files, sources.CONFIG_FOLDER)
    return Base(branch, sha, files, catalogue)


def read_base() -> Base | None:
    """The base branch now: the local one, else that of origin; None outside of a repository that has it."""
    repository = sources.repository()
    if repository is None:
        return None
    branch = sources.base_branch()
    for ref in (f"refs/heads/{branch}", f"refs/remotes/origin/{branch}"):
        try:
            return _read(str(repository.top), branch, repository.sha(ref))
        except RepositoryError:
            continue
    return None


def see(base: Base, key: Key) -> str:
    """The version of an entity, remembered for when it is proposed; a change since it was last seen is told."""
    seen: dict[Key, str] = st.session_state.setdefault(_SEEN, {})
    version = entity_version(base.files, key, sources.CONFIG_FOLDER)
    if seen.get(key, version) != version:
        st.warning("Somebody changed this while you looked at it: the form shows it as it is now.")
    seen[key] = version
    return version[:8]


def seen_versions(keys: set[Key]) -> dict[Key, str]:
    """The remembered versions of some entities."""
    seen: dict[Key, str] = st.session_state.get(_SEEN, {})
    return {key: version for key, version in seen.items() if key in keys}


def forget(prefix: str, key: Key | None = None) -> None:
    """Start over: drop the form's inputs, whose keys begin with `prefix`, and what was seen of the entity."""
    for name in [str(name) for name in st.session_state if str(name).startswith(prefix)]:
        del st.session_state[name]
    if key is not None:
        st.session_state.get(_SEEN, {}).pop(key, None)


def base_at(commit: str) -> Base | None:
    """The base branch as it was at a commit that the person saw."""
    repository = sources.repository()
    return None if repository is None else _read(str(repository.top), sources.base_branch(), commit)


def draft_parts() -> dict[Key, DraftPart]:
    """The draft of this session, by entity."""
    parts: dict[Key, DraftPart] = st.session_state.get(_DRAFT, {})
    return dict(parts)


def put_part(key: Key, part: DraftPart | None) -> None:
    """Put the edits of an entity into the draft in the place of those there; None takes the entity out."""
    parts = draft_parts()
    if part is None:
        parts.pop(key, None)
    else:
        parts[key] = part
    st.session_state[_DRAFT] = parts


def discard_draft() -> None:
    """Empty the draft."""
    st.session_state.pop(_DRAFT, None)


def add_to_draft(edits: Sequence[Edit], base: Base, *, title: str, effective: datetime | None, now: datetime) -> None:
    """Gather edits that were made on a base. Raises EditError for one that cannot be written."""
    dated = dated_edits(edits, base.files, effective=effective, now=now)
    st.session_state[_DRAFT] = gathered(draft_parts(), dated, commit=base.commit, title=title)
