"""plan, apply, drift and releases as a person or CI calls them, in a repository and on a database of their own."""

from __future__ import annotations

import json
import os
import pty
import subprocess
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest
from sqlalchemy import text

from schema.database import make_engine, writing
from tests.ready_command import ReadyCommand
from tests.small_config import SMALL_CONFIG

Run = Callable[..., "CompletedProcess[str]"]
Git = Callable[..., str]
MakeRepository = Callable[..., Path]
RENAMED = SMALL_CONFIG["registry/openai.yaml"].replace("GPT-4o", "GPT 4o")


def execute(url: str, statement: str) -> None:
    engine = make_engine(url)
    with writing(engine) as connection:
        connection.execute(text(statement))
    engine.dispose()


def test_from_an_empty_database_to_drift(
    run_ratecard: Run, make_repository: MakeRepository, run_git: Git, database_url: str
) -> None:
    """Exit codes of a plan: 0 without changes, 2 with them, 1 for errors; the same for drift."""
    top = make_repository(SMALL_CONFIG)
    sha = run_git(top, "rev-parse", "HEAD")

    def ratecard(*words: str) -> CompletedProcess[str]:
        return run_ratecard(*words, "--database", database_url, cwd=top)

    planned = ratecard("plan", "--detailed-exitcode", "--format", "json")
    assert planned.returncode == 2
    plan = json.loads(planned.stdout)
    assert (plan["commit"], plan["release"], plan["summary"]) == (sha, None, {"create": 24, "update": 0, "delete": 0})
    assert ratecard("drift").returncode == 2

    applied = ratecard("apply", "--yes", "--label", "v1", "--format", "json")
    assert (applied.returncode, applied.stderr) == (0, "")
    result = json.loads(applied.stdout)
    assert (result["changed"], result["release"], result["commit"], result["label"]) == (True, 1, sha, "v1")
    assert result["fingerprint"] == plan["fingerprint"]

    again = ratecard("apply", "--yes")
    assert (again.returncode, again.stdout) == (
        0,
        f"no changes: the database is at release 1, and commit {sha[:12]} says the same\n",
    )
    assert ratecard("plan", "--detailed-exitcode").returncode == 0
    assert ratecard("drift").returncode == 0

    listed = json.loads(ratecard("releases", "--format", "json").stdout)
    assert listed["format_version"] == 1
    (release,) = listed["releases"]
    assert (release["id"], release["commit"], release["label"]) == (1, sha, "v1")
    assert release["author"] == release["applied_by"] == "Price Desk <prices@example.com>"
    assert release["counts"] == {"create": 24, "update": 0, "delete": 0}
    table = ratecard("releases").stdout.splitlines()
    assert table[0].split() == ["RELEASE", "COMMIT", "LABEL", "APPLIED", "BY", "AUTHOR", "CHANGES", "TITLE"]
    assert table[1].startswith(f"1        {sha[:12]}  v1     ")

    execute(database_url, "UPDATE models SET display_name = 'Mine' WHERE model = 'gpt-4o'")
    drift = ratecard("drift", "--format", "json")
    assert drift.returncode == 2
    told = json.loads(drift.stdout)
    assert told["unapplied"] == []
    assert told["edited"][0]["key"] == "model openai/gpt-4o"
    names = {"released": "GPT-4o", "database": "Mine", "git": "GPT-4o"}
    assert told["edited"][0]["fields"] == {"display_name": names}

    refused = ratecard("apply", "--yes")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr == (
        "ratecard: model openai/gpt-4o: display_name was changed in the database, not by a release;"
        " --force or an approval allows it [DATABASE_EDITED]\n"
    )
    assert ratecard("apply", "--yes", "--force").returncode == 0
    assert ratecard("drift").returncode == 0


def test_plan_makes_no_database(run_ratecard: Run, make_repository: MakeRepository) -> None:
    top = make_repository(SMALL_CONFIG)
    assert run_ratecard("plan", cwd=top).returncode == 0
    assert run_ratecard("drift", cwd=top).returncode == 2
    assert run_ratecard("releases", cwd=top).stdout == "no release has been applied\n"
    assert sorted(path.name for path in top.iterdir()) == [".git", "config"]


def test_default_database_lies_at_the_git_top_and_out_of_git(
    run_ratecard: Run, make_repository: MakeRepository, run_git: Git
) -> None:
    top = make_repository(SMALL_CONFIG)
    assert run_ratecard("apply", "--yes", "--config", ".", cwd=top / "config").returncode == 0
    assert (top / ".ratecard" / "ratecard.db").exists()
    assert run_git(top, "status", "--porcelain") == ""
    assert run_ratecard("plan", "--detailed-exitcode", cwd=top).returncode == 0


def test_uncommitted_changes_refuse_unless_allowed_and_are_never_applied(
    run_ratecard: Run, make_repository: MakeRepository
) -> None:
    top = make_repository(SMALL_CONFIG)
    (top / "config" / "registry" / "openai.yaml").write_text(RENAMED)
    refused = run_ratecard("apply", "--yes", cwd=top)
    assert refused.returncode == 1
    assert refused.stderr == (
        "ratecard: config/registry/openai.yaml has changes that are not committed; commit them, or apply the commit"
        " without them by --allow-dirty [DIRTY_CONFIG]\n"
    )
    assert not (top / ".ratecard").exists()
    assert run_ratecard("apply", "--yes", "--allow-dirty", cwd=top).returncode == 0
    execute_path = f"sqlite:///{top / '.ratecard' / 'ratecard.db'}"
    engine = make_engine(execute_path)
    with engine.connect() as connection:
        name = connection.execute(text("SELECT display_name FROM models WHERE model = 'gpt-4o'")).scalar()
    engine.dispose()
    assert name == "GPT-4o"


def test_step_back_needs_rollback_and_tags_are_labels(
    run_ratecard: Run, make_repository: MakeRepository, run_git: Git
) -> None:
    top = make_repository(SMALL_CONFIG)
    (top / "config" / "registry" / "openai.yaml").write_text(RENAMED)
    run_git(top, "commit", "--quiet", "--all", "--message=Rename a model")
    run_git(top, "tag", "v2")
    applied = run_ratecard("apply", "--yes", cwd=top)
    assert applied.stdout.startswith("release 1 (v2): commit ")
    refused = run_ratecard("apply", "--yes", "--ref", "HEAD~1", cwd=top)
    assert refused.returncode == 1
    assert "--rollback or an approval allows it [OLDER_COMMIT]" in refused.stderr
    done = run_ratecard("apply", "--yes", "--ref", "HEAD~1", "--rollback", cwd=top)
    assert done.stdout.endswith("0 created, 1 updated, 0 deleted\n")


def test_shallow_clone_that_cannot_tell_a_step_back_refuses_it(
    run_ratecard: Run, make_repository: MakeRepository, run_git: Git, database_url: str, tmp_path: Path
) -> None:
    """A job that runs again on an old commit, in a clone of that commit alone, does not bring old prices back."""
    top = make_repository(SMALL_CONFIG)
    first = run_git(top, "rev-parse", "HEAD")
    run_git(top, "branch", "old")
    (top / "config" / "registry" / "openai.yaml").write_text(RENAMED)
    run_git(top, "commit", "--quiet", "--all", "--message=Rename")
    second = run_git(top, "rev-parse", "HEAD")
    assert run_ratecard("apply", "--yes", "--database", database_url, cwd=top).returncode == 0
    shallow = tmp_path / "shallow"
    run_git(top, "clone", "--quiet", "--depth=1", "--branch=old", f"file://{top}", str(shallow))
    refused = run_ratecard("apply", "--yes", "--database", database_url, cwd=shallow)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr == (
        f"ratecard: release 1: whether commit {first[:12]} descends from {second[:12]}, which release 1 applied, cannot"
        " be told: this clone is shallow; run `git fetch --unshallow`; --rollback or an approval allows it"
        " [OLDER_COMMIT]\n"
    )
    assert run_ratecard("apply", "--yes", "--rollback", "--database", database_url, cwd=shallow).returncode == 0


def test_invalid_commit_is_refused_with_its_first_finding(run_ratecard: Run, make_repository: MakeRepository) -> None:
    top = make_repository({**SMALL_CONFIG, "settings.yaml": "default_plan: fre\nsite_nam: x\n"})
    for command in ("plan", "apply", "drift"):
        done = run_ratecard(command, cwd=top)
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.startswith(
            "ratecard: 2 errors in the configuration: config/settings.yaml:1:15: 'fre' is not a"
        )
    assert not (top / ".ratecard").exists()


def test_nobody_to_ask_is_a_refusal(run_ratecard: Run, make_repository: MakeRepository) -> None:
    top = make_repository(SMALL_CONFIG)
    done = run_ratecard("apply", cwd=top)
    assert done.returncode == 1
    assert done.stderr == ("ratecard: nobody can be asked here; look at `ratecard plan` and apply with --yes\n")
    assert not (top / ".ratecard").exists()


@pytest.mark.parametrize(("answer", "code"), [("y\n", 0), ("\n", 1), ("no\n", 1)])
def test_on_a_terminal_it_shows_the_plan_and_asks(
    make_repository: MakeRepository, ready: ReadyCommand, answer: str, code: int
) -> None:
    top = make_repository(SMALL_CONFIG)
    master, slave = pty.openpty()
    process = subprocess.Popen([ready.program, "apply"], cwd=top, stdin=slave, stdout=subprocess.PIPE, stderr=slave)
    os.close(slave)
    os.write(master, answer.encode())
    shown = b""
    while True:
        try:
            part = os.read(master, 4096)
        except OSError:
            break
        if not part:
            break
        shown += part
    stdout = process.communicate(timeout=60)[0].decode()
    os.close(master)
    assert process.returncode == code
    assert b"+ model openai/gpt-4o" in shown
    assert b"apply this? [y/N]" in shown
    assert (b"nothing was applied" in shown) == (code == 1)
    assert stdout.startswith("release 1: commit") == (code == 0)


@pytest.mark.parametrize("command", ["plan", "apply", "drift"])
def test_no_repository_no_commit_no_folder_are_one_line(run_ratecard: Run, tmp_path: Path, command: str) -> None:
    done = run_ratecard(command)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        f"ratecard: {tmp_path.resolve()} is not in a git repository; run `git init` and commit the config\n"
    )
    subprocess.run(["git", "init", "--quiet", str(tmp_path)], check=True)
    done = run_ratecard(command)
    assert done.stderr == (
        f"ratecard: the repository {tmp_path.resolve()} has no commit yet; commit the config first\n"
    )
    identity = ["-c", "user.name=x", "-c", "user.email=x@example.com"]
    subprocess.run(["git", *identity, "commit", "--quiet", "--allow-empty", "--message=x"], cwd=tmp_path, check=True)
    done = run_ratecard(command)
    assert (done.returncode, done.stdout) == (1, "")
    assert "there is no folder config at commit" in done.stderr


ON_A_DATABASE = pytest.mark.parametrize("command", [("plan",), ("apply", "--yes"), ("drift",), ("releases",)])


def refusal(done: CompletedProcess[str]) -> str:
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.count("\n") == 1
    assert "Traceback" not in done.stderr
    return done.stderr


@ON_A_DATABASE
def test_database_that_cannot_be_reached_is_one_line(
    run_ratecard: Run, make_repository: MakeRepository, command: tuple[str, ...]
) -> None:
    top = make_repository(SMALL_CONFIG)
    url = "postgresql://nobody:hidden@127.0.0.1:1/none"
    told = refusal(run_ratecard(*command, "--database", url, cwd=top))
    assert "cannot reach the database" in told
    assert "hidden" not in told
    told = refusal(run_ratecard(*command, "--database", "mysql://host/x", cwd=top))
    assert "is not a database of Ratecard's" in told


@ON_A_DATABASE
def test_database_of_another_version_is_one_line(
    run_ratecard: Run, make_repository: MakeRepository, migrated_url: str, command: tuple[str, ...]
) -> None:
    top = make_repository(SMALL_CONFIG)
    execute(migrated_url, "UPDATE alembic_version SET version_num = '0001'")
    told = refusal(run_ratecard(*command, "--database", migrated_url, cwd=top))
    assert "has schema version 0001" in told
    assert "run `ratecard db upgrade`" in told
    execute(migrated_url, "UPDATE alembic_version SET version_num = '9999'")
    told = refusal(run_ratecard(*command, "--database", migrated_url, cwd=top))
    assert "has schema version 9999" in told


def test_tables_of_another_program_are_not_touched(
    run_ratecard: Run, make_repository: MakeRepository, database_url: str
) -> None:
    top = make_repository(SMALL_CONFIG)
    execute(database_url, "CREATE TABLE theirs (id INTEGER)")
    done = run_ratecard("apply", "--yes", "--database", database_url, cwd=top)
    assert done.returncode == 1
    assert "holds tables that are not Ratecard's; name another one" in done.stderr


def test_plan_reads_a_ref_and_prints_markdown(run_ratecard: Run, make_repository: MakeRepository, run_git: Git) -> None:
    top = make_repository(SMALL_CONFIG)
    run_git(top, "checkout", "--quiet", "-b", "rename")
    (top / "config" / "registry" / "openai.yaml").write_text(RENAMED)
    run_git(top, "commit", "--quiet", "--all", "--message=Rename a model")
    sha = run_git(top, "rev-parse", "HEAD")
    run_git(top, "checkout", "--quiet", "main")
    assert run_ratecard("apply", "--yes", cwd=top).returncode == 0
    done = run_ratecard("plan", "--ref", "rename", "--format", "markdown", cwd=top)
    assert done.returncode == 0
    assert done.stdout.splitlines() == [
        "<!-- ratecard-plan -->",
        "### Ratecard: 0 to create, 1 to update, 0 to delete",
        "",
        f"Commit `{sha[:12]}` against release 1.",
        "",
        "| | entity | field | before | after |",
        "|---|---|---|---|---|",
        "| update | `model openai/gpt-4o` | display\\_name | GPT-4o | GPT 4o |",
    ]


def test_limit_of_releases_is_checked(run_ratecard: Run, make_repository: MakeRepository) -> None:
    done = run_ratecard("releases", "--limit", "0", cwd=make_repository(SMALL_CONFIG))
    assert (done.returncode, done.stderr) == (64, "ratecard: --limit must be at least 1\n")
