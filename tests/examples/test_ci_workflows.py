"""The CI kit as files: valid for their forges, least rights, every action pinned, every script there and clean."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

KIT = Path(__file__).parents[2] / "examples" / "ci"
SCRIPTS = KIT / "scripts"
WORKFLOWS = sorted((KIT / "github").iterdir())
GITLAB = KIT / "gitlab" / ".gitlab-ci.yml"
BIN = Path(sys.executable).parent

NEEDED_RIGHTS = {
    "ratecard.yml": {
        "validate": {"contents": "read"},
        "plan": {"contents": "read", "pull-requests": "write"},
        "apply": {"contents": "read"},
        "snapshot": {"contents": "write"},
    },
    "ratecard-forks.yml": {
        "plan": {"contents": "read", "pull-requests": "read"},
        "comment": {"contents": "read", "pull-requests": "write"},
    },
    "ratecard-drift.yml": {
        "drift": {"contents": "read", "issues": "write"},
        "propose": {"contents": "write", "pull-requests": "write"},
    },
}


def _name(path: Path) -> str:
    return path.name


def _workflow(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((KIT / "github" / name).read_text())
    return loaded


def _jobs() -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path in WORKFLOWS:
        for name, job in _workflow(path.name)["jobs"].items():
            yield path.name, name, job


@pytest.mark.parametrize("path", WORKFLOWS, ids=_name)
def test_workflows_are_valid_for_github(path: Path) -> None:
    _check_schema("vendor.github-workflows", path)


def test_the_pipeline_is_valid_for_gitlab() -> None:
    _check_schema("vendor.gitlab-ci", GITLAB, "--data-transform", "gitlab-ci")


def _check_schema(schema: str, path: Path, *options: str) -> None:
    command = [BIN / "check-jsonschema", "--builtin-schema", schema, *options, path]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_scripts_are_clean_for_shellcheck() -> None:
    command = [BIN / "shellcheck", "--external-sources", *sorted(SCRIPTS.glob("*.sh"))]
    done = subprocess.run(command, cwd=KIT.parents[1], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_each_job_has_only_the_rights_that_it_needs() -> None:
    assert [_workflow(path.name)["permissions"] for path in WORKFLOWS] == [{}] * len(WORKFLOWS)
    rights: dict[str, dict[str, Any]] = {}
    for workflow, name, job in _jobs():
        rights.setdefault(workflow, {})[name] = job["permissions"]
    assert rights == NEEDED_RIGHTS


def test_actions_are_pinned_to_commits() -> None:
    steps = [step for _, _, job in _jobs() for step in job["steps"] if "uses" in step]
    assert len(steps) > 10
    for step in steps:
        assert re.fullmatch(r"actions/[a-z-]+@[0-9a-f]{40}", step["uses"]), step["uses"]
    commits = {step["uses"].split("@")[0]: set[str]() for step in steps}
    for step in steps:
        commits[step["uses"].split("@")[0]].add(step["uses"])
    assert all(len(uses) == 1 for uses in commits.values())


def test_one_apply_at_a_time_and_none_is_stopped() -> None:
    github = _workflow("ratecard.yml")["jobs"]["apply"]
    assert github["concurrency"] == {"group": "ratecard-apply", "cancel-in-progress": False}
    assert github["environment"] == "production"
    gitlab = yaml.safe_load(GITLAB.read_text())["apply"]
    assert (gitlab["resource_group"], gitlab["interruptible"]) == ("ratecard-apply", False)
    assert gitlab["environment"] == {"name": "production"}


def test_one_comment_at_a_time() -> None:
    """The two workflows that write the comment of a pull request share a group."""
    own = _workflow("ratecard.yml")["jobs"]["plan"]["concurrency"]
    forks = _workflow("ratecard-forks.yml")["jobs"]["comment"]["concurrency"]
    assert own == {"group": "ratecard-plan-${{ github.event.pull_request.number }}", "cancel-in-progress": True}
    assert forks == {"group": "ratecard-plan-${{ needs.plan.outputs.request }}", "cancel-in-progress": True}


def test_secrets_stay_where_they_belong() -> None:
    """The one that may write is only seen by the job of the protected environment; forks' plans see none at all."""
    for workflow, name, job in _jobs():
        text = yaml.safe_dump(job)
        assert ("secrets.RATECARD_DATABASE_URL" in text) == ((workflow, name) == ("ratecard.yml", "apply"))
        if workflow == "ratecard-forks.yml":
            assert "secrets." not in text


def test_untrusted_words_never_enter_a_script() -> None:
    """What a fork chose (the name of a branch) reaches scripts by the environment, never by the text of a command."""
    for _, _, job in _jobs():
        for step in job["steps"]:
            assert "${{" not in step.get("run", "")


def test_a_fork_is_never_checked_out() -> None:
    for path in WORKFLOWS:
        workflow = _workflow(path.name)
        assert "pull_request_target" not in workflow[True], "YAML reads `on` as true"
    for _, name, job in _jobs():
        for step in job["steps"]:
            assert "ref" not in step.get("with", {}), name
            assert "repository" not in step.get("with", {}), name
            assert "run-id" not in step.get("with", {}), name


def test_every_script_is_there_and_used() -> None:
    texts = [path.read_text() for path in (*WORKFLOWS, GITLAB)]
    used = {name for text in texts for name in re.findall(r"\bci/([a-z_-]+\.sh)", text)}
    assert used == {path.name for path in SCRIPTS.glob("*.sh")} - {"settings.sh"}
    for name in used:
        path = SCRIPTS / name
        assert path.stat().st_mode & 0o111, name
        assert path.read_text().startswith("#!/bin/sh\n"), name


def test_every_setting_is_documented() -> None:
    readme = (KIT / "README.md").read_text()
    scripts = "".join(path.read_text() for path in SCRIPTS.iterdir() if path.is_file())
    files = "".join(path.read_text() for path in (*WORKFLOWS, GITLAB))
    named = set(re.findall(r"\bRATECARD_[A-Z_]+[A-Z]\b", scripts + files))
    assert {name for name in named if f"`{name}`" not in readme} == {"RATECARD_SNAPSHOT_FILE", "RATECARD_FORK"}
