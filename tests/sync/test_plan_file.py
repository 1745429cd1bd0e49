from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from sync.errors import PlanError
from sync.plan import Plan
from sync.plan_file import check_plan, read_plan, write_plan
from tests.small_config import SMALL_CONFIG
from tests.sync.targets import LATER, apply_files, make_target, plan_of
from tests.sync.test_plan import CHANGED, execute


@pytest.fixture
def plan(engine: Engine) -> Plan:
    """A plan with changes."""
    apply_files(engine, SMALL_CONFIG)
    return plan_of(engine, make_target(CHANGED), LATER)


@pytest.fixture
def file(plan: Plan, tmp_path: Path) -> Path:
    """The plan, frozen."""
    path = tmp_path / "plan.json"
    write_plan(path, plan, LATER)
    return path


def refusal(file: Path, fresh: Plan) -> str:
    with pytest.raises(PlanError) as refused:
        check_plan(file, read_plan(file), fresh)
    return str(refused.value).replace(str(file), "plan.json")


def test_the_same_plan_passes(file: Path, plan: Plan, engine: Engine) -> None:
    check_plan(file, read_plan(file), plan_of(engine, make_target(CHANGED), LATER))
    assert json.loads(file.read_text())["plan"] == plan.as_json()


def test_a_squash_merge_keeps_the_plan(file: Path, plan: Plan) -> None:
    check_plan(file, read_plan(file), replace(plan, commit=replace(plan.commit, sha="f" * 40)))


def test_stale_by_a_release(file: Path, engine: Engine) -> None:
    other = {**SMALL_CONFIG, "settings.yaml": SMALL_CONFIG["settings.yaml"].replace("1000\n", "1001\n")}
    apply_files(engine, other, LATER)
    assert refusal(file, plan_of(engine, make_target(CHANGED), LATER)) == (
        "the plan plan.json does not hold any more: it was made against release 1, and the database is at release 2"
        " by now; look at `ratecard plan` again"
    )


def test_stale_by_an_edit_of_the_database(file: Path, engine: Engine) -> None:
    execute(engine, "UPDATE models SET context_window = 7 WHERE model = 'claude-haiku-4-5'")
    assert refusal(file, plan_of(engine, make_target(CHANGED), LATER)) == (
        "the plan plan.json does not hold any more: the configuration was edited in the database since it was made;"
        " look at `ratecard plan` again"
    )


def test_foreign_by_its_commit(file: Path, plan: Plan, engine: Engine) -> None:
    other = make_target(SMALL_CONFIG)
    assert refusal(file, plan_of(engine, other, LATER)) == (
        f"the plan plan.json does not hold any more: it was made for commit {plan.commit.sha[:12]}, and the config of"
        f" commit {other.commit.sha[:12]} is another one; look at `ratecard plan` again"
    )


def test_foreign_by_its_database(file: Path, plan: Plan) -> None:
    assert "it was made for another database" in refusal(file, replace(plan, database="0" * 16))
    assert "it was made for another database" in refusal(file, replace(plan, database=None))


@pytest.mark.parametrize(
    "alter",
    [
        lambda told: told["plan"]["changes"].pop(),
        lambda told: told["plan"]["summary"].update(delete=9),
        lambda told: told.update(database="0" * 16),
        lambda told: told.pop("config_tree"),
        lambda told: told.update(more=True),
    ],
)
def test_altered(file: Path, plan: Plan, alter: Callable[[dict[str, Any]], object]) -> None:
    told = json.loads(file.read_text())
    alter(told)
    file.write_text(json.dumps(told))
    assert refusal(file, plan) == (
        "the plan plan.json was altered after it was made; make it again with `ratecard plan --out`"
    )


def test_altered_with_a_matching_checksum(file: Path, plan: Plan) -> None:
    """A checksum that matches lets nothing through: what is applied is the plan made anew."""
    told = read_plan(file)
    told["plan"]["changes"].pop()
    assert told["plan"]["fingerprint"] == plan.fingerprint
    with pytest.raises(PlanError, match="was altered"):
        check_plan(file, told, plan)


@pytest.mark.parametrize(
    "forge",
    [
        lambda told: told.update(plan=[]),
        lambda told: told.update(plan=None),
        lambda told: told.update(plan={}),
        lambda told: told["plan"].update(commit=5),
        lambda told: told["plan"].update(commit="\n::error::"),
        lambda told: told["plan"].update(release="\x1b[2J"),
        lambda told: told["plan"].update(release=True),
        lambda told: told["plan"].pop("release"),
        lambda told: told["plan"].pop("changes"),
    ],
)
def test_forged_with_a_matching_checksum(file: Path, plan: Plan, forge: Callable[[dict[str, Any]], object]) -> None:
    """Whoever writes the file can make a checksum that applies: it is refused by its shape, and in one line."""
    told = json.loads(file.read_text())
    forge(told)
    parts = {name: part for name, part in told.items() if name != "checksum"}
    checksum = sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
    file.write_text(json.dumps({**parts, "checksum": checksum}))
    assert refusal(file, plan) == (
        "the plan plan.json was altered after it was made; make it again with `ratecard plan --out`"
    )


@pytest.mark.parametrize("text", ["", "{", "[]", '{"kind": "plan"}', '"ratecard plan"', "[" * 100_000, "\0"])
def test_no_plan(tmp_path: Path, text: str) -> None:
    path = tmp_path / "plan.json"
    path.write_text(text)
    with pytest.raises(PlanError) as refused:
        read_plan(path)
    assert str(refused.value) == f"{path} is no plan; write one with `ratecard plan --out FILE`"


def test_another_format_and_no_file(file: Path, tmp_path: Path) -> None:
    told = json.loads(file.read_text())
    file.write_text(json.dumps({**told, "format_version": 2}))
    with pytest.raises(PlanError, match="has the format 2, and this program reads 1"):
        read_plan(file)
    file.write_text(json.dumps({**told, "format_version": "\n::error::forged"}))
    with pytest.raises(PlanError) as refused:
        read_plan(file)
    assert 'has the format "\\n::error::forged", and this program reads 1' in str(refused.value)
    with pytest.raises(PlanError, match="cannot be read: No such file"):
        read_plan(tmp_path / "none.json")
    with pytest.raises(PlanError, match="cannot be read: Is a directory"):
        read_plan(tmp_path)
