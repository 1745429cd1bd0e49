from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, func, select, text

from schema.database import reading, writing
from schema.tables import CONFIG_TABLES, audit_log, release_changes, releases
from sync.apply import apply_plan
from sync.current import last_release, read_current
from sync.errors import PlanError, RefusedError
from sync.plan import Target
from tests.small_config import SMALL_CONFIG
from tests.sync.targets import APPLIED, LATER, apply_files, make_target, plan_of, prices
from tests.sync.test_desired import WHOLE
from tests.sync.test_plan import CHANGED

JANUARY = datetime(2026, 1, 1, tzinfo=UTC)
SEPTEMBER = datetime(2026, 9, 1, tzinfo=UTC)
NOW = "{effective: 2026-01-01, per_million: {input: 1, output: 2}, margin: %s}"
THEN = "{effective: 2026-09-01, per_million: {input: 1, output: 2}, margin: %s}"


def files_with(*entries: str) -> dict[str, str]:
    return {**SMALL_CONFIG, "pricing/openai.yaml": prices(*entries)}


def in_force(engine: Engine) -> dict[str, datetime]:
    with reading(engine) as connection:
        found = read_current(connection).in_force
    return {name.rpartition("@")[2]: since for name, since in found.items() if name.startswith("openai/gpt-4o@")}


def counts(engine: Engine) -> dict[str, int]:
    tables: list[Any] = [releases, release_changes, audit_log, *(config.table for config in CONFIG_TABLES.values())]
    with reading(engine) as connection:
        return {
            table.name: connection.execute(select(func.count()).select_from(table)).scalar_one() for table in tables
        }


def execute(engine: Engine, statement: str) -> None:
    with writing(engine) as connection:
        connection.execute(text(statement))


def test_release_journal_and_audit_are_written(engine: Engine) -> None:
    result = apply_files(engine, WHOLE, label="v1")
    target = make_target(WHOLE)
    created = sum(map(len, target.rows.values()))
    assert result.as_json() == {
        "format_version": 1,
        "changed": True,
        "release": 1,
        "commit": target.commit.sha,
        "label": "v1",
        "summary": {"create": created, "update": 0, "delete": 0},
        "fingerprint": result.fingerprint,
    }
    with reading(engine) as connection:
        row = connection.execute(select(releases)).mappings().one()
        assert (row["commit_sha"], row["config_tree"]) == (target.commit.sha, target.config_tree)
        assert (row["label"], row["title"], row["author"]) == (
            "v1",
            "Change the prices",
            "Price Desk <prices@example.com>",
        )
        assert (row["applied_by"], row["applied_at"], row["base_release"]) == ("Release Desk", APPLIED, None)
        assert (row["fingerprint"], row["creates"]) == (result.fingerprint, created)
        audit = connection.execute(select(audit_log)).mappings().one()
        assert (audit["actor"], audit["action"], audit["target"]) == ("Release Desk", "apply", "release 1")
        journal = connection.execute(select(release_changes)).mappings().all()
        assert {entry["action"] for entry in journal} == {"create"}
        assert len(journal) == created
        model = next(entry["after"] for entry in journal if entry["key"] == "openai/gpt-4o")
        assert model["display_name"] == "GPT-4o"


def test_same_config_again_writes_nothing(engine: Engine) -> None:
    """The same configuration is no change, and no release."""
    apply_files(engine, SMALL_CONFIG, label="v1")
    before = counts(engine)
    result = apply_files(engine, SMALL_CONFIG, LATER, label="v2")
    assert (result.changed, result.release, result.label) == (False, 1, "v1")
    assert result.summary == {"create": 0, "update": 0, "delete": 0}
    assert counts(engine) == before


def test_rows_are_closed_not_changed(engine: Engine) -> None:
    apply_files(engine, SMALL_CONFIG)
    result = apply_files(engine, CHANGED, LATER)
    assert (result.release, result.summary) == (2, {"create": 1, "update": 1, "delete": 1})
    models, packs = CONFIG_TABLES["model"].table, CONFIG_TABLES["pack"].table
    with reading(engine) as connection:
        history = connection.execute(
            select(models.c.display_name, models.c.introduced_release, models.c.retired_release)
            .where(models.c.model == "gpt-4o")
            .order_by(models.c.id)
        ).all()
        assert [tuple(row) for row in history] == [("GPT-4o", 1, 2), ("GPT 4o", 2, None)]
        growth = connection.execute(select(packs.c.retired_release).where(packs.c.pack == "Growth")).scalars().all()
        assert growth == [2]
        journal = connection.execute(
            select(release_changes.c.action, release_changes.c.kind, release_changes.c.key, release_changes.c.after)
            .where(release_changes.c.release_id == 2)
            .order_by(release_changes.c.id)
        ).all()
    assert [tuple(row[:3]) for row in journal] == [
        ("update", "model", "openai/gpt-4o"),
        ("delete", "pack", "Growth"),
        ("create", "pack", "Huge"),
    ]
    assert journal[1].after is None


def test_first_prices_of_a_model_are_in_force_from_their_date(engine: Engine) -> None:
    apply_files(engine, files_with(NOW % 2, THEN % 2))
    assert in_force(engine) == {"2026-01-01": JANUARY, "2026-09-01": SEPTEMBER}


def test_later_prices_are_in_force_from_apply_at_the_earliest(engine: Engine) -> None:
    apply_files(engine, files_with(NOW % 2))
    back = "{effective: 2026-03-01, per_million: {input: 1, output: 2}, margin: 4}"
    apply_files(engine, files_with(NOW % 2, back, THEN % 2), LATER)
    assert in_force(engine) == {"2026-01-01": JANUARY, "2026-03-01": LATER, "2026-09-01": SEPTEMBER}


def test_reprice_puts_them_in_force_from_their_date(engine: Engine) -> None:
    apply_files(engine, files_with(NOW % 2))
    back = "{effective: 2026-03-01, per_million: {input: 1, output: 2}, margin: 4}"
    apply_files(engine, files_with(NOW % 2, back), LATER, allowed=["--reprice"])
    assert in_force(engine)["2026-03-01"] == datetime(2026, 3, 1, tzinfo=UTC)


def test_model_that_only_has_scheduled_prices_may_get_an_earlier_one(engine: Engine) -> None:
    inactive = "provider: openai\nmodels: {gpt-4o: {display_name: GPT-4o, type: llm, active: false}}\n"
    quiet = {**SMALL_CONFIG, "registry/openai.yaml": inactive}
    del quiet["routing/openai.yaml"]
    quiet["routing/anthropic.yaml"] = "provider: anthropic\nroutes: {_default: claude-sonnet-4-5}\n"
    apply_files(engine, {**quiet, "pricing/openai.yaml": prices(THEN % 2)})
    apply_files(engine, {**quiet, "pricing/openai.yaml": prices(NOW % 2, THEN % 2)}, LATER)
    assert in_force(engine) == {"2026-01-01": JANUARY, "2026-09-01": SEPTEMBER}


def test_scheduled_price_is_changed_or_cancelled_freely(engine: Engine) -> None:
    apply_files(engine, files_with(NOW % 2, THEN % 2))
    apply_files(engine, files_with(NOW % 2, THEN % 5), LATER)
    assert in_force(engine) == {"2026-01-01": JANUARY, "2026-09-01": SEPTEMBER}
    apply_files(engine, files_with(NOW % 2), LATER + timedelta(days=1))
    assert in_force(engine) == {"2026-01-01": JANUARY}


def test_price_in_effect_needs_reprice_and_then_holds_from_its_date(engine: Engine) -> None:
    apply_files(engine, files_with(NOW % 2))
    with pytest.raises(RefusedError) as refused:
        apply_files(engine, files_with(NOW % 3), LATER)
    assert refused.value.code == "PRICE_IN_EFFECT"
    assert str(refused.value) == (
        "price openai/gpt-4o@2026-01-01: this changes a price that is in effect since 2026-01-01:"
        " calls may have been billed by it; append a new entry; --reprice or an approval allows it [PRICE_IN_EFFECT]"
    )
    assert counts(engine)["releases"] == 1
    apply_files(engine, files_with(NOW % 3), LATER, allowed=["--reprice"])
    assert in_force(engine) == {"2026-01-01": JANUARY}


def test_price_in_effect_is_not_removed_either(engine: Engine) -> None:
    apply_files(engine, files_with(NOW % 2, THEN % 3), LATER)
    with pytest.raises(RefusedError) as refused:
        apply_files(engine, files_with(NOW % 2), SEPTEMBER + timedelta(days=1))
    assert str(refused.value) == (
        "price openai/gpt-4o@2026-09-01: this removes a price that is in effect since 2026-09-01: calls may have been"
        " billed by it; append a new entry, or make the model inactive; --reprice or an approval allows it"
        " [PRICE_IN_EFFECT]"
    )


def test_words_about_a_price_leave_its_moment_alone(engine: Engine) -> None:
    apply_files(engine, files_with(NOW % 2))
    back = "{effective: 2026-03-01, per_million: {input: 1, output: 2}, margin: 4%s}"
    apply_files(engine, files_with(NOW % 2, back % ""), LATER)
    apply_files(engine, files_with(NOW % 2, back % ", note: checked"), LATER + timedelta(days=9))
    assert in_force(engine)["2026-03-01"] == LATER


def test_edit_of_the_database_is_overwritten_only_by_force(engine: Engine) -> None:
    apply_files(engine, SMALL_CONFIG)
    execute(engine, "UPDATE models SET display_name = 'X' WHERE model = 'gpt-4o'")
    with pytest.raises(RefusedError) as refused:
        apply_files(engine, SMALL_CONFIG, LATER)
    assert refused.value.code == "DATABASE_EDITED"
    apply_files(engine, SMALL_CONFIG, LATER, allowed=["--force"])
    assert plan_of(engine, make_target(SMALL_CONFIG), LATER).changes == ()


def test_step_back_needs_rollback(engine: Engine) -> None:
    apply_files(engine, SMALL_CONFIG)
    back = make_target(CHANGED, follows=lambda commit: False)
    plan = plan_of(engine, back)
    with pytest.raises(RefusedError) as refused:
        apply_plan(engine, plan, back, now=LATER, applied_by="x")
    assert refused.value.code == "OLDER_COMMIT"
    assert apply_plan(engine, plan, back, now=LATER, applied_by="x", allowed=["--rollback"]).release == 2


def test_plan_is_checked_again_inside_the_transaction(engine: Engine) -> None:
    apply_files(engine, SMALL_CONFIG)
    target = make_target(CHANGED)
    plan = plan_of(engine, target, LATER)
    execute(engine, "UPDATE models SET context_window = 5 WHERE model = 'claude-haiku-4-5'")
    with pytest.raises(PlanError, match="the database has changed since the plan was made"):
        apply_plan(engine, plan, target, now=LATER, applied_by="x", allowed=["--force", "--reprice", "--rollback"])
    assert counts(engine)["releases"] == 1


def test_price_that_came_into_effect_after_the_plan_is_refused(engine: Engine) -> None:
    apply_files(engine, files_with(NOW % 2, THEN % 2))
    target = make_target(files_with(NOW % 2, THEN % 5))
    plan = plan_of(engine, target, LATER)
    assert plan.unsafe == ()
    with pytest.raises(RefusedError) as refused:
        apply_plan(engine, plan, target, now=SEPTEMBER, applied_by="x")
    assert refused.value.code == "PRICE_IN_EFFECT"
    assert counts(engine)["releases"] == 1


def test_plan_that_another_apply_overtook_says_no_changes(engine: Engine) -> None:
    target = make_target(SMALL_CONFIG)
    plan = plan_of(engine, target)
    apply_plan(engine, plan, target, now=APPLIED, applied_by="first")
    result = apply_plan(engine, plan, target, now=LATER, applied_by="second")
    assert (result.changed, result.release) == (False, 1)
    with reading(engine) as connection:
        release = last_release(connection)
    assert release is not None
    assert release.applied_by == "first"


def test_fault_on_the_way_leaves_nothing(engine: Engine) -> None:
    """A failure leaves no partial state."""
    apply_files(engine, SMALL_CONFIG)
    before = counts(engine)
    # The models are written by then; a pack without a currency is refused by the table.
    target = make_target(CHANGED)
    target.rows["pack"]["Huge"]["currency"] = None
    plan = plan_of(engine, target, LATER)
    with pytest.raises(Exception, match=r"(?i)null"):
        apply_plan(engine, plan, target, now=LATER, applied_by="x")
    assert counts(engine) == before


def test_release_is_announced_on_postgresql(engine: Engine) -> None:
    if engine.dialect.name != "postgresql":
        # SQLite has no LISTEN; its runtimes look at the newest release by age.
        assert apply_files(engine, SMALL_CONFIG).release == 1
        return
    with engine.connect() as listener:
        raw: Any = listener.connection.driver_connection
        raw.autocommit = True
        raw.execute("LISTEN ratecard_release")
        apply_files(engine, SMALL_CONFIG)
        assert [(heard.channel, heard.payload) for heard in raw.notifies(timeout=10, stop_after=1)] == [
            ("ratecard_release", "1")
        ]


def test_edit_that_git_says_too_is_adopted_once_and_is_safe_afterwards(engine: Engine) -> None:
    def renamed(name: str) -> Target:
        registry = SMALL_CONFIG["registry/openai.yaml"].replace("GPT-4o", name)
        return replace(make_target({**SMALL_CONFIG, "registry/openai.yaml": registry}), touched=lambda commit: None)

    apply_files(engine, SMALL_CONFIG)
    execute(engine, "UPDATE models SET display_name = 'Four' WHERE model = 'gpt-4o'")
    plan = plan_of(engine, renamed("Four"), LATER)
    assert (plan.changes, plan.adopts, plan.unsafe) == ((), (("model", "openai/gpt-4o"),), ())
    result = apply_plan(engine, plan, renamed("Four"), now=LATER, applied_by="Release Desk")
    assert (result.changed, result.summary) == (True, {"create": 0, "update": 0, "delete": 0})
    again = plan_of(engine, renamed("Four"), LATER)
    assert not again.writes
    assert plan_of(engine, renamed("Five"), LATER).unsafe == ()
