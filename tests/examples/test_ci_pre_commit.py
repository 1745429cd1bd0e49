"""The hooks for other repositories: their manifest, the kit's example, and both hooks before a real commit."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
import yaml

TOP = Path(__file__).parents[2]
MANIFEST = TOP / ".pre-commit-hooks.yaml"
EXAMPLE = TOP / "examples" / "ci" / "pre-commit" / ".pre-commit-config.yaml"
BIN = Path(sys.executable).parent


def _pre_commit(place: Path, home: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PRE_COMMIT_HOME": str(home), "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"}
    command = [str(BIN / "pre-commit"), *words]
    return subprocess.run(command, cwd=place, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("command", "path"),
    [
        ("validate-manifest", MANIFEST),
        ("validate-config", EXAMPLE),
        ("validate-config", TOP / ".pre-commit-config.yaml"),
    ],
)
def test_the_files_are_valid(command: str, path: Path, tmp_path: Path) -> None:
    done = _pre_commit(TOP, tmp_path, command, str(path))
    assert (done.returncode, done.stdout) == (0, "")


def test_the_example_uses_hooks_that_exist() -> None:
    (repo,) = yaml.safe_load(EXAMPLE.read_text())["repos"]
    assert sorted(hook["id"] for hook in repo["hooks"]) == sorted(hook["id"] for hook in _hooks())


def _hooks() -> list[dict[str, object]]:
    hooks: list[dict[str, object]] = yaml.safe_load(MANIFEST.read_text())
    return hooks


@pytest.fixture
def place(
    make_repository: Callable[..., Path],
    small_config: Mapping[str, str],
    run_git: Callable[..., str],
    run_ratecard: Callable[..., subprocess.CompletedProcess[str]],
) -> Path:
    """A repository in canonical form, with the hooks of the manifest, run by the Ratecard that is installed here."""
    installed = [{**hook, "language": "system"} for hook in _hooks()]
    config = yaml.safe_dump({"repos": [{"repo": "local", "hooks": installed}]})
    place = make_repository(small_config, others={".pre-commit-config.yaml": config})
    assert run_ratecard("fmt", cwd=place).returncode == 0
    run_git(place, "commit", "--all", "--quiet", "--message=Format")
    return place


def test_a_good_commit_passes(place: Path, tmp_path: Path) -> None:
    done = _pre_commit(place, tmp_path, "run", "--all-files")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("Passed") == 2


def test_a_fault_stops_the_commit(place: Path, tmp_path: Path, run_git: Callable[..., str]) -> None:
    path = place / "config" / "pricing" / "openai.yaml"
    _, _, without_schema_line = path.read_text().partition("\n")
    path.write_text(without_schema_line.replace("margin: 1.5", "margin: -1"))
    run_git(place, "add", "config")
    done = _pre_commit(place, tmp_path, "run")
    assert done.returncode == 1
    assert "config/pricing/openai.yaml:9:" in done.stdout
    assert done.stdout.count("Failed") == 2


def test_a_deletion_that_leaves_a_route_without_its_model_stops_the_commit(
    place: Path, tmp_path: Path, run_git: Callable[..., str]
) -> None:
    run_git(place, "rm", "--quiet", "config/registry/openai.yaml")
    done = _pre_commit(place, tmp_path, "run")
    assert done.returncode == 1
    assert "[MODEL_NOT_FOUND]" in done.stdout
