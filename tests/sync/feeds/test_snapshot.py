from __future__ import annotations

import json
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

from genai_prices.data import providers
from genai_prices.types import StartDateConstraint, TieredPrices

from sync.feeds.genai_prices import read_package
from sync.feeds.snapshot import FILE, find_list_rates, list_rates, render

TOP = Path(__file__).parents[3]
OURS = {"aws": "amazon", "x-ai": "xai"}
TOKEN_FIELDS = {
    "input_mtok": "input",
    "output_mtok": "output",
    "cache_read_mtok": "cache_read",
    "cache_write_mtok": "cache_write",
    "cache_write_1h_mtok": "cache_write_1h",
    "input_audio_mtok": "audio_input",
    "output_audio_mtok": "audio_output",
}


def newest(model):
    if not isinstance(model.prices, list):
        return model.prices
    dated = [part for part in model.prices if isinstance(part.constraint, StartDateConstraint)]
    return (max(dated, key=lambda part: part.constraint.start_date) if dated else model.prices[0]).prices


def test_the_file_is_what_the_installed_list_says():
    assert FILE.read_text(encoding="utf-8") == render(read_package()), "run `python -m sync.feeds.snapshot`"


def test_the_newest_price_of_every_model_is_in_it():
    rates = list_rates()
    compared = 0
    for provider in providers:
        for model in provider.models:
            expected = {}
            for field, value in vars(newest(model)).items():
                rate = value.base if isinstance(value, TieredPrices) else value
                if field in TOKEN_FIELDS and rate is not None and rate == round(rate, 6):
                    expected[TOKEN_FIELDS[field]] = rate
            if expected:
                said = rates[f"{OURS.get(provider.id, provider.id)}/{model.id}"]
                assert {unit: said[unit] for unit in expected} == expected, (provider.id, model.id)
                compared += 1
    assert compared > 2_000


def test_known_models_are_found_by_their_own_names():
    rates = list_rates()
    assert rates["openai/gpt-4o"] == {"input": Decimal("2.5"), "output": Decimal(10), "cache_read": Decimal("1.25")}
    assert rates["amazon/amazon.nova-pro-v1:0"]["output"] == Decimal("3.2")
    assert rates["xai/grok-voice-latest"] == {"audio_minute": Decimal(80_000)}
    assert rates["mistral/mistral-ocr-latest"] == {"page": Decimal(4_000)}
    assert rates["together/zai-org/GLM-5.3"] is rates["together/zai-org/glm-5.3"]


def test_rates_by_the_hour_are_rounded_to_twelve_decimals_a_unit():
    assert list_rates()["groq/whisper-large-v3-turbo"] == {"audio_minute": Decimal("666.666667")}


def test_announced_prices_count_as_the_newest():
    assert list_rates()["google/gemini-3.8-flash"]["input"] == Decimal("1.5")


def test_models_are_found_by_other_spellings():
    haiku = list_rates()["anthropic/claude-3-5-haiku"]
    assert haiku["output"] == Decimal(4)
    assert find_list_rates("claude", "claude-3-5-haiku-20241022") == haiku
    assert find_list_rates("Gemini", "gemini-2.0-flash")["input"] == Decimal("0.1")
    assert find_list_rates("openai", "our-own-name", ["gpt-4o-2024-08-06"])["input"] == Decimal("2.5")


def test_a_name_without_a_version_finds_nothing_else():
    assert find_list_rates("google", "our-own-name", ["gemini-flash-latest-of-all"]) == {}
    assert find_list_rates("bfl", "flux-2-max") == {}
    assert find_list_rates("nobody", "gpt-4o") == {}


def test_every_rate_may_stand_in_a_document():
    for key, rates in list_rates().items():
        for unit, rate in rates.items():
            assert 0 <= rate <= 10**12, key
            assert rate == rate.quantize(Decimal("0.000001")), (key, unit)


def test_the_file_names_its_source_and_licence():
    head = json.loads(FILE.read_text(encoding="utf-8"))
    assert head["source"] == "genai-prices 0.2.3, https://github.com/pydantic/genai-prices"
    assert head["licence"].startswith("MIT")


def test_it_is_read_without_the_list_itself_and_without_yaml():
    script = "import sys, sync.feeds.snapshot as s; s.list_rates(); print(*{n.split('.')[0] for n in sys.modules})"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=TOP)
    assert set(done.stdout.split()).isdisjoint({"genai_prices", "pydantic", "yaml", "git"})
