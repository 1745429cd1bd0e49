"""What an edit starts from: the base branch as the person saw it, and the version of each entity they saw."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import streamlit as st

from dashboard import sources
from schema.catalogue import Catalogue, Entity, load_catalogue
from schema.keys import Key
from sync.edit import entity_version
from sync.errors import RepositoryError
from sync.repository import Repository

_SEEN = "seen_versions"


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
