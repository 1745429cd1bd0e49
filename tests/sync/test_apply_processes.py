"""Applies in processes of their own: two at once, and one that is killed inside its transaction."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from sqlalchemy import func, select

from benchmarks.trees import config_tree
from schema.database import make_engine, reading
from schema.tables import CONFIG_TABLES, release_changes, releases
from sync.drift import find_drift
from tests.ready_command import EVERYTHING, ReadyCommand
from tests.small_config import SMALL_CONFIG
from tests.sync.targets import apply_files, make_target

RATECARD = str(Path(sys.executable).parent / "ratecard")

STEPS = ("_insert_release", "_close", "insert_rows", "_journal", "_audit", "_write")
KILLS = 50
STATEMENTS = 34
"""How many statements the apply below executes inside its transaction, at least."""

# A child for each word on the input: it stops inside its transaction, after the step that the word names or after so
# many statements, and tells its process number.
STOP_INSIDE = """
import os, sys, time
from sqlalchemy import Engine, event
import sync.apply as module
from sync.command import main

def stop(*arguments, **options):
    print(os.getpid(), flush=True)
    time.sleep(60)

def after(function, then):
    def called(*arguments, **options):
        result = function(*arguments, **options)
        then(*arguments, **options)
        return result
    return called

def apply_until(word):
    left = int(word) if word.isdecimal() else None
    def counted(*arguments):
        nonlocal left
        left -= 1
        if left == 0:
            stop()
    if left is None:
        setattr(module, word, after(getattr(module, word), stop))
    else:
        module.lock_config = after(module.lock_config, lambda connection, holder: event.listen(
            Engine, "after_cursor_execute", counted))
    os._exit(main(["apply", "--yes", "--database", sys.argv[1]]))

for line in sys.stdin:
    child = os.fork()
    if child == 0:
        apply_until(line.strip())
    print("ended by", -os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


def count(url: str, table: object) -> int:
    engine = make_engine(url)
    with reading(engine) as connection:
        found = connection.execute(select(func.count()).select_from(table)).scalar_one()  # type: ignore[arg-type]
    engine.dispose()
    return int(found)


def test_two_first_applies_at_once_make_one_release(database_url: str, make_repository: Callable[..., Path]) -> None:
    top = make_repository(config_tree(300))
    words = [RATECARD, "apply", "--yes", "--database", database_url]
    running = [subprocess.Popen(words, cwd=top, stdout=subprocess.PIPE, stderr=subprocess.PIPE) for _ in range(3)]
    told = sorted(process.communicate(timeout=120)[0].decode() for process in running)
    assert [process.returncode for process in running] == [0, 0, 0]
    assert [line.partition(":")[0] for line in told] == ["no changes", "no changes", "release 1"]
    assert count(database_url, releases) == 1
    assert count(database_url, CONFIG_TABLES["model"].table) == 300


def test_two_different_commits_at_once_do_not_mix(
    migrated_url: str, make_repository: Callable[..., Path], run_git: Callable[..., str], ready: ReadyCommand
) -> None:
    top = make_repository(SMALL_CONFIG)
    tasks = top / "config" / "tasks.yaml"
    for branch in ("one", "two"):
        run_git(top, "checkout", "--quiet", "-b", branch, "main")
        added = "".join(f"  {branch}-{number}: {{}}\n" for number in range(200))
        tasks.write_text(SMALL_CONFIG["tasks.yaml"] + added)
        run_git(top, "commit", "--quiet", "--all", f"--message={branch}")
    running = [
        subprocess.Popen(
            [ready.program, "apply", "--yes", "--ref", branch, "--database", migrated_url],
            cwd=top,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        for branch in ("one", "two")
    ]
    for process in running:
        process.communicate(timeout=120)
    # The second one finds another base than its plan's, or a release that its commit does not follow.
    assert sorted(process.returncode for process in running) == [0, 1]
    engine = make_engine(migrated_url)
    table = CONFIG_TABLES["task"].table
    with reading(engine) as connection:
        names = connection.execute(select(table.c.task).where(table.c.retired_release.is_(None))).scalars().all()
    engine.dispose()
    winners = {name.partition("-")[0] for name in names} - {"extraction", "chat_response"}
    assert len(winners) == 1
    assert len(names) == 202


def test_a_switch_off_beside_an_apply_is_never_lost(
    migrated_url: str, make_repository: Callable[..., Path], run_git: Callable[..., str], ready: ReadyCommand
) -> None:
    """Whichever comes first, the model is inactive in the end: an apply does not write over what it did not see."""
    top = make_repository(SMALL_CONFIG)
    engine = make_engine(migrated_url)
    apply_files(engine, SMALL_CONFIG)
    registry = top / "config" / "registry" / "openai.yaml"
    registry.write_text(registry.read_text().replace("GPT-4o", "GPT 4o"))
    run_git(top, "commit", "--quiet", "--all", "--message=Rename a model")
    words = (["apply", "--yes", "--rollback"], ["disable", "model", "openai/gpt-4o", "--reason", "Leak"])
    running = [
        subprocess.Popen(
            [ready.program, *command, "--database", migrated_url],
            cwd=top,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        for command in words
    ]
    told = [process.communicate(timeout=120)[1].decode() for process in running]
    assert running[1].returncode == 0, told[1]
    assert running[0].returncode in (0, 1)
    assert "Traceback" not in told[0]
    table = CONFIG_TABLES["model"].table
    with reading(engine) as connection:
        rows = connection.execute(
            select(table.c.active).where(table.c.model == "gpt-4o", table.c.retired_release.is_(None))
        )
        assert rows.scalars().all() == [False]
    engine.dispose()


def test_apply_killed_fifty_times_leaves_no_partial_state(
    migrated_url: str, make_repository: Callable[..., Path], run_git: Callable[..., str]
) -> None:
    """Guards against partial state after a failure: killed after any statement, the last release stands whole."""
    top = make_repository(SMALL_CONFIG)
    engine = make_engine(migrated_url)
    apply_files(engine, SMALL_CONFIG)
    changed = _changed_in_every_file(SMALL_CONFIG)
    for path, text in changed.items():
        (top / "config" / path).write_text(text)
    run_git(top, "commit", "--quiet", "--all", "--message=Change something of every kind")
    released = make_target(SMALL_CONFIG)
    entries = sum(map(len, released.rows.values()))
    moments = [*STEPS, *(str(STATEMENTS - number % STATEMENTS) for number in range(KILLS - len(STEPS)))]
    with subprocess.Popen(
        [sys.executable, "-c", EVERYTHING + STOP_INSIDE, migrated_url],
        cwd=top,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        bufsize=1,
    ) as parent:
        assert parent.stdin is not None
        assert parent.stdout is not None
        for moment in moments:
            parent.stdin.write(f"{moment}\n")
            told = parent.stdout.readline()
            assert told.strip().isdecimal(), (moment, told)
            os.kill(int(told), signal.SIGKILL)
            assert parent.stdout.readline() == f"ended by {int(signal.SIGKILL)}\n"
            with reading(engine) as connection:
                assert not find_drift(connection, released).found, moment
            assert count(migrated_url, releases) == 1
            assert count(migrated_url, release_changes) == entries
        parent.stdin.close()
    assert parent.returncode == 0
    assert len(moments) == KILLS
    assert apply_files(engine, changed).release is not None
    assert count(migrated_url, releases) == 2
    engine.dispose()


def _changed_in_every_file(files: Mapping[str, str]) -> dict[str, str]:
    changed = dict(files)
    for path, before, after in (
        ("registry/openai.yaml", "display_name: OpenAI", "display_name: Open AI"),
        ("registry/anthropic.yaml", "context_window: 200000", "context_window: 300000"),
        ("pricing/openai.yaml", "      margin: 1.5\n", "      margin: 1.5\n      note: As agreed\n"),
        ("routing/anthropic.yaml", "extraction: claude-haiku-4-5", "extraction: claude-sonnet-4-5"),
        ("tasks.yaml", "Answers in a chat", "Answers in chats"),
        ("plans.yaml", "name: Pro", "name: Professional"),
        ("credit_packs.yaml", "badge: Most Popular", "badge: Popular"),
        ("settings.yaml", "signup_grant_credits: 1000", "signup_grant_credits: 2000"),
    ):
        assert before in files[path]
        changed[path] = files[path].replace(before, after)
    return changed
