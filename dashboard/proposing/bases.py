"""The branch that proposals start from, and the versions of its entities that the person of a session saw."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import streamlit as st

from dashboard import sources
from dashboard.proposing.upstream import ask, upstream
from schema.catalogue import Catalogue, Entity, load_catalogue
from schema.findings import Finding
from schema.keys import Key
from sync.bases import base_refs
from sync.edit import entity_version
from sync.errors import RepositoryError
from sync.repository import Repository

_SEEN = "seen_versions"
_ROUNDS = "form_rounds"


@dataclass(frozen=True, slots=True)
class Base:
    """The base branch at one commit. With a draft laid over it, `files` and `catalogue` hold the draft's edits, too."""

    branch: str
    commit: str
    committed: Mapping[str, bytes]
    """The files of the commit."""
    files: Mapping[str, bytes]
    catalogue: Catalogue
    faults: tuple[Finding, ...]
    """Errors of the documents that could not be read."""
    unfit: str = ""
    """Why the draft could not be laid over the branch."""
    remote: str | None = None
    """The remote that it was fetched from, where proposals go there."""

    @property
    def shown(self) -> str:
        """The branch as git names it here: `main`, or `origin/main`."""
        return self.branch if self.remote is None else f"{self.remote}/{self.branch}"

    @property
    def drafted(self) -> bool:
        """Whether it holds edits of the draft."""
        return self.files is not self.committed

    def find(self, key: Key) -> Entity | None:
        """An entity as the files have it."""
        return self.catalogue.of(key.kind).get(key.name)


@st.cache_resource(show_spinner=False, max_entries=4)
def _read(top: str, branch: str, sha: str, remote: str | None = None) -> Base:
    files = Repository.open(top).config_files(sha, sources.CONFIG_FOLDER)
    catalogue, findings = load_catalogue(files, sources.CONFIG_FOLDER)
    faults = tuple(finding for finding in findings if finding.severity == "error")
    return Base(branch, sha, files, files, catalogue, faults, remote=remote)


def read_base() -> Base | None:
    """The base branch now: the local one, else that of origin; None outside of a repository that has it.

    Where proposals go to a remote, the branch as the remote has it comes first.
    """
    repository = sources.repository()
    if repository is None:
        return None
    branch, remote = sources.base_branch(), upstream()
    if remote is not None:
        ask(remote, branch)
    for ref in base_refs(branch, remote):
        fetched = remote if ref.startswith("refs/remotes/") else None
        try:
            return _read(str(repository.top), branch, repository.sha(ref), fetched)
        except RepositoryError:
            continue
    return None


def base_at(commit: str) -> Base | None:
    """The base branch as it was at a commit that the person saw; None when the repository does not have it any more."""
    repository = sources.repository()
    try:
        return None if repository is None else _read(str(repository.top), sources.base_branch(), commit)
    except RepositoryError:
        return None


def see(base: Base, key: Key) -> str:
    """The version of an entity, for the keys of its form; a change on the branch since it was last seen is told."""
    seen: dict[Key, str] = st.session_state.setdefault(_SEEN, {})
    committed = entity_version(base.committed, key, sources.CONFIG_FOLDER)
    if seen.get(key, committed) != committed:
        st.warning("Somebody changed this while you looked at it: the form shows it as it is now.")
    seen[key] = committed
    return entity_version(base.files, key, sources.CONFIG_FOLDER)[:8] if base.drafted else committed[:8]


def seen_versions(keys: set[Key]) -> dict[Key, str]:
    """The remembered versions of some entities, as the branch had them."""
    seen: dict[Key, str] = st.session_state.get(_SEEN, {})
    return {key: version for key, version in seen.items() if key in keys}


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
    if key is not None:
        st.session_state.get(_SEEN, {}).pop(key, None)


__all__ = ["Base", "base_at", "forget", "form_prefix", "read_base", "see", "seen_versions", "stem_of"]
