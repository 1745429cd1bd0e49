"""The branch that a proposal starts from: as this clone has it, and as the remote has it now."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass

from schema.catalogue import load_catalogue
from schema.documents import document_kind
from schema.documents.policy import PolicyDocument
from sync.errors import RepositoryError
from sync.plumbing import fetch_branch, ref_sha
from sync.repository import Repository

DEFAULT_BASE = "main"


@dataclass(frozen=True, slots=True)
class Base:
    """The branch that a proposal starts from: its name, commit and configuration.

    `remote` is where it was read when that is not this clone; `notes` say how the two differ.
    """

    branch: str
    commit: str
    files: Mapping[str, bytes]
    remote: str | None = None
    notes: tuple[str, ...] = ()

    @property
    def shown(self) -> str:
        """The branch as git names it here: `main`, or `origin/main`."""
        return self.branch if self.remote is None else f"{self.remote}/{self.branch}"


def find_base(repository: Repository, base: str | None, folder: str, upstream: str | None = None) -> Base:
    """The base branch: the one named, else the policy's at HEAD, else `main`; the local one, then that of origin.

    With an `upstream`, the one that was last fetched from this remote comes first.
    """
    name = base or _policy_base(repository, folder) or DEFAULT_BASE
    for ref in base_refs(name, upstream):
        commit = ref_sha(repository, ref)
        if commit is not None:
            from_upstream = upstream is not None and ref.startswith("refs/remotes/")
            return Base(name, commit, repository.config_files(commit, folder), upstream if from_upstream else None)
    raise RepositoryError(f"there is no branch '{name}' here or on origin; name the base with --base")


def base_refs(name: str, upstream: str | None) -> tuple[str, ...]:
    """Where a base branch is looked for, in order."""
    local = f"refs/heads/{name}"
    return (f"refs/remotes/{upstream}/{name}", local) if upstream else (local, f"refs/remotes/origin/{name}")


def stale_notes(repository: Repository, base: Base, remote: str) -> tuple[str, ...]:
    """Says that a local base lies behind what was last fetched."""
    if base.remote is not None:
        return ()
    known = ref_sha(repository, f"refs/remotes/{remote}/{base.branch}")
    behind = 0 if known in (None, base.commit) else _count(repository, base.commit, str(known))
    if not behind:
        return ()
    note = f"{base.branch} here is {_commits(behind)} behind {remote}/{base.branch} as last fetched"
    return (f"{note}; with --push the proposal starts from the newest",)


def newest_base(repository: Repository, base: Base, remote: str, tip: str | None, folder: str) -> Base:
    """The base as the remote has it at `tip`, fetched when this clone does not know it yet.

    Commits that only this clone has stay out: they are not part of what is proposed. Without the branch on the remote
    (`tip` is None) the local one serves.
    """
    name = base.branch
    if tip is None:
        note = f"{remote} has no branch {name} yet: the proposal starts from the one here; push that one, too"
        return Base(name, base.commit, base.files, None, (note,))
    if tip == base.commit:
        return base
    if not repository.knows(tip):
        tip = fetch_branch(repository, remote, name)
    if base.remote is not None:
        return Base(name, tip, repository.config_files(tip, folder), remote)
    behind, ahead = _count(repository, base.commit, tip), _count(repository, tip, base.commit)
    shown = f"{remote}/{name}"
    notes = []
    if behind:
        notes.append(f"{name} here is {_commits(behind)} behind {shown}: the proposal starts from {shown}")
    if ahead:
        notes.append(f"{name} here has {_commits(ahead)} that {shown} has not: the proposal does not contain them")
    return Base(name, tip, repository.config_files(tip, folder), remote, tuple(notes))


def read_policy(files: Mapping[str, bytes]) -> PolicyDocument:
    """The policy that the files state; its faulty parts are left out, because validation tells them."""
    catalogue, _ = load_catalogue({path: data for path, data in files.items() if document_kind(path) == "ratecard"})
    return PolicyDocument.model_construct(**{name: entity.document for name, entity in catalogue.of("policy").items()})


def _policy_base(repository: Repository, folder: str) -> str | None:
    try:
        return read_policy(repository.config_files("HEAD", folder)).base_branch
    except RepositoryError:
        return None


def _count(repository: Repository, earlier: str, later: str) -> int:
    """How many commits `later` has that `earlier` has not; 0 where a shallow clone cannot tell."""
    with contextlib.suppress(RepositoryError):
        return int(repository.run("rev-list", "--count", f"{earlier}..{later}"))
    return 0


def _commits(number: int) -> str:
    return "1 commit" if number == 1 else f"{number} commits"


__all__ = ["DEFAULT_BASE", "Base", "base_refs", "find_base", "newest_base", "read_policy", "stale_notes"]
