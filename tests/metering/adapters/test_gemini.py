"""Gemini's usage, over the types of its Python library and as JSON."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from google.genai.types import (
    GenerateContentResponse,
    GenerateContentResponseUsageMetadata,
    LiveServerMessage,
)
from hypothesis import given
from hypothesis import strategies as st

from metering.adapters import gemini_units
from metering.errors import BadEventError
from metering.rating.rating import rate
from schema.money import usd
from tests.metering.rate_card import make_price, per_million

JSON: dict[str, Any] = {
    "usageMetadata": {
        "promptTokenCount": 1000,
        "cachedContentTokenCount": 600,
        "candidatesTokenCount": 250,
        "thoughtsTokenCount": 90,
        "toolUsePromptTokenCount": 40,
        "totalTokenCount": 1380,
        "promptTokensDetails": [
            {"modality": "TEXT", "tokenCount": 700},
            {"modality": "IMAGE", "tokenCount": 258},
            {"modality": "AUDIO", "tokenCount": 42},
        ],
        "cacheTokensDetails": [{"modality": "TEXT", "tokenCount": 590}, {"modality": "AUDIO", "tokenCount": 10}],
        "candidatesTokensDetails": [{"modality": "TEXT", "tokenCount": 220}, {"modality": "AUDIO", "tokenCount": 30}],
        "toolUsePromptTokensDetails": [{"modality": "TEXT", "tokenCount": 40}],
    }
}
UNITS = {
    "input": 408,
    "cache_read": 600,
    "audio_input": 32,
    "output": 220,
    "audio_output": 30,
    "reasoning": 90,
}


def test_generated_content_keeps_cache_thoughts_tools_and_sound_apart() -> None:
    response = GenerateContentResponse.model_validate(JSON)
    dumped = response.model_dump(mode="json")
    for source in (response, response.usage_metadata, JSON, JSON["usageMetadata"], dumped, dumped["usage_metadata"]):
        assert gemini_units(source) == UNITS
    assert sum(UNITS.values()) == JSON["usageMetadata"]["totalTokenCount"]


def test_a_live_session_says_response_for_candidates() -> None:
    message = LiveServerMessage.model_validate(
        {
            "usage_metadata": {
                "prompt_token_count": 509,
                "prompt_tokens_details": [{"modality": "TEXT", "token_count": 509}],
                "response_token_count": 61,
                "response_tokens_details": [
                    {"modality": "TEXT", "token_count": 11},
                    {"modality": "AUDIO", "token_count": 50},
                ],
                "total_token_count": 570,
            }
        }
    )
    assert gemini_units(message) == {"input": 509, "output": 11, "audio_output": 50}


def test_what_tools_gave_back_is_counted_once() -> None:
    """The total tells whether the prompt has it already."""
    counts = {"prompt_token_count": 100, "candidates_token_count": 10, "tool_use_prompt_token_count": 30}
    beside = GenerateContentResponseUsageMetadata(**counts, total_token_count=140)
    within = GenerateContentResponseUsageMetadata(**counts, total_token_count=110)
    untold = GenerateContentResponseUsageMetadata(**counts)
    assert gemini_units(beside) == gemini_units(untold) == {"input": 130, "output": 10}
    assert gemini_units(within) == {"input": 100, "output": 10}


def test_cache_hits_are_not_counted_twice() -> None:
    """A gateway billed 0.7642 USD for this call: it left the cached tokens in the prompt. It is worth 0.1849 USD."""
    price = make_price(rates=per_million(input="1.25", cache_read="0.625", output="10"))
    usage = GenerateContentResponseUsageMetadata(
        prompt_token_count=262_960,
        cached_content_token_count=257_955,
        candidates_token_count=1744,
        total_token_count=264_704,
    )
    assert usd(rate(price, gemini_units(usage), plan=None).cost_nanos) == Decimal("0.184918125")


def test_thoughts_are_charged_as_output() -> None:
    """They stand beside the candidates: left out, nine tenths of this answer would be given away."""
    price = make_price(rates=per_million(input="1.25", output="10"))
    usage = {"promptTokenCount": 8, "candidatesTokenCount": 12, "thoughtsTokenCount": 918, "totalTokenCount": 938}
    assert gemini_units(usage) == {"input": 8, "output": 12, "reasoning": 918}
    assert usd(rate(price, gemini_units(usage), plan=None).cost_nanos) == Decimal("0.00931")


@given(st.tuples(*[st.integers(0, 10**6)] * 5))
def test_units_sum_to_the_total(numbers: tuple[int, ...]) -> None:
    fresh, cached, tools, text, thoughts = numbers
    usage = GenerateContentResponseUsageMetadata(
        prompt_token_count=fresh + cached,
        cached_content_token_count=cached,
        tool_use_prompt_token_count=tools,
        candidates_token_count=text,
        thoughts_token_count=thoughts,
        total_token_count=sum(numbers),
    )
    assert sum(gemini_units(usage).values()) == sum(numbers)


def test_a_prompt_that_was_blocked_puts_nothing_out() -> None:
    usage = GenerateContentResponseUsageMetadata(prompt_token_count=12, total_token_count=12)
    assert gemini_units(usage) == {"input": 12}


def test_counts_that_cannot_be_are_refused() -> None:
    sound = [{"modality": "AUDIO", "tokenCount": 5}]
    faults = {
        "prompt_token_count is 10, less than what it includes: cached_content_token_count 11": {
            "promptTokenCount": 10,
            "cachedContentTokenCount": 11,
        },
        "candidates_token_count is 1, less than what it includes: sound 5": {
            "promptTokenCount": 10,
            "candidatesTokenCount": 1,
            "candidatesTokensDetails": sound,
        },
        "the sound of the prompt is 0, less than what it includes: cached 5": {
            "promptTokenCount": 10,
            "cachedContentTokenCount": 5,
            "cacheTokensDetails": sound,
        },
        "the usage has a total only: nothing says what was put in and what came out": {"totalTokenCount": 9},
        "there is no usage in GenerateContentResponse; has the stream ended, and was it asked for?": (
            GenerateContentResponse()
        ),
    }
    for message, usage in faults.items():
        with pytest.raises(BadEventError) as caught:
            gemini_units(usage)
        assert str(caught.value) == message


def test_images_that_were_put_out_are_refused_rather_than_billed_as_text() -> None:
    usage = {
        "promptTokenCount": 10,
        "candidatesTokenCount": 1290,
        "candidatesTokensDetails": [{"modality": "IMAGE", "tokenCount": 1290}],
    }
    with pytest.raises(BadEventError, match="count the images as `image` units"):
        gemini_units(usage)
