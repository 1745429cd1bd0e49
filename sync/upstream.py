"""The remote that a dashboard's proposals go to: which one it is, what it has, and branches that go there later."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from schema.documents.policy import Forge
from sync.errors import RepositoryError
from sync.forge import page_of
from sync.plumbing import delete_ref, fetch_heads, push_branch, ref_sha, refs_under, remote_tips, remote_url
from sync.proposal_text import PREFIX
from sync.proposals import checked_out
from sync.pull_request import PullRequest, open_request
from sync.repository import Repository
from sync.submit import create_proposal_branch, remote_of


@dataclass(frozen=True, slots=True)
class Published:
    """A branch that the remote has now; its name is another one when the remote had a branch of the old name."""

    branch: str
    remote: str
    request: PullRequest


def upstream_of(repository: Repository, forge: Forge | None, local_merges: bool | None) -> str | None:
    """The remote that proposals start from and are pushed to.

    None when the policy has them merged in this clone, and when this clone does not have the remote.
    """
    remote = remote_of(forge)
    return None if local_merges or remote_url(repository, remote) is None else remote


def fetch_proposals(repository: Repository, remote: str, base: str) -> None:
    """Bring what this clone knows of a remote's base branch and proposals to what is there. Raises RemoteError."""
    tips = remote_tips(repository, remote, base, f"{PREFIX}*")
    prefix = f"refs/remotes/{remote}/"
    known = refs_under(repository, f"{prefix}{base}", f"{prefix}{PREFIX}**")
    if {ref.removeprefix(prefix): sha for ref, sha in known.items()} != tips:
        fetch_heads(repository, remote, [*([base] if base in tips else []), f"{PREFIX}*"])


def publish(
    repository: Repository,
    branch: str,
    remote: str,
    base: str,
    *,
    forge: Forge | None = None,
    environment: Mapping[str, str] | None = None,
) -> Published:
    """Push a proposal's branch of this clone, never by force, and open its pull request where there is a token.

    The branch is there and not here afterwards, unless it is checked out. Raises RemoteError with the remote's reason;
    the branch stays as it was then.
    """
    commit = ref_sha(repository, f"refs/heads/{branch}") if branch.startswith(PREFIX) else None
    if commit is None:
        raise RepositoryError(f"there is no proposal '{branch}' in this clone")
    title, _, body = repository.run("log", "-1", "--format=%s%n%b", commit).partition("\n")
    tips = remote_tips(repository, remote, f"{branch}*")
    name = branch if _continues(repository, tips.get(branch), commit) else _renamed(repository, branch, commit, tips)
    try:
        push_branch(repository, remote, commit, name)
    except RepositoryError:
        if name != branch:
            delete_ref(repository, f"refs/heads/{name}", commit)
        raise
    for own in {branch, name}:
        if checked_out(repository, f"refs/heads/{own}") is None:
            delete_ref(repository, f"refs/heads/{own}", commit)
    page = page_of(forge, remote_url(repository, remote))
    return Published(name, remote, open_request(page, name, base, title, body, environment or {}))


def _continues(repository: Repository, theirs: str | None, commit: str) -> bool:
    return theirs is None or (repository.knows(theirs) and repository.is_ancestor(theirs, commit))


def _renamed(repository: Repository, branch: str, commit: str, tips: Mapping[str, str]) -> str:
    return create_proposal_branch(repository, branch, commit, branch, tips.keys())


__all__ = ["Published", "fetch_proposals", "publish", "upstream_of"]
