from __future__ import annotations

import json
from datetime import UTC, datetime

from sqlalchemy import Engine, text

from schema.database import reading, writing
from sync.current import current_rows
from sync.plan import plan_empty
from sync.render.plan_markdown import LIMIT, MARK, plan_markdown
from sync.render.plan_text import plan_lines
from sync.render.style import Style
from tests.small_config import SMALL_CONFIG
from tests.sync.targets import APPLIED, LATER, apply_files, make_target, plan_of, prices
from tests.sync.test_desired import WHOLE

CHANGED = {
    **SMALL_CONFIG,
    "registry/openai.yaml": """\
provider: openai
display_name: OpenAI
models: {gpt-4o: {display_name: GPT 4o, type: llm}}
""",
    "credit_packs.yaml": """\
packs:
  Starter: {price: 5, credits: 50000, order: 1}
  Huge: {price: 99.50, credits: 1000000}
""",
}


def codes(engine: Engine, files: dict[str, str], now: datetime = LATER) -> list[tuple[str, str]]:
    return [(unsafe.code, unsafe.key) for unsafe in plan_of(engine, make_target(files), now).unsafe]


def execute(engine: Engine, statement: str) -> None:
    with writing(engine) as connection:
        connection.execute(text(statement))


def test_empty_database_plans_as_creates_of_everything(engine: Engine) -> None:
    target = make_target(WHOLE)
    plan = plan_empty(target, now=APPLIED)
    assert plan.summary == {"create": sum(map(len, target.rows.values())), "update": 0, "delete": 0}
    assert plan == plan_of(engine, target)
    assert plan.base_release is None
    assert plan.unsafe == ()
    kinds = [change.kind for change in plan.changes]
    assert kinds[0] == "provider"
    assert kinds[-1] == "policy"


def test_json_has_the_contracts_shape(engine: Engine) -> None:
    apply_files(engine, SMALL_CONFIG)
    target = make_target(CHANGED)
    told = plan_of(engine, target, LATER).as_json()
    assert json.loads(json.dumps(told)) == told
    assert list(told) == [
        "format_version",
        "commit",
        "release",
        "fingerprint",
        "changes",
        "adopts",
        "summary",
        "unsafe",
        "impact",
    ]
    assert (told["format_version"], told["commit"], told["release"]) == (1, target.commit.sha, 1)
    assert told["summary"] == {"create": 1, "update": 1, "delete": 1}
    assert told["adopts"] == []
    assert told["impact"] == {
        "days": 30,
        "from": "2026-06-01T08:00:00Z",
        "to": "2026-07-01T08:00:00Z",
        "events": 0,
        "scenarios": [],
        "dates_left": 0,
        "plans": [],
    }
    model = {"type": "llm", "access": "standard", "active": True}
    assert told["changes"] == [
        {
            "action": "update",
            "kind": "model",
            "key": "model openai/gpt-4o",
            "before": {"display_name": "GPT-4o", **model},
            "after": {"display_name": "GPT 4o", **model},
        },
        {
            "action": "delete",
            "kind": "pack",
            "key": "pack Growth",
            "before": {
                "price": "15",
                "currency": "USD",
                "credits": 175000,
                "order": 2,
                "badge": "Most Popular",
                "active": True,
            },
            "after": None,
        },
        {
            "action": "create",
            "kind": "pack",
            "key": "pack Huge",
            "before": None,
            "after": {"price": "99.5", "currency": "USD", "credits": 1000000, "order": 0, "active": True},
        },
    ]


def test_what_was_applied_reads_back_as_it_was_said(engine: Engine) -> None:
    apply_files(engine, WHOLE)
    target = make_target(WHOLE)
    with reading(engine) as connection:
        assert current_rows(connection) == target.rows
    assert plan_of(engine, target, LATER).changes == ()


def test_order_of_keys_lists_of_units_and_spelling_of_numbers_are_no_change(engine: Engine) -> None:
    """No phantom differences from defaults, order, spelling or moments."""
    apply_files(engine, SMALL_CONFIG)
    again = {
        **SMALL_CONFIG,
        "pricing/openai.yaml": """\
provider: openai
defaults: {margin: 1.50}
prices:
  gpt-4o:
    - margin: '1.5'
      per_million: {cache_read: 1.250, output: 1.0e1, input: 2.5}
      effective: 2026-01-01T00:00:00Z
      accept: []
""",
        "registry/openai.yaml": """\
provider: openai
models:
  gpt-4o: {active: true, aliases: [], type: llm, access: standard, display_name: GPT-4o}
display_name: OpenAI
""",
    }
    assert plan_of(engine, make_target(again), LATER).changes == ()


def test_fingerprint_is_the_same_twice_and_moves_with_all_that_it_covers(engine: Engine) -> None:
    apply_files(engine, SMALL_CONFIG)
    target = make_target(CHANGED)
    plan = plan_of(engine, target, APPLIED)
    assert plan_of(engine, target, LATER).fingerprint == plan.fingerprint
    assert plan_of(engine, make_target(SMALL_CONFIG), APPLIED).fingerprint != plan.fingerprint
    execute(engine, "UPDATE models SET display_name = 'X' WHERE model = 'claude-haiku-4-5'")
    edited = plan_of(engine, target, APPLIED)
    assert edited.fingerprint != plan.fingerprint
    execute(engine, "UPDATE models SET display_name = 'Claude Haiku 4.5' WHERE model = 'claude-haiku-4-5'")
    assert plan_of(engine, target, APPLIED).fingerprint == plan.fingerprint


def test_edits_of_the_database_are_unsafe_of_each_kind(engine: Engine) -> None:
    apply_files(engine, SMALL_CONFIG)
    execute(engine, "UPDATE models SET display_name = 'X' WHERE model = 'gpt-4o'")
    execute(engine, "DELETE FROM tasks WHERE task = 'extraction'")
    execute(
        engine,
        "INSERT INTO settings (setting, value, introduced_release) VALUES ('site_name', '\"Mine\"', 1)",
    )
    plan = plan_of(engine, make_target(SMALL_CONFIG), LATER)
    assert [unsafe.as_json() for unsafe in plan.unsafe] == [
        {
            "code": "DATABASE_EDITED",
            "key": "model openai/gpt-4o",
            "message": "display_name was changed in the database, not by a release",
        },
        {
            "code": "DATABASE_EDITED",
            "key": "task extraction",
            "message": "it was deleted in the database, not by a release",
        },
        {
            "code": "DATABASE_EDITED",
            "key": "setting site_name",
            "message": "it was added in the database, not by a release",
        },
    ]
    assert plan.summary == {"create": 1, "update": 1, "delete": 1}


def test_price_in_effect_may_not_be_changed_or_removed_but_a_scheduled_one_may(engine: Engine) -> None:
    now = "{effective: 2026-01-01, per_million: {input: 1, output: 2}, margin: %s%s}"
    then = "{effective: 2026-09-01, per_million: {input: %s, output: 2}, margin: 2}"
    base = {**SMALL_CONFIG, "pricing/openai.yaml": prices(now % (2, ""), then % 3)}
    apply_files(engine, base)
    moved = {**base, "pricing/openai.yaml": prices(now % (3, ""), then % 3)}
    assert codes(engine, moved) == [("PRICE_IN_EFFECT", "price openai/gpt-4o@2026-01-01")]
    noted = {**base, "pricing/openai.yaml": prices(now % (2, ", note: looked at"), then % 3)}
    assert codes(engine, noted) == []
    scheduled = {**base, "pricing/openai.yaml": prices(now % (2, ""), then % 1)}
    assert codes(engine, scheduled) == []
    assert codes(engine, scheduled, datetime(2026, 9, 1, tzinfo=UTC)) == [
        ("PRICE_IN_EFFECT", "price openai/gpt-4o@2026-09-01")
    ]
    cancelled = {**base, "pricing/openai.yaml": prices(now % (2, ""))}
    assert codes(engine, cancelled) == []
    replaced = prices("{effective: 2026-01-02, per_million: {input: 1, output: 2}, margin: 2}")
    assert codes(engine, {**base, "pricing/openai.yaml": replaced}) == [
        ("PRICE_IN_EFFECT", "price openai/gpt-4o@2026-01-01")
    ]


def test_a_price_that_moves_to_another_file_is_judged_by_what_it_says_there(engine: Engine) -> None:
    """A default margin of the new file changes a price in effect as much as an edit does; the move alone is nothing."""
    apply_files(engine, SMALL_CONFIG)
    whole = SMALL_CONFIG["pricing/anthropic.yaml"]
    stays, opus = whole[: whole.index("  claude-3-opus:")], whole[whole.index("  claude-3-opus:") :]
    for margin, codes in (("1.3", []), ("5", ["PRICE_IN_EFFECT"])):
        moved = f"provider: anthropic\ndefaults:\n  margin: {margin}\nprices:\n{opus}"
        files = {**SMALL_CONFIG, "pricing/anthropic.yaml": stays, "pricing/anthropic-old.yaml": moved}
        plan = plan_of(engine, make_target(files), LATER)
        assert [unsafe.code for unsafe in plan.unsafe] == codes
        assert len(plan.changes) == len(codes)


def test_emptying_a_kind_is_unsafe_however_small_it_is(engine: Engine) -> None:
    apply_files(engine, {**SMALL_CONFIG, "access.yaml": "admins: [owner@example.com]\n"})
    without = {path: text for path, text in SMALL_CONFIG.items() if path != "credit_packs.yaml"}
    plan = plan_of(engine, make_target(without), LATER)
    assert [(unsafe.code, unsafe.key, unsafe.message) for unsafe in plan.unsafe] == [
        ("DELETES_ALL", "pack", "all 2 would be deleted, and none of the kind would be left"),
        ("DELETES_ALL", "access", "the only one would be deleted, and none of the kind would be left"),
    ]


def test_step_back_is_unsafe_only_when_it_would_change_something(engine: Engine) -> None:
    apply_files(engine, SMALL_CONFIG)
    back = make_target(CHANGED, follows=lambda commit: False)
    assert [unsafe.code for unsafe in plan_of(engine, back).unsafe] == ["OLDER_COMMIT"]
    same = make_target(SMALL_CONFIG, follows=lambda commit: False)
    assert plan_of(engine, same).unsafe == ()


def test_free_values_differ_by_type_too(engine: Engine) -> None:
    apply_files(engine, {**SMALL_CONFIG, "settings.yaml": "extra: {flag: 1}\n"})
    plan = plan_of(engine, make_target({**SMALL_CONFIG, "settings.yaml": "extra: {flag: true}\n"}), LATER)
    assert [change.key for change in plan.changes] == ["setting extra.flag"]


def test_text_is_aligned_and_plain_without_a_terminal(engine: Engine) -> None:
    apply_files(engine, SMALL_CONFIG)
    target = make_target(CHANGED)
    plan = plan_of(engine, target, LATER)
    assert list(plan_lines(plan, Style())) == [
        f"commit {target.commit.sha[:12]} (Change the prices) against release 1",
        "",
        "~ model openai/gpt-4o",
        "    display_name  GPT-4o  ->  GPT 4o",
        "- pack Growth  price 15, currency USD, credits 175000, order 2, badge Most Popular, active true",
        "+ pack Huge  price 99.5, currency USD, credits 1000000, order 0, active true",
        "",
        "1 to create, 1 to update, 1 to delete",
    ]
    painted = "\n".join(plan_lines(plan, Style(colour=True)))
    assert "\x1b[33m~ model openai/gpt-4o\x1b[0m" in painted


def test_a_new_price_is_shown_against_the_entry_that_it_follows_on(engine: Engine) -> None:
    entry = "{effective: %s, per_million: {input: 1, output: 2}, margin: %s}"
    first, second = entry % ("2026-01-01", 2), entry % ("2026-09-01", "2.5")
    apply_files(engine, {**SMALL_CONFIG, "pricing/openai.yaml": prices(first)})
    plan = plan_of(engine, make_target({**SMALL_CONFIG, "pricing/openai.yaml": prices(first, second)}), LATER)
    assert list(plan_lines(plan, Style()))[2:-2] == [
        "+ price openai/gpt-4o@2026-09-01  after the entry of 2026-01-01",
        "    effective  2026-01-01  ->  2026-09-01",
        "    margin     2           ->  2.5",
        "",
        "money: no calls in the last 30 days, so nothing can be re-priced",
    ]
    assert "| | | margin | 2 | 2.5 |" in plan_markdown(plan)
    assert plan.changes[0].as_json()["before"] is None


def test_markdown_escapes_and_stays_under_the_limit_of_a_comment() -> None:
    names = "".join(f"  pack-{index:05}: {{price: 5, credits: 50, badge: 'a|b`c<d>'}}\n" for index in range(2_000))
    plan = plan_empty(make_target({**SMALL_CONFIG, "credit_packs.yaml": f"packs:\n{names}"}), now=APPLIED)
    told = plan_markdown(plan)
    assert told.startswith(f"{MARK}\n### Ratecard: 2,022 to create, 0 to update, 0 to delete\n")
    assert "| | | badge |  | a\\|b\\`c\\<d\\> |" in told
    assert len(told) < LIMIT + 1_000
    assert told.rstrip().endswith("more changes; see `ratecard plan`.")
