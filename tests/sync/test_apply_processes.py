"""Applies in processes of their own: two at once, and one that is killed inside its transaction."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import func, select

from benchmarks.trees import config_tree
from schema.database import make_engine, reading
from schema.tables import CONFIG_TABLES, release_changes, releases
from sync.drift import find_drift
from tests.small_config import SMALL_CONFIG
from tests.sync.targets import apply_files, make_target

RATECARD = str(Path(sys.executable).parent / "ratecard")

# Stops inside the transaction, after the step that is named, and says so.
STOP_AFTER = """
import sys, time
import sync.apply as module
step = getattr(module, sys.argv[1])
def stopping(*arguments, **options):
    result = step(*arguments, **options)
    print("inside", flush=True)
    time.sleep(60)
    return result
setattr(module, sys.argv[1], stopping)
from sync.command import main
sys.exit(main(["apply", "--yes", "--database", sys.argv[2]]))
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
    migrated_url: str, make_repository: Callable[..., Path], run_git: Callable[..., str]
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
            [RATECARD, "apply", "--yes", "--ref", branch, "--database", migrated_url],
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


@pytest.mark.parametrize("step", ["_insert_release", "_close", "insert_rows", "_journal", "_audit", "_write"])
def test_apply_that_is_killed_leaves_the_last_release_whole(
    migrated_url: str, make_repository: Callable[..., Path], run_git: Callable[..., str], step: str
) -> None:
    top = make_repository(SMALL_CONFIG)
    engine = make_engine(migrated_url)
    apply_files(engine, SMALL_CONFIG)
    changed = {**SMALL_CONFIG, "tasks.yaml": SMALL_CONFIG["tasks.yaml"] + "  new-task: {}\n"}
    (top / "config" / "tasks.yaml").write_text(changed["tasks.yaml"])
    run_git(top, "commit", "--quiet", "--all", "--message=Add a task")
    with subprocess.Popen(
        [sys.executable, "-c", STOP_AFTER, step, migrated_url], cwd=top, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "inside\n"
        process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    with reading(engine) as connection:
        drift = find_drift(connection, make_target(SMALL_CONFIG))
    assert not drift.found
    assert count(migrated_url, releases) == 1
    assert count(migrated_url, release_changes) == sum(map(len, make_target(SMALL_CONFIG).rows.values()))
    assert apply_files(engine, changed).release is not None
    assert count(migrated_url, releases) == 2
    engine.dispose()
