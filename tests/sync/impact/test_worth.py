"""The vectors price as `metering.rating` does, for any price and any call."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as some

from metering.errors import NoPricingError
from metering.rating import rate
from schema.money import MICRO
from schema.units import UNITS
from sync.impact.worth import amounts_of, input_of, worth_of_price
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
@given(
    RATES, TIERS, CHARGES, RATES, CALLS, some.sampled_from(["free", "pro"]), some.sampled_from([1, 1_500_000, MICRO])
)
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
