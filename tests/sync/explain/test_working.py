from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metering.rating.credit_burn import read_credit_burn
from metering.rating.features import Feature
from metering.rating.price import Price
from metering.rating.rating import burn_charge, exact_amounts, rate, with_feature
from metering.rating.run_units import RunUnits, ToolCall
from schema.money import MICRO, micros
from schema.units import UNITS, stored_per_unit
from sync.explain.run_count import count_run
from sync.explain.working import exact_text, work_out
from tests.metering.rate_card import make_price, per_million, price_row

BURN = read_credit_burn(None, 10_000)
TIERS = [{"from": 100, "rates": per_million(input="6")}, {"from": 1_000, "rates": per_million(output="30")}]


def tiered(**values: object) -> Price:
    return make_price(rates=per_million(input="3", output="15"), tiers=TIERS, margin_micros=1_300_000, **values)


def test_a_margin_is_taken_of_the_exact_cost() -> None:
    price = make_price(rates=per_million(input="0.000001", output="5"), margin_micros=3_000_000)
    working = work_out(price, BURN, {"input": 7, "output": 1}, plan="free")
    assert [(line.unit, line.count, line.amount) for line in working.cost_lines] == [
        ("input", 7, Fraction(7, 10**12)),
        ("output", 1, Fraction(5, 10**6)),
    ]
    assert (exact_text(working.exact_cost), working.cost_nanos) == ("0.000005000007", 5_000)
    assert (exact_text(working.exact_charge), working.charge_nanos) == ("0.000015000021", 15_000)


def test_a_tier_takes_the_whole_call_and_inherits() -> None:
    low = work_out(tiered(), BURN, {"input": 100, "output": 1}, plan="free")
    assert (low.tier_from, [line.tier_from for line in low.cost_lines]) == (None, [None, None])
    middle = work_out(tiered(), BURN, {"input": 101, "output": 1}, plan="free")
    assert (middle.tier_from, [line.tier_from for line in middle.cost_lines]) == (100, [100, None])
    high = work_out(tiered(), BURN, {"input": 1, "cache_read": 1_000, "output": 1}, plan="free")
    assert [(line.unit, line.rate_of, line.tier_from) for line in high.cost_lines] == [
        ("input", "input", 100),
        ("output", "output", 1_000),
        ("cache_read", "input", 100),
    ]
    assert [exact_text(line.rate * 10**6) for line in high.cost_lines] == ["6", "30", "6"]


def test_plans_levels_and_free_tasks() -> None:
    price = tiered(plan_margins={"pro": 2_500_000})
    pro = work_out(price, BURN, {"output": 2}, plan="pro", output_multiplier_micros=1_500_000)
    assert (pro.margin, pro.margin_plan, exact_text(pro.exact_cost)) == (Fraction(5, 2), "pro", "0.000045")
    assert pro.cost_lines[0].multiplier == Fraction(3, 2)
    free = work_out(price, BURN, {"output": 2}, plan="free", billable=False)
    assert (free.way, free.cost_nanos, free.charge_nanos) == ("free", 30_000, 0)


def test_credits_are_weighted_tokens() -> None:
    price = make_price(credits_micros=500_000, margin_micros=None)
    working = work_out(price, BURN, {"input": 4_000, "output": 10}, plan="free")
    assert (working.way, working.credits_multiplier) == ("credits", Fraction(1, 2))
    tokens = sum(line.amount for line in working.charge_lines)
    assert tokens == sum(
        Fraction(BURN.weights[unit], 10**6) * count for unit, count in (("input", 4_000), ("output", 10))
    )
    assert working.exact_charge == tokens / 2 / BURN.tokens_per_credit / 10_000
    unknown = work_out(None, BURN, {"output": 123}, plan="free", credits_micros=1_000_000)
    assert (unknown.cost_nanos, unknown.charge_nanos) == (0, burn_charge(BURN, 1_000_000, {"output": 123}))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Fraction(0), "0"),
        (Fraction(3), "3"),
        (Fraction(-1, 8), "-0.125"),
        (Fraction(1, 3), "0.333333333333333333…"),
        (Fraction(1, 10**18), "0.000000000000000001"),
    ],
)
def test_exact_text(value: Fraction, text: str) -> None:
    assert exact_text(value) == text


ways = st.sampled_from(["margin", "list", "credits"])
rates = st.integers(0, 10**9)
counts = st.dictionaries(st.sampled_from(UNITS), st.integers(0, 10**7), max_size=8)


@given(ways, rates, rates, rates, counts, st.integers(0, 3_000_000), st.sampled_from([None, "pro"]))
def test_steps_come_to_what_rating_charges(
    way: str, first: int, second: int, third: int, units: dict[str, int], multiplier: int, plan: str | None
) -> None:
    every = dict.fromkeys(UNITS, first)
    tiers = [{"from": 10_000, "rates": {"input": second}}, {"from": 1_000_000, "rates": {"output": third}}]
    row = price_row(
        "anthropic",
        "haiku",
        datetime(2026, 1, 1, tzinfo=UTC),
        rates=every,
        tiers=tiers,
        margin_micros=micros(Decimal("1.3")) if way == "margin" else None,
        plan_margins={"pro": 1_250_001} if way == "margin" else {},
        charge_rates={**every, "page": third} if way == "list" else None,
        charge_tiers=tiers if way == "list" else None,
        credits_micros=777_777 if way == "credits" else None,
    )
    burn = {"weights": dict.fromkeys(UNITS, "0.25"), "tokens_per_credit": 997}
    price = Price.from_row(row, credit_burn=burn, credits_per_dollar=9_999)
    working = work_out(
        price, read_credit_burn(burn, 9_999), units, plan=plan or "free", output_multiplier_micros=multiplier
    )
    rated = rate(price, units, plan=plan or "free", output_multiplier_micros=multiplier)
    assert (working.cost_nanos, working.charge_nanos) == (rated.cost_nanos, rated.charge_nanos)
    assert all(line.count == Fraction(units[line.unit], stored_per_unit(line.unit)) for line in working.cost_lines)


@given(
    rates,
    rates,
    counts,
    st.sampled_from(["per_token", "per_use", "per_image"]),
    st.booleans(),
    st.booleans(),
    st.dictionaries(st.sampled_from(["free", "pro"]), st.tuples(rates, st.integers(0, 3_000_000))),
    st.booleans(),
)
def test_steps_with_a_feature_come_to_what_rating_charges(
    first: int,
    amount: int,
    units: dict[str, int],
    cost_type: str,
    billable: bool,
    replaces: bool,
    plans: dict[str, tuple[int, int]],
    called: bool,
) -> None:
    price = make_price(rates=dict.fromkeys(UNITS, first), margin_micros=1_234_567)
    feature = Feature("f", cost_type, amount, 1_100_001, plans, billable, replaces)
    working = work_out(price if called else None, BURN, units, plan="free", feature=feature, called=called)
    charge = exact_amounts(price, units, "free", MICRO)[1] if called else (0, 1)
    assert working.charge_nanos == with_feature(charge, feature, units, "free")
    free = work_out(price, BURN, units, plan="free", feature=feature, billable=False)
    assert (free.feature, free.charge_nanos) == (None, 0)


RUNS = RunUnits.from_rows(
    [
        {"name": "minimum", "value_micros": 50_000},
        {"name": "decimals", "value_micros": 4_000_000},
        {"name": "tier/heavy", "value_micros": 1_500_000},
        {"name": "tool/build", "value_micros": 500_000},
    ]
)
seconds = st.one_of(st.none(), st.integers(0, 10**10))


@given(
    st.builds(
        ToolCall,
        tool=st.sampled_from(["build", "other", None]),
        tier=st.sampled_from(["heavy", "other", None]),
        cpu_micros=seconds,
        gpu_micros=seconds,
        latency_ms=seconds,
    )
)
def test_a_run_counted_in_steps_comes_to_what_was_counted(call: ToolCall) -> None:
    counted = RUNS.count(call)
    run = count_run(RUNS, call, counted)
    if not call.measured:
        assert run is None
        return
    assert run is not None
    exact = Fraction(round(run.exact * 10**run.decimals), 10**run.decimals)
    assert max(exact, run.minimum) == run.counted == Fraction(counted, MICRO)
    assert count_run(RUNS, call, counted + 1) is None
