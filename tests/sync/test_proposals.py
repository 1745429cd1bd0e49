from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from schema.errors import ConfigError
from sync.edit import parse_set
from sync.errors import RefusedError, RepositoryError
from sync.proposals import discard, list_proposals, merge
from sync.propose import Proposal, propose
from sync.repository import Person, Repository
from tests.conftest import MakeRepository

NOW = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)
DESK = Person("Pricing Desk", "pricing@example.com")
LEAD = Person("Finance Lead", "finance@example.com")
RunGit = Callable[..., str]


@pytest.fixture
def top(make_repository: MakeRepository, small_config: dict[str, str]) -> Path:
    return make_repository({**small_config, "ratecard.yaml": "local_merges: true\n"}, others={"README.md": "Rates\n"})


def make(top: Path, text: str, title: str, *, hours: int = 0, push: bool = False) -> Proposal:
    moment = NOW + timedelta(hours=hours)
    return propose(Repository.open(top), [parse_set(text)], title=title, author=DESK, now=moment, push=push)


def test_what_waits_is_listed_newest_first_with_author_and_diff(top: Path, run_git: RunGit) -> None:
    repository = Repository.open(top)
    assert list_proposals(repository) == []
    make(top, "plan pro#name=Professional", "Rename Pro")
    make(top, "pack Starter#price=6", "Dearer starter", hours=1)
    second, first = list_proposals(repository)
    assert (first.branch, first.title, first.author) == ("ratecard/rename-pro", "Rename Pro", DESK)
    assert (first.authored_at, first.files, first.commits, first.merges) == (NOW, ("config/plans.yaml",), 1, True)
    assert first.commit == run_git(top, "rev-parse", "ratecard/rename-pro")
    assert (first.here, first.remote, first.pushed) == (True, None, False)
    changed = [line for line in first.diff.splitlines() if line[:1] in "+-"]
    assert changed == [
        "--- a/config/plans.yaml",
        "+++ b/config/plans.yaml",
        "-    name: Pro",
        "+    name: Professional",
    ]
    assert second.branch == "ratecard/dearer-starter"


def test_merged_and_squashed_proposals_are_not_listed(top: Path, run_git: RunGit) -> None:
    merged = make(top, "plan pro#name=Professional", "Merged")
    squashed = make(top, "pack Starter#price=6", "Squashed")
    run_git(top, "merge", "--quiet", "--no-ff", "--no-edit", merged.branch)
    run_git(top, "merge", "--quiet", "--squash", squashed.branch)
    run_git(top, "commit", "--quiet", "-m", "Squashed")
    assert list_proposals(Repository.open(top)) == []


def test_a_proposal_of_a_remote_is_listed_once(top: Path, tmp_path: Path, run_git: RunGit) -> None:
    bare = tmp_path / "remote.git"
    run_git(top, "clone", "--quiet", "--bare", str(top), str(bare))
    run_git(top, "remote", "add", "origin", str(bare))
    here = make(top, "plan pro#name=Professional", "Here", push=True)
    gone = make(top, "pack Starter#price=6", "There", push=True)
    run_git(top, "fetch", "--quiet")
    run_git(top, "branch", "-D", gone.branch)
    listed = {info.branch: (info.here, info.remote, info.pushed) for info in list_proposals(Repository.open(top))}
    assert listed == {here.branch: (True, "origin", True), gone.branch: (False, "origin", True)}
    commit = merge(Repository.open(top), gone.branch, None, LEAD, NOW)
    assert run_git(top, "rev-parse", "main") == commit
    assert run_git(top, "rev-parse", f"origin/{gone.branch}") == gone.commit


def test_a_merge_is_a_commit_of_the_person_and_the_work_tree_follows(top: Path, run_git: RunGit) -> None:
    proposal = make(top, "plan pro#name=Professional", "Rename Pro")
    old = run_git(top, "rev-parse", "main")
    (top / "README.md").write_text("edited\n")
    (top / "config" / "note.txt").write_text("untracked\n")
    commit = merge(Repository.open(top), proposal.branch, "main", LEAD, NOW)
    assert run_git(top, "rev-parse", "main") == commit
    assert run_git(top, "log", "-1", "--format=%P|%an <%ae>|%cn|%s|%b", commit) == (
        f"{old} {proposal.commit}|Finance Lead <finance@example.com>|Ratecard|Rename Pro|Merges ratecard/rename-pro."
    )
    assert "name: Professional" in (top / "config" / "plans.yaml").read_text()
    assert run_git(top, "status", "--porcelain") == "M README.md\n?? config/note.txt"
    assert run_git(top, "diff", "--cached", "--name-only") == ""
    assert run_git(top, "branch", "--list", "ratecard/*") == ""


def test_edits_in_the_way_are_refused_and_stay(top: Path, run_git: RunGit) -> None:
    proposal = make(top, "plan pro#name=Professional", "Rename Pro")
    old = run_git(top, "rev-parse", "main")
    plans = top / "config" / "plans.yaml"
    edited = plans.read_text() + "# mine\n"
    plans.write_text(edited)
    for stage in (False, True):
        if stage:
            run_git(top, "add", "config")
        with pytest.raises(RefusedError) as refusal:
            merge(Repository.open(top), proposal.branch, "main", LEAD, NOW)
        assert (refusal.value.code, str(refusal.value)) == (
            "DIRTY",
            "uncommitted edits stand in the way of the merge: config/plans.yaml; commit or undo them first",
        )
    assert plans.read_text() == edited
    assert run_git(top, "rev-parse", "main") == old
    assert run_git(top, "rev-parse", proposal.branch) == proposal.commit


def test_an_untracked_file_in_the_way_is_refused_and_stays(top: Path, run_git: RunGit) -> None:
    proposal = make(top, "policy base_branch=main", "Say the base")
    run_git(top, "checkout", "--quiet", "-b", "side")
    run_git(top, "checkout", "--quiet", "main")
    added = propose(
        Repository.open(top),
        [parse_set("setting site_name=Rates")],
        title="Settings",
        author=DESK,
        now=NOW,
    )
    run_git(top, "rm", "--quiet", "--cached", "config/settings.yaml")
    with pytest.raises(RefusedError, match=r"^uncommitted edits stand in the way of the merge: config/settings\.yaml"):
        merge(Repository.open(top), added.branch, "main", LEAD, NOW)
    assert (top / "config" / "settings.yaml").exists()
    assert run_git(top, "rev-parse", proposal.branch) == proposal.commit


def test_a_base_that_is_not_checked_out_moves_and_the_work_tree_stays(top: Path, run_git: RunGit) -> None:
    proposal = make(top, "plan pro#name=Professional", "Rename Pro")
    run_git(top, "checkout", "--quiet", "--detach")
    (top / "config" / "plans.yaml").write_text("# mine\n")
    commit = merge(Repository.open(top), proposal.branch, "main", LEAD, NOW)
    assert run_git(top, "rev-parse", "main") == commit
    assert (top / "config" / "plans.yaml").read_text() == "# mine\n"
    assert run_git(top, "rev-parse", "HEAD") == run_git(top, "rev-parse", "main~1")


def test_two_proposals_in_one_file_merge_one_after_the_other(top: Path, run_git: RunGit) -> None:
    first = make(top, "pack Starter#price=6", "Starter")
    second = make(top, "pack Growth#price=16", "Growth")
    repository = Repository.open(top)
    merge(repository, first.branch, "main", LEAD, NOW)
    merge(repository, second.branch, "main", LEAD, NOW)
    text = (top / "config" / "credit_packs.yaml").read_text()
    assert "price: 6" in text
    assert "price: 16" in text


def test_a_conflict_is_listed_and_refused(top: Path, run_git: RunGit) -> None:
    first = make(top, "pack Starter#price=6", "Six")
    second = make(top, "pack Starter#price=7", "Seven")
    repository = Repository.open(top)
    merge(repository, first.branch, "main", LEAD, NOW)
    (info,) = list_proposals(repository)
    assert (info.branch, info.merges) == (second.branch, False)
    old = run_git(top, "rev-parse", "main")
    with pytest.raises(RefusedError) as refusal:
        merge(repository, second.branch, "main", LEAD, NOW)
    assert (refusal.value.code, str(refusal.value)) == (
        "MERGE_CONFLICT",
        "ratecard/seven does not merge into main: both changed the same lines; propose it anew",
    )
    assert run_git(top, "rev-parse", "main") == old
    assert run_git(top, "status", "--porcelain") == ""


def test_a_merge_whose_result_is_not_valid_is_refused(top: Path, run_git: RunGit) -> None:
    routed = make(top, "route anthropic/extraction=openai/gpt-4o", "Route to GPT-4o")
    registry = top / "config" / "registry" / "openai.yaml"
    registry.write_text(registry.read_text().replace("type: llm", "type: llm\n    active: false"))
    for name in ("routing/openai.yaml", "routing/anthropic.yaml"):
        path = top / "config" / name
        if "openai.yaml" in name:
            path.unlink()
        else:
            path.write_text(path.read_text().replace("    fallbacks: [openai/gpt-4o]\n", ""))
    run_git(top, "add", "--all")
    run_git(top, "commit", "--quiet", "-m", "Switch GPT-4o off")
    old = run_git(top, "rev-parse", "main")
    with pytest.raises(ConfigError):
        merge(Repository.open(top), routed.branch, "main", LEAD, NOW)
    assert run_git(top, "rev-parse", "main") == old
    assert run_git(top, "rev-parse", routed.branch) == routed.commit


def test_without_leave_of_the_policy_nothing_is_merged(
    make_repository: MakeRepository, small_config: dict[str, str], run_git: RunGit
) -> None:
    top = make_repository(small_config)
    proposal = make(top, "pack Starter#price=6", "Six")
    with pytest.raises(RefusedError) as refusal:
        merge(Repository.open(top), proposal.branch, "main", LEAD, NOW)
    assert str(refusal.value) == (
        "the policy on main does not allow local merges; merge ratecard/six on the forge,"
        " or set `local_merges: true` in config/ratecard.yaml"
    )


def test_what_is_no_proposal_is_neither_merged_nor_discarded(top: Path, run_git: RunGit) -> None:
    repository = Repository.open(top)
    run_git(top, "branch", "feature")
    for branch in ("main", "feature", "ratecard/", "refs/heads/main"):
        with pytest.raises(RefusedError, match=r"is not a proposal; their branches are named ratecard/…$"):
            discard(repository, branch)
        with pytest.raises(RefusedError, match=r"is not a proposal"):
            merge(repository, branch, "main", LEAD, NOW)
    with pytest.raises(RepositoryError, match=r"^there is no proposal 'ratecard/none'$"):
        discard(repository, "ratecard/none")
    assert run_git(top, "branch", "--format=%(refname:short)").split() == ["feature", "main"]


def test_a_proposal_is_discarded_unless_it_is_checked_out(top: Path, run_git: RunGit) -> None:
    proposal = make(top, "pack Starter#price=6", "Six")
    repository = Repository.open(top)
    run_git(top, "checkout", "--quiet", proposal.branch)
    with pytest.raises(RefusedError, match=r"^ratecard/six is checked out; switch to another branch first$"):
        discard(repository, proposal.branch)
    run_git(top, "checkout", "--quiet", "main")
    discard(repository, proposal.branch)
    assert run_git(top, "branch", "--format=%(refname:short)").split() == ["main"]


def test_a_base_checked_out_in_another_work_tree_is_refused(top: Path, tmp_path: Path, run_git: RunGit) -> None:
    proposal = make(top, "pack Starter#price=6", "Six")
    run_git(top, "checkout", "--quiet", "--detach")
    run_git(top, "worktree", "add", "--quiet", str(tmp_path / "other"), "main")
    with pytest.raises(RefusedError, match=r"^main is checked out in .*other; merge there"):
        merge(Repository.open(top), proposal.branch, "main", LEAD, NOW)


def test_a_base_that_is_only_remote_is_merged_on_the_forge(top: Path, tmp_path: Path, run_git: RunGit) -> None:
    bare = tmp_path / "remote.git"
    run_git(top, "clone", "--quiet", "--bare", str(top), str(bare))
    run_git(top, "remote", "add", "origin", str(bare))
    run_git(top, "fetch", "--quiet")
    run_git(top, "checkout", "--quiet", "--detach")
    run_git(top, "branch", "-D", "main")
    proposal = make(top, "pack Starter#price=6", "Six")
    with pytest.raises(RepositoryError) as refusal:
        merge(Repository.open(top), proposal.branch, None, LEAD, NOW)
    assert str(refusal.value) == "'main' is not a branch of this clone; merge ratecard/six on the forge"
