from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, text

from schema.catalogue import load_catalogue
from schema.database import writing
from schema.keys import KINDS, Key, parse_key
from sync.desired import Row, Rows, desired_rows
from sync.edit import RemoveEntity, apply_edits
from sync.errors import ConflictError
from sync.exporting import DatabaseEdits, Exported, export, read_edits
from tests.conftest import MakeRepository, RunRatecard
from tests.small_config import SMALL_CONFIG
from tests.sync.targets import apply_files
from tests.sync.test_desired import WHOLE

NOW = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)
RunGit = Callable[..., str]
ALL: dict[str, str] = {
    **WHOLE,
    "plans.yaml": WHOLE["plans.yaml"]
    + "    description: For one   # person\n    features: [api]\n    litellm: {max_budget: 5}\n    active: false\n",
    "ratecard.yaml": WHOLE["ratecard.yaml"]
    + "approvals:\n  - {code: BILL_RISE, by: Desk, until: 2026-12-31, reason: Agreed}   # once\n",
    "settings.yaml": WHOLE["settings.yaml"] + "stripe:\n  secret_env: STRIPE_KEY   # the live one\n",
}
FILES = {path: text.encode() for path, text in ALL.items()}

# What a hand may write into a column, besides what other rows of the kind have there.
VALUES: dict[str, list[Any]] = {
    "display_name": ["New: name # 1", "true"],
    "description": [None, "Other words"],
    "active": [True, False],
    "aliases": [[], ["x", "y"]],
    "context_window": [None, 5],
    "rates": [{"input": 1, "output": 2_000_000, "image": 3, "request": 10**12}, {"input": 0, "output": 0}],
    "tiers": [[], [{"from": 5, "rates": {"input": 7}}, {"from": 9, "rates": {"output": 8, "image": 1}}]],
    "note": [None, "Looked at: yes"],
    "source_url": ["https://example.com/#new", None],
    "source_checked": ["2026-02-03", None],
    "targets": [
        [{"model": "openai/gpt-4o", "weight": 100}],
        [{"model": "anthropic/claude-haiku-4-5", "weight": 40}, {"model": "openai/gpt-4o", "weight": 60}],
    ],
    "fallbacks": [[], ["anthropic/claude-sonnet-4-5", "openai/gpt-4o"]],
    "limits": [{}, {"documents": None, "tokens_per_month": 3}],
    "features": [[], ["a", "b"]],
    "litellm": [
        None,
        {"max_budget": None, "budget_duration": "30d", "tpm_limit": 10},
        {"max_budget": "0.5", "budget_duration": "7d", "tpm_limit": None},
    ],
    "plan_overrides": [{}, {"pro": {"amount_pico": 1, "multiplier_micros": None}}],
    "badge": [None, "Best"],
    "trial_days": [3],
    "included_nanos": [1],
    "multiplier_micros": [1_234_567],
    "amount_pico": [1],
    "rate_micros": [1],
    "credits": [1],
    "role": ["admin", "analyst", "viewer"],
    "mode": ["replace"],
    "billable": [False],
}
SINGLE: dict[str, list[Any]] = {
    "setting default_plan": ["pro"],
    "setting credit_burn": [
        {"weights": {"input": "0.5", "output": "2"}, "tokens_per_credit": 5000},
        {"weights": {"input": "0.35", "cache_read": "0.1", "output": "1"}, "tokens_per_credit": 7},
    ],
    "setting stripe": [{"secret_env": "STRIPE_KEY", "webhook_secret_env": "STRIPE_HOOK"}],
    "setting extra.share": ["0.2", "true", "1e5", "x", 5, True, ["a", "1", None, {"b": None}], {"a": {"b": "007"}}],
    "setting extra.on": [False, "false", "no"],
    "policy local_merges": [False],
    "policy guardrails": [
        {
            "lowest_margin": "1.25",
            "largest_bill_rise_percent": None,
            "no_price_below_cost": True,
            "max_update_percent": None,
            "max_delete_percent": 40,
        }
    ],
    "policy approvals": [
        [{"code": "BILL_RISE", "key": "plan pro", "by": "Desk", "until": "2027-01-31", "reason": "Longer"}],
        [],
    ],
    "run_unit decimals": [6_000_000],
    "run_unit tier/heavy": [2_500_000],
}


def rows_of(files: Mapping[str, bytes]) -> Rows:
    catalogue, findings = load_catalogue(files)
    assert findings == []
    return desired_rows(catalogue)


ROWS = rows_of(FILES)


def exported(key: Key, before: Row | None, after: Row | None, files: Mapping[str, bytes] = FILES) -> Exported:
    names = {kind: frozenset(ROWS[kind]) for kind in ("model", "provider")}
    return export(DatabaseEdits(3, {key: (before, after)}, names), files, now=NOW)


def after_of(done: Exported, files: Mapping[str, bytes] = FILES) -> Rows:
    left = {path: data for path, data in files.items() if path not in done.changed}
    return rows_of(left | {path: data for path, data in done.changed.items() if data is not None})


def edited_rows() -> Iterator[tuple[Key, Row]]:
    """Rows with one column edited, of every kind."""
    for kind in KINDS:
        for name, row in ROWS[kind].items():
            for column in row.keys() & VALUES.keys():
                yield from ((Key(kind, name), {**row, column: value}) for value in VALUES[column])
            for other in ROWS[kind].values():
                for column, value in other.items():
                    single = kind in ("setting", "policy", "access", "run_unit") or column in (
                        "effective",
                        *_identity(kind),
                    )
                    if not single and value != row[column]:
                        yield Key(kind, name), {**row, column: value}
    for text_of_key, values in SINGLE.items():
        key = parse_key(text_of_key)
        for value in values:
            column = "value_micros" if key.kind == "run_unit" else "value"
            yield key, {**ROWS[key.kind][key.name], column: value}


def _identity(kind: str) -> tuple[str, ...]:
    own = {
        "model": ("provider", "model"),
        "price": ("provider", "model"),
        "route": ("provider", "task"),
        "rate": ("base", "quote"),
        "run_unit": ("name",),
        "reasoning": ("level",),
    }
    return own.get(kind, (kind,))


def charges_one_way(row: Row) -> bool:
    ways = [row["margin_micros"] is not None, row["charge_rates"] is not None, row["credits_micros"] is not None]
    tiers = row["charge_tiers"] is not None if row["charge_rates"] is not None else row["charge_tiers"] is None
    return sum(ways) == 1 and tiers and (row["margin_micros"] is not None or not row["plan_margins"])


def test_every_edited_row_of_every_kind_is_written_exactly() -> None:
    tried = 0
    for key, row in edited_rows():
        if key.kind == "plan" and row["monthly_nanos"] is None and row["annual_nanos"] is not None:
            continue
        if key.kind == "price" and not charges_one_way(row):
            continue
        done = exported(key, ROWS[key.kind][key.name], row)
        assert done.notes == (), (key, row)
        after = after_of(done)
        assert after[key.kind][key.name] == row, key
        assert {**after[key.kind], key.name: None} == {**ROWS[key.kind], key.name: None}
        assert all(after[kind] == ROWS[kind] for kind in KINDS if kind != key.kind)
        tried += 1
    assert tried > 200


@pytest.mark.parametrize("way", ["margin", "charge", "credits"])
def test_a_price_changes_from_one_way_to_charge_to_another(way: str) -> None:
    prices = {name: row for name, row in ROWS["price"].items() if name.startswith("openai/")}
    columns = ("margin_micros", "plan_margins", "charge_rates", "charge_tiers", "credits_micros")
    column = {"margin": "margin_micros", "charge": "charge_rates", "credits": "credits_micros"}[way]
    model = next(row for row in prices.values() if row[column] is not None)
    for name, row in prices.items():
        wanted = {**row, **{one: model[one] for one in columns}}
        done = exported(Key("price", name), row, wanted)
        assert after_of(done)["price"][name] == wanted


def test_every_entity_that_the_database_added_or_deleted_is_written_exactly() -> None:
    for kind in KINDS:
        for name, row in ROWS[kind].items():
            key = Key(kind, name)
            if kind == "provider":
                continue
            gone = apply_edits(FILES, [RemoveEntity(key)], now=NOW)
            files = {**FILES, **{path: data for path, data in gone.items() if data is not None}}
            assert after_of(exported(key, row, None), FILES) == rows_of(files)
            added = exported(key, None, row, files)
            assert (added.notes, after_of(added, files)[kind][name]) == ((), row), key


def test_a_provider_comes_with_its_model_price_and_route() -> None:
    found = {
        Key("provider", "mistral"): (None, {"provider": "mistral", "display_name": "mistral"}),
        Key("model", "mistral/a/large"): (
            None,
            {**ROWS["model"]["openai/gpt-4o"], "provider": "mistral", "model": "a/large"},
        ),
        Key("price", "mistral/a/large@2026-01-01"): (
            None,
            {
                **ROWS["price"]["anthropic/claude-haiku-4-5@2026-01-01"],
                "provider": "mistral",
                "model": "a/large",
            },
        ),
        Key("route", "mistral/_default"): (
            None,
            {
                "provider": "mistral",
                "task": "_default",
                "targets": [{"model": "mistral/a/large", "weight": 100}],
                "fallbacks": ["openai/gpt-4o"],
            },
        ),
    }
    names = {"model": frozenset({*ROWS["model"], "mistral/a/large"}), "provider": frozenset({"mistral", "openai"})}
    done = export(DatabaseEdits(3, found, names), FILES, now=NOW)
    after = after_of(done)
    assert all(after[key.kind][key.name] == row for key, (_, row) in found.items())
    text_of_route = done.changed["routing/mistral.yaml"]
    assert text_of_route is not None
    assert text_of_route.decode().splitlines()[1:] == [
        "provider: mistral",
        "routes:",
        "  _default:",
        "    model: a/large",
        "    fallbacks: [openai/gpt-4o]",
    ]
    back = export(DatabaseEdits(4, {key: (row, None) for key, (_, row) in found.items()}, names), FILES, now=NOW)
    assert back.edits == ()


def test_only_the_edited_lines_change() -> None:
    row = ROWS["model"]["anthropic/claude-haiku-4-5"]
    done = exported(Key("model", "anthropic/claude-haiku-4-5"), row, {**row, "active": False})
    (data,) = done.changed.values()
    assert data is not None
    assert data.decode() == ALL["registry/anthropic.yaml"].replace(
        "    context_window: 200000\n", "    context_window: 200000\n    active: false\n"
    )


def test_git_that_has_caught_up_is_left_alone_and_git_that_moved_on_conflicts() -> None:
    key = Key("plan", "pro")
    released, here = ROWS["plan"]["pro"], {**ROWS["plan"]["pro"], "name": "Professional"}
    assert exported(key, {**released, "name": "Old"}, released).edits == ()
    with pytest.raises(ConflictError) as refusal:
        exported(key, {**released, "name": "Old"}, here)
    assert refusal.value.key == "plan pro"
    assert '"name": "Pro"' in refusal.value.current
    assert '"name": "Professional"' in refusal.value.proposed
    assert str(refusal.value).endswith(
        "; the database was edited and git moved on since release 3: bring one of them back first"
    )


UNSAYABLE = {
    "model anthropic/claude-haiku-4-5": ("type", "magic", "config/registry/anthropic.yaml"),
    "route anthropic/_default": (
        "targets",
        [{"model": "openai/gpt-4o", "weight": 50}],
        "the YAML has no way to say its targets",
    ),
    "setting extra.share": ("value", None, "it is null in the database, which is how the YAML says that there is none"),
    "price openai/gpt-4o@2026-03-01": (
        "credits_micros",
        None,
        "the YAML has no way to say its margin_micros, plan_margins",
    ),
}


@pytest.mark.parametrize("name", UNSAYABLE)
def test_what_the_yaml_cannot_say_is_left_out_with_the_reason(name: str) -> None:
    key = parse_key(name)
    column, value, _ = UNSAYABLE[name]
    done = exported(key, ROWS[key.kind][key.name], {**ROWS[key.kind][key.name], column: value})
    assert (done.edits, done.changed) == ((), {})
    (note,) = done.notes
    assert note.startswith(f"{key} cannot be exported: ")
    if "config/" not in UNSAYABLE[name][2]:
        assert note == f"{key} cannot be exported: {UNSAYABLE[name][2]}"


def test_the_database_is_read_on_both_backends(engine: Engine) -> None:
    apply_files(engine, SMALL_CONFIG)
    assert read_edits(engine).rows == {}
    with writing(engine) as connection:
        connection.execute(text("UPDATE plans SET name = 'Professional' WHERE plan = 'pro'"))
        connection.execute(text("DELETE FROM credit_packs WHERE pack = 'Starter'"))
        connection.execute(text("UPDATE prices SET in_force_from = '2026-03-01' WHERE model = 'gpt-4o'"))
    found = read_edits(engine)
    assert found.release == 1
    assert list(found.rows) == [Key("plan", "pro"), Key("pack", "Starter")]
    assert found.moved == (Key("price", "openai/gpt-4o@2026-01-01"),)
    files = {path: text_of.encode() for path, text_of in SMALL_CONFIG.items()}
    done = export(found, files, now=NOW)
    assert sorted(done.changed) == ["credit_packs.yaml", "plans.yaml"]
    assert done.notes == (
        "price openai/gpt-4o@2026-01-01: since when it is in force is nothing that YAML says; only the database has it",
    )
    after = {**SMALL_CONFIG, **{path: data.decode() for path, data in done.changed.items() if data is not None}}
    apply_files(engine, after, NOW, allowed={"--force"})


@pytest.fixture
def top(make_repository: MakeRepository, small_config: dict[str, str], run_ratecard: RunRatecard) -> Path:
    found = make_repository(small_config, others={".gitignore": ".ratecard/\n"})
    assert run_ratecard("apply", "--yes", cwd=found).returncode == 0
    return found


def edit_database(top: Path, statement: str) -> None:
    from schema.database import make_engine

    engine = make_engine(f"sqlite:///{top / '.ratecard' / 'ratecard.db'}")
    with writing(engine) as connection:
        connection.execute(text(statement))
    engine.dispose()


def test_drift_proposes_what_was_edited_in_the_database(top: Path, run_ratecard: RunRatecard, run_git: RunGit) -> None:
    done = run_ratecard("drift", "--propose", cwd=top)
    assert (done.returncode, done.stderr) == (
        1,
        "ratecard: nothing was edited in the database since release 1\n",
    )
    assert run_ratecard("disable", "model", "openai/gpt-4o", "--reason", "Outage", cwd=top).returncode == 0
    edit_database(top, "UPDATE plans SET monthly_nanos = 25000000000 WHERE plan = 'pro'")
    done = run_ratecard("drift", "--propose", "--format", "json", cwd=top)
    assert done.returncode == 1
    assert "openai/gpt-4o is inactive, but route openai/_default leads to it" in done.stderr
    edit_database(top, "UPDATE models SET active = true WHERE model = 'gpt-4o'")
    done = run_ratecard("drift", "--propose", "--format", "json", cwd=top)
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout) == {
        "branch": "ratecard/take-over-edits-made-in-the-database",
        "commit": run_git(top, "rev-parse", "ratecard/take-over-edits-made-in-the-database"),
        "files": ["config/plans.yaml"],
        "url": None,
    }
    assert run_git(
        top, "log", "-1", "--format=%an <%ae>%n%cn%n%B", "ratecard/take-over-edits-made-in-the-database"
    ) == (
        "Price Desk <prices@example.com>\nRatecard\nTake over edits made in the database\n\n"
        "- set price of plan pro to {'monthly': '25', 'annual': '200'}"
    )
    assert run_git(top, "diff", "--numstat", "main", "ratecard/take-over-edits-made-in-the-database") == (
        "1\t1\tconfig/plans.yaml"
    )
    run_git(top, "merge", "--quiet", "ratecard/take-over-edits-made-in-the-database")
    assert run_ratecard("drift", cwd=top).returncode == 0
    done = run_ratecard("drift", "--propose", cwd=top)
    assert (done.returncode, done.stderr) == (
        1,
        "ratecard: nothing can be proposed: main says what the database says\n",
    )


def test_a_model_that_was_disabled_is_proposed_with_the_reason(
    make_repository: MakeRepository, small_config: dict[str, str], run_ratecard: RunRatecard, run_git: RunGit
) -> None:
    del small_config["routing/openai.yaml"]
    small_config["routing/anthropic.yaml"] = small_config["routing/anthropic.yaml"].replace(
        "    fallbacks: [openai/gpt-4o]\n", ""
    )
    top = make_repository(small_config, others={".gitignore": ".ratecard/\n"})
    assert run_ratecard("apply", "--yes", cwd=top).returncode == 0
    done = run_ratecard("disable", "model", "openai/gpt-4o", "--reason", "Outage", cwd=top)
    assert done.returncode == 0, done.stderr
    done = run_ratecard("drift", "--propose", "--title", "Take it over", "--base", "main", cwd=top)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[0].startswith("ratecard/take-it-over  ")
    day = f"{datetime.now(UTC):%Y-%m-%d}"
    message = run_git(top, "log", "-1", "--format=%B", "ratecard/take-it-over")
    assert message.startswith("Take it over\n\n- set active of model openai/gpt-4o to false (")
    assert message.endswith(f" on {day}: Outage)")


def test_options_that_do_not_go_together_are_wrong_usage(top: Path, run_ratecard: RunRatecard) -> None:
    done = run_ratecard("drift", "--push", cwd=top)
    assert (done.returncode, done.stderr) == (64, "ratecard: --title, --base and --push go with --propose\n")
    done = run_ratecard("drift", "--propose", "--ref", "main", cwd=top)
    assert (done.returncode, done.stderr) == (
        64,
        "ratecard: a proposal starts from a branch: name it with --base, not with --ref\n",
    )
