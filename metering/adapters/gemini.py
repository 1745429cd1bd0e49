"""Gemini: generated content and live sessions, of the Gemini API and of Vertex AI.

What is read from the cache is part of the prompt; thoughts stand beside the candidates; sound stands within both, told
apart by modality.
Source: https://ai.google.dev/gemini-api/docs/tokens and the types of the `google-genai` library.
"""

from __future__ import annotations

from typing import Any

from metering.adapters.reading import count, field, rest, usage_of, without_zeros
from metering.errors import BadEventError

_COUNTS = ("prompt_token_count", "candidates_token_count", "response_token_count", "total_token_count")


def gemini_units(response: Any) -> dict[str, int]:
    """Units of a GenerateContentResponse (or the last of a stream), a LiveServerMessage, or the usage metadata of one.

    Cached sound counts as `cache_read`. Raises BadEventError for counts that cannot be, and for images that were put
    out, whose tokens have a rate of their own: count `image` units instead.
    """
    usage = usage_of(response, "usage_metadata", _COUNTS)
    prompt = count(usage, "prompt_token_count")
    # A live session says response where others say candidates.
    kind = "candidates" if field(usage, "candidates_token_count") is not None else "response"
    output = count(usage, f"{kind}_token_count")
    thoughts = count(usage, "thoughts_token_count")
    tools = count(usage, "tool_use_prompt_token_count")
    total = count(usage, "total_token_count")
    if total and prompt + output + thoughts + tools == 0:
        raise BadEventError("the usage has a total only: nothing says what was put in and what came out")
    if total and total == prompt + output + thoughts:
        # What tools gave back stands beside the prompt, unless the total says that the prompt has it already.
        tools = 0
    cached = count(usage, "cached_content_token_count")
    cached_sound = _of_modality(usage, "cache_tokens_details", "AUDIO")
    heard = _of_modality(usage, "prompt_tokens_details", "AUDIO")
    if tools:
        heard += _of_modality(usage, "tool_use_prompt_tokens_details", "AUDIO")
    heard = rest(heard, "the sound of the prompt", cached=cached_sound)
    if _of_modality(usage, f"{kind}_tokens_details", "IMAGE"):
        raise BadEventError("tokens of images that were put out have no unit; count the images as `image` units")
    spoken = _of_modality(usage, f"{kind}_tokens_details", "AUDIO")
    return without_zeros(
        input=rest(prompt + tools, "prompt_token_count", cached_content_token_count=cached, sound=heard),
        output=rest(output, f"{kind}_token_count", sound=spoken),
        cache_read=cached,
        reasoning=thoughts,
        audio_input=heard,
        audio_output=spoken,
    )


def _of_modality(usage: Any, name: str, modality: str) -> int:
    """Tokens of a modality in a list of them; a library's enumeration or JSON's text."""
    total = 0
    for entry in field(usage, name) or ():
        named = field(entry, "modality")
        if str(getattr(named, "value", named)).upper() == modality:
            total += count(entry, "token_count")
    return total


__all__ = ["gemini_units"]
