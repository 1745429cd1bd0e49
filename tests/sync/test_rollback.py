from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from sync.current import Release
from sync.errors import RefusedError
from sync.rollback import find_release
from tests.conftest import MakeRepository, RunRatecard

NOW = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)
RunGit = Callable[..., str]


def release(number: int, label: str | None = None) -> Release:
    return Release(number, "c" * 40, "t" * 40, label, "Title", "Desk <desk@example.com>", "Desk", NOW, 1, 0, 0)


def test_a_release_is_named_by_number_or_label() -> None:
    releases = [release(3, "spring"), release(2, "3"), release(1, "spring")]
    assert find_release(releases, "2").id == 2
    assert find_release(releases, "3").id == 3
    with pytest.raises(RefusedError, match=r"^'spring' is the label of releases 3, 1; name one by its number$"):
        find_release(releases, "spring")
    with pytest.raises(
        RefusedError, match=r"^there is no release 'sprint'; did you mean 'spring'\?; there are 1 to 3$"
    ):
        find_release(releases, "sprint")
    with pytest.raises(RefusedError, match=r"^there is no release '2'; there is only 1$"):
        find_release([release(1)], "2")
    with pytest.raises(RefusedError, match=r"^the database has no release yet, so there is nothing to go back to$"):
        find_release([], "1")


@pytest.fixture
def top(make_repository: MakeRepository, small_config: dict[str, str], run_ratecard: RunRatecard) -> Path:
    """A repository whose first commit is release 1 of its own embedded database."""
    found = make_repository(small_config, others={".gitignore": ".ratecard/\n"})
    assert run_ratecard("apply", "--yes", "--label", "first", cwd=found).returncode == 0
    return found


CHANGE = (
    *("--add", "model openai/gpt-5", "--set", "model openai/gpt-5#display_name=GPT-5"),
    *("--set", "model openai/gpt-5#type=llm", "--set", "model openai/gpt-5#active=false"),
    *("--add", "price openai/gpt-5@2199-01-01", "--set", "price openai/gpt-5@2199-01-01#per_million.input=2"),
    *("--set", "price openai/gpt-5@2199-01-01#per_million.output=8", "--set", "price openai/gpt-5@2199-01-01#margin=2"),
    *("--set", "route anthropic/extraction=claude-sonnet-4-5", "--set", "plan pro#price.monthly=25"),
)


def test_a_release_is_rolled_back_merged_and_applied_without_an_option(
    top: Path, run_ratecard: RunRatecard, run_git: RunGit
) -> None:
    begin = run_git(top, "rev-parse", "main")
    done = run_ratecard("propose", *CHANGE, "--title", "Prepare GPT-5", cwd=top)
    assert (done.returncode, done.stderr) == (0, "")
    run_git(top, "merge", "--quiet", "ratecard/prepare-gpt-5")
    assert run_ratecard("apply", "--yes", cwd=top).returncode == 0
    done = run_ratecard("rollback", "1", "--format", "json", cwd=top)
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout) == {
        "branch": "ratecard/rollback-to-release-1",
        "commit": run_git(top, "rev-parse", "ratecard/rollback-to-release-1"),
        "files": [
            f"config/{name}.yaml" for name in ("plans", "pricing/openai", "registry/openai", "routing/anthropic")
        ],
        "url": None,
    }
    assert run_git(top, "log", "-1", "--format=%an%n%P%n%B", "ratecard/rollback-to-release-1") == (
        f"Price Desk\n{run_git(top, 'rev-parse', 'main')}\nRoll back to release 1\n\n"
        f"Release 1 (first) applied commit {begin}\n"
        f'"Begin" of Price Desk <prices@example.com> on {datetime.now(UTC):%Y-%m-%d}.'
    )
    assert run_git(top, "diff", "--stat", begin, "ratecard/rollback-to-release-1") == ""
    run_git(top, "merge", "--quiet", "ratecard/rollback-to-release-1")
    applied = run_ratecard("apply", "--yes", "--format", "json", cwd=top)
    assert applied.returncode == 0, applied.stderr
    assert run_ratecard("drift", cwd=top).returncode == 0
    again = run_ratecard("rollback", "first", cwd=top)
    assert (again.returncode, again.stderr) == (
        1,
        "ratecard: nothing to roll back: main says what release 1 said\n",
    )


def test_a_price_change_is_rolled_back_by_a_new_entry(top: Path, run_ratecard: RunRatecard, run_git: RunGit) -> None:
    run_ratecard("propose", "--set", "price openai/gpt-4o#margin=1.2", "--title", "Lower", cwd=top)
    run_git(top, "merge", "--quiet", "ratecard/lower")
    assert run_ratecard("apply", "--yes", cwd=top).returncode == 0
    done = run_ratecard("rollback", "1", "--title", "Take it back", cwd=top)
    assert done.returncode == 0
    assert done.stdout.startswith("ratecard/rollback-to-release-1  ")
    assert "and calls may have been billed by it\nratecard: price openai/gpt-4o says from " in done.stderr
    message = run_git(top, "log", "-1", "--format=%B", "ratecard/rollback-to-release-1")
    assert message.startswith("Take it back\n\nRelease 1 (first) applied commit ")
    notes = [line.removeprefix("ratecard: ") for line in done.stderr.splitlines()]
    assert message.partition(".\n\n")[2].splitlines() == [f"- {note}" for note in notes]
    assert len(notes) == 2
    run_git(top, "merge", "--quiet", "ratecard/rollback-to-release-1")
    assert run_ratecard("apply", "--yes", cwd=top).returncode == 0


def test_who_names_the_release_to_undo_is_told_the_one_to_go_back_to(
    top: Path, run_ratecard: RunRatecard, run_git: RunGit
) -> None:
    done = run_ratecard("rollback", "1", cwd=top)
    assert (done.returncode, done.stderr) == (1, "ratecard: nothing to roll back: main says what release 1 said\n")
    run_ratecard("propose", "--set", "plan pro#name=Professional", "--title", "Name", cwd=top)
    run_git(top, "merge", "--quiet", "ratecard/name")
    assert run_ratecard("apply", "--yes", cwd=top).returncode == 0
    done = run_ratecard("rollback", "2", cwd=top)
    assert (done.returncode, done.stderr) == (
        1,
        (
            "ratecard: nothing to roll back: main says what release 2 said;"
            " to undo release 2, name the one before: `ratecard rollback 1`\n"
        ),
    )


def test_the_base_moves_on_while_it_is_pushed(
    top: Path, tmp_path: Path, run_ratecard: RunRatecard, run_git: RunGit
) -> None:
    run_ratecard("propose", "--set", "plan pro#name=Professional", "--title", "Name", cwd=top)
    bare = tmp_path / "remote.git"
    run_git(top, "clone", "--quiet", "--bare", str(top), str(bare))
    run_git(top, "remote", "add", "origin", str(bare))
    run_git(top, "push", "--quiet", "origin", "ratecard/name:main")
    done = run_ratecard("rollback", "1", "--push", cwd=top)
    assert (done.returncode, done.stderr) == (
        0,
        "ratecard: main here is 1 commit behind origin/main: the proposal starts from origin/main\n",
    )
    assert run_git(bare, "diff", "--stat", "ratecard/rollback-to-release-1", run_git(top, "rev-parse", "main")) == ""


def test_what_cannot_be_rolled_back_is_refused_in_one_line(
    top: Path, tmp_path: Path, run_ratecard: RunRatecard, run_git: RunGit
) -> None:
    done = run_ratecard("rollback", "7", cwd=top)
    assert (done.returncode, done.stderr) == (1, "ratecard: there is no release '7'; there is only 1\n")
    begin = run_git(top, "rev-parse", "main")
    run_git(top, "commit", "--quiet", "--amend", "-m", "Another beginning")
    run_git(top, "reflog", "expire", "--expire=now", "--all")
    run_git(top, "gc", "--quiet", "--prune=now")
    done = run_ratecard("rollback", "1", cwd=top)
    assert done.returncode == 1
    assert done.stderr == (
        f"ratecard: the commit {begin[:12]} of release 1 is not in this clone; `git fetch --all` it"
        " (`git fetch --unshallow` in a shallow clone)\n"
    )
    done = run_ratecard("rollback", "1", "--database", f"sqlite:///{tmp_path / 'none.db'}", cwd=top)
    assert done.stderr == "ratecard: the database has no release yet, so there is nothing to go back to\n"
    assert not (tmp_path / "none.db").exists()
    assert run_ratecard("rollback", cwd=top).returncode == 64
