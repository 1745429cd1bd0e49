from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine

from metering.meter import Meter
from metering.usage import Usage
from sync.impact import Pair, Scenario
from tests.small_config import SMALL_CONFIG
from tests.sync.impact.calls import GPT, HAIKU, NANO, SONNET, call, cost_nanos, impact_of, mixed_calls, record
from tests.sync.targets import LATER, apply_files, make_target, plan_of

BOTH = {"input": "1", "output": "5", "cache_read": "0.1"}
LARGE = {"input": "6", "output": "22.5", "cache_read": "0.3"}
SMALL = {"input": "3", "output": "15", "cache_read": "0.3"}


def with_price(file: str, old: str, new: str) -> dict[str, str]:
    text = SMALL_CONFIG[f"pricing/{file}.yaml"]
    assert old in text
    return {**SMALL_CONFIG, f"pricing/{file}.yaml": text.replace(old, new)}


def appended(margin: str, effective: str = "2026-07-01", file: str = "openai", rates: str = "") -> dict[str, str]:
    """Another entry for gpt-4o."""
    rates = rates or "input: 2.50, output: 10.00, cache_read: 1.25"
    entry = f"    - effective: {effective}\n      per_million: {{{rates}}}\n      margin: {margin}\n"
    return {**SMALL_CONFIG, "pricing/openai.yaml": SMALL_CONFIG["pricing/openai.yaml"] + entry}


def rerouted(*replacements: tuple[str, str]) -> dict[str, str]:
    text = SMALL_CONFIG["routing/anthropic.yaml"]
    for old, new in replacements:
        text = text.replace(old, new)
    return {**SMALL_CONFIG, "routing/anthropic.yaml": text}


def only(engine: Engine, files: dict[str, str]) -> Scenario:
    (scenario,) = impact_of(engine, make_target(files)).scenarios
    return scenario


def test_words_move_no_money_and_no_usage_is_read(engine: Engine) -> None:
    apply_files(engine, SMALL_CONFIG)
    record(engine, [call(1)])
    files = {**SMALL_CONFIG, "registry/openai.yaml": SMALL_CONFIG["registry/openai.yaml"].replace("GPT-4o", "GPT 4o")}
    impact = impact_of(engine, make_target(files))
    assert (impact.events, impact.scenarios) == (0, ())


def test_a_new_margin_is_exact_by_model_plan_and_account(engine: Engine) -> None:
    apply_files(engine, SMALL_CONFIG)
    calls = list(mixed_calls(400))
    record(engine, calls)
    scenario = only(engine, appended("1.75"))
    charges: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    cost = 0
    for usage in calls:
        if usage.provider == "openai":
            rates = {"input": "2.5", "output": "10", "cache_read": "1.25"}
            cost += cost_nanos(usage, rates)
            for place, margin in enumerate(("1.5", "1.75")):
                charges[usage.account][place] += cost_nanos(usage, rates, margin)
    assert list(scenario.by_model) == [GPT]
    total = Pair(sum(one[0] for one in charges.values()), sum(one[1] for one in charges.values()))
    assert scenario.by_model[GPT].charge == total
    assert scenario.by_model[GPT].cost == Pair(cost, cost)
    assert scenario.total.charge.change == total.change
    assert {name: sums.charge.change for name, sums in scenario.by_account.items()} == {
        name: after - before for name, (before, after) in charges.items()
    }
    assert list(scenario.by_plan) == ["free"]
    assert scenario.bound == 0
    assert scenario.repriced == sum(usage.provider == "openai" for usage in calls)
    changes = [sums.charge.change for sums in scenario.pay_more.values()]
    assert changes == sorted(changes, reverse=True)
    assert scenario.pay_less == {}


def test_a_moved_tier_reprices_each_call_by_its_own_input(engine: Engine) -> None:
    apply_files(engine, SMALL_CONFIG)
    calls = list(mixed_calls(400))
    record(engine, calls)
    files = with_price("anthropic", "- from: 200000", "- from: 100000")
    scenario = only(engine, files)
    sums = scenario.by_model[SONNET]
    expected = [0, 0]
    for usage in calls:
        if usage.model == "claude-sonnet-4-5":
            size = int(usage.units["input"]) + int(usage.units["cache_read"])
            for place, start in enumerate((200_000, 100_000)):
                expected[place] += cost_nanos(usage, LARGE if size > start else SMALL)
    assert sums.cost == Pair(*expected)
    assert scenario.bound == 0


def test_summed_up_usage_is_within_its_bound(engine: Engine) -> None:
    apply_files(engine, SMALL_CONFIG)
    calls = list(mixed_calls(400))
    record(engine, calls)
    files = with_price("anthropic", "- from: 200000", "- from: 100000")
    (exact,) = impact_of(engine, make_target(files)).scenarios
    (summed,) = impact_of(engine, make_target(files), most_single_calls=10).scenarios
    assert exact.bound == 0
    assert 0 < summed.bound <= 400
    for name in ("cost", "charge"):
        for one, other in zip(getattr(exact.total, name), getattr(summed.total, name), strict=True):
            assert abs(one - other) <= summed.bound
    assert summed.repriced == exact.repriced


def test_dated_prices_show_now_and_from_their_date(engine: Engine) -> None:
    apply_files(engine, SMALL_CONFIG)
    record(engine, [call(1, GPT), call(2, GPT, "acct-2")])
    impact = impact_of(engine, make_target(appended("2", "2026-09-01")))
    now, later = impact.scenarios
    assert (now.at, now.changes) == (None, False)
    assert later.at == datetime(2026, 9, 1, tzinfo=UTC)
    assert later.total.charge == Pair(2 * 3_750_000_000, 2 * 5_000_000_000)
    assert later.total.margins == ("1.5", "2")


def test_a_price_that_arrives_late_counts_from_now(engine: Engine) -> None:
    apply_files(engine, SMALL_CONFIG)
    record(engine, [call(1, GPT)])
    scenario = only(engine, appended("2", "2026-06-15"))
    assert scenario.total.charge == Pair(3_750_000_000, 5_000_000_000)


def test_calls_outside_of_the_window_do_not_count(engine: Engine) -> None:
    apply_files(engine, SMALL_CONFIG)
    record(engine, [call(1, GPT), call(2, GPT, occurred_at=LATER - timedelta(days=31))])
    impact = impact_of(engine, make_target(appended("2")))
    assert impact.events == 1
    assert impact.scenarios[0].total.charge == Pair(3_750_000_000, 5_000_000_000)


def test_unpriced_calls_come_to_something_when_their_price_lands(engine: Engine) -> None:
    apply_files(engine, SMALL_CONFIG)
    record(engine, [call(1, "openai/gpt-new")])
    registry = SMALL_CONFIG["registry/openai.yaml"] + "  gpt-new: {display_name: New, type: llm}\n"
    pricing = SMALL_CONFIG["pricing/openai.yaml"] + (
        "  gpt-new:\n    - {effective: 2026-01-01, per_million: {input: 2, output: 4}, margin: 1.5}\n"
    )
    scenario = only(engine, {**SMALL_CONFIG, "registry/openai.yaml": registry, "pricing/openai.yaml": pricing})
    assert scenario.by_model["openai/gpt-new"].cost == Pair(0, 2 * NANO)
    assert scenario.by_model["openai/gpt-new"].charge == Pair(0, 3 * NANO)


def test_a_task_that_is_no_longer_billable_frees_its_calls_only(engine: Engine) -> None:
    apply_files(engine, SMALL_CONFIG)
    record(engine, [call(1, task="extraction"), call(2, task="chat_response")])
    tasks = SMALL_CONFIG["tasks.yaml"].replace("out of documents\n", "out of documents\n    billable: false\n")
    scenario = only(engine, {**SMALL_CONFIG, "tasks.yaml": tasks})
    assert scenario.total.charge == Pair(6 * NANO, 3 * NANO)
    assert scenario.total.cost.change == 0


def test_a_changed_route_is_replayed_over_the_calls_of_its_task(engine: Engine) -> None:
    apply_files(engine, SMALL_CONFIG)
    calls = [call(1, HAIKU, task="extraction"), call(2, HAIKU, task="chat_response"), call(3, SONNET)]
    record(engine, calls)
    routing = SMALL_CONFIG["routing/anthropic.yaml"].replace(
        "extraction: claude-haiku-4-5", "extraction: openai/gpt-4o"
    )
    scenario = only(engine, {**SMALL_CONFIG, "routing/anthropic.yaml": routing})
    assert scenario.routes == {"anthropic/extraction": 1}
    # Of the re-priced calls: the other call of the model is not among them.
    assert scenario.by_model[HAIKU].charge == Pair(3 * NANO, 0)
    assert scenario.by_model[GPT].charge == Pair(0, 3_750_000_000)
    assert scenario.total.charge == Pair(13_800_000_000, 14_550_000_000)
    assert SONNET not in scenario.by_model


def test_changed_weights_move_as_many_callers_as_they_say(engine: Engine) -> None:
    apply_files(engine, SMALL_CONFIG)
    record(engine, [call(n, SONNET, task="chat_response", user=f"user-{n}", units={"input": 1000}) for n in range(900)])
    routing = (
        SMALL_CONFIG["routing/anthropic.yaml"].replace("weight: 90", "weight: 30").replace("weight: 10", "weight: 70")
    )
    files = {**SMALL_CONFIG, "routing/anthropic.yaml": routing}
    scenario = only(engine, files)
    # Two thirds of those who were on the model, give or take four standard deviations.
    assert abs(scenario.routes["anthropic/chat_response"] - 600) < 57
    (summed,) = impact_of(engine, make_target(files), most_single_calls=1).scenarios
    assert summed.routes == scenario.routes


def test_revenue_follows_the_wallets(engine: Engine) -> None:
    apply_files(engine, SMALL_CONFIG)
    meter = Meter(engine, now=lambda: LATER)
    meter.wallets.grant("paid", "purchase", key="pack", usd=35, paid=30)
    meter.wallets.grant("given", "promo", key="gift", usd=50)
    record(engine, [call(1, GPT, "paid"), call(2, GPT, "given"), call(3, GPT, "owes")])
    scenario = only(engine, appended("2.5"))
    changes = {name: sums.revenue.change for name, sums in scenario.by_account.items()}
    # 2.5 USD more each: 0.1 by the signup grant, then by credit bought at 30 for 35, by a gift, and by nobody.
    assert changes == {"paid": 2_057_142_857, "given": 0, "owes": 2_400_000_000}
    assert scenario.total.revenue.change == sum(changes.values())


def test_revenue_falls_by_what_was_owed_or_paid(engine: Engine) -> None:
    apply_files(engine, SMALL_CONFIG)
    meter = Meter(engine, now=lambda: LATER - timedelta(days=1))
    meter.wallets.grant("paid", "purchase", key="pack", usd=35, paid=30)
    record(engine, [call(1, GPT, "paid"), call(2, GPT, "owes")])
    scenario = only(engine, appended("1"))
    changes = {name: sums.revenue.change for name, sums in scenario.by_account.items()}
    # 1.25 USD less each, given back in the reverse order of burning: what was owed, and credit bought at 30 for 35.
    assert changes == {"owes": -1_250_000_000, "paid": -1_071_428_571}
    assert list(scenario.pay_less) == ["owes", "paid"]


def test_wallets_that_would_have_gone_below_zero(engine: Engine) -> None:
    apply_files(engine, SMALL_CONFIG)
    meter = Meter(engine, now=lambda: LATER)
    for account, usd in (("tight", 9), ("rich", 90), ("late", 9)):
        meter.wallets.grant(account, "promo", key="gift", usd=usd)
    record(engine, [call(n, GPT, account) for n, account in enumerate(["tight", "tight", "rich", "owes"])])
    record(engine, [call(10, GPT, "late")])
    meter.wallets.grant("late", "promo", key="more", usd=90)
    record(engine, [call(11, GPT, "late"), call(12, GPT, "late")])
    scenario = only(engine, appended("2"))
    # 9.6 with the signup grant and what the plan includes, less two calls of 5 instead of 3.75 USD; `owes` was below
    # zero as it was, and what `late` spent more came after its second gift.
    assert [(wallet.account, wallet.lowest, wallet.on) for wallet in scenario.wallets] == [
        ("tight", -400_000_000, "2026-07-01")
    ]


def test_sums_of_cells_agree_with_the_whole(engine: Engine) -> None:
    apply_files(engine, SMALL_CONFIG)
    record(engine, list(mixed_calls(300)))
    scenario = only(engine, with_price("anthropic", "margin: 1.3", "margin: 1.45"))
    for name in ("cost", "charge", "revenue"):
        whole = getattr(scenario.total, name).change
        for part in (scenario.by_model, scenario.by_plan, scenario.by_account):
            assert sum(getattr(sums, name).change for sums in part.values()) == whole


@pytest.mark.parametrize("days", [1, 30])
def test_plan_carries_its_impact_in_json(engine: Engine, days: int) -> None:
    apply_files(engine, SMALL_CONFIG)
    record(engine, [call(1, GPT)])
    told = plan_of(engine, make_target(appended("2")), LATER, days=days).as_json()["impact"]
    assert (told["days"], told["events"], told["scenarios"][0]["from"]) == (days, 1, "now")
    total = told["scenarios"][0]["total"]
    assert total["charge_usd"] == {"before": "3.75", "after": "5"}
    # 0.50 USD of the charge are met by what the plan includes: no revenue.
    assert total["profit_usd"] == {"before": "0.75", "after": "1.9"}
    assert total["margin"] == {"before": "1.5", "after": "2"}
    assert told["scenarios"][0]["by_account"]["pay_more"][0]["account"] == "acct-1"
    assert told["scenarios"][0]["exact"] is True


FEATURES = """\
features:
  web_search:
    cost_type: per_use
    amount: 0.01
    multiplier: {multiplier}
  image_gen:
    cost_type: per_image
    amount: 0.04
    mode: replace
"""


def test_a_changed_feature_is_measured_on_its_uses(engine: Engine) -> None:
    """Also on uses that called no model; calls without the feature are left out."""
    before = {**SMALL_CONFIG, "features.yaml": FEATURES.format(multiplier="1.5")}
    apply_files(engine, before)
    plain = call(1, GPT)
    uses = [
        replace(call(2, GPT), feature="web_search"),
        Usage(event_id="alone", account="acct-1", feature="web_search", occurred_at=plain.occurred_at),
        replace(call(3, GPT), feature="image_gen"),
    ]
    record(engine, [plain, *uses])
    scenario = only(engine, {**before, "features.yaml": FEATURES.format(multiplier="2.5")})
    assert scenario.total.charge.change == 2 * 10_000_000
    assert {name: sums.charge.change for name, sums in scenario.by_model.items()} == {
        "openai/gpt-4o": 10_000_000,
        "(none)": 10_000_000,
    }
    gone = {**before, "features.yaml": "features: {}\n"}
    gpt_charge = 3_750_000_000
    change = only(engine, gone).total.charge.change
    # Two searches of 0.015 USD are no longer charged; the image's call is charged as any other again.
    assert change == -2 * 15_000_000 + gpt_charge - 40_000_000


def test_summed_uses_that_count_no_images_are_one_each(engine: Engine) -> None:
    before = {**SMALL_CONFIG, "features.yaml": FEATURES.format(multiplier="1")}
    apply_files(engine, before)
    uses = [
        Usage(event_id=f"use-{number}", account="acct-1", feature=feature, occurred_at=call(1).occurred_at, units=units)
        for number, (feature, units) in enumerate(
            [("image_gen", {}), ("image_gen", {}), ("image_gen", {"image": 4}), ("web_search", {"image": 2})]
        )
    ]
    record(engine, uses)
    after = make_target({**before, "features.yaml": "features: {}\n"})
    for most in (20_000, 1):
        (scenario,) = impact_of(engine, after, most_single_calls=most).scenarios
        assert scenario.total.charge.before == (1 + 1 + 4) * 40_000_000 + 10_000_000
        assert scenario.total.charge.after == 0
