"""The price list of a plan is what its calls are charged."""

from __future__ import annotations

from decimal import Decimal

import pytest

from metering.book.entities import Release
from metering.book.ratebook import RateBook
from metering.rating import appraisal
from metering.rating.features import Feature
from metering.rating.price_list import feature_price, listed_models
from schema.money import usd
from schema.units import stored_per_unit
from tests.metering.rate_card import JANUARY, NOW, ROWS, model_row, per_million, plan_row, price_row

BOOK = RateBook.build(
    Release(1, "0" * 40, None, JANUARY),
    ROWS
    | {
        "model": [*ROWS["model"], model_row("bfl", "flux", type="image", access="all")],
        "price": [*ROWS["price"], price_row("bfl", "flux", rates={"image": 40_000_000_000, "video_second": 7})],
        "plan": [*ROWS["plan"], plan_row("top", access="all"), plan_row("gone", active=False)],
    },
    now=NOW,
)


@pytest.mark.parametrize("plan", ["free", "pro"])
def test_a_million_of_each_unit_is_charged_as_listed(plan: str) -> None:
    listed = listed_models(BOOK, plan, NOW)
    assert [one.model.key for one in listed] == [
        "anthropic/haiku",
        "anthropic/sonnet",
        "bfl/flux",
        "openai/burner",
        "openai/gpt",
    ]
    for one in listed:
        for tier in one.tiers:
            for unit, price in tier.prices.items():
                if unit in ("input", "output", "image"):
                    # As much input as brings the call into the tier, and what the unit adds to it.
                    base = {"input": tier.above + 1} if tier.above else {}
                    more = {unit: base.get(unit, 0) + 100_000 * stored_per_unit(unit)}
                    charges = [
                        appraisal.quote(BOOK, one.model.provider, one.model.name, units, NOW, plan).charge_nanos
                        for units in (base, base | more)
                    ]
                    assert usd(charges[1] - charges[0]) == Decimal(price) * 100_000 / 10**12, (one.model.key, unit)


def test_plans_that_are_offered_open_models_by_access() -> None:
    by_key = {one.model.key: one for one in listed_models(BOOK, "free", NOW)}
    assert by_key["bfl/flux"].plans == ("top",)
    assert by_key["openai/gpt"].plans == ("free", "pro", "watched", "custom", "top")
    assert by_key["bfl/flux"].tiers[0].prices == {"image": 40_000_000_000, "video_second": 7}


def test_before_its_first_price_a_model_is_not_listed() -> None:
    assert listed_models(BOOK, "free", JANUARY.replace(year=2025)) == []


def test_a_feature_costs_what_its_plan_says() -> None:
    feature = Feature("cot", "per_token", 1_000_000, 2_000_000, {"pro": (500_000, 1_500_000)}, True, False)
    assert per_million(input="1") == {"input": 1_000_000}
    assert (feature_price(feature, "free"), feature_price(feature, "pro")) == (2_000_000, 750_000)
    assert feature_price(Feature("free", "per_use", 5, 1_000_000, {}, False, False), "free") == 0
