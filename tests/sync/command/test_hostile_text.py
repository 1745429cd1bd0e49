"""Text that somebody else chose (a commit's title, a file's name, an edit of the database) as the commands print it.

Nothing of it may move the cursor of a terminal, or begin a line that CI takes for a command of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest
from sqlalchemy import text

from schema.database import make_engine, writing
from tests.small_config import SMALL_CONFIG

Run = Callable[..., "CompletedProcess[str]"]
Git = Callable[..., str]
MakeRepository = Callable[..., Path]

CLEAR = "\x1b[2J"
TURNED = "\u202e"
COMMAND = "::error::forged"


def assert_harmless(done: CompletedProcess[str]) -> None:
    lines = (done.stdout + done.stderr).split("\n")
    assert [line for line in lines if not line.isprintable()] == []
    assert [line for line in lines if line.startswith("::")] == []
    assert "Traceback" not in done.stderr


def test_titles_names_and_labels_move_no_cursor(
    run_ratecard: Run, make_repository: MakeRepository, run_git: Git, database_url: str
) -> None:
    top = make_repository(SMALL_CONFIG)
    run_git(top, "config", "user.name", f"Price{CLEAR}Desk")
    run_git(top, "commit", "--quiet", "--allow-empty", f"--message=Harmless{CLEAR}{TURNED}")
    planned = run_ratecard("plan", "--database", database_url, cwd=top)
    assert "(Harmless\ufffd[2J\ufffd) against an empty database" in planned.stdout
    applied = run_ratecard("apply", "--yes", "--label", f"v1{CLEAR}", "--database", database_url, cwd=top)
    assert applied.stdout.startswith("release 1 (v1\ufffd[2J): commit ")
    listed = run_ratecard("releases", "--database", database_url, cwd=top)
    assert "v1\ufffd[2J" in listed.stdout
    compared = run_ratecard("releases", "diff", "0", "1", "--database", database_url, cwd=top)
    refused = run_ratecard("plan", "--ref", f"no{CLEAR}", "--database", database_url, cwd=top)
    assert refused.stderr.startswith("ratecard: 'no\ufffd[2J' names no commit of ")
    for done in (planned, applied, listed, compared, refused):
        assert_harmless(done)


@pytest.mark.parametrize(
    "words", [("validate",), ("apply", "--yes"), ("apply", "--yes", "--allow-dirty"), ("fmt", "--check"), ("doctor",)]
)
def test_names_of_files_forge_no_line(run_ratecard: Run, make_repository: MakeRepository, words: tuple[str]) -> None:
    top = make_repository(SMALL_CONFIG)
    (top / "config" / "registry" / f"a{CLEAR}\n{COMMAND}.yaml").write_text("provider: other\nfoo: 1\n")
    assert_harmless(run_ratecard(*words, cwd=top))


def test_names_of_committed_files_forge_no_line(run_ratecard: Run, make_repository: MakeRepository) -> None:
    top = make_repository({**SMALL_CONFIG, f"registry/a{CLEAR}\n{COMMAND}.yaml": "provider: other\nfoo: 1\n"})
    for words in (("plan",), ("apply", "--yes"), ("validate", "--ref", "HEAD"), ("propose", "--remove", "pack Growth")):
        assert_harmless(run_ratecard(*words, *(["--title", "x"] if words[0] == "propose" else []), cwd=top))
    annotated = run_ratecard("validate", "--format", "github", cwd=top)
    assert all(line.isprintable() for line in annotated.stdout.split("\n"))
    assert not any(line.startswith(COMMAND) for line in annotated.stdout.split("\n"))


def test_edits_of_the_database_forge_nothing_and_run_nothing(
    run_ratecard: Run, make_repository: MakeRepository, database_url: str
) -> None:
    """An edit by SQL is drift, told with what it says, as text: also in the command that a person is to copy."""
    top = make_repository(SMALL_CONFIG)
    assert run_ratecard("apply", "--yes", "--database", database_url, cwd=top).returncode == 0
    words = ("disable", "model", "openai/gpt-4o", "--reason", "Leak", "--database", database_url)
    assert run_ratecard(*words, cwd=top).returncode == 0
    engine = make_engine(database_url)
    with writing(engine) as connection:
        connection.execute(
            text("UPDATE models SET display_name = :name WHERE model = 'gpt-4o' AND retired_release IS NULL"),
            {"name": f"$(touch gone) `touch gone`{CLEAR}"},
        )
        connection.execute(
            text("INSERT INTO tasks (task, description, billable, introduced_release) VALUES (:task, '', :yes, 1)"),
            {"task": f"a{CLEAR}\n{COMMAND}", "yes": True},
        )
    engine.dispose()
    drift = run_ratecard("drift", "--database", database_url, cwd=top)
    assert drift.returncode == 2
    assert "'model openai/gpt-4o#display_name=$(touch gone) `touch gone`\ufffd[2J'" in drift.stdout
    plan = run_ratecard("plan", "--database", database_url, cwd=top)
    comment = run_ratecard("plan", "--format", "markdown", "--database", database_url, cwd=top)
    refused = run_ratecard("apply", "--yes", "--database", database_url, cwd=top)
    assert refused.returncode == 1
    exported = run_ratecard("drift", "--propose", "--database", database_url, cwd=top)
    assert exported.returncode == 1
    for done in (drift, plan, comment, refused, exported):
        assert_harmless(done)
