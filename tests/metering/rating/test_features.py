"""Features: charged beside a model or in its place, by plan, exact, rounded once."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine, select

from metering.meter import Meter
from metering.rating.features import Feature
from metering.rating.rating import amounts, exact_amounts, with_feature
from metering.usage import Usage
from schema.database import reading
from schema.money import MICRO
from schema.tables import usage_events
from tests.metering.rate_card import apply_rows, change, make_price, model_row, price_row, setting


def feature_row(feature: str, cost_type: str, amount: str, **values: Any) -> dict[str, Any]:
    row = {
        "feature": feature,
        "display_name": None,
        "description": None,
        "cost_type": cost_type,
        "amount_pico": int(Decimal(amount) * 10**12),
        "multiplier_micros": MICRO,
        "plan_overrides": {},
        "billable": True,
        "mode": "add",
    }
    return row | values


TIERED = {"free": {"multiplier_micros": 1_100_000}, "pro": {"amount_pico": 5 * 10**10}}
FEATURES = [
    feature_row("rag_search", "per_use", "0", billable=False),
    feature_row("web_search", "per_use", "0.01", multiplier_micros=1_500_000),
    feature_row("image_gen", "per_image", "0.04", plan_overrides=TIERED, mode="replace"),
    feature_row("deep", "per_token", "0.0000005", plan_overrides=TIERED),
    feature_row("trial", "per_use", "1", billable=False, mode="replace"),
]
UNITS = {"input": 1000, "output": 500}
PLAIN = Decimal("0.0084")


@pytest.fixture
def card(card: Engine) -> Engine:
    image = model_row("openai", "painter", type="image")
    price = price_row("openai", "painter", rates={"image": 3 * 10**10}, margin_micros=2 * MICRO)
    apply_rows(card, {"feature": FEATURES, "model": [image], "price": [price]})
    return card


@pytest.mark.parametrize(
    ("feature", "plan", "units", "charge"),
    [
        (None, "free", UNITS, PLAIN),
        ("a mere label", "free", UNITS, PLAIN),
        ("rag_search", "free", UNITS, PLAIN),
        ("web_search", "free", UNITS, PLAIN + Decimal("0.015")),
        ("web_search", "pro", UNITS, Decimal("0.007") + Decimal("0.015")),
        ("deep", "free", UNITS, PLAIN + 1500 * Decimal("0.00000055")),
        ("deep", "watched", UNITS, PLAIN + 1500 * Decimal("0.0000005")),
        ("trial", "free", UNITS, Decimal(0)),
        ("image_gen", "free", UNITS, Decimal("0.044")),
    ],
)
def test_a_feature_comes_to_the_models_charge_or_takes_its_place(
    meter: Meter, feature: str | None, plan: str, units: dict[str, int], charge: Decimal
) -> None:
    meter.reload()
    quote = meter.quote("anthropic", "haiku", units, plan=plan, feature=feature)
    assert (quote.cost, quote.charge) == (Decimal("0.0028"), charge)


@pytest.mark.parametrize(
    ("plan", "charge"), [("free", "0.132"), ("pro", "0.15"), ("watched", "0.12")], ids=["free", "pro", "watched"]
)
def test_images_are_charged_by_the_feature_and_cost_what_the_model_costs(
    meter: Meter, card: Engine, plan: str, charge: str
) -> None:
    meter.reload()
    quote = meter.quote("openai", "painter", {"image": 3}, plan=plan, feature="image_gen")
    assert (quote.cost, quote.charge) == (Decimal("0.09"), Decimal(charge))
    assert meter.quote("openai", "painter", {"image": 3}, plan=plan).charge == Decimal("0.18")


@pytest.mark.parametrize(
    ("cost_type", "units", "quantity"),
    [
        ("per_use", {"input": 7}, 1),
        ("per_use", {"input": 7, "request": 5}, 5),
        ("per_image", {"image": 3, "input": 7}, 3),
        ("per_image", {"input": 7}, 1),
        ("per_token", {"input": 7, "cache_read": 2, "output": 1, "reasoning": 4, "image": 9, "request": 1}, 14),
        ("per_token", {"image": 9}, 0),
    ],
)
def test_an_event_that_counts_no_images_or_requests_is_one(
    cost_type: str, units: dict[str, int], quantity: int
) -> None:
    assert Feature("f", cost_type, 1, MICRO, {}, True, False).quantity(units) == quantity


def test_what_is_recorded_is_what_was_quoted(meter: Meter, card: Engine) -> None:
    meter.reload()
    receipt = meter.record(
        Usage(event_id="e1", account="a", model="openai/painter", units={"image": 3}, feature="image_gen")
    )
    assert (receipt.cost, receipt.charge) == (Decimal("0.09"), Decimal("0.132"))
    receipt = meter.record(Usage(event_id="e2", account="a", feature="web_search"))
    assert (receipt.cost, receipt.charge, receipt.status, receipt.price_key) == (0, Decimal("0.015"), "priced", None)
    with reading(card) as connection:
        stored = connection.execute(select(usage_events).where(usage_events.c.event_id == "e2")).one()
    assert (stored.provider, stored.model, stored.owed_nanos, stored.posting_id is None) == ("", "", 15_000_000, False)


def test_a_task_that_is_not_billable_charges_no_feature(meter: Meter) -> None:
    meter.reload()
    assert meter.quote("anthropic", "haiku", UNITS, task="routing", feature="web_search").charge == 0
    receipt = meter.record(Usage(event_id="e1", account="a", task="routing", feature="web_search"))
    assert receipt.charge == 0


def test_a_model_that_is_not_registered_burns_credits_and_the_feature_comes_to_it(meter: Meter, card: Engine) -> None:
    apply_rows(card, {"setting": [setting("unknown_model", {"credits_multiplier": "1"})]})
    meter.reload()
    alone = meter.quote(None, "unheard-of", {"output": 10_000}).charge
    assert meter.quote(None, "unheard-of", {"output": 10_000}, feature="web_search").charge == alone + Decimal("0.015")


def test_a_call_without_a_price_stays_unpriced(meter: Meter) -> None:
    meter.reload()
    usage = Usage(event_id="e1", account="a", provider="anthropic", model="unpriced", units=UNITS, feature="image_gen")
    receipt = meter.record(usage)
    assert (receipt.status, receipt.charge) == ("unpriced", 0)


def test_a_hold_covers_the_feature(meter: Meter, card: Engine) -> None:
    apply_rows(card, {"plan": [change("plan", {"plan": "free"}, overage="soft")]})
    meter.reload()
    plain = meter.hold("a", "anthropic", "haiku", units=UNITS)
    assert meter.hold("a", "anthropic", "haiku", units=UNITS, feature="web_search").amount == plain.amount + Decimal(
        "0.015"
    )


@given(
    rate=st.integers(0, 10**10),
    margin=st.integers(0, 10**8),
    amount=st.integers(0, 10**9),
    multiplier=st.integers(0, 10**7),
    count=st.integers(0, 10**7),
    cost_type=st.sampled_from(["per_token", "per_use", "per_image"]),
    replaces=st.booleans(),
)
def test_the_sum_is_rounded_once_from_exact_fractions(
    rate: int, margin: int, amount: int, multiplier: int, count: int, cost_type: str, replaces: bool
) -> None:
    price = make_price(rates={"input": rate, "image": 0, "request": 0}, margin_micros=margin)
    feature = Feature("f", cost_type, amount, multiplier, {}, True, replaces)
    units = {"input": count, "image": 3, "request": 2}
    quantity = {"per_token": count, "per_use": 2, "per_image": 3}[cost_type]
    exact = Fraction(quantity * amount, 10**12) * Fraction(multiplier, 10**6)
    if not replaces:
        exact += Fraction(count * rate, 10**12) * Fraction(margin, 10**6)
    _, charge = exact_amounts(price, units, None, MICRO)
    assert with_feature(charge, feature, units, None) == round(exact * 10**9)
    assert amounts(price, units, None, MICRO)[0] == round(Fraction(count * rate, 10**3))
