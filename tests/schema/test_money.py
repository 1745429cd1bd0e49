"""Exact money: conversions, the one rounding, and shares that telescope."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schema.money import (
    micros,
    multiplier_text,
    nanos,
    per_million_text,
    per_unit_text,
    plain,
    rate_from_per_million,
    rate_from_per_unit,
    round_half_even,
    share_of,
    usd,
    usd_text,
)

WHOLE = st.integers(min_value=-(10**30), max_value=10**30)
POSITIVE = st.integers(min_value=1, max_value=10**30)


def test_conversions():
    assert rate_from_per_million(Decimal("0.80")) == 800_000
    assert rate_from_per_million(Decimal("0.000001")) == 1
    assert rate_from_per_unit(Decimal("0.04")) == 40_000_000_000
    assert rate_from_per_unit(Decimal("0.000000000001")) == 1
    assert nanos(Decimal("-0.000000001")) == -1
    assert nanos(Decimal("1E+9")) == 10**18
    assert micros(Decimal("1.3")) == 1_300_000


@pytest.mark.parametrize(
    ("convert", "value", "message"),
    [
        (rate_from_per_million, "0.0000001", "a price per million of 0.0000001 has more than 6 decimals"),
        (rate_from_per_unit, "0.0000000000001", "a price per unit of 0.0000000000001 has more than 12 decimals"),
        (nanos, "0.0000000001", "an amount of 0.0000000001 has more than 9 decimals"),
        (nanos, f"1.{'0' * 70}1", f"an amount of 1.{'0' * 70}1 has more than 9 decimals"),
        (micros, "1.0000001", "a multiplier of 1.0000001 has more than 6 decimals"),
        (nanos, "NaN", "an amount of NaN is no amount"),
        (nanos, "-Infinity", "an amount of -Infinity is no amount"),
        (nanos, "1E+999999", "an amount of 1E+999999 is no amount"),
    ],
)
def test_what_would_lose_digits_is_refused(convert, value, message):
    with pytest.raises(ValueError) as raised:  # noqa: PT011 - the whole message is compared
        convert(Decimal(value))
    assert str(raised.value) == message


@given(WHOLE, POSITIVE)
def test_rounding_is_half_even(numerator, denominator):
    assert round_half_even(numerator, denominator) == round(Fraction(numerator, denominator))


@given(st.integers(min_value=-(10**6), max_value=10**6), st.integers(min_value=1, max_value=50))
def test_rounding_is_half_even_at_ties(whole, half):
    assert round_half_even(whole * half, 2 * half) == round(Fraction(whole, 2))


@pytest.mark.parametrize(
    ("numerator", "rounded"), [(5, 0), (15, 2), (25, 2), (35, 4), (-5, 0), (-15, -2), (-25, -2), (14, 1), (16, 2)]
)
def test_ties_go_to_the_even_one(numerator, rounded):
    assert round_half_even(numerator, 10) == rounded


@given(
    st.lists(st.integers(min_value=0, max_value=10**12), min_size=1, max_size=20),
    st.integers(min_value=0, max_value=10**18),
)
def test_shares_telescope(parts, amount):
    whole = sum(parts) or 1
    done = total = 0
    for part in parts:
        share = share_of(done, done + part, whole, amount)
        assert abs(Fraction(share) - Fraction(amount * part, whole)) < 1
        total += share
        done += part
    assert total == (amount if done == whole else 0)


@given(st.integers(min_value=-(2**63), max_value=2**63 - 1))
def test_amounts_round_trip(amount):
    assert nanos(usd(amount)) == amount
    assert nanos(Decimal(usd_text(amount))) == amount


@given(st.integers(min_value=0, max_value=10**18))
def test_rates_round_trip(rate):
    assert rate_from_per_million(Decimal(per_million_text(rate))) == rate
    assert rate_from_per_unit(Decimal(per_unit_text(rate))) == rate
    assert micros(Decimal(multiplier_text(rate))) == rate


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("0.80", "0.8"),
        ("1E+2", "100"),
        ("0", "0"),
        ("-0.00", "0"),
        ("100", "100"),
        ("1E-9", "0.000000001"),
        ("-5.0", "-5"),
    ],
)
def test_plain(value, text):
    assert plain(Decimal(value)) == text
