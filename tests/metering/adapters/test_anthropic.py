"""Anthropic's usage, over the types of its Python library and as JSON."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from anthropic.types import Message, MessageDeltaUsage, RawMessageDeltaEvent, RawMessageStartEvent, Usage
from anthropic.types.beta import BetaUsage
from hypothesis import given
from hypothesis import strategies as st

from metering.adapters import anthropic_units
from metering.errors import BadEventError
from metering.rating.rating import rate
from schema.money import usd
from tests.metering.rate_card import make_price, per_million

MESSAGE: dict[str, Any] = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "claude-haiku-4-5",
    "content": [],
    "stop_reason": "end_turn",
    "usage": {
        "input_tokens": 2048,
        "cache_read_input_tokens": 1800,
        "cache_creation_input_tokens": 248,
        "cache_creation": {"ephemeral_5m_input_tokens": 148, "ephemeral_1h_input_tokens": 100},
        "output_tokens": 503,
        "output_tokens_details": {"thinking_tokens": 400},
        "server_tool_use": {"web_search_requests": 1, "web_fetch_requests": 0},
        "service_tier": "standard",
    },
}
UNITS = {
    "input": 2048,
    "cache_read": 1800,
    "cache_write": 148,
    "cache_write_1h": 100,
    "output": 103,
    "reasoning": 400,
}


def test_a_message_keeps_both_cache_writes_and_thinking_apart() -> None:
    message = Message.model_validate(MESSAGE)
    for source in (message, message.usage, MESSAGE, MESSAGE["usage"], json.loads(message.model_dump_json())):
        assert anthropic_units(source) == UNITS


def test_a_cache_write_without_a_lifetime_lasts_five_minutes() -> None:
    usage = {"input_tokens": 3, "cache_creation_input_tokens": 12_304, "output_tokens": 550}
    assert anthropic_units(usage) == {"input": 3, "cache_write": 12_304, "output": 550}
    partly = usage | {"cache_creation": {"ephemeral_1h_input_tokens": 12_000, "ephemeral_5m_input_tokens": 0}}
    assert anthropic_units(partly) == {"input": 3, "cache_write": 304, "cache_write_1h": 12_000, "output": 550}


def test_cache_writes_are_not_counted_twice() -> None:
    """A gateway billed 0.0913 USD for this call: once as prompt, once as cache write. It is worth 0.0544 USD."""
    price = make_price(rates=per_million(input="3", output="15", cache_read="0.30", cache_write="3.75"))
    usage = Usage(input_tokens=3, cache_creation_input_tokens=12_304, cache_read_input_tokens=0, output_tokens=550)
    assert usd(rate(price, anthropic_units(usage), plan=None).cost_nanos) == Decimal("0.054399")


def test_a_cache_write_for_an_hour_has_its_own_rate() -> None:
    price = make_price(rates=per_million(input="3", output="15", cache_write="3.75", cache_write_1h="6"))
    usage = {
        "input_tokens": 0,
        "cache_creation_input_tokens": 3_000_000,
        "cache_creation": {"ephemeral_5m_input_tokens": 2_000_000, "ephemeral_1h_input_tokens": 1_000_000},
        "output_tokens": 0,
    }
    assert usd(rate(price, anthropic_units(usage), plan=None).cost_nanos) == Decimal("13.5")


def test_a_stream_is_read_from_its_start_and_its_last_delta() -> None:
    start = RawMessageStartEvent.model_validate(
        {"type": "message_start", "message": MESSAGE | {"usage": MESSAGE["usage"] | {"output_tokens": 1}}}
    )
    start.message.usage.output_tokens_details = None
    delta = RawMessageDeltaEvent.model_validate(
        {"type": "message_delta", "delta": {}, "usage": {"output_tokens": 503, "output_tokens_details": None}}
    )
    units = {name: quantity for name, quantity in UNITS.items() if name not in ("output", "reasoning")}
    assert anthropic_units(start, delta) == units | {"output": 503}
    assert anthropic_units(json.loads(start.model_dump_json()), json.loads(delta.model_dump_json())) == units | {
        "output": 503
    }
    # Cut off after its start, it has used what it was given.
    assert anthropic_units(start) == units | {"output": 1}


def test_a_later_part_of_a_stream_replaces_what_an_earlier_one_said() -> None:
    """With tools of the server the input grows while the message is written; all counts are cumulative."""
    start = Usage(input_tokens=2679, cache_creation_input_tokens=0, cache_read_input_tokens=0, output_tokens=3)
    delta = MessageDeltaUsage(
        input_tokens=10_682, cache_creation_input_tokens=0, cache_read_input_tokens=20, output_tokens=510
    )
    assert anthropic_units(start, delta) == {"input": 10_682, "cache_read": 20, "output": 510}


def test_a_compaction_is_added_and_another_model_is_not() -> None:
    def iteration(kind: str, given: int, taken: int, **values: Any) -> dict[str, Any]:
        zero = {"cache_creation_input_tokens": 0, "cache_read_input_tokens": 0}
        return {"type": kind, "input_tokens": given, "output_tokens": taken, **zero, **values}

    advisor = iteration("advisor_message", 700, 70, model="claude-opus-4-1")
    usage = {
        "input_tokens": 23_000,
        "output_tokens": 1000,
        "iterations": [
            iteration("compaction", 180_000, 3500),
            iteration("message", 23_000, 1000),
            advisor,
        ],
    }
    expected = {"input": 203_000, "output": 4500}
    assert anthropic_units(usage) == anthropic_units(BetaUsage.model_validate(usage)) == expected
    assert anthropic_units(advisor) == {"input": 700, "output": 70}


@given(st.tuples(*[st.integers(0, 10**6)] * 6))
def test_units_sum_to_all_that_was_counted(numbers: tuple[int, ...]) -> None:
    fresh, read, minutes, hour, text, thinking = numbers
    usage = Usage.model_validate(
        {
            "input_tokens": fresh,
            "cache_read_input_tokens": read,
            "cache_creation_input_tokens": minutes + hour,
            "cache_creation": {"ephemeral_5m_input_tokens": minutes, "ephemeral_1h_input_tokens": hour},
            "output_tokens": text + thinking,
            "output_tokens_details": {"thinking_tokens": thinking},
        }
    )
    units = anthropic_units(usage)
    assert sum(units.values()) == sum(numbers)
    assert (units.get("cache_write", 0), units.get("cache_write_1h", 0)) == (minutes, hour)


def test_counts_that_cannot_be_are_refused() -> None:
    faults = {
        "cache_creation_input_tokens is 5, less than what it includes: an_hour 6": {
            "input_tokens": 1,
            "output_tokens": 1,
            "cache_creation_input_tokens": 5,
            "cache_creation": {"ephemeral_1h_input_tokens": 6},
        },
        "output_tokens is 1, less than what it includes: thinking_tokens 2": {
            "input_tokens": 1,
            "output_tokens": 1,
            "output_tokens_details": {"thinking_tokens": 2},
        },
        "the usage has no input_tokens": {"output_tokens": 7},
        "the usage has no output_tokens": {"input_tokens": 7},
        "input_tokens of the usage is '7', which is not a number of tokens": {"input_tokens": "7", "output_tokens": 1},
        "there is no usage in NoneType; has the stream ended, and was it asked for?": None,
    }
    for message, usage in faults.items():
        with pytest.raises(BadEventError) as caught:
            anthropic_units(usage)
        assert str(caught.value) == message
    with pytest.raises(BadEventError, match="there is no usage"):
        anthropic_units()
