"""What holds of all five examples: they plan, and tell themselves on one page. Their days validate and apply them."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.examples.businesses import EXAMPLES

NAMES = ("job-scout", "rag-platform", "tool-runner", "chat-credits", "consumer-tiers")
ONE_PAGE = 80


def test_the_index_lists_them_all() -> None:
    text = (EXAMPLES / "README.md").read_text()
    assert sorted(NAMES) == sorted(path.parent.name for path in EXAMPLES.glob("*/day.sh"))
    assert all(f"[{name}]({name})" in text for name in NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_it_plans_into_a_database_that_does_not_exist_yet(
    name: str, make_repository: Callable[..., Path], tmp_path: Path, run_ratecard: Callable[..., Any]
) -> None:
    folder = EXAMPLES / name / "config"
    files = {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*.yaml")}
    top = make_repository(files)
    planned = run_ratecard("plan", "--format", "json", "--database", f"sqlite:///{tmp_path}/new.db", cwd=top)
    plan = json.loads(planned.stdout)
    assert (planned.returncode, plan["unsafe"]) == (0, [])
    assert plan["summary"]["create"] == len(plan["changes"]) > 0
    assert plan["summary"]["update"] == plan["summary"]["delete"] == 0


@pytest.mark.parametrize("name", NAMES)
def test_its_page_and_its_files(name: str) -> None:
    text = (EXAMPLES / name / "README.md").read_text()
    assert f"examples/{name}/day.sh" in text
    assert len(text.splitlines()) <= ONE_PAGE
    for path in (EXAMPLES / name / "config").rglob("*.yaml"):
        first = path.read_text().partition("\n")[0]
        schema = first.removeprefix("# yaml-language-server: $schema=")
        assert (path.parent / schema).resolve().is_file(), path


def test_scripts_are_clean_for_shellcheck() -> None:
    scripts = sorted(EXAMPLES.glob("*/day.sh"))
    done = subprocess.run(
        [Path(sys.executable).parent / "shellcheck", "--external-sources", EXAMPLES / "scratch.sh", *scripts],
        cwd=EXAMPLES / "job-scout",
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == ""


def test_a_scratch_folder_with_something_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("keep")
    script = EXAMPLES / "job-scout" / "day.sh"
    done = subprocess.run([script, tmp_path], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr == f"{tmp_path} is not empty; name a new folder\n"
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]
