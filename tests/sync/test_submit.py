"""Proposals that are pushed: two clones and a bare remote between them, racing."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from schema.keys import parse_key
from sync.edit import AddEntity, Edit, entity_version, parse_rename, parse_set
from sync.errors import ConflictError, EditError, RefusedError, RepositoryError
from sync.propose import Proposal, propose
from sync.repository import Person, Repository
from tests.conftest import RunRatecard

NOW = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)
DESK = Person("Pricing Desk", "pricing@example.com")
HAIKU = "model anthropic/claude-haiku-4-5#display_name=Claude Haiku"
OPUS = "model anthropic/claude-3-opus#display_name=Opus 3"
REGISTRY = "config/registry/anthropic.yaml"
RunGit = Callable[..., str]


def clone(remote: Path, name: str, run_git: RunGit) -> Path:
    top = remote.parent / name
    run_git(remote, "clone", "--quiet", str(remote), str(top))
    run_git(top, "config", "user.name", name.title())
    run_git(top, "config", "user.email", f"{name}@example.com")
    return top


@pytest.fixture
def ours(remote: Path, run_git: RunGit) -> Path:
    return clone(remote, "desk", run_git)


@pytest.fixture
def theirs(remote: Path, run_git: RunGit) -> Path:
    return clone(remote, "finance", run_git)


def make(top: Path, *edits: str | Edit, title: str = "Rename Haiku", **options: object) -> Proposal:
    wanted = [parse_set(edit) if isinstance(edit, str) else edit for edit in edits or (HAIKU,)]
    given: dict[str, object] = {"title": title, "author": DESK, "now": NOW, "push": True, **options}
    return propose(Repository.open(top), wanted, **given)  # type: ignore[arg-type]


def replace(top: Path, old: str, new: str, run_git: RunGit, *, push: bool = True) -> None:
    path = top / REGISTRY
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    run_git(top, "commit", "--quiet", "--all", "-m", f"Write {new}")
    if push:
        run_git(top, "push", "--quiet", "origin", "HEAD:main")


def behind_the_back(top: Path, transport: str, script: str, run_git: RunGit) -> Path:
    """Let `script` run when git first talks to the remote by `transport`; returns the file that says it did."""
    witness = top.parent / f"{transport}-ran"
    program = top.parent / f"{transport}.sh"
    once = f'if [ ! -e "{witness}" ]; then : > "{witness}"; ( {script} ) >&2 || exit 3; fi'
    order = (once, f'git {transport} "$@"') if transport == "receive-pack" else (f'git {transport} "$@"', once)
    program.write_text("#!/bin/sh\n" + "\n".join(order) + "\n")
    program.chmod(0o755)
    run_git(top, "config", f"remote.origin.{transport.replace('-', '')}", str(program))
    return witness


def push_of(theirs: Path, refspec: str) -> str:
    return f'unset GIT_DIR; cd "{theirs}" && git push --quiet origin {refspec}'


def test_ui_writes_of_different_entities_in_one_file_merge(ours: Path, theirs: Path, run_git: RunGit) -> None:
    """No conflict with an edit of another entity."""
    files = Repository.open(ours).config_files("main", "config")
    seen = {parse_key(text): entity_version(files, parse_key(text)) for text in (HAIKU.split("#")[0],)}
    replace(theirs, "Claude 3 Opus", "Opus 3", run_git)
    proposal = make(ours, seen=seen)
    assert run_git(ours, "diff", "--numstat", f"origin/main..{proposal.branch}") == f"1\t1\t{REGISTRY}"
    assert run_git(ours, "rev-parse", f"{proposal.branch}~1") == run_git(theirs, "rev-parse", "HEAD")
    assert "Opus 3" in run_git(ours, "show", f"{proposal.branch}:{REGISTRY}")
    assert proposal.base == "origin/main"
    assert proposal.notes == ("main here is 1 commit behind origin/main: the proposal starts from origin/main",)
    run_git(theirs, "pull", "--quiet", "origin", proposal.branch)
    assert "name: Claude Haiku\n" in (theirs / REGISTRY).read_text()


def test_ui_writes_of_the_same_entity_refuse_and_show_both(
    ours: Path, theirs: Path, remote: Path, run_git: RunGit
) -> None:
    """The last writer never wins over what somebody else wrote, also after a fetch."""
    replace(theirs, "name: Claude Haiku 4.5", "name: Haiku 4.5", run_git)
    with pytest.raises(ConflictError) as refusal:
        make(ours)
    said = '{"display_name": "%s", "type": "llm", "access": "basic", "aliases": ["claude-haiku"], %s}'
    rest = '"context_window": "200000"'
    tip = run_git(theirs, "rev-parse", "HEAD")[:12]
    assert str(refusal.value) == (
        "model anthropic/claude-haiku-4-5 has changed since you saw it: it is now"
        f" {said % ('Haiku 4.5', rest)}, you want {said % ('Claude Haiku', rest)};"
        f" this is origin/main at {tip}; update main here and look again"
    )
    assert run_git(remote, "branch", "--list", "ratecard/*") == run_git(ours, "branch", "--list", "ratecard/*") == ""
    run_git(ours, "pull", "--quiet")
    assert make(ours).notes == ()


def test_comments_in_yaml_survive_edits_from_two_sides(ours: Path, theirs: Path, run_git: RunGit) -> None:
    """An edit keeps the comments."""
    replace(
        theirs, "    type: llm\n    access: all", "    type: llm   # retired\n    # for all\n    access: all", run_git
    )
    proposal = make(ours)
    text = run_git(ours, "show", f"{proposal.branch}:{REGISTRY}")
    assert "    type: llm   # retired\n    # for all\n    access: all" in text
    assert run_git(ours, "diff", "--numstat", f"origin/main..{proposal.branch}") == f"1\t1\t{REGISTRY}"


def test_who_did_it_is_in_the_commit_on_the_remote(ours: Path, remote: Path, run_git: RunGit) -> None:
    """No commit without its person."""
    proposal = make(ours)
    assert run_git(remote, "log", "-1", "--format=%an <%ae>%n%cn <%ce>%n%B", proposal.branch) == (
        "Pricing Desk <pricing@example.com>\nRatecard <ratecard@localhost>\n"
        "Rename Haiku\n\n- set display_name of model anthropic/claude-haiku-4-5 to Claude Haiku"
    )


def test_the_command_takes_the_person_of_git(
    ours: Path, remote: Path, run_ratecard: RunRatecard, run_git: RunGit
) -> None:
    done = run_ratecard("propose", "--set", HAIKU, "--title", "Rename", "--push", cwd=ours)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-1] == "pushed; open the pull request on your forge"
    assert run_git(remote, "log", "-1", "--format=%an <%ae>", "ratecard/rename") == "Desk <desk@example.com>"


def test_commits_that_only_this_clone_has_stay_out(ours: Path, theirs: Path, run_git: RunGit) -> None:
    replace(ours, "Claude 3 Opus", "Opus three", run_git, push=False)
    replace(ours, "Claude Sonnet 4.5", "Sonnet", run_git, push=False)
    replace(theirs, "display_name: Anthropic", "display_name: Anthropic PBC", run_git)
    proposal = make(ours)
    assert proposal.notes == (
        "main here is 1 commit behind origin/main: the proposal starts from origin/main",
        "main here has 2 commits that origin/main has not: the proposal does not contain them",
    )
    assert run_git(ours, "diff", "--numstat", f"origin/main..{proposal.branch}") == f"1\t1\t{REGISTRY}"
    with pytest.raises(
        ConflictError, match=r"it is now .*Claude 3 Opus.*; this is origin/main at [0-9a-f]{12}; update"
    ):
        make(ours, OPUS)


def test_an_entity_that_is_gone_on_the_remote_refuses_and_shows_both(ours: Path, theirs: Path, run_git: RunGit) -> None:
    run_git(theirs, "rm", "--quiet", "config/registry/openai.yaml")
    run_git(theirs, "commit", "--quiet", "-m", "Drop OpenAI")
    run_git(theirs, "push", "--quiet", "origin", "HEAD:main")
    with pytest.raises(ConflictError) as refusal:
        make(ours, "model openai/gpt-4o#display_name=GPT")
    assert str(refusal.value).startswith(
        "model openai/gpt-4o has changed since you saw it: it is now nothing, you want"
        ' {"display_name": "GPT", "type": "llm"}; this is origin/main at '
    )


def test_an_entity_that_the_remote_has_got_meanwhile_refuses_and_shows_both(
    ours: Path, theirs: Path, run_git: RunGit
) -> None:
    first = make(theirs, AddEntity(parse_key("task indexing"), {"description": "Embeds"}), title="Add a task")
    run_git(theirs, "push", "--quiet", "origin", f"{first.commit}:main")
    with pytest.raises(ConflictError) as refusal:
        make(ours, AddEntity(parse_key("task indexing"), {"description": "Indexes"}), title="Add a task")
    assert (refusal.value.current, refusal.value.proposed) == (
        '{"description": "Embeds"}',
        '{"description": "Indexes"}',
    )


def test_what_the_remote_refuses_is_told_with_its_place(ours: Path, theirs: Path, run_git: RunGit) -> None:
    (theirs / "config" / "tasks.yaml").write_text("tasks: &all\n  extraction: {}\n  chat_response: {}\n")
    run_git(theirs, "commit", "--quiet", "--all", "-m", "Anchor")
    run_git(theirs, "push", "--quiet", "origin", "HEAD:main")
    with pytest.raises(
        EditError, match=r"an anchor \(&\) stands on the way .* \(this is origin/main at [0-9a-f]{12}; "
    ):
        make(ours, AddEntity(parse_key("task indexing"), {"description": "Embeds"}), title="Add a task")
    with pytest.raises(RefusedError, match=r"^nothing would change: origin/main says all of this already$"):
        make(ours, "setting default_plan=free")


def test_a_base_that_the_remote_does_not_have_is_the_local_one(ours: Path, run_git: RunGit) -> None:
    run_git(ours, "branch", "next")
    proposal = make(ours, base="next")
    assert proposal.base == "next"
    assert proposal.notes == (
        "origin has no branch next yet: the proposal starts from the one here; push that one, too",
    )


def test_without_a_push_a_stale_base_is_told(ours: Path, theirs: Path, run_git: RunGit) -> None:
    replace(theirs, "Claude 3 Opus", "Opus 3", run_git)
    run_git(ours, "fetch", "--quiet")
    proposal = make(ours, push=False)
    assert proposal.base == "main"
    assert proposal.notes == (
        "main here is 1 commit behind origin/main as last fetched; with --push the proposal starts from the newest",
    )


def test_a_push_to_the_base_between_fetch_and_push_is_seen(ours: Path, theirs: Path, run_git: RunGit) -> None:
    replace(theirs, "Claude 3 Opus", "Opus 3", run_git, push=False)
    # git asks the remote for its branches by upload-pack; the other's push lands right after the first answer.
    witness = behind_the_back(ours, "upload-pack", push_of(theirs, "HEAD:main"), run_git)
    proposal = make(ours)
    assert witness.exists()
    assert run_git(ours, "rev-parse", f"{proposal.branch}~1") == run_git(theirs, "rev-parse", "HEAD")
    assert proposal.branch == "ratecard/rename-haiku"
    assert run_git(ours, "branch", "--list", "ratecard/*") == "ratecard/rename-haiku"


def test_the_same_entity_pushed_between_fetch_and_push_refuses(ours: Path, theirs: Path, run_git: RunGit) -> None:
    replace(theirs, "name: Claude Haiku 4.5", "name: Haiku 4.5", run_git, push=False)
    behind_the_back(ours, "upload-pack", push_of(theirs, "HEAD:main"), run_git)
    with pytest.raises(ConflictError, match=r"^model anthropic/claude-haiku-4-5 has changed since you saw it"):
        make(ours)
    assert run_git(ours, "branch", "--list", "ratecard/*") == ""


def test_a_branch_of_the_same_name_pushed_in_the_last_moment_is_left_alone(
    ours: Path, theirs: Path, remote: Path, run_git: RunGit
) -> None:
    replace(theirs, "Claude 3 Opus", "Opus 3", run_git, push=False)
    witness = behind_the_back(ours, "receive-pack", push_of(theirs, "HEAD:refs/heads/ratecard/rename-haiku"), run_git)
    proposal = make(ours)
    assert witness.exists()
    assert proposal.branch == "ratecard/rename-haiku-2"
    assert run_git(remote, "rev-parse", "ratecard/rename-haiku") == run_git(theirs, "rev-parse", "HEAD")
    assert run_git(remote, "rev-parse", "ratecard/rename-haiku-2") == proposal.commit
    assert run_git(ours, "branch", "--list", "ratecard/*") == "ratecard/rename-haiku-2"


def test_a_remote_that_never_rests_is_given_up(ours: Path, theirs: Path, run_git: RunGit) -> None:
    program = ours.parent / "restless.sh"
    move = (
        f'unset GIT_DIR; cd "{theirs}" && git commit --quiet --allow-empty -m More && git push --quiet origin HEAD:main'
    )
    program.write_text(f'#!/bin/sh\ngit upload-pack "$@"\n( {move} ) >&2\n')
    program.chmod(0o755)
    run_git(ours, "config", "remote.origin.uploadpack", str(program))
    with pytest.raises(RepositoryError, match=r"^origin changed 5 times while this was proposed; try again$"):
        make(ours)
    assert run_git(ours, "branch", "--list", "ratecard/*") == ""


@pytest.mark.parametrize(
    ("hook", "script", "reason"),
    [
        ("pre-receive", "echo 'branches are frozen' >&2; exit 1", "branches are frozen"),
        ("update", 'echo "$1 is not for you" >&2; exit 1', "refs/heads/ratecard/rename-haiku is not for you"),
        ("update", "exit 1", "error: hook declined to update"),
    ],
)
def test_a_remote_whose_hook_refuses_gets_no_second_try_and_no_force(
    ours: Path, remote: Path, run_git: RunGit, hook: str, script: str, reason: str
) -> None:
    """Nothing is pushed by force."""
    witness = remote.parent / "hook-ran"
    path = remote / "hooks" / hook
    path.parent.mkdir(exist_ok=True)
    path.write_text(f'#!/bin/sh\necho ran >> "{witness}"\n{script}\n')
    path.chmod(0o755)
    with pytest.raises(RepositoryError) as refusal:
        make(ours)
    assert str(refusal.value).startswith(f"the remote 'origin' did not take ratecard/rename-haiku: {reason}")
    assert witness.read_text() == "ran\n"
    assert run_git(ours, "branch", "--list", "ratecard/*") == run_git(remote, "branch", "--list", "ratecard/*") == ""


def test_a_password_in_the_remotes_address_is_not_shown(ours: Path, run_git: RunGit) -> None:
    run_git(ours, "remote", "set-url", "origin", "http://desk:hunter2@127.0.0.1:1/rates.git")
    with pytest.raises(RepositoryError) as refusal:
        make(ours)
    assert "hunter2" not in str(refusal.value)
    assert str(refusal.value).startswith("the remote 'origin' cannot be read: ")


def test_a_rename_takes_references_along_that_others_have_added(ours: Path, theirs: Path, run_git: RunGit) -> None:
    routing = theirs / "config" / "routing" / "openai.yaml"
    routing.write_text(routing.read_text() + "  extraction: anthropic/claude-haiku-4-5\n")
    run_git(theirs, "commit", "--quiet", "--all", "-m", "Route extraction")
    run_git(theirs, "push", "--quiet", "origin", "HEAD:main")
    proposal = make(ours, parse_rename("model anthropic/claude-haiku-4-5=anthropic/haiku"))
    assert (
        "extraction: anthropic/haiku\n" in run_git(ours, "show", f"{proposal.branch}:config/routing/openai.yaml") + "\n"
    )


def test_two_clones_at_once_both_get_through(ours: Path, theirs: Path, remote: Path, run_git: RunGit) -> None:
    command = Path(sys.executable).parent / "ratecard"
    done: dict[str, subprocess.CompletedProcess[str]] = {}

    def run(top: Path, text: str) -> None:
        words = [str(command), "propose", "--set", text, "--title", "Same", "--push"]
        done[text] = subprocess.run(words, cwd=top, capture_output=True, text=True, check=False)

    threads = [threading.Thread(target=run, args=pair) for pair in ((ours, HAIKU), (theirs, OPUS))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {result.returncode for result in done.values()} == {0}, done
    branches = run_git(remote, "branch", "--list", "ratecard/*").split()
    assert branches == ["ratecard/same", "ratecard/same-2"]
    assert {run_git(remote, "log", "-1", "--format=%an", branch) for branch in branches} == {"Desk", "Finance"}


def test_a_shallow_clone_proposes_too(remote: Path, theirs: Path, run_git: RunGit) -> None:
    for name in ("Opus 3", "Opus three"):
        replace(theirs, "Claude 3 Opus" if name == "Opus 3" else "Opus 3", name, run_git)
    shallow = remote.parent / "shallow"
    run_git(remote, "clone", "--quiet", "--depth=1", f"file://{remote}", str(shallow))
    replace(theirs, "Opus three", "Opus", run_git)
    proposal = make(shallow)
    assert run_git(remote, "rev-parse", f"{proposal.branch}~1") == run_git(theirs, "rev-parse", "HEAD")
