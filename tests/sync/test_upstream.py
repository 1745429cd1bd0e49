"""Proposals that start from a remote and go there, or later, when it could not be reached: real bare repositories."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from schema.documents.policy import Forge
from sync.edit import parse_set
from sync.errors import RefusedError, RemoteError, RepositoryError
from sync.proposals import discard, list_proposals
from sync.propose import Proposal, preview, propose
from sync.repository import Person, Repository
from sync.upstream import fetch_proposals, publish, upstream_of

NOW = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)
DESK = Person("Price Desk", "prices@example.com")
RENAME = "plan pro#name=Professional"
BRANCH = "ratecard/rename-pro"
FORGE = Forge(kind="github", url="https://github.com/example/rates")
RunGit = Callable[..., str]


def clone(remote: Path, name: str, run_git: RunGit, *options: str) -> Path:
    top = remote.parent / name
    run_git(remote.parent, "clone", "--quiet", *options, remote.as_uri(), str(top))
    run_git(top, "config", "user.name", name)
    run_git(top, "config", "user.email", f"{name}@example.com")
    return top


@pytest.fixture
def ours(remote: Path, run_git: RunGit) -> Path:
    # Such a clone fetches main alone by itself.
    return clone(remote, "ours", run_git, "--single-branch")


@pytest.fixture
def theirs(remote: Path, run_git: RunGit) -> Path:
    return clone(remote, "theirs", run_git)


def make(top: Path, text: str = RENAME, title: str = "Rename Pro", upstream: str | None = "origin") -> Proposal:
    return propose(Repository.open(top), [parse_set(text)], title=title, author=DESK, now=NOW, upstream=upstream)


def listed(top: Path) -> dict[str, tuple[bool, str | None, bool]]:
    found = list_proposals(Repository.open(top), "main", upstream="origin")
    return {info.branch: (info.here, info.remote, info.pushed) for info in found}


def move_main(theirs: Path, run_git: RunGit) -> str:
    path = theirs / "config" / "credit_packs.yaml"
    path.write_text(path.read_text().replace("price: 5", "price: 6"))
    run_git(theirs, "commit", "--quiet", "--all", "-m", "Dearer starter")
    run_git(theirs, "push", "--quiet", "origin", "HEAD:main")
    return run_git(theirs, "rev-parse", "HEAD")


@pytest.mark.parametrize(
    ("forge", "local_merges", "expected"),
    [
        (None, None, "origin"),
        (FORGE, False, "origin"),
        (FORGE.model_copy(update={"remote": "forge"}), None, None),
        (FORGE, True, None),
        (None, True, None),
    ],
)
def test_proposals_go_to_the_remote_unless_they_are_merged_here(
    ours: Path, forge: Forge | None, local_merges: bool | None, expected: str | None
) -> None:
    assert upstream_of(Repository.open(ours), forge, local_merges) == expected


def test_a_proposal_starts_from_the_newest_base_and_is_pushed(
    ours: Path, theirs: Path, remote: Path, run_git: RunGit
) -> None:
    own, newest = run_git(ours, "rev-parse", "main"), move_main(theirs, run_git)
    proposal = make(ours)
    assert (proposal.branch, proposal.remote, proposal.unpushed, proposal.notes) == (BRANCH, "origin", "", ())
    assert (proposal.base, proposal.url) == ("origin/main", None)
    assert run_git(remote, "log", "-1", "--format=%P|%an <%ae>", BRANCH) == f"{newest}|{DESK}"
    assert run_git(ours, "rev-parse", "main") == own
    assert listed(ours) == {BRANCH: (False, "origin", True)}
    made = preview(Repository.open(ours), [parse_set("pack Starter#price=7")], now=NOW, upstream="origin")
    assert (made.base.shown, made.base.commit) == ("origin/main", newest)
    assert "-    price: 6" in made.diff


def test_what_the_remote_does_not_take_stays_here_and_goes_there_later(
    ours: Path, remote: Path, run_git: RunGit
) -> None:
    away = remote.rename(remote.with_name("away.git"))
    proposal = make(ours)
    assert proposal.unpushed.startswith("the remote 'origin' cannot be read: ")
    assert (proposal.remote, proposal.url, proposal.base) == (None, None, "origin/main")
    assert listed(ours) == {BRANCH: (True, None, False)}
    with pytest.raises(RemoteError, match=r"^the remote 'origin' cannot be read: "):
        publish(Repository.open(ours), BRANCH, "origin", "main")

    away.rename(remote)
    published = publish(Repository.open(ours), BRANCH, "origin", "main", forge=FORGE)

    assert (published.branch, published.request.url) == (
        BRANCH,
        "https://github.com/example/rates/compare/main...ratecard/rename-pro?expand=1",
    )
    assert run_git(remote, "rev-parse", BRANCH) == proposal.commit
    assert listed(ours) == {BRANCH: (False, "origin", True)}


def test_a_hook_that_refuses_leaves_the_branch_here_and_says_why(ours: Path, remote: Path, run_git: RunGit) -> None:
    hook = remote / "hooks" / "pre-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\necho 'branches are frozen' >&2\nexit 1\n")
    hook.chmod(0o755)
    proposal = make(ours)
    assert proposal.unpushed == "the remote 'origin' did not take ratecard/rename-pro: branches are frozen"
    assert run_git(ours, "branch", "--list", "ratecard/*").strip() == BRANCH
    with pytest.raises(RemoteError, match=r"branches are frozen$"):
        publish(Repository.open(ours), BRANCH, "origin", "main")
    assert run_git(remote, "branch", "--list", "ratecard/*") == ""
    assert listed(ours) == {BRANCH: (True, None, False)}


def test_a_name_that_was_taken_meanwhile_is_left_to_its_owner(
    ours: Path, theirs: Path, remote: Path, run_git: RunGit
) -> None:
    mine = make(ours, upstream=None)
    other = make(theirs, "pack Starter#price=7", "Rename Pro")
    assert other.branch == mine.branch == BRANCH
    published = publish(Repository.open(ours), BRANCH, "origin", "main")
    assert published.branch == f"{BRANCH}-2"
    assert run_git(remote, "rev-parse", BRANCH) == other.commit
    assert run_git(remote, "rev-parse", published.branch) == mine.commit
    assert run_git(ours, "branch", "--list", "ratecard/*") == ""


def test_what_is_only_on_the_remote_is_fetched_listed_and_goes_when_it_is_gone(
    ours: Path, theirs: Path, run_git: RunGit
) -> None:
    other = make(theirs)
    newest = move_main(theirs, run_git)
    repository = Repository.open(ours)
    assert listed(ours) == {}
    fetch_proposals(repository, "origin", "main")
    assert listed(ours) == {other.branch: (False, "origin", True)}
    assert repository.sha("origin/main") == newest
    run_git(theirs, "push", "--quiet", "origin", f":{BRANCH}")
    fetch_proposals(repository, "origin", "main")
    assert listed(ours) == {}


def test_commits_that_were_added_on_the_forge_are_what_is_shown(ours: Path, theirs: Path, run_git: RunGit) -> None:
    proposal = both(ours)
    run_git(theirs, "fetch", "--quiet")
    run_git(theirs, "checkout", "--quiet", BRANCH)
    run_git(theirs, "commit", "--quiet", "--allow-empty", "-m", "Word it better")
    run_git(theirs, "push", "--quiet", "origin", BRANCH)
    repository = Repository.open(ours)
    fetch_proposals(repository, "origin", "main")
    (info,) = list_proposals(repository, "main", upstream="origin")
    assert (info.title, info.commits, info.pushed) == ("Word it better", 2, True)
    with pytest.raises(RefusedError, match=r"^ratecard/rename-pro has other commits than you saw: look at it again$"):
        discard(repository, BRANCH, "origin", proposal.commit)


def both(top: Path) -> Proposal:
    """A proposal that is here and on the remote, as the command line leaves it."""
    return propose(Repository.open(top), [parse_set(RENAME)], title="Rename Pro", author=DESK, now=NOW, push=True)


def test_a_discarded_proposal_goes_there_and_here(ours: Path, theirs: Path, remote: Path, run_git: RunGit) -> None:
    both(ours)
    assert listed(ours) == {BRANCH: (True, "origin", True)}
    other = make(theirs, "pack Starter#price=7", "Starter")
    repository = Repository.open(ours)
    with pytest.raises(RepositoryError, match=r"^there is no proposal 'ratecard/starter'$"):
        discard(repository, other.branch, "origin")
    fetch_proposals(repository, "origin", "main")
    with pytest.raises(RepositoryError, match=r"^ratecard/starter is not in this clone; close it where it was pushed$"):
        discard(repository, other.branch)
    for branch in (BRANCH, other.branch):
        discard(repository, branch, "origin")
    assert (
        run_git(remote, "branch", "--list", "ratecard/*")
        == run_git(ours, "branch", "--all", "--list", "*ratecard/*")
        == ""
    )


def test_a_remote_that_cannot_be_asked_keeps_both_copies(ours: Path, remote: Path, run_git: RunGit) -> None:
    both(ours)
    remote.rename(remote.with_name("away.git"))
    with pytest.raises(RemoteError, match=r"^the remote 'origin' cannot be read: "):
        discard(Repository.open(ours), BRANCH, "origin")
    assert run_git(ours, "branch", "--list", "ratecard/*").strip() == BRANCH


def test_commits_on_the_remote_that_nobody_saw_are_not_deleted(ours: Path, theirs: Path, run_git: RunGit) -> None:
    both(ours)
    run_git(theirs, "fetch", "--quiet")
    run_git(theirs, "push", "--quiet", "--force", "origin", f"origin/main:refs/heads/{BRANCH}")
    with pytest.raises(RefusedError, match=r"^origin has other commits on ratecard/rename-pro than you saw"):
        discard(Repository.open(ours), BRANCH, "origin")
