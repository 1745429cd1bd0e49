"""The vectors price as `metering.rating.rating` does, for any price and any call."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as some

from metering.errors import NoPricingError
from metering.rating.features import Feature
from metering.rating.rating import exact_amounts, rate, with_feature
from schema.money import MICRO, round_half_even
from schema.units import UNITS
from sync.impact.worth import NOTHING, amounts_of, input_of, worth_of_price, worth_with_feature
from tests.metering.rate_card import make_price

RATES = some.dictionaries(some.sampled_from(UNITS), some.integers(0, 10**10), min_size=1)
TIERS = some.lists(
    some.builds(lambda start, rates: {"from": start, "rates": rates}, some.integers(1, 3_000), RATES),
    max_size=2,
    unique_by=lambda tier: tier["from"],
)
CHARGES = some.one_of(
    some.builds(
        lambda margin, plans: {"margin_micros": margin, "plan_margins": plans},
        some.integers(0, 9_000_000),
        some.dictionaries(some.sampled_from(["free", "pro"]), some.integers(0, 9_000_000)),
    ),
    some.builds(lambda rates, tiers: {"charge_rates": rates, "charge_tiers": tiers}, RATES, TIERS),
    some.builds(lambda multiplier: {"credits_micros": multiplier}, some.integers(0, 9_000_000)),
)
PLANS = some.sampled_from(["free", "pro"])
MULTIPLIERS = some.sampled_from([1, 1_500_000, MICRO])
CALLS = some.dictionaries(some.sampled_from(UNITS), some.integers(0, 2_000))


@settings(deadline=None, derandomize=True, max_examples=400)
@given(RATES, TIERS, CHARGES, RATES, CALLS, PLANS, MULTIPLIERS)
def test_vectors_agree_with_rating(
    rates: dict[str, int],
    tiers: list[dict[str, Any]],
    charge: dict[str, Any],
    other: dict[str, int],
    units: dict[str, int],
    plan: str,
    multiplier: int,
) -> None:
    prices = (make_price(rates=rates, tiers=tiers, **charge), make_price(rates=other))
    parts = tuple(units.get(unit, 0) for unit in UNITS)
    size = input_of(parts)
    expected: list[int] = []
    for price in prices:
        try:
            expected += rate(price, units, plan=plan, output_multiplier_micros=multiplier)
        except NoPricingError:
            expected += (0, 0)
    before, after = (worth_of_price(price, plan, multiplier, billable=True).at(size) for price in prices)
    assert list(amounts_of(before, after, parts)) == expected


def test_what_is_not_billable_costs_and_is_not_charged() -> None:
    worth = worth_of_price(make_price(), "free", MICRO, billable=False)
    parts = tuple(1_000_000 if unit == "input" else 0 for unit in UNITS)
    assert amounts_of(worth.base, worth.base, parts) == (10**9, 0, 10**9, 0)


@settings(deadline=None, derandomize=True, max_examples=300)
@given(
    RATES,
    TIERS,
    CHARGES,
    CALLS,
    PLANS,
    MULTIPLIERS,
    some.builds(
        Feature,
        name=some.just("f"),
        cost_type=some.sampled_from(["per_token", "per_use", "per_image"]),
        amount_pico=some.integers(0, 10**12),
        multiplier_micros=some.integers(0, 9_000_000),
        plans=some.dictionaries(PLANS, some.tuples(some.integers(0, 10**12), some.integers(0, 9_000_000))),
        billable=some.booleans(),
        replaces=some.booleans(),
    ),
)
def test_vectors_with_a_feature_agree_with_rating(
    rates: dict[str, int],
    tiers: list[dict[str, Any]],
    charge: dict[str, Any],
    units: dict[str, int],
    plan: str,
    multiplier: int,
    feature: Feature,
) -> None:
    price = make_price(rates=rates, tiers=tiers, **charge)
    parts = tuple(units.get(unit, 0) for unit in UNITS)
    worth = worth_with_feature(worth_of_price(price, plan, multiplier, billable=True), feature, plan)
    found = worth.at(input_of(parts))
    try:
        cost, charged = exact_amounts(price, units, plan, multiplier)
    except NoPricingError:
        expected = (0, 0)
    else:
        expected = (round_half_even(*cost), with_feature(charged, feature, units, plan))
    assert amounts_of(found, found, parts) == expected * 2


def test_a_use_counts_once_a_call_in_sums() -> None:
    feature = Feature("f", "per_use", 10**10, MICRO, {}, True, False)
    worth = worth_with_feature(worth_of_price(make_price(), "free", MICRO, billable=True), feature, "free")
    parts = tuple(0 for _ in UNITS)
    assert amounts_of(worth.base, worth.base, parts, 7) == (0, 70_000_000, 0, 70_000_000)
    counted = tuple(9 if unit == "request" else 0 for unit in UNITS)
    free = worth_with_feature(NOTHING, feature, "free")
    assert amounts_of(free.base, free.base, counted, 7) == (0, 90_000_000, 0, 90_000_000)
