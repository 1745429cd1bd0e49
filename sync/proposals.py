"""Proposals that wait: list them, merge one into a local base branch, discard one.

A merge is made by plumbing too: `git merge-tree` makes the tree, the result is validated, then the ref moves with a
check of where it was. When the base branch is the one checked out, its work tree follows, but only when none of the
files that the merge changes was edited there.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from schema.errors import ConfigError
from sync.bases import find_base, read_policy
from sync.checks import validate_files
from sync.errors import RefusedError, RepositoryError
from sync.plumbing import (
    attempt,
    delete_ref,
    first_line,
    move_ref,
    quiet,
    ref_sha,
    refs_under,
    remote_tips,
    take_branch,
    write_commit,
)
from sync.proposal_text import PREFIX, PROPOSAL_REFS, proposal_names
from sync.repository import Person, Repository, commit_moment

_FIELDS = "%an%x00%ae%x00%at%x00%s"


@dataclass(frozen=True, slots=True)
class ProposalInfo:
    """A proposal that is not merged yet.

    `files` are paths from the top level, `diff` is what it changes since it left the base, `merges` says whether it
    merges without conflict, `commits` how many it has. `here` says that this clone has the branch, `remote` which
    remote had one of that name when last seen, and `pushed` that this was the commit which is shown.
    """

    branch: str
    title: str
    author: Person
    authored_at: datetime
    commit: str
    files: tuple[str, ...]
    diff: str
    merges: bool
    commits: int
    here: bool
    remote: str | None
    pushed: bool


@dataclass(frozen=True, slots=True)
class _Tips:
    """A proposal's branch here, and on the remote that has it."""

    local: str | None
    remote: str | None
    there: str | None

    def shown(self, repository: Repository) -> str:
        """What counts: the remote's commit, where it is the one here or goes on from it."""
        if self.local is None or (self.there and repository.is_ancestor(self.local, self.there)):
            return str(self.there)
        return self.local


def list_proposals(
    repository: Repository, base: str | None = None, folder: str = "config", upstream: str | None = None
) -> list[ProposalInfo]:
    """The branches `ratecard/*`, here and as last fetched from remotes, that the base has not taken up; newest first.

    The base is this clone's, or that of an `upstream`. A branch whose change the base already has (a squash merge) is
    not listed.
    """
    start = find_base(repository, base, folder, upstream).commit
    described = (_describe(repository, start, branch, tips) for branch, tips in _tips(repository).items())
    found = [info for info in described if info is not None]
    return sorted(found, key=lambda info: (info.authored_at, info.branch), reverse=True)


def _tips(repository: Repository) -> dict[str, _Tips]:
    found: dict[str, _Tips] = {}
    for ref, sha in sorted(refs_under(repository, *PROPOSAL_REFS).items()):
        (branch,) = proposal_names([ref])
        known = found.get(branch, _Tips(None, None, None))
        if ref.startswith("refs/heads/"):
            found[branch] = replace(known, local=sha)
        elif known.remote is None:
            found[branch] = replace(known, remote=ref.split("/", 3)[2], there=sha)
    return found


def merge(
    repository: Repository,
    branch: str,
    base: str | None,
    person: Person,
    now: datetime,
    *,
    folder: str = "config",
    environment_admins: Sequence[str] = (),
) -> str:
    """Merge a proposal into a local base branch with a merge commit of `person`; returns the commit's name.

    The branch is deleted afterwards. Raises RefusedError when the base's policy has no `local_merges: true`, on a
    conflict and when the work tree has edits in the way, ConfigError when the merged configuration is not valid.
    """
    tip = _proposal_tips(repository, branch).shown(repository)
    start = find_base(repository, base, folder)
    ref = f"refs/heads/{start.branch}"
    if ref_sha(repository, ref) is None:
        raise RepositoryError(f"'{start.branch}' is not a branch of this clone; merge {branch} on the forge")
    if not read_policy(start.files).local_merges:
        raise RefusedError(
            "LOCAL_MERGES_OFF",
            f"the policy on {start.branch} does not allow local merges; merge {branch} on the forge, or set"
            f" `local_merges: true` in {folder}/ratecard.yaml",
        )
    if repository.is_ancestor(tip, start.commit):
        raise RefusedError("ALREADY_MERGED", f"{start.branch} has {branch} already")
    tree = _merged_tree(repository, start.commit, tip)
    if tree is None:
        raise RefusedError(
            "MERGE_CONFLICT",
            f"{branch} does not merge into {start.branch}: both changed the same lines; propose it anew",
        )
    title = repository.commit(tip).title
    message = f"{title}\n\nMerges {branch}.\n"
    commit = write_commit(repository, tree, (start.commit, tip), message, person, now)
    validation = validate_files(repository.config_files(commit, folder), folder, now, environment_admins)
    if validation.errors:
        raise ConfigError(validation.errors)
    _move_base(repository, ref, start.commit, commit, f"ratecard: merge {branch}")
    _delete_merged(repository, branch, tip)
    return commit


def discard(repository: Repository, branch: str, upstream: str | None = None, seen: str | None = None) -> None:
    """Delete a proposal's branch, on the `upstream` first, if it has one, then here.

    Refuses any branch that is not a proposal, one that is checked out, and one that has another commit than was `seen`.
    """
    tips = _proposal_tips(repository, branch)
    if seen is not None and seen != tips.shown(repository):
        raise RefusedError("MOVED", f"{branch} has other commits than you saw: look at it again")
    if tips.local is None and tips.remote != upstream:
        raise RepositoryError(f"{branch} is not in this clone; close it where it was pushed")
    if tips.local and checked_out(repository, f"refs/heads/{branch}"):
        raise RefusedError("CHECKED_OUT", f"{branch} is checked out; switch to another branch first")
    if upstream is not None:
        _discard_there(repository, branch, upstream)
    if tips.local:
        delete_ref(repository, f"refs/heads/{branch}", tips.local)


def _discard_there(repository: Repository, branch: str, remote: str) -> None:
    seen = ref_sha(repository, f"refs/remotes/{remote}/{branch}")
    there = remote_tips(repository, remote, branch).get(branch)
    if there is None and seen is not None:
        delete_ref(repository, f"refs/remotes/{remote}/{branch}", seen)
    elif there is not None and there != seen:
        raise RefusedError("MOVED", f"{remote} has other commits on {branch} than you saw: look at it again")
    elif there is not None:
        take_branch(repository, remote, there, branch)


def _describe(repository: Repository, base: str, branch: str, tips: _Tips) -> ProposalInfo | None:
    tip = tips.shown(repository)
    if repository.is_ancestor(tip, base):
        return None
    tree = _merged_tree(repository, base, tip)
    if tree is not None and tree == repository.run("rev-parse", f"{base}^{{tree}}").strip():
        return None
    name, email, moment, title = _readable(repository.run("log", "-1", f"--format={_FIELDS}", tip)).split("\0", 3)
    span = f"{base}...{tip}"
    files = repository.run("diff", "--name-only", "-z", "--no-renames", span).split("\0")
    diff = repository.run("diff", "--no-color", "--no-ext-diff", "--no-textconv", "--no-renames", span)
    return ProposalInfo(
        branch=branch,
        title=title,
        author=Person(name, email),
        authored_at=commit_moment(int(moment)),
        commit=tip,
        files=tuple(_readable(file) for file in files if file),
        diff=_readable(diff) + "\n" if diff else "",
        merges=tree is not None,
        commits=int(repository.run("rev-list", "--count", f"{base}..{tip}")),
        here=tips.local is not None,
        remote=tips.remote,
        pushed=tips.there == tip,
    )


def _merged_tree(repository: Repository, base: str, tip: str) -> str | None:
    """The tree of a merge, or None when it conflicts; nothing but objects is written."""
    status, output, errors = attempt(repository, "merge-tree", "--write-tree", "--no-messages", base, tip)
    if status not in (0, 1):
        raise RepositoryError(f"git merge-tree (of git 2.38 or newer): {first_line(errors)}")
    return output.strip() if status == 0 else None


def _proposal_tips(repository: Repository, branch: str) -> _Tips:
    if not branch.startswith(PREFIX) or branch == PREFIX:
        raise RefusedError("NOT_A_PROPOSAL", f"'{branch}' is not a proposal; their branches are named {PREFIX}…")
    found = _tips(repository).get(branch)
    if found is None:
        raise RepositoryError(f"there is no proposal '{branch}'")
    return found


def _move_base(repository: Repository, ref: str, old: str, new: str, reason: str) -> None:
    """Move the base branch; when it is checked out here, index and work tree go first, so that none is left behind."""
    place = checked_out(repository, ref)
    if place is None:
        move_ref(repository, ref, new, old, reason)
        return
    if os.path.realpath(place) != str(repository.top):
        name = ref.removeprefix("refs/heads/")
        raise RefusedError("CHECKED_OUT", f"{name} is checked out in {place}; merge there, or switch it away first")
    _refuse_edits_in_the_way(repository, old, new)
    _two_way(repository, old, new)
    try:
        move_ref(repository, ref, new, old, reason)
    except RepositoryError:
        _two_way(repository, new, old)
        raise


def _two_way(repository: Repository, old: str, new: str) -> None:
    """Bring index and work tree from one commit to another; git refuses when a local edit would be lost."""
    quiet(repository, "read-tree", "-m", "-u", old, new)


def _refuse_edits_in_the_way(repository: Repository, old: str, new: str) -> None:
    changed = [
        path for path in repository.run("diff", "--name-only", "-z", "--no-renames", old, new).split("\0") if path
    ]
    with contextlib.suppress(RepositoryError):
        repository.run("update-index", "-q", "--refresh")
    status = repository.run(
        "--literal-pathspecs", "status", "--porcelain", "-z", "--no-renames", "--untracked-files=all", "--", *changed
    )
    dirty = [entry[3:] for entry in status.split("\0") if len(entry) > 3]
    if dirty:
        names = ", ".join(_readable(path) for path in dirty[:3]) + (" …" if len(dirty) > 3 else "")
        raise RefusedError(
            "DIRTY", f"uncommitted edits stand in the way of the merge: {names}; commit or undo them first"
        )


def checked_out(repository: Repository, ref: str) -> str | None:
    """The work tree in which a branch is checked out, or None."""
    place = ""
    for line in repository.run("worktree", "list", "--porcelain").splitlines():
        if line.startswith("worktree "):
            place = line.removeprefix("worktree ")
        elif line == f"branch {ref}":
            return place
    return None


def _delete_merged(repository: Repository, branch: str, tip: str) -> None:
    ref = f"refs/heads/{branch}"
    if ref_sha(repository, ref) == tip and checked_out(repository, ref) is None:
        delete_ref(repository, ref, tip)


def _readable(text: str) -> str:
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
