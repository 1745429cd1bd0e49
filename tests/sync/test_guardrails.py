from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta

import pytest
from sqlalchemy import Engine, select

from metering.meter import Meter
from schema.database import reading
from schema.tables import audit_log
from sync.apply import apply_plan, guard
from sync.errors import RefusedError
from sync.guardrails import allowed
from sync.unsafe import ALLOWED_BY, Unsafe
from tests.small_config import SMALL_CONFIG
from tests.sync.impact.calls import GPT, call, record
from tests.sync.impact.test_measuring import appended
from tests.sync.targets import LATER, apply_files, make_target, plan_of


def guarded(files: dict[str, str], guardrails: str, approvals: str = "") -> dict[str, str]:
    return {**files, "ratecard.yaml": f"guardrails:\n  {guardrails}\n{approvals}"}


def approval(code: str, key: str = "", until: str = "2026-07-01") -> str:
    named = f"    key: {key}\n" if key else ""
    return f"approvals:\n  - code: {code}\n{named}    by: Finance Desk\n    until: {until}\n    reason: agreed\n"


def unsafe(engine: Engine, files: dict[str, str]) -> list[Unsafe]:
    return list(plan_of(engine, make_target(files), LATER).unsafe)


def told(found: Collection[Unsafe]) -> list[tuple[str, str, str]]:
    return [(one.code, one.key, one.message) for one in found]


def test_lowest_margin_judges_what_changes(engine: Engine) -> None:
    before = guarded(SMALL_CONFIG, "lowest_margin: 1.4")
    # The file's default of 1.3 is lower and stays: nothing that is there already is refused.
    apply_files(engine, before)
    assert told(unsafe(engine, guarded(appended("1.399999"), "lowest_margin: 1.4"))) == [
        ("LOWEST_MARGIN", "price openai/gpt-4o@2026-07-01", "its margin of 1.399999 is below 1.4")
    ]
    assert unsafe(engine, guarded(appended("1.4"), "lowest_margin: 1.4")) == []


def test_a_plan_s_own_margin_counts(engine: Engine) -> None:
    apply_files(engine, guarded(SMALL_CONFIG, "lowest_margin: 1.1"))
    files = guarded(appended("{default: 2, plans: {pro: 1.05}}"), "lowest_margin: 1.1")
    assert told(unsafe(engine, files)) == [
        ("LOWEST_MARGIN", "price openai/gpt-4o@2026-07-01", "its margin of 1.05 for pro is below 1.1")
    ]


@pytest.mark.parametrize(
    ("charge", "message"),
    [
        (
            "{per_million: {input: 2.5, output: 9.99, cache_read: 1.25}}",
            "it sells below cost: 0.999 times the cost for output",
        ),
        (
            "{per_million: {input: 5, output: 20, cache_read: 2}, above_input: [{from: 9, per_million: {input: 2}}]}",
            "it sells below cost: 0.8 times the cost for input above an input of 9",
        ),
    ],
)
def test_no_unit_of_a_list_price_is_below_cost(engine: Engine, charge: str, message: str) -> None:
    apply_files(engine, guarded(SMALL_CONFIG, "no_price_below_cost: true"))
    files = appended("1.5")
    files["pricing/openai.yaml"] = (
        files["pricing/openai.yaml"].rpartition("      margin")[0] + f"      charge: {charge}\n"
    )
    assert told(unsafe(engine, guarded(files, "no_price_below_cost: true"))) == [
        ("PRICE_BELOW_COST", "price openai/gpt-4o@2026-07-01", message)
    ]


def test_credit_burn_is_judged_by_what_a_credit_is_worth(engine: Engine) -> None:
    settings = SMALL_CONFIG["settings.yaml"]
    burn = "credit_burn: {tokens_per_credit: %s, weights: {input: 0.25, output: 1}}\n"
    rates = "input: 2.50, output: 10.00"
    files = appended("1.5", rates=rates)
    pricing = files["pricing/openai.yaml"].replace("      margin: 1.5\n", "      credits: {multiplier: 1}\n")
    pricing = pricing.replace("        cache_read: 1.25\n", "")

    def with_burn(tokens: int) -> dict[str, str]:
        changed = {**files, "pricing/openai.yaml": pricing, "settings.yaml": settings + burn % tokens}
        return guarded(changed, "no_price_below_cost: true")

    apply_files(engine, with_burn(10))
    # A million output tokens are 200,000 credits at 5 tokens a credit: 20 USD for a cost of 10.
    assert unsafe(engine, with_burn(5)) == []
    found = unsafe(engine, with_burn(100))
    assert [(one.code, one.key) for one in found] == [
        ("PRICE_BELOW_COST", "price openai/gpt-4o@2026-01-01"),
        ("PRICE_BELOW_COST", "price openai/gpt-4o@2026-07-01"),
    ]
    assert found[0].message == "it sells below cost: 0.1 times the cost for input"


def test_bills_may_rise_to_the_limit_and_not_beyond(engine: Engine) -> None:
    limit = "largest_bill_rise_percent: 20"
    apply_files(engine, guarded(SMALL_CONFIG, limit))
    record(engine, [call(1, GPT), call(2, GPT, "acct-2"), call(3, account="acct-2")])
    assert unsafe(engine, guarded(appended("1.8"), limit)) == []
    assert told(unsafe(engine, guarded(appended("1.800001"), limit))) == [
        (
            "BILL_RISE",
            "account acct-1",
            "its bill of the last 30 days would rise by 21 %, from $3.75 to $4.5000025; 20 % is allowed",
        )
    ]
    later = unsafe(engine, guarded(appended("6", "2026-09-01"), limit))
    assert [one.key for one in later] == ["account acct-1", "account acct-2"]
    assert "would rise by 300 % from 2026-09-01 on, from $3.75 to $15;" in later[0].message


def test_a_bill_from_nothing_is_a_rise(engine: Engine) -> None:
    limit = "largest_bill_rise_percent: 900"
    tasks = SMALL_CONFIG["tasks.yaml"]
    free = tasks.replace("out of documents\n", "out of documents\n    billable: false\n")
    apply_files(engine, guarded({**SMALL_CONFIG, "tasks.yaml": free}, limit))
    record(engine, [call(1, task="extraction")])
    (found,) = unsafe(engine, guarded(SMALL_CONFIG, limit))
    assert "would rise from nothing, from $0 to $3;" in found.message


@pytest.mark.parametrize(
    ("count", "percent", "most"),
    [(1, 40, 1), (2, 40, 1), (8, 30, 2), (9, 30, 2), (10, 30, 3), (500, 60, 300), (9, 0, 0)],
)
def test_share_has_a_floor_that_leaves_small_sets_editable_and_guarded(count: int, percent: int, most: int) -> None:
    assert allowed(count, percent) == most


def test_eight_of_eight_are_never_deleted_without_a_word(engine: Engine) -> None:
    """No set is too small for the guard."""
    packs = "packs:\n" + "".join(f"  P{number}: {{price: 5, credits: 50}}\n" for number in range(8))
    one = "packs:\n  P0: {price: 5, credits: 50}\n"
    limit = "max_delete_percent: 30"
    apply_files(engine, guarded({**SMALL_CONFIG, "credit_packs.yaml": packs}, limit))
    assert told(unsafe(engine, guarded({**SMALL_CONFIG, "credit_packs.yaml": one}, limit))) == [
        ("TOO_MANY_DELETES", "pack", "7 of 8 would be deleted; 30 % is allowed")
    ]
    without = {name: text for name, text in SMALL_CONFIG.items() if name != "credit_packs.yaml"}
    assert [found[0] for found in told(unsafe(engine, guarded(without, limit)))] == ["DELETES_ALL", "TOO_MANY_DELETES"]


def test_too_many_updates(engine: Engine) -> None:
    limit = "max_update_percent: 50"
    apply_files(engine, guarded(SMALL_CONFIG, limit))
    packs = SMALL_CONFIG["credit_packs.yaml"].replace("price: 5\n", "price: 6\n").replace("price: 15\n", "price: 16\n")
    assert told(unsafe(engine, guarded({**SMALL_CONFIG, "credit_packs.yaml": packs}, limit))) == [
        ("TOO_MANY_UPDATES", "pack", "2 of 2 would be updated; 50 % is allowed")
    ]


def test_a_change_cannot_loosen_the_guardrail_that_it_passes(engine: Engine) -> None:
    apply_files(engine, guarded(SMALL_CONFIG, "lowest_margin: 1.4"))
    assert [one.code for one in unsafe(engine, appended("1.2"))][-1] == "LOWEST_MARGIN"
    assert [one.code for one in unsafe(engine, guarded(appended("1.2"), "lowest_margin: 1.1"))] == ["LOWEST_MARGIN"]
    apply_files(engine, guarded(SMALL_CONFIG, "lowest_margin: 1.1"), LATER - timedelta(days=1))
    assert unsafe(engine, guarded(appended("1.2"), "lowest_margin: 1.1")) == []


def test_a_tighter_guardrail_counts_at_once(engine: Engine) -> None:
    apply_files(engine, SMALL_CONFIG)
    assert [one.code for one in unsafe(engine, guarded(appended("1.2"), "lowest_margin: 1.3"))] == ["LOWEST_MARGIN"]


def test_apply_refuses_a_breach_unless_forced_or_approved(engine: Engine) -> None:
    limit = "lowest_margin: 1.4"
    apply_files(engine, guarded(SMALL_CONFIG, limit))
    files = guarded(appended("1.2"), limit)
    with pytest.raises(RefusedError) as refused:
        apply_files(engine, files, LATER)
    assert str(refused.value) == (
        "price openai/gpt-4o@2026-07-01: its margin of 1.2 is below 1.4; --force or an approval allows it"
        " [LOWEST_MARGIN]"
    )
    approved = guarded(appended("1.2"), limit, approval("LOWEST_MARGIN", "price openai/gpt-4o@2026-07-01"))
    assert apply_files(engine, approved, LATER).changed
    with reading(engine) as connection:
        after = connection.execute(select(audit_log.c.after).order_by(audit_log.c.id.desc()).limit(1)).scalar_one()
    assert after["approved"] == [
        {
            "code": "LOWEST_MARGIN",
            "key": "price openai/gpt-4o@2026-07-01",
            "by": "Finance Desk",
            "until": "2026-07-01",
            "reason": "agreed",
        }
    ]


@pytest.mark.parametrize(
    ("code", "key", "until", "passes"),
    [
        ("LOWEST_MARGIN", "", "2026-07-01", True),
        ("LOWEST_MARGIN", "price openai/gpt-4o@2026-07-01", "2026-07-01", True),
        ("LOWEST_MARGIN", "price openai/gpt-4o@2026-07-02", "2026-07-01", False),
        ("LOWEST_MARGIN", "", "2026-06-30", False),
        ("PRICE_BELOW_COST", "", "2026-07-01", False),
    ],
)
def test_an_approval_is_named_and_dated(engine: Engine, code: str, key: str, until: str, passes: bool) -> None:
    limit = "lowest_margin: 1.4"
    apply_files(engine, guarded(SMALL_CONFIG, limit))
    (found,) = unsafe(engine, guarded(appended("1.2"), limit, approval(code, key, until)))
    assert (found.approved is not None) is passes
    if passes:
        assert found.way_out == f"approved by Finance Desk until {until}: agreed"
        assert found.as_json()["approved"] == {"by": "Finance Desk", "until": until, "reason": "agreed"}


def test_an_approved_price_in_effect_is_repriced_and_no_other(engine: Engine) -> None:
    def with_margins(first: str, second: str, approvals: str = "") -> dict[str, str]:
        pricing = SMALL_CONFIG["pricing/anthropic.yaml"].replace("margin: 3.0", f"margin: {first}")
        openai = SMALL_CONFIG["pricing/openai.yaml"].replace("margin: 1.5", f"margin: {second}")
        return {
            **SMALL_CONFIG,
            "pricing/anthropic.yaml": pricing,
            "pricing/openai.yaml": openai,
            "ratecard.yaml": f"base_branch: main\n{approvals}",
        }

    apply_files(engine, with_margins("3.0", "1.5"))
    key = "price anthropic/claude-haiku-4-5@2026-01-01"
    files = with_margins("3.1", "1.5", approval("PRICE_IN_EFFECT", key))
    plan = plan_of(engine, make_target(files), LATER)
    assert [(one.key, one.approved is not None) for one in plan.unsafe] == [(key, True)]
    apply_plan(engine, plan, make_target(files), now=LATER, applied_by="Release Desk")
    book = Meter(engine, now=lambda: LATER).book
    before = book.price_at("anthropic", "claude-haiku-4-5", LATER - timedelta(days=90))
    assert before is not None
    assert before.margin_micros == 3_100_000


def test_what_accounts_depend_on_is_never_allowed(engine: Engine) -> None:
    apply_files(engine, SMALL_CONFIG)
    record(engine, [call(1)])
    plans = "plans:\n  pro:\n" + SMALL_CONFIG["plans.yaml"].partition("  pro:\n")[2]
    settings = SMALL_CONFIG["settings.yaml"].replace("default_plan: free", "default_plan: pro")
    files = {**SMALL_CONFIG, "plans.yaml": plans, "settings.yaml": settings}
    plan = plan_of(engine, make_target(files), LATER)
    assert [(one.code, one.key, one.approved) for one in plan.unsafe] == [("PLAN_IN_USE", "plan free", None)]
    with pytest.raises(RefusedError, match=r"no option allows it \[PLAN_IN_USE\]"):
        guard(plan, [option for option in ALLOWED_BY.values() if option])
