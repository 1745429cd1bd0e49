from __future__ import annotations

import json

from sqlalchemy import Engine, text

from schema.database import reading, writing
from sync.drift import Drift, find_drift
from sync.plan import Target
from sync.render.drift_text import drift_lines
from sync.render.style import Style
from tests.small_config import SMALL_CONFIG
from tests.sync.targets import LATER, apply_files, make_target
from tests.sync.test_desired import WHOLE
from tests.sync.test_plan import CHANGED


def drift_of(engine: Engine, target: Target) -> Drift:
    with reading(engine) as connection:
        return find_drift(connection, target)


def execute(engine: Engine, statement: str) -> None:
    with writing(engine) as connection:
        connection.execute(text(statement))


def test_nothing_drifts_after_an_apply_of_every_kind(engine: Engine) -> None:
    apply_files(engine, WHOLE)
    drift = drift_of(engine, make_target(WHOLE))
    assert not drift.found
    assert list(drift_lines(drift, Style())) == [
        f"no drift: release 1, commit {drift.commit[:12]} and the database agree"
    ]


def test_what_git_says_and_no_release_applied_is_unapplied(engine: Engine) -> None:
    apply_files(engine, SMALL_CONFIG)
    drift = drift_of(engine, make_target(CHANGED))
    assert drift.edited == ()
    assert [(change.action, change.key) for change in drift.unapplied] == [
        ("update", "model openai/gpt-4o"),
        ("delete", "pack Growth"),
        ("create", "pack Huge"),
    ]


def test_edits_in_the_database_are_told_by_field_apart_from_the_unapplied(engine: Engine) -> None:
    """What is in the files and what is live are never taken for one another."""
    apply_files(engine, SMALL_CONFIG)
    execute(engine, "UPDATE models SET display_name = 'X', active = false WHERE model = 'gpt-4o'")
    execute(engine, "UPDATE prices SET margin_micros = 9000000 WHERE model = 'claude-haiku-4-5'")
    execute(engine, "DELETE FROM routes WHERE task = 'extraction'")
    execute(engine, "INSERT INTO access (person, role, introduced_release) VALUES ('x@example.com', 'admin', 1)")
    target = make_target({**SMALL_CONFIG, "credit_packs.yaml": CHANGED["credit_packs.yaml"]})
    drift = drift_of(engine, target)
    told = drift.as_json()
    assert json.loads(json.dumps(told)) == told
    assert (told["format_version"], told["release"], told["commit"]) == (1, 1, target.commit.sha)
    assert told["edited"] == [
        {
            "action": "update",
            "kind": "model",
            "key": "model openai/gpt-4o",
            "fields": {
                "display_name": {"released": "GPT-4o", "database": "X", "git": "GPT-4o"},
                "active": {"released": True, "database": False, "git": True},
            },
            "reason": None,
        },
        {
            "action": "update",
            "kind": "price",
            "key": "price anthropic/claude-haiku-4-5@2026-01-01",
            "fields": {"margin": {"released": "3", "database": "9", "git": "3"}},
            "reason": None,
        },
        {
            "action": "delete",
            "kind": "route",
            "key": "route anthropic/extraction",
            "fields": {
                "model": {
                    "released": "anthropic/claude-haiku-4-5",
                    "database": None,
                    "git": "anthropic/claude-haiku-4-5",
                }
            },
            "reason": None,
        },
        {
            "action": "create",
            "kind": "access",
            "key": "access x@example.com",
            "fields": {"role": {"released": None, "database": "admin", "git": None}},
            "reason": None,
        },
    ]
    assert [(entry["action"], entry["kind"], entry["key"]) for entry in told["unapplied"]] == [
        ("delete", "pack", "pack Growth"),
        ("create", "pack", "pack Huge"),
    ]


def test_edit_that_git_has_caught_up_with_is_no_drift(engine: Engine) -> None:
    apply_files(engine, SMALL_CONFIG)
    execute(engine, "UPDATE models SET display_name = 'GPT 4o' WHERE model = 'gpt-4o'")
    drift = drift_of(engine, make_target({**SMALL_CONFIG, "registry/openai.yaml": CHANGED["registry/openai.yaml"]}))
    assert (drift.edited, drift.unapplied) == ((), ())


def test_moment_from_which_a_price_is_in_force_is_money_too(engine: Engine) -> None:
    apply_files(engine, SMALL_CONFIG)
    execute(engine, "UPDATE prices SET in_force_from = '2020-01-01 00:00:00.000000' WHERE model = 'gpt-4o'")
    if engine.dialect.name == "postgresql":
        execute(engine, "UPDATE prices SET in_force_from = '2020-01-01 00:00:00+00' WHERE model = 'gpt-4o'")
    drift = drift_of(engine, make_target(SMALL_CONFIG))
    assert [(edit.name, edit.fields) for edit in drift.edited] == [
        (
            "openai/gpt-4o@2026-01-01",
            {"in_force_from": {"released": "2026-01-01", "database": "2020-01-01"}},
        )
    ]


def test_journal_is_folded_over_all_releases(engine: Engine) -> None:
    apply_files(engine, SMALL_CONFIG)
    apply_files(engine, CHANGED, LATER)
    apply_files(engine, SMALL_CONFIG, LATER)
    drift = drift_of(engine, make_target(SMALL_CONFIG))
    assert (drift.release, drift.found) == (3, False)


def test_database_without_tables_has_everything_unapplied() -> None:
    drift = find_drift(None, make_target(SMALL_CONFIG))
    assert (drift.release, drift.edited) == (None, ())
    assert {change.action for change in drift.unapplied} == {"create"}


def test_text_tells_the_two_apart(engine: Engine) -> None:
    apply_files(engine, SMALL_CONFIG)
    execute(engine, "UPDATE models SET display_name = 'X' WHERE model = 'gpt-4o'")
    drift = drift_of(engine, make_target({**SMALL_CONFIG, "credit_packs.yaml": CHANGED["credit_packs.yaml"]}))
    assert list(drift_lines(drift, Style())) == [
        "edited in the database since release 1:",
        "  model openai/gpt-4o: edited",
        "      display_name  GPT-4o  ->  X",
        f"not applied yet (release 1, commit {drift.commit[:12]}):",
        "  pack Growth: to delete",
        "  pack Huge: to create",
        "1 edit in the database, 2 not applied",
    ]
