from __future__ import annotations

from decimal import Decimal

import pytest

from sync.feeds.comparing import Ours, differences, suited, taken_over
from sync.feeds.listing import ListPrice, ListTier


def rates(**said):
    return {unit: Decimal(rate) for unit, rate in said.items()}


def ours(tiers=None, **said):
    return Ours(rates(**said), tiers or {})


def listed(tiers=(), also=None, slack=None, **said):
    return ListPrice(
        None, rates(**said), tuple(ListTier(above, named) for above, named in tiers), also or {}, slack or {}
    )


def told(standing, price):
    return [(one.unit, one.above, one.ours, one.listed, one.doubt) for one in differences(standing, price)]


def test_equal_rates_are_no_difference_however_they_are_written():
    assert told(ours(input="2.50", output="10.00"), listed(input="2.5", output="10")) == []


def test_a_rate_that_differs_is_told_with_both_values():
    (one,) = differences(ours(input="2.50", output="10"), listed(input="2", output="10"))
    assert (one.unit, one.ours, one.listed, one.ratio, one.size) == (
        "input",
        Decimal("2.50"),
        Decimal(2),
        Decimal("0.8"),
        Decimal("1.25"),
    )


def test_a_unit_of_ours_that_the_list_does_not_know_is_left_alone():
    assert told(ours(input="1", output="2", request="3"), listed(input="1", output="2")) == []


def test_a_unit_that_we_do_not_name_is_compared_with_the_rate_it_takes():
    standing = ours(input="1", output="2", cache_write="1.25")
    assert told(standing, listed(input="1", output="2", cache_write="1.25", cache_write_1h="1.25")) == []
    price = listed(input="1", output="2", cache_write="1.25", cache_write_1h="2")
    assert told(standing, price) == [("cache_write_1h", None, Decimal("1.25"), Decimal(2), "")]


def test_a_unit_that_costs_what_another_does_at_the_list_too_is_told_once():
    price = listed(input="1", output="3", reasoning="3")
    assert told(ours(input="1", output="2"), price) == [("output", None, Decimal(2), Decimal(3), "")]


def test_a_unit_without_any_rate_here_is_new():
    assert told(ours(input="1", output="2"), listed(input="1", request="5000")) == [
        ("request", None, None, Decimal(5000), "")
    ]
    assert told(ours(input="1", output="2"), listed(input="1", request="0")) == []


@pytest.mark.parametrize(
    ("own", "other", "doubt"),
    [
        ("1", "9.99", ""),
        ("1", "10", "SLIP"),
        ("1", "1000", "SLIP"),
        ("1", "0.11", ""),
        ("1", "0.1", "SLIP"),
        ("1", "0", "ZERO_PRICE"),
        ("0", "1", "ZERO_PRICE"),
    ],
)
def test_what_looks_like_a_slip_is_doubtful(own, other, doubt):
    assert [one.doubt for one in differences(ours(input=own), listed(input=other))] == [doubt]


def test_several_prices_for_one_unit_are_fine_when_ours_is_one_of_them():
    price = listed(output="9", also={"output": (Decimal("17.5"),)})
    assert told(ours(output="17.5"), price) == []
    assert told(ours(output="9"), price) == []
    assert told(ours(output="12"), price) == [("output", None, Decimal(12), Decimal(9), "SEVERAL_PRICES")]


def test_a_list_that_rounds_says_the_same():
    price = listed(audio_minute="666.6", slack={"audio_minute": Decimal("0.3")})
    assert told(ours(audio_minute="666.666667"), price) == []
    assert len(told(ours(audio_minute="667"), price)) == 1


def test_tiers_are_compared_where_they_add_to_the_plain_rate():
    standing = ours({200_000: rates(input="2", output="4")}, input="1", output="2")
    assert told(standing, listed([(200_000, rates(input="2", output="4"))], input="1", output="2")) == []
    price = listed([(200_000, rates(input="3", output="4"))], input="1", output="2")
    assert told(standing, price) == [("input", 200_000, Decimal(2), Decimal(3), "")]


def test_a_tier_that_we_do_not_have_is_a_difference():
    price = listed([(128_000, rates(input="2"))], input="1", output="2")
    assert told(ours(input="1", output="2"), price) == [("input", 128_000, Decimal(1), Decimal(2), "")]


def test_a_tier_that_only_we_have_is_told_when_the_list_has_others():
    standing = ours({128_000: rates(input="2")}, input="1", output="2")
    price = listed([(200_000, rates(input="2"))], input="1", output="2")
    assert told(standing, price) == [("input", 128_000, Decimal(2), Decimal(1), "")]
    assert told(standing, listed(input="1", output="2")) == []


def test_a_threshold_one_token_off_is_the_same():
    standing = ours({199_999: rates(input="2")}, input="1")
    price = listed([(200_000, rates(input="2"))], input="1")
    assert told(standing, suited(price, "llm", standing)) == []


def test_embeddings_put_out_nothing():
    price = suited(listed(input="1", output="1", reasoning="1"), "embedding", ours(input="1"))
    assert price.rates == rates(input="1")


def test_taking_over_keeps_what_the_list_does_not_know():
    standing = ours({200_000: rates(input="8", cache_write="9")}, input="4", output="8", cache_write="5", request="7")
    price = listed([(200_000, rates(input="4", output="6"))], input="2", output="3")
    after = taken_over(standing, price)
    assert after.rates == rates(input="2", output="3", cache_write="5", request="7")
    assert after.tiers == {200_000: rates(input="4", output="6", cache_write="9")}
    assert differences(after, price) == []


def test_taking_over_adds_a_unit_only_when_it_would_take_another_rate():
    after = taken_over(ours(input="4", output="8"), listed(input="2", output="8", audio_input="2", cache_read="0.2"))
    assert after.rates == rates(input="2", output="8", cache_read="0.2")


def test_taking_over_pins_a_unit_whose_stand_in_changes():
    after = taken_over(ours(input="4", output="8"), listed(input="2", output="8", audio_input="4"))
    assert after.rates == rates(input="2", output="8", audio_input="4")


def test_taking_over_keeps_our_number_where_the_list_only_rounds():
    price = listed(input="2", audio_minute="666.6", slack={"audio_minute": Decimal("0.3")})
    assert taken_over(ours(input="1", audio_minute="666.666667"), price).rates["audio_minute"] == Decimal("666.666667")


def test_taking_over_leaves_nothing_to_differ():
    standing = ours({128_000: rates(input="9")}, input="4", output="8", cache_read="1")
    price = listed(
        [(200_000, rates(input="5", reasoning="20"))], input="2.5", output="10", reasoning="12", cache_read="0"
    )
    assert differences(taken_over(standing, price), price) == []
