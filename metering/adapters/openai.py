"""OpenAI: chat completions, responses, embeddings and realtime sessions.

What is read from the cache, written to it and heard is part of the prompt; reasoning and speech are part of the output.
Source: https://platform.openai.com/docs/guides/prompt-caching and the types of the `openai` library.
"""

from __future__ import annotations

from typing import Any

from metering.adapters.reading import count, field, required_count, rest, usage_of, without_zeros
from metering.errors import BadEventError


def openai_units(response: Any) -> dict[str, int]:
    """Units of a ChatCompletion (or its last chunk), a Response, a CreateEmbeddingResponse, a realtime response,
    or the usage of one.

    Tokens of a predicted output that were rejected are output: the provider bills them so. Cached audio counts as
    `cache_read`. Raises BadEventError for counts that cannot be, and for image tokens, which have rates of their own:
    count `image` units instead.
    """
    usage = usage_of(response, "usage", ("prompt_tokens", "input_tokens"))
    # Chat and embeddings say prompt and completion, responses say input and output.
    given, taken = ("prompt", "completion") if field(usage, "prompt_tokens") is not None else ("input", "output")
    prompt = required_count(usage, f"{given}_tokens")
    # An embedding puts nothing out and does not say so.
    output = count(usage, f"{taken}_tokens")
    prompt_parts, output_parts = _details(usage, given), _details(usage, taken)
    for parts in (prompt_parts, output_parts):
        if count(parts, "image_tokens"):
            raise BadEventError("image tokens have no unit; count the images as `image` units")
    cached = count(prompt_parts, "cached_tokens")
    written = count(prompt_parts, "cache_write_tokens")
    heard = count(prompt_parts, "audio_tokens")
    if prompt_parts is not None:
        heard = rest(heard, "audio_tokens", cached=count(field(prompt_parts, "cached_tokens_details"), "audio_tokens"))
    reasoning = count(output_parts, "reasoning_tokens")
    spoken = count(output_parts, "audio_tokens")
    return without_zeros(
        input=rest(prompt, f"{given}_tokens", cached_tokens=cached, cache_write_tokens=written, audio_tokens=heard),
        output=rest(output, f"{taken}_tokens", reasoning_tokens=reasoning, audio_tokens=spoken),
        cache_read=cached,
        cache_write=written,
        reasoning=reasoning,
        audio_input=heard,
        audio_output=spoken,
    )


def _details(usage: Any, side: str) -> Any:
    # A realtime session leaves out the s.
    details = field(usage, f"{side}_tokens_details")
    return field(usage, f"{side}_token_details") if details is None else details


__all__ = ["openai_units"]
