from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
from genai_prices.data import providers
from genai_prices.types import StartDateConstraint

from sync.feeds.genai_prices import read_document, read_package
from sync.feeds.listing import REASONS, ListTier


@pytest.fixture(scope="module")
def feed():
    return read_package()


@pytest.fixture(scope="module")
def by_key(feed):
    return {model.key: model for model in feed.models}


def read(prices, **more):
    document = [{"id": "openai", "models": [{"id": "m", "match": {"equals": "m"}, "prices": prices, **more}]}]
    (model,) = read_document(document, "t", "").models
    return model


def decimals(**rates):
    return {unit: Decimal(rate) for unit, rate in rates.items()}


def test_every_model_is_read_and_what_has_no_price_says_why(feed):
    assert len(feed.models) == sum(len(provider.models) for provider in providers)
    assert feed.outside == ()
    assert [model.entry for model in feed.models if not model.prices and not model.reasons] == []
    codes = {reason.code for model in feed.models for reason in model.reasons}
    assert codes <= REASONS.keys()
    assert codes.isdisjoint({"UNKNOWN_FIELD", "BAD_NUMBER"})


def test_dated_prices_keep_their_dates(by_key):
    assert [(price.start, price.rates) for price in by_key["mistral/mistral-ocr-latest"].prices] == [
        (None, decimals(page="1000")),
        (date(2025, 5, 22), decimals(page="1000")),
        (date(2025, 12, 18), decimals(page="2000")),
        (date(2026, 6, 23), decimals(page="4000")),
    ]


def test_the_price_of_a_day_is_the_last_that_has_begun(by_key):
    model = by_key["mistral/mistral-ocr-latest"]
    assert model.price_at(date(2020, 1, 1)).start is None
    assert model.price_at(date(2025, 12, 17)).start == date(2025, 5, 22)
    assert model.price_at(date(2025, 12, 18)).start == date(2025, 12, 18)
    assert model.price_at(date(2030, 1, 1)).start == date(2026, 6, 23)


def test_days_agree_with_the_package(by_key):
    """For each day on which some price begins, and the day before, the rate is the one that the package names."""
    from datetime import UTC, datetime, timedelta

    compared = 0
    for provider in providers:
        for model in provider.models:
            if not isinstance(model.prices, list) or len(model.prices) > 4:
                continue
            if not all(isinstance(part.constraint, StartDateConstraint | None) for part in model.prices):
                continue
            name = {"aws": "amazon", "x-ai": "xai"}.get(provider.id, provider.id)
            ours = by_key[f"{name}/{model.id}"]
            for part in model.prices[1:]:
                for day in (part.constraint.start_date, part.constraint.start_date - timedelta(days=1)):
                    said = model.get_prices(datetime(day.year, day.month, day.day, 12, tzinfo=UTC)).input_mtok
                    base = getattr(said, "base", said)
                    if base is not None and base == round(base, 6):
                        assert ours.price_at(day).rates["input"] == base, (provider.id, model.id, day)
                        compared += 1
    assert compared > 300


def test_tiers_are_context_tiers(by_key):
    (price,) = by_key["anthropic/claude-haiku-5-5"].prices
    assert price.rates == decimals(
        input="0.1", output="0.5", cache_read="0.01", cache_write="0.125", cache_write_1h="0.2"
    )
    tier = decimals(input="0.5", output="2.5", cache_read="0.05", cache_write="0.625", cache_write_1h="1")
    assert price.tiers == (ListTier(100_000, tier),)


def test_prices_by_the_hour_of_the_day_stand_beside_the_plain_one(by_key):
    model = by_key["deepseek/deepseek-v4-pro"]
    assert [price.start for price in model.prices] == [None, date(2026, 8, 17)]
    assert model.prices[1].rates == decimals(input="0.66", output="1.98", cache_read="0.022")
    assert set(model.prices[1].also["input"]) == {Decimal("1.32")}
    assert "TIME_OF_DAY" in {reason.code for reason in model.reasons}


def test_tokens_that_count_as_others_here_stand_beside_them(by_key):
    (price,) = by_key["google/gemini-omni-1.1-flash"].prices
    assert price.rates == decimals(input="1.5", output="9")
    assert price.also == {"output": (Decimal("17.5"),)}


def test_hours_are_minutes(by_key):
    exact, rounded = by_key["groq/whisper-large-v3"], by_key["groq/whisper-large-v3-turbo"]
    assert exact.prices[0].rates == decimals(audio_minute="1850")
    assert "ROUNDED" not in {reason.code for reason in exact.reasons}
    assert rounded.prices[0].rates == decimals(audio_minute="666.666667")
    assert "ROUNDED" in {reason.code for reason in rounded.reasons}


def test_the_json_of_the_repository_reads_like_the_package():
    dated = [
        {
            "prices": {
                "input_mtok": Decimal("1.0"),
                "output_mtok": {"base": 2, "tiers": [{"start": 200000, "price": 4}]},
            }
        },
        {"constraint": {"start_date": "2026-12-01"}, "prices": {"input_mtok": Decimal("0.5")}},
        {"constraint": {"start_time": "16:30:00Z", "end_time": "00:30:00Z"}, "prices": {"input_mtok": Decimal("0.2")}},
    ]
    model = read(dated)
    assert [price.start for price in model.prices] == [None, date(2026, 12, 1)]
    assert model.prices[0].tiers == (ListTier(200_000, {"output": Decimal(4)}),)
    assert model.prices[1].also == {"input": (Decimal("0.2"),)}


def test_a_name_that_several_models_claim_means_none_of_them():
    models = [
        {"id": "a", "match": {"or": [{"equals": "a"}, {"starts_with": "shared"}]}, "prices": {"input_mtok": 1}},
        {"id": "b", "match": {"or": [{"equals": "shared"}, {"contains": "own"}]}, "prices": {"input_mtok": 2}},
    ]
    feed = read_document([{"id": "openai", "models": models}], "t", "")
    assert [model.names for model in feed.models] == [("a",), ("b", "own")]


@pytest.mark.parametrize(
    "prices",
    [
        None,
        7,
        [],
        [3],
        {"input_mtok": "much"},
        {"input_mtok": -1},
        {"input_mtok": {"base": None, "tiers": 4}},
        {"input_mtok": {"tiers": [None, {"start": -1, "price": 1}]}},
        [{"constraint": 4, "prices": {"input_mtok": 1}}],
        [{"constraint": {"start_date": "2026-02-31"}, "prices": {"input_mtok": 1}}],
        [{"constraint": {"start_date": "9999-01-01"}, "prices": {"input_mtok": 1}}],
    ],
)
def test_what_is_broken_has_a_reason(prices):
    model = read(prices)
    assert model.prices == ()
    assert model.reasons


def test_documents_of_odd_shapes_are_read():
    feed = read_document([None, 4, {"id": 3, "models": []}, {"id": "x", "models": [1, {"id": ""}]}], "t", "")
    assert feed.models == ()
    assert {reason.code for _, reason in feed.outside} == {"NOT_A_MODEL"}
    assert read({"input_mtok": 1}, match={"or": [{"or": 4}, {"equals": 9}]}).names == ("m",)
