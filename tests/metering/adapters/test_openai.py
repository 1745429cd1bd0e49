"""OpenAI's usage, over the types of its Python library and as JSON."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types import CompletionUsage, CreateEmbeddingResponse
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from openai.types.completion_usage import CompletionTokensDetails, PromptTokensDetails
from openai.types.images_response import Usage as ImageUsage
from openai.types.realtime import RealtimeResponse
from openai.types.responses import Response, ResponseUsage

from metering.adapters import openai_units
from metering.errors import BadEventError
from metering.rating.rating import rate
from schema.money import usd
from tests.metering.rate_card import make_price, per_million

CHAT: dict[str, Any] = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1_764_000_000,
    "model": "gpt-4o",
    "choices": [],
    "usage": {
        "prompt_tokens": 2006,
        "completion_tokens": 300,
        "total_tokens": 2306,
        "prompt_tokens_details": {"cached_tokens": 1920, "audio_tokens": 6},
        "completion_tokens_details": {
            "reasoning_tokens": 128,
            "audio_tokens": 32,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 40,
        },
    },
}
CHAT_UNITS = {
    "input": 80,
    "cache_read": 1920,
    "audio_input": 6,
    "output": 140,
    "reasoning": 128,
    "audio_output": 32,
}


def test_a_chat_completion_keeps_cache_audio_and_reasoning_apart() -> None:
    completion = ChatCompletion.model_validate(CHAT)
    for source in (completion, completion.usage, CHAT, CHAT["usage"], json.loads(completion.model_dump_json())):
        assert openai_units(source) == CHAT_UNITS


def test_the_last_chunk_of_a_stream_has_the_usage() -> None:
    chunk: dict[str, Any] = CHAT | {"object": "chat.completion.chunk"}
    assert openai_units(ChatCompletionChunk.model_validate(chunk)) == CHAT_UNITS
    earlier = ChatCompletionChunk.model_validate(chunk | {"usage": None})
    with pytest.raises(BadEventError, match="there is no usage in ChatCompletionChunk"):
        openai_units(earlier)


def test_a_response_keeps_cache_reads_writes_and_reasoning_apart() -> None:
    """2,600 tokens: 2,000 read from the cache, 400 written to it, 200 neither."""
    usage = {
        "input_tokens": 2600,
        "input_tokens_details": {"cached_tokens": 2000, "cache_write_tokens": 400},
        "output_tokens": 70,
        "output_tokens_details": {"reasoning_tokens": 64},
        "total_tokens": 2670,
    }
    response = Response.model_construct(usage=ResponseUsage.model_validate(usage))
    expected = {"input": 200, "cache_read": 2000, "cache_write": 400, "output": 6, "reasoning": 64}
    for source in (response, response.usage, {"usage": usage}, usage):
        assert openai_units(source) == expected


def test_an_embedding_puts_nothing_out() -> None:
    usage = {"prompt_tokens": 8, "total_tokens": 8}
    body = {"object": "list", "model": "text-embedding-3-small", "data": [], "usage": usage}
    embedding = CreateEmbeddingResponse.model_validate(body)
    for source in (embedding, embedding.usage, body, usage):
        assert openai_units(source) == {"input": 8}


def test_cached_audio_of_a_realtime_session_is_counted_once() -> None:
    usage = {
        "total_tokens": 253,
        "input_tokens": 132,
        "output_tokens": 121,
        "input_token_details": {
            "text_tokens": 119,
            "audio_tokens": 13,
            "cached_tokens": 64,
            "cached_tokens_details": {"text_tokens": 60, "audio_tokens": 4},
        },
        "output_token_details": {"text_tokens": 30, "audio_tokens": 91},
    }
    expected = {"input": 59, "audio_input": 9, "cache_read": 64, "output": 30, "audio_output": 91}
    response = RealtimeResponse.model_validate({"id": "resp_1", "usage": usage})
    assert openai_units(response) == openai_units(usage) == expected


def test_cache_hits_are_not_counted_twice() -> None:
    """A gateway billed 0.7642 USD for this call: it left the cached tokens in the prompt. It is worth 0.1849 USD."""
    price = make_price(rates=per_million(input="1.25", cache_read="0.625", output="10"))
    usage = CompletionUsage(
        prompt_tokens=262_960,
        completion_tokens=1744,
        total_tokens=264_704,
        prompt_tokens_details=PromptTokensDetails(cached_tokens=257_955),
        completion_tokens_details=CompletionTokensDetails(reasoning_tokens=0),
    )
    assert openai_units(usage) == {"input": 5005, "cache_read": 257_955, "output": 1744}
    assert usd(rate(price, openai_units(usage), plan=None).cost_nanos) == Decimal("0.184918125")


@given(
    st.integers(0, 10**6), st.integers(0, 10**6), st.integers(0, 10**6), st.integers(0, 10**6), st.integers(0, 10**6)
)
def test_units_sum_to_the_total(fresh: int, cached: int, written: int, text: int, reasoning: int) -> None:
    prompt, completion = fresh + cached + written, text + reasoning
    usage = CompletionUsage(
        prompt_tokens=prompt,
        completion_tokens=completion,
        total_tokens=prompt + completion,
        prompt_tokens_details=PromptTokensDetails(cached_tokens=cached, cache_write_tokens=written),
        completion_tokens_details=CompletionTokensDetails(reasoning_tokens=reasoning),
    )
    units = openai_units(usage)
    assert sum(units.values()) == usage.total_tokens
    assert 0 not in units.values()
    assert units.get("input", 0) == fresh


def test_details_that_are_absent_count_nothing() -> None:
    assert openai_units(CompletionUsage(prompt_tokens=10, completion_tokens=5, total_tokens=15)) == {
        "input": 10,
        "output": 5,
    }
    empty = {"prompt_tokens": 10, "completion_tokens": 0, "prompt_tokens_details": None, "total_tokens": 10}
    assert openai_units(empty) == {"input": 10}


def test_counts_that_cannot_be_are_refused() -> None:
    faults = {
        "prompt_tokens is 10, less than what it includes: cached_tokens 11": {
            "prompt_tokens": 10,
            "completion_tokens": 1,
            "prompt_tokens_details": {"cached_tokens": 11},
        },
        "completion_tokens is 1, less than what it includes: reasoning_tokens 2": {
            "prompt_tokens": 10,
            "completion_tokens": 1,
            "completion_tokens_details": {"reasoning_tokens": 2},
        },
        "prompt_tokens of the usage is -1, which is not a number of tokens": {"prompt_tokens": -1},
        "prompt_tokens of the usage is 1.5, which is not a number of tokens": {"prompt_tokens": 1.5},
        "prompt_tokens of the usage is True, which is not a number of tokens": {"prompt_tokens": True},
        "there is no usage in NoneType; has the stream ended, and was it asked for?": None,
        "there is no usage in dict; has the stream ended, and was it asked for?": {},
    }
    for message, usage in faults.items():
        with pytest.raises(BadEventError) as caught:
            openai_units(usage)
        assert str(caught.value) == message


def test_image_tokens_are_refused_rather_than_billed_as_text() -> None:
    usage = ImageUsage.model_validate(
        {
            "input_tokens": 50,
            "output_tokens": 4160,
            "total_tokens": 4210,
            "input_tokens_details": {"text_tokens": 50, "image_tokens": 0},
            "output_tokens_details": {"text_tokens": 0, "image_tokens": 4160},
        }
    )
    with pytest.raises(BadEventError, match="image tokens have no unit; count the images as `image` units"):
        openai_units(usage)
