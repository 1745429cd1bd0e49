"""The branch that proposals start from: as it is now, and as it was at a commit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import streamlit as st

from dashboard import sources
from dashboard.proposing.upstream import ask, upstream
from schema.catalogue import Catalogue, Entity, load_catalogue
from schema.findings import Finding
from schema.keys import Key
from sync.bases import DEFAULT_BASE, base_refs
from sync.errors import RepositoryError
from sync.repository import Repository


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
    policy = sources.policy()
    branch, remote = str(policy.get("base_branch") or DEFAULT_BASE), upstream(policy)
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


__all__ = ["Base", "base_at", "read_base"]
