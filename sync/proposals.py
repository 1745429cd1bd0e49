"""Proposals that wait: list them, merge one into a local base branch, discard one.

A merge is made by plumbing too: `git merge-tree` makes the tree, the result is validated, then the ref moves with a
check of where it was. When the base branch is the one checked out, its work tree follows, but only when none of the
files that the merge changes was edited there.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from schema.errors import ConfigError
from sync.bases import find_base, read_policy
from sync.checks import validate_files
from sync.errors import RefusedError, RepositoryError
from sync.plumbing import attempt, delete_ref, first_line, move_ref, quiet, ref_sha, refs_under, write_commit
from sync.proposal_text import PREFIX, PROPOSAL_REFS, proposal_names
from sync.repository import Person, Repository, commit_moment

_FIELDS = "%an%x00%ae%x00%at%x00%s"


@dataclass(frozen=True, slots=True)
class ProposalInfo:
    """A proposal that is not merged yet.

    `files` are paths from the top level, `diff` is what it changes since it left the base, `merges` says whether it
    merges without conflict, `commits` how many it has, `remote` where it was last seen when it is not here.
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
    remote: str | None = None


def list_proposals(repository: Repository, base: str | None = None, folder: str = "config") -> list[ProposalInfo]:
    """The branches `ratecard/*`, here and as last fetched from remotes, that the base has not taken up; newest first.

    A branch whose change the base already has (a squash merge) is not listed.
    """
    start = find_base(repository, base, folder).commit
    found: dict[str, ProposalInfo] = {}
    refs = refs_under(repository, *PROPOSAL_REFS)
    for ref in sorted(refs, key=lambda ref: ref.startswith("refs/remotes/")):
        (branch,) = proposal_names([ref])
        if branch not in found:
            info = _describe(repository, start, branch, refs[ref], _remote_of(ref))
            if info is not None:
                found[branch] = info
    return sorted(found.values(), key=lambda info: (info.authored_at, info.branch), reverse=True)


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
    tip = _proposal_sha(repository, branch)
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


def discard(repository: Repository, branch: str) -> None:
    """Delete a proposal's local branch; refuses any branch that is not a proposal, and one that is checked out."""
    _proposal_sha(repository, branch)
    sha = ref_sha(repository, f"refs/heads/{branch}")
    if sha is None:
        raise RepositoryError(f"{branch} is not in this clone; close it where it was pushed")
    if _checked_out(repository, f"refs/heads/{branch}"):
        raise RefusedError("CHECKED_OUT", f"{branch} is checked out; switch to another branch first")
    delete_ref(repository, f"refs/heads/{branch}", sha)


def _describe(repository: Repository, base: str, branch: str, tip: str, remote: str | None) -> ProposalInfo | None:
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
        remote=remote,
    )


def _merged_tree(repository: Repository, base: str, tip: str) -> str | None:
    """The tree of a merge, or None when it conflicts; nothing but objects is written."""
    status, output, errors = attempt(repository, "merge-tree", "--write-tree", "--no-messages", base, tip)
    if status not in (0, 1):
        raise RepositoryError(f"git merge-tree (of git 2.38 or newer): {first_line(errors)}")
    return output.strip() if status == 0 else None


def _proposal_sha(repository: Repository, branch: str) -> str:
    if not branch.startswith(PREFIX) or branch == PREFIX:
        raise RefusedError("NOT_A_PROPOSAL", f"'{branch}' is not a proposal; their branches are named {PREFIX}…")
    local = ref_sha(repository, f"refs/heads/{branch}")
    if local is not None:
        return local
    for ref, sha in refs_under(repository, *PROPOSAL_REFS).items():
        if proposal_names([ref]) == {branch}:
            return sha
    raise RepositoryError(f"there is no proposal '{branch}'")


def _move_base(repository: Repository, ref: str, old: str, new: str, reason: str) -> None:
    """Move the base branch; when it is checked out here, index and work tree go first, so that none is left behind."""
    place = _checked_out(repository, ref)
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


def _checked_out(repository: Repository, ref: str) -> str | None:
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
    if ref_sha(repository, ref) == tip and _checked_out(repository, ref) is None:
        delete_ref(repository, ref, tip)


def _remote_of(ref: str) -> str | None:
    return ref.split("/", 3)[2] if ref.startswith("refs/remotes/") else None


def _readable(text: str) -> str:
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
