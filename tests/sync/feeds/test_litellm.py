from __future__ import annotations

import importlib.util
import json
import random
import subprocess
import sys
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pytest

from schema.units import UNITS
from sync.feeds.listing import REASONS, ListTier
from sync.feeds.litellm import FILE, read_document, read_package

TOP = Path(__file__).parents[3]
PER_TOKEN = {
    "input_cost_per_token": "input",
    "output_cost_per_token": "output",
    "cache_read_input_token_cost": "cache_read",
    "cache_creation_input_token_cost": "cache_write",
    "cache_creation_input_token_cost_above_1hr": "cache_write_1h",
    "input_cost_per_audio_token": "audio_input",
}


@pytest.fixture(scope="module")
def path():
    return Path(importlib.util.find_spec("litellm").origin).parent / FILE


@pytest.fixture(scope="module")
def raw(path):
    return json.loads(path.read_text(encoding="utf-8"), parse_float=Decimal)


@pytest.fixture(scope="module")
def feed():
    return read_package()


@pytest.fixture(scope="module")
def by_entry(feed):
    return {model.entry: model for model in feed.models}


def read(**fields):
    document = {"openai/m": {"litellm_provider": "openai", "mode": "chat", **fields}}
    (model,) = read_document(document, "t", "").models
    return model


def test_every_entry_is_read(feed, raw):
    assert len(raw) > 2_900
    assert len(feed.models) + len(feed.outside) == len(raw)
    assert [entry for entry, _ in feed.outside] == ["sample_spec", "fallback_generalizations"]
    assert {reason.code for _, reason in feed.outside} == {"NOT_A_MODEL"}


def test_what_has_no_price_says_why(feed):
    without = [model for model in feed.models if not model.prices]
    assert 0 < len(without) < 250
    assert [model.entry for model in without if not model.reasons] == []


def test_every_field_of_cost_is_a_rate_or_has_its_reason(feed, raw):
    """A field that is neither named with a reason nor moves anything when its value does was overlooked."""
    same_unit_twice = {"input_cost_per_second", "output_cost_per_second", "input_cost_per_token_cache_hit"}
    overlooked = []
    for model in feed.models:
        entry = raw[model.entry]
        named = {reason.field for reason in model.reasons}
        for field, value in entry.items():
            if "cost" not in field or field in named or field in same_unit_twice:
                continue
            other = read_document({model.entry: {**entry, field: value + Decimal("0.001")}}, "", "").models[0]
            if other.prices == model.prices:
                overlooked.append((model.entry, field))
    assert overlooked == []


def test_every_reason_is_documented_and_no_field_is_unknown(feed):
    codes = {reason.code for model in feed.models for reason in model.reasons}
    assert codes <= REASONS.keys()
    assert codes.isdisjoint({"UNKNOWN_FIELD", "BAD_NUMBER"})


def test_rates_per_token_are_exactly_what_the_text_says(feed, path):
    texts = json.loads(path.read_text(encoding="utf-8"), parse_float=str, parse_int=str)
    compared = 0
    for model in feed.models:
        named = {reason.field for reason in model.reasons}
        for field, unit in PER_TOKEN.items():
            text = texts[model.entry].get(field)
            if text is not None and field not in named:
                (price,) = model.prices
                assert Fraction(price.rates[unit]) == Fraction(text) * 1_000_000, (model.entry, field)
                compared += 1
    assert compared > 5_000


def test_every_rate_is_a_decimal_of_a_known_unit(feed):
    for model in feed.models:
        for price in model.prices:
            for rates in (price.rates, *(tier.rates for tier in price.tiers)):
                assert rates.keys() <= set(UNITS)
                assert all(type(rate) is Decimal and rate == round(rate, 6) for rate in rates.values())


@pytest.mark.parametrize(
    ("entry", "key", "rates"),
    [
        ("gpt-4o", "openai/gpt-4o", {"input": "2.5", "output": "10", "cache_read": "1.25"}),
        (
            "claude-haiku-4-5",
            "anthropic/claude-haiku-4-5",
            {"input": "1", "output": "5", "cache_read": "0.1", "cache_write": "1.25", "cache_write_1h": "2"},
        ),
        ("amazon.nova-pro-v1:0", "amazon/amazon.nova-pro-v1:0", {"input": "0.8", "output": "3.2"}),
        ("whisper-1", "openai/whisper-1", {"audio_minute": "6000"}),
        ("tts-1", "openai/tts-1", {"character": "15"}),
        ("openai/sora-2", "openai/sora-2", {"video_second": "100000"}),
        ("gemini/veo-3.1-generate-001", "google/veo-3.1-generate-001", {"video_second": "400000"}),
        ("black_forest_labs/flux-pro-1.1", "bfl/flux-pro-1.1", {"image": "40000"}),
        ("mistral/mistral-ocr-latest", "mistral/mistral-ocr-latest", {"page": "4000"}),
        ("rerank-v3.5", "cohere/rerank-v3.5", {"input": "0", "output": "0", "request": "2000"}),
    ],
)
def test_known_models_have_exact_prices(by_entry, entry, key, rates):
    model = by_entry[entry]
    assert model.key == key
    assert model.prices[0].rates == {unit: Decimal(rate) for unit, rate in rates.items()}


def test_context_tiers_begin_above_their_threshold(by_entry):
    (price,) = by_entry["gemini/gemini-2.5-pro"].prices
    rates = {"input": Decimal("2.5"), "output": Decimal(15), "cache_read": Decimal("0.25")}
    assert price.tiers == (ListTier(200_000, rates),)


def test_ranges_of_tokens_are_context_tiers(by_entry):
    (price,) = by_entry["dashscope/qwen-flash"].prices
    assert price.rates == {"input": Decimal("0.05"), "output": Decimal("0.4")}
    assert price.tiers == (ListTier(256_000, {"input": Decimal("0.25"), "output": Decimal(2)}),)


def test_the_one_hour_cache_above_a_threshold_is_a_tier_of_it():
    model = read(
        input_cost_per_token=Decimal("3e-6"),
        cache_creation_input_token_cost_above_1hr_above_200k_tokens=Decimal("0.000012"),
    )
    assert model.prices[0].tiers == (ListTier(200_000, {"cache_write_1h": Decimal(12)}),)


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("input_cost_per_token", Decimal("0.0000029999900000000002"), "TOO_MANY_DECIMALS"),
        ("input_cost_per_token", Decimal("-0.1"), "BAD_NUMBER"),
        ("input_cost_per_token", "0.1", "BAD_NUMBER"),
        ("input_cost_per_token", True, "BAD_NUMBER"),
        ("input_cost_per_token", Decimal("1e999999"), "BAD_NUMBER"),
        ("input_cost_per_token", Decimal("1e-999999"), "BAD_NUMBER"),
        ("output_cost_per_token_batches", Decimal("1e-6"), "SERVICE_TIER"),
        ("input_cost_per_token_above_200k_tokens_priority", Decimal("1e-6"), "SERVICE_TIER"),
        ("search_context_cost_per_query", {"search_context_size_low": Decimal("0.01")}, "TOOLS"),
        ("input_cost_per_pixel", Decimal("1e-8"), "PIXELS"),
        ("output_cost_per_second", Decimal("0.01"), "RUNNING_TIME"),
        ("input_dbu_cost_per_token", Decimal("1e-6"), "OTHER_CURRENCY"),
        ("regional_processing_uplift_multiplier_eu", Decimal("1.1"), "REGIONAL"),
        ("cost_of_something_new", Decimal("0.1"), "UNKNOWN_FIELD"),
        ("tiered_pricing", [{"input_cost_per_query": 1, "max_results_range": [0, 25]}], "RESULTS"),
        ("tiered_pricing", "soon", "UNKNOWN_FIELD"),
    ],
)
def test_what_cannot_be_said_has_a_code(field, value, code):
    model = read(**{field: value})
    assert [(reason.code, reason.field) for reason in model.reasons] == [(code, field)]
    assert model.prices == ()


def test_seconds_are_minutes_and_may_be_rounded(by_entry):
    (price,) = by_entry["groq/whisper-large-v3-turbo"].prices
    assert price.rates == {"audio_minute": Decimal("666.6")}
    assert price.slack == {"audio_minute": Decimal("0.3")}


def test_free_models_are_marked():
    model = read(input_cost_per_token=Decimal(0), output_cost_per_token=Decimal(0))
    assert model.prices[0].rates == {"input": 0, "output": 0}
    assert [reason.code for reason in model.reasons] == ["FREE"]


def test_names_that_a_terminal_would_obey_are_no_models():
    feed = read_document({"\x1b[2Jgpt": {"litellm_provider": "openai"}, "": {"litellm_provider": "x"}}, "", "")
    assert feed.models == ()
    assert [name for name, _ in feed.outside] == ["?[2Jgpt", ""]


def test_mutated_entries_are_read_too(raw):
    """Values of wrong types, odd fields and broken ranges: reasons, never an exception."""
    chance = random.Random(7)
    odd = [
        None,
        True,
        -1,
        Decimal("NaN"),
        Decimal("Infinity"),
        "",
        "x",
        [],
        {},
        [[]],
        {"a": {}},
        Decimal("1e-40"),
        10**400,
    ]
    sample = chance.sample([entry for entry in raw.values() if isinstance(entry, dict)], 600)
    fields = sorted({field for entry in sample for field in entry if "cost" in field or "tier" in field})
    document = {}
    for number, entry in enumerate(sample):
        changed = dict(entry)
        for _ in range(3):
            changed[chance.choice(fields)] = chance.choice(odd)
        changed["mode"] = chance.choice(["chat", "image_generation", [], None, entry.get("mode")])
        changed["tiered_pricing"] = chance.choice([None, 1, [1], [{"range": ["a"], "input_cost_per_token": []}], {}])
        document[f"model-{number}"] = changed
    document |= {"a": 1, "b": None, "c": {"litellm_provider": 3}}
    feed = read_document(document, "mutated", "")
    assert len(feed.models) + len(feed.outside) == len(document)
    assert all(rate >= 0 for model in feed.models for price in model.prices for rate in price.rates.values())


def test_litellm_itself_is_not_imported():
    script = "import sys; from sync.feeds.litellm import read_package; read_package(); print('litellm' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=TOP)
    assert done.stdout == "False\n"
