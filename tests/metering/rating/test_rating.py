"""Rating, against numbers worked out by hand and against fractions."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metering.errors import NoPricingError, UnknownUnitError
from metering.rating.credit_burn import read_credit_burn
from metering.rating.price import Price
from metering.rating.rating import Rated, burn_charge, rate
from schema.money import micros, rate_from_per_unit, usd
from schema.units import DECIMAL_UNITS, INPUT_UNITS, RATE_FALLBACKS, UNITS
from tests.metering.rate_card import make_price, per_million


def cost(price: Price, **units: int) -> Decimal:
    return usd(rate(price, units, plan=None).cost_nanos)


def test_job_scout_bills_raw_times_margin() -> None:
    price = make_price(rates=per_million(input="0.80", output="4"), margin_micros=3_000_000)
    rated = rate(price, {"input": 1000, "output": 500}, plan=None)
    assert (usd(rated.cost_nanos), usd(rated.charge_nanos)) == (Decimal("0.002800"), Decimal("0.008400"))


def test_a_plan_has_its_own_margin() -> None:
    price = make_price(margin_micros=3_000_000, plan_margins={"pro": 2_500_000, "gift": 0})
    units = {"input": 1_000_000}
    assert rate(price, units, plan="free") == Rated(10**9, 3 * 10**9)
    assert rate(price, units, plan=None) == Rated(10**9, 3 * 10**9)
    assert rate(price, units, plan="pro") == Rated(10**9, 2_500_000_000)
    assert rate(price, units, plan="gift") == Rated(10**9, 0)


def test_a_free_model_costs_and_charges_nothing() -> None:
    """A price of zero is a price: LiteLLM 25874 and 38515."""
    price = make_price(rates=per_million(input="0", output="0"))
    assert rate(price, {"input": 10**6, "output": 10**6}, plan=None) == Rated(0, 0)


def test_cached_input_is_not_counted_twice() -> None:
    """LiteLLM 14849: 262,960 prompt tokens of which 257,955 were cached came to $0.7642 instead of $0.1849."""
    price = make_price(rates=per_million(input="1.25", output="10", cache_read="0.625"))
    assert cost(price, input=262_960 - 257_955, cache_read=257_955, output=1744) == Decimal("0.184918125")


def test_cache_writes_are_not_counted_twice() -> None:
    """LiteLLM 9812: 12,304 cache writes came to $0.0913 instead of $0.0544."""
    price = make_price(rates=per_million(input="3", output="15", cache_read="0.30", cache_write="3.75"))
    assert cost(price, input=3, cache_write=12_304, output=550) == Decimal("0.054399")


TIERED = {
    "rates": per_million(input="3", output="15", cache_read="0.30"),
    "tiers": [{"from": 200_000, "rates": per_million(input="6", output="22.50")}],
}


def test_a_tier_takes_the_whole_call_when_its_input_is_greater() -> None:
    price = make_price(**TIERED)
    assert cost(price, input=200_000, output=1000) == Decimal("0.615")
    assert cost(price, input=200_001, output=1000) == Decimal("1.222506")


def test_cached_input_counts_towards_a_tier() -> None:
    price = make_price(**TIERED)
    assert cost(price, input=100_000, cache_read=100_000) == Decimal("0.33")
    assert cost(price, input=100_000, cache_read=100_001) == Decimal("0.6300003")
    assert cost(price, input=1, output=300_000) == Decimal("4.500003")
    assert cost(price, audio_input=300_000) == Decimal("0.9")


def test_a_higher_tier_inherits_the_units_it_does_not_name() -> None:
    price = make_price(
        rates=per_million(input="1", output="2", cache_read="0.5"),
        tiers=[
            {"from": 200, "rates": per_million(output="4")},
            {"from": 100, "rates": per_million(input="3", output="3")},
        ],
    )
    assert cost(price, input=100, output=10) == Decimal("0.00012")
    assert cost(price, input=101, output=10) == Decimal("0.000333")
    assert cost(price, input=201, output=10, cache_read=10) == Decimal("0.000648")


def test_a_tier_decides_before_units_fall_back() -> None:
    """`cache_write` takes the input rate of the tier, not that of the base."""
    price = make_price(rates=per_million(input="1", output="2"), tiers=[{"from": 10, "rates": per_million(input="3")}])
    assert cost(price, input=10, cache_write=1) == Decimal("0.000033")


def test_list_price_tiers_stand_apart_from_those_of_the_cost() -> None:
    price = make_price(
        rates=per_million(input="1", output="2"),
        tiers=[{"from": 100, "rates": per_million(input="2")}],
        charge_rates=per_million(input="10", output="20"),
        charge_tiers=[{"from": 50, "rates": per_million(input="11")}],
    )
    assert rate(price, {"input": 50}, plan="pro") == Rated(50_000, 500_000)
    assert rate(price, {"input": 51}, plan="pro") == Rated(51_000, 561_000)
    assert rate(price, {"input": 101}, plan="pro") == Rated(202_000, 1_111_000)


@pytest.mark.parametrize(
    ("unit", "expected"),
    [
        ("reasoning", "0.000005"),
        ("audio_output", "0.000005"),
        ("cache_read", "0.000001"),
        ("cache_write", "0.000001"),
        ("audio_input", "0.000001"),
        ("cache_write_1h", "0.000001"),
    ],
)
def test_units_without_a_rate_take_another(unit: str, expected: str) -> None:
    price = make_price(rates=per_million(input="1", output="5"))
    assert cost(price, **{unit: 1}) == Decimal(expected)


def test_the_hour_cache_takes_the_rate_of_the_other_cache_first() -> None:
    assert cost(make_price(rates=per_million(input="1", cache_write="1.25")), cache_write_1h=4) == Decimal("0.000005")


def test_a_unit_without_a_rate_is_refused() -> None:
    price = make_price()
    with pytest.raises(NoPricingError) as caught:
        rate(price, {"input": 5, "image": 1}, plan=None)
    assert str(caught.value) == "price anthropic/haiku@2026-01-01 has no rate for 'image'"
    assert rate(price, {"input": 5, "image": 0}, plan=None) == Rated(5_000, 5_000)


def test_a_unit_must_have_a_rate_on_both_sides() -> None:
    price = make_price(charge_rates=per_million(input="4", output="12", image="1"))
    for unit in ("image", "page"):
        with pytest.raises(NoPricingError):
            rate(price, {unit: 1}, plan=None)


def test_an_unknown_unit_is_refused() -> None:
    with pytest.raises(UnknownUnitError) as caught:
        rate(make_price(), {"outputs": 0}, plan=None)
    assert str(caught.value) == "'outputs' is not a unit; did you mean 'output'?"


def test_consumer_tiers_units_are_priced_each() -> None:
    """DOMAIN_FACTS 5: 0.04 an image, 0.20 a video second, 0.0225 a minute of voice."""
    rates = {
        "image": rate_from_per_unit(Decimal("0.04")),
        "video_second": rate_from_per_unit(Decimal("0.20")),
        "audio_minute": rate_from_per_unit(Decimal("0.0225")),
    }
    price = make_price(rates=rates, margin_micros=1_300_000)
    assert cost(price, image=3) == Decimal("0.12")
    assert cost(price, video_second=8_500_000) == Decimal("1.7")
    assert rate(price, {"audio_minute": 1}, plan=None) == Rated(22, 29)  # 22.5 and 29.25 nano-USD
    assert rate(price, {"audio_minute": 3}, plan=None) == Rated(68, 88)  # 67.5 and 87.75


def test_cost_and_charge_are_each_rounded_once_and_half_to_even() -> None:
    price = make_price(rates={"input": 500}, margin_micros=3_000_000)
    assert rate(price, {"input": 1}, plan=None) == Rated(0, 2)  # 0.5 and 1.5
    assert rate(price, {"input": 3}, plan=None) == Rated(2, 4)  # 1.5 and 4.5
    assert rate(price, {"input": 5}, plan=None) == Rated(2, 8)  # 2.5 and 7.5


@pytest.mark.parametrize(
    ("level", "output"), [("1.0", 1000), ("1.1", 1100), ("1.3", 1300), ("1.5", 1500), ("1.000001", "1000.001")]
)
def test_a_reasoning_level_multiplies_the_output_alone(level: str, output: str) -> None:
    price = make_price(rates=per_million(input="1", output="10"), margin_micros=2_000_000)
    rated = rate(
        price,
        {"input": 100, "output": 1000, "reasoning": 7},
        plan=None,
        output_multiplier_micros=micros(Decimal(level)),
    )
    expected = (100 + Decimal(output) * 10 + 70) * 1000
    assert rated == Rated(int(expected), int(expected * 2))


def burned(price_micros: int, per_dollar: int = 10_000, **units: int) -> Decimal:
    price = make_price(credits_per_dollar=per_dollar, credits_micros=price_micros)
    return usd(rate(price, units, plan=None).charge_nanos) * per_dollar


def test_chat_credits_burns_weighted_tokens() -> None:
    """DOMAIN_FACTS 4: (100, 50, 10) weigh 50.0; 10,000 at 0.5 are 0.5 credits."""
    assert burned(1_000_000, input=100, cache_read=50, output=10) == Decimal("50.0") / 10_000
    assert burned(500_000, output=10_000) == Decimal("0.5")
    assert burned(2_000_000, per_dollar=100, output=10_000) == Decimal(2)
    assert burned(1_000_000, reasoning=10_000) == Decimal(1)
    assert burned(1_000_000, cache_write=10_000) == Decimal("0.35")


def test_credit_burn_has_weights_of_its_own() -> None:
    burn = {"weights": {"input": "0.5", "output": "1", "image": "2000"}, "tokens_per_credit": 1000}
    price = make_price(burn, rates={**per_million(input="1", output="1"), "image": 0}, credits_micros=1_000_000)
    rated = rate(price, {"input": 1000, "image": 1}, plan=None)
    assert rated == Rated(1_000_000, 250_000)
    with pytest.raises(NoPricingError):
        rate(make_price(credits_micros=1_000_000, rates={"page": 1}), {"page": 1}, plan=None)


def test_unregistered_models_burn_credits_alone() -> None:
    burn = read_credit_burn(None, 10_000)
    assert burn_charge(burn, 1_000_000, {"input": 100, "cache_read": 50, "output": 10}) == 500
    assert burn_charge(burn, 1_500_000, {"output": 10_000}, output_multiplier_micros=1_100_000) == 165_000
    with pytest.raises(NoPricingError) as caught:
        burn_charge(burn, 1_000_000, {"image": 1})
    assert str(caught.value) == "credit burn has no weight for 'image'"


def half_even(value: Fraction) -> int:
    return round(value)


RATES = st.dictionaries(st.sampled_from(UNITS), st.integers(0, 10**12), min_size=1)
COUNTS = st.dictionaries(st.sampled_from(UNITS), st.integers(0, 10**12), max_size=6)


def by_hand(
    rates: dict[str, int], tiers: list[dict[str, Any]], units: dict[str, int], multiplier: int
) -> Fraction | None:
    """USD of a call in exact fractions; None when a unit has no rate."""
    size = sum(units.get(unit, 0) for unit in INPUT_UNITS)
    named = dict(rates)
    for tier in tiers:
        if size > tier["from"]:
            named.update(tier["rates"])
    total = Fraction(0)
    for unit, parts in units.items():
        source = next((name for name in (unit, *RATE_FALLBACKS.get(unit, ())) if name in named), None)
        count = Fraction(parts, 10**6 if unit in DECIMAL_UNITS else 1)
        if unit == "output":
            count *= Fraction(multiplier, 10**6)
        if count and source is None and unit != "run_unit":
            return None
        if source is not None:
            total += count * Fraction(named[source], 10**12)
    return total


@given(
    rates=RATES,
    higher=st.lists(RATES, max_size=2),
    charge_rates=st.none() | RATES,
    margin=st.integers(0, 10**9),
    units=COUNTS,
    multiplier=st.sampled_from([1_000_000, 1_300_000, 999_999, 0]),
    start=st.integers(0, 10**12),
)
def test_rating_equals_exact_fractions(
    rates: dict[str, int],
    higher: list[dict[str, int]],
    charge_rates: dict[str, int] | None,
    margin: int,
    units: dict[str, int],
    multiplier: int,
    start: int,
) -> None:
    tiers = [{"from": start * (index + 1) // 2, "rates": some} for index, some in enumerate(higher)]
    price = make_price(
        rates=rates,
        tiers=tiers,
        margin_micros=margin if charge_rates is None else None,
        charge_rates=charge_rates,
    )
    cost = by_hand(rates, tiers, units, multiplier)
    if charge_rates is not None:
        charge = by_hand(charge_rates, [], units, multiplier)
    else:
        charge = None if cost is None else cost * Fraction(margin, 10**6)
    if cost is None or charge is None:
        with pytest.raises(NoPricingError):
            rate(price, units, plan=None, output_multiplier_micros=multiplier)
    else:
        rated = rate(price, units, plan=None, output_multiplier_micros=multiplier)
        assert rated == Rated(half_even(cost * 10**9), half_even(charge * 10**9))
