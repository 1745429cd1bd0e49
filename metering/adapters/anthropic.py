"""Anthropic: messages, also streamed.

What is read from the cache and written to it stands beside `input_tokens`; a cache write lasts five minutes or an hour,
at different rates. Thinking is part of the output.
Source: https://docs.anthropic.com/en/docs/build-with-claude/prompt-caching and the types of the `anthropic` library.
"""

from __future__ import annotations

from typing import Any

from metering.adapters.reading import count, field, required_count, rest, usage_of, without_zeros

_FIELDS = (
    "input_tokens",
    "cache_read_input_tokens",
    "cache_creation_input_tokens",
    "cache_creation",
    "output_tokens",
    "output_tokens_details",
    "iterations",
)


def anthropic_units(*responses: Any) -> dict[str, int]:
    """Units of a Message, or its usage; or of a stream: its message_start, then the last message_delta.

    A stream's counts are cumulative: what a later part of it names replaces what an earlier one said. The tokens of a
    compaction, which the provider bills but leaves out of its totals, are added; those of another model
    (`advisor_message` in `iterations`) are not: each such iteration is an event of that model. Raises BadEventError.
    """
    latest: dict[str, Any] = {}
    for response in responses or (None,):
        usage = usage_of(_message(response), "usage", ("input_tokens", "output_tokens"))
        latest |= {name: value for name in _FIELDS if (value := field(usage, name)) is not None}
    units = _units(latest)
    for iteration in latest.get("iterations") or ():
        if field(iteration, "type") == "compaction":
            for unit, quantity in _units(iteration).items():
                units[unit] = units.get(unit, 0) + quantity
    return units


def _message(response: Any) -> Any:
    # The event that starts a stream holds a message.
    message = None if response is None else field(response, "message")
    return response if message is None else message


def _units(usage: Any) -> dict[str, int]:
    lifetimes = field(usage, "cache_creation")
    hour = count(lifetimes, "ephemeral_1h_input_tokens")
    minutes = count(lifetimes, "ephemeral_5m_input_tokens")
    written = count(usage, "cache_creation_input_tokens")
    if written:
        # Five minutes are the provider's default: what has no lifetime of its own is written for them.
        minutes += rest(written, "cache_creation_input_tokens", five_minutes=minutes, an_hour=hour)
    output = required_count(usage, "output_tokens")
    thinking = count(field(usage, "output_tokens_details"), "thinking_tokens")
    return without_zeros(
        input=required_count(usage, "input_tokens"),
        output=rest(output, "output_tokens", thinking_tokens=thinking),
        cache_read=count(usage, "cache_read_input_tokens"),
        cache_write=minutes,
        cache_write_1h=hour,
        reasoning=thinking,
    )


__all__ = ["anthropic_units"]
