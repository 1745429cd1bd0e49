"""The units that are counted and priced.

Units never overlap: cached input is not also `input`. Whole units are stored as they are; decimal units have up to six
decimals and are stored as whole millionths.
"""

from __future__ import annotations

WHOLE_UNITS = (
    "input",
    "output",
    "cache_read",
    "cache_write",
    "cache_write_1h",
    "reasoning",
    "audio_input",
    "audio_output",
    "image",
    "request",
    "character",
    "page",
)
DECIMAL_UNITS = ("video_second", "audio_minute", "run_unit")
UNITS = WHOLE_UNITS + DECIMAL_UNITS

TOKEN_UNITS = (
    "input",
    "output",
    "cache_read",
    "cache_write",
    "cache_write_1h",
    "reasoning",
    "audio_input",
    "audio_output",
)
"""The units whose sum is `tokens` in quotas and charts."""

INPUT_UNITS = ("input", "cache_read", "cache_write", "cache_write_1h")
"""The units that make up the input of a call: a context tier applies when their sum is greater than its `from`."""

MILLION = 1_000_000
"""How many stored parts a decimal unit has; also the divisor of a price per million."""

RATE_FALLBACKS = {
    "reasoning": ("output",),
    "audio_output": ("output",),
    "cache_read": ("input",),
    "cache_write": ("input",),
    "audio_input": ("input",),
    "cache_write_1h": ("cache_write", "input"),
}
"""Whose rate a unit takes when it has none of its own, in order."""

REQUIRED_UNITS = {
    "llm": ("input", "output"),
    "embedding": ("input",),
    "image": (),
    "audio": (),
    "video": (),
    "rerank": (),
}
"""The units that a price must name for a model of a type; a type with none here must name at least one."""


def stored_per_unit(unit: str) -> int:
    """How many stored parts make one unit: 1 for whole units, 1,000,000 for decimal units."""
    return MILLION if unit in DECIMAL_UNITS else 1
