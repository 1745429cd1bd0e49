"""What is wrong with a body or a parameter, in words for people: where, what, and what to write instead."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from metering.api.fields import MOMENT_FORM, NO_ZERO

_MOST_FAULTS = 3
_LONGEST_PLACE = 60
_WORDS = {
    "missing": "it is missing",
    "string_type": "it must be text",
    "string_too_short": "it is empty",
    "string_too_long": "it has more than {max_length} characters",
    "model_attributes_type": "it must be a JSON object",
    "model_type": "it must be a JSON object",
    "dict_type": "it must be a JSON object",
    "list_type": "it must be a JSON array",
    "too_short": "it is empty",
    "too_long": "it has {actual_length}, which is more than {max_length}",
    "int_type": "it must be a whole number",
    "int_parsing": "it must be a whole number",
    "greater_than_equal": "it is less than {ge}",
    "less_than_equal": "it is more than {le}",
    "literal_error": "it must be {expected}",
    "value_error": "{error}",
}
"""By pydantic's names of faults; what is not among them is told in pydantic's own words."""
_PATTERNS = {
    MOMENT_FORM: "write a date or a time, such as 2026-11-21 or 2026-11-21T09:30:00Z",
    NO_ZERO: "it holds a zero character",
}


def validation_message(errors: Sequence[Mapping[str, Any]]) -> str:
    """What is wrong with a body or parameter, by place; what was sent is not repeated."""
    told = []
    for error in errors[:_MOST_FAULTS]:
        place = ".".join(str(part)[:_LONGEST_PLACE] for part in error["loc"])
        told.append(f"{place}: {_words(error)}" if place else _words(error))
    more = len(errors) - len(told)
    return "; ".join(told) + (f"; and {more} more" if more > 0 else "")


def _words(error: Mapping[str, Any]) -> str:
    asked = error.get("ctx", {})
    if error["type"] == "string_pattern_mismatch":
        return _PATTERNS.get(asked["pattern"], f"it must match {asked['pattern']}")
    words = _WORDS.get(error["type"])
    return str(error["msg"]) if words is None else words.format_map(asked)


__all__ = ["validation_message"]
