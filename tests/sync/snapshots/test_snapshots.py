from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from schema.database import make_engine
from sync.errors import PlanError
from sync.impact import Impact
from sync.plan_file import checksum
from sync.snapshots import plan_snapshot, read_snapshot, snapshot_database
from tests.small_config import SMALL_CONFIG
from tests.sync.impact.calls import GPT, call, mixed_calls, record
from tests.sync.impact.test_measuring import appended, rerouted, with_price
from tests.sync.targets import LATER, apply_files, make_target, plan_of
from tests.sync.test_plan import execute

PEOPLE = {**SMALL_CONFIG, "access.yaml": "admins: [boss@example.com]\n"}


def exported(engine: Engine, folder: Path) -> Path:
    path = folder / "snapshot.json"
    path.write_text(json.dumps(snapshot_database(engine, now=LATER, days=30)))
    return path


def impacts(engine: Engine, folder: Path, files: dict[str, str]) -> tuple[Impact, Impact]:
    """From the database, and from its snapshot."""
    target = make_target(files)
    snapshot = read_snapshot(exported(engine, folder))
    one, other = plan_of(engine, target, LATER).impact, plan_snapshot(snapshot, target, now=LATER).impact
    assert one is not None
    assert other is not None
    return one, other


@pytest.mark.parametrize(
    "files",
    [
        appended("1.75"),
        appended("1.75", "2026-09-01"),
        with_price("anthropic", "margin: 1.3", "margin: 1.45"),
        rerouted(("extraction: claude-haiku-4-5", "extraction: openai/gpt-4o")),
    ],
)
def test_a_snapshot_gives_the_same_impact_within_its_bound(
    engine: Engine, tmp_path: Path, files: dict[str, str]
) -> None:
    apply_files(engine, SMALL_CONFIG)
    record(engine, list(mixed_calls(300)))
    exact, summed = impacts(engine, tmp_path, files)
    assert (summed.events, len(summed.scenarios)) == (exact.events, len(exact.scenarios))
    for one, other in zip(exact.scenarios, summed.scenarios, strict=True):
        assert other.bound <= 300
        assert other.repriced == one.repriced
        assert other.routes == one.routes
        assert list(other.by_model) == list(one.by_model)
        for name in ("cost", "charge"):
            for amount, again in zip(getattr(one.total, name), getattr(other.total, name), strict=True):
                assert abs(amount - again) <= other.bound
        # Revenue moves by what each wallet holds, so it is as far off as the charges are.
        assert abs(one.total.revenue.change - other.total.revenue.change) <= other.bound


def test_a_tier_between_the_thresholds_of_the_export_widens_the_bound(engine: Engine, tmp_path: Path) -> None:
    apply_files(engine, SMALL_CONFIG)
    record(engine, list(mixed_calls(300)))
    exact, summed = impacts(engine, tmp_path, with_price("anthropic", "- from: 200000", "- from: 100000"))
    (one,), (other,) = exact.scenarios, summed.scenarios
    assert other.bound > 300
    assert abs(one.total.cost.after - other.total.cost.after) <= other.bound


def test_the_plan_is_that_of_the_database_but_for_people(engine: Engine, tmp_path: Path) -> None:
    apply_files(engine, PEOPLE)
    execute(engine, "UPDATE models SET display_name = 'Mine' WHERE model = 'gpt-4o'")
    target = make_target(
        {**appended("1.75"), "plans.yaml": SMALL_CONFIG["plans.yaml"].replace("monthly: 20", "monthly: 25")}
    )
    plan = plan_of(engine, target, LATER)
    other = plan_snapshot(read_snapshot(exported(engine, tmp_path)), target, now=LATER)
    people = [change for change in plan.changes if change.kind == "access"]
    assert [change.name for change in people] == ["boss@example.com"]
    assert other.changes == tuple(change for change in plan.changes if change.kind != "access")
    assert [one.code for one in other.unsafe] == ["DATABASE_EDITED"]
    assert (other.base_release, other.database) == (1, plan.database)


def test_a_plan_that_accounts_are_on_is_kept_here_too(engine: Engine, tmp_path: Path) -> None:
    apply_files(engine, SMALL_CONFIG)
    record(engine, [call(1)])
    plans = "plans:\n  pro:\n" + SMALL_CONFIG["plans.yaml"].partition("  pro:\n")[2]
    settings = SMALL_CONFIG["settings.yaml"].replace("default_plan: free", "default_plan: pro")
    target = make_target({**SMALL_CONFIG, "plans.yaml": plans, "settings.yaml": settings})
    plan = plan_snapshot(read_snapshot(exported(engine, tmp_path)), target, now=LATER)
    assert [(one.code, one.key) for one in plan.unsafe] == [("PLAN_IN_USE", "plan free")]


def test_nobody_is_named(engine: Engine, tmp_path: Path) -> None:
    apply_files(engine, PEOPLE)
    record(
        engine,
        [
            call(1, GPT, "secret-account", user="secret-user", task="secret-task", metadata={"secret": "secret"}),
            call(2, "openai/secret-model", "secret-account", tool="secret-tool", feature="secret-feature"),
        ],
    )
    text = exported(engine, tmp_path).read_text()
    for word in ("secret", "boss", "example.com", "call-1", "Price Desk", "Release Desk"):
        assert word not in text
    assert '"lines": [[1, "openai", "gpt-4o", "free", null, null, null, 1, 1000000, 1000000,' in text
    assert '[1, "unknown", "unregistered", "free", null, null, null, 1,' in text


@pytest.mark.parametrize("text", ["", "{", "[]", '{"kind": "ratecard plan"}', "\0"])
def test_no_snapshot(tmp_path: Path, text: str) -> None:
    path = tmp_path / "snapshot.json"
    path.write_text(text)
    with pytest.raises(PlanError, match="is no snapshot; write one with `ratecard snapshot FILE`"):
        read_snapshot(path)


@pytest.mark.parametrize(
    "damage",
    [
        {"rows": None},
        {"lines": [[1]]},
        {"in_force": {"x": "never"}},
        {"wallets": [[1, 2]]},
        {"recorded": 3},
        {"lowest": [1]},
    ],
)
def test_damaged_snapshot(engine: Engine, tmp_path: Path, damage: dict[str, Any]) -> None:
    apply_files(engine, SMALL_CONFIG)
    path = exported(engine, tmp_path)
    damaged = {**json.loads(path.read_text()), **damage}
    path.write_text(json.dumps({**damaged, "checksum": checksum(damaged)}))
    with pytest.raises(PlanError, match="is not whole; export it again"):
        read_snapshot(path)
    path.write_text(json.dumps({"kind": "ratecard snapshot", "format_version": 9}))
    with pytest.raises(PlanError, match="has the format 9, and this program reads 1; export it again"):
        read_snapshot(path)


def test_altered_snapshot(engine: Engine, tmp_path: Path) -> None:
    apply_files(engine, SMALL_CONFIG)
    path = exported(engine, tmp_path)
    told = json.loads(path.read_text())
    del told["rows"]["plan"]["pro"]["access"]
    path.write_text(json.dumps(told))
    with pytest.raises(PlanError, match="is not whole; export it again"):
        read_snapshot(path)


def test_an_empty_database_has_no_snapshot(database_url: str) -> None:
    engine = make_engine(database_url, create=True)
    with pytest.raises(PlanError, match="run `ratecard apply` first"):
        snapshot_database(engine, now=datetime(2026, 7, 1, tzinfo=UTC), days=30)
    engine.dispose()
