"""The example call of the forms."""

from __future__ import annotations

from datetime import UTC, datetime

from dashboard.configuration.example_cost import (
    Example,
    blended,
    difference,
    example,
    example_units,
    price_of,
    units_text,
)
from metering.book.settings import read_settings

SETTINGS = read_settings({})
ROW = {
    "provider": "openai",
    "model": "gpt-4o",
    "effective": datetime(2026, 1, 1, tzinfo=UTC),
    "rates": {"input": 2_500_000, "output": 10_000_000},
    "tiers": [],
    "margin_micros": 1_500_000,
    "plan_margins": {"pro": 1_200_000},
    "charge_rates": None,
    "charge_tiers": None,
    "credits_micros": None,
}


def test_a_thousand_in_and_five_hundred_out() -> None:
    found = example(price_of(ROW, SETTINGS), example_units(ROW["rates"]))

    assert found == Example(7_500_000, 11_250_000)
    assert found.margin == "1.5\u00d7"


def test_a_plan_may_have_its_own_margin() -> None:
    assert example(price_of(ROW, SETTINGS), example_units(ROW["rates"]), "pro") == Example(7_500_000, 9_000_000)


def test_other_models_count_one_of_what_they_price() -> None:
    assert example_units({"input": 1}) == {"input": 1_000}
    assert example_units({"image": 1}) == {"image": 1}
    assert example_units({"video_second": 1}) == {"video_second": 1_000_000}
    assert example_units({}) == {}
    assert units_text({"input": 1_000, "output": 500}) == "1,000 input + 500 output"
    assert units_text({"video_second": 1_000_000}) == "1 video second"


def test_without_a_price_or_a_rate_there_is_no_example() -> None:
    assert example(None, {"input": 1}) is None
    assert example(price_of(ROW, SETTINGS), {"image": 1}) is None


def test_a_split_is_the_mean_of_its_shares() -> None:
    assert blended([(Example(100, 200), 90), (Example(200, 600), 10)]) == Example(110, 240)
    assert blended([(Example(100, 200), 90), (None, 10)]) is None
    assert blended([]) is None


def test_differences() -> None:
    assert difference(140, 100) == "+40.0%"
    assert difference(100, 100) is None
    assert difference(100, 0) is None
