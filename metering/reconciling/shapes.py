"""The shapes of rows: LiteLLM's spend logs, the usage reports of OpenAI and Anthropic, and a plain table.

What a row counts is brought to `metering.reconciling.records.MEASURES`. OpenAI's and LiteLLM's input includes what was
cached, Anthropic's does not.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from metering.errors import BadEventError
from metering.reconciling.reading import Row
from metering.reconciling.records import DETAILS, FIRST_DAY, INPUT, LAST_DAY, OUTPUT, Theirs
from schema.money import NANO, round_half_even
from schema.units import WHOLE_UNITS

_LARGEST_COUNT = 10**15
_LARGEST_COST = Decimal(10) ** 9
_EPOCH = re.compile(r"[0-9]{9,11}(\.[0-9]+)?")


@dataclass(frozen=True, slots=True)
class Shape:
    """A kind of file. `read` gives None for a row that counts nothing; raises BadEventError for one it cannot read."""

    name: str
    fits: Callable[[Mapping[str, Any]], bool]
    read: Callable[[Row], Theirs | None]
    provider: str | None
    """Whose calls all rows are, unless they say otherwise."""


def _litellm(row: Row) -> Theirs | None:
    values = row.values
    if values.get("status") == "failure":
        return None
    metadata = values.get("metadata")
    if isinstance(metadata, str):
        try:
            metadata = json.loads(metadata)
        except ValueError:
            metadata = None
    counts = _counts(values, {"input": "prompt_tokens", "output": "completion_tokens"})
    usage = metadata.get("usage_object") if isinstance(metadata, dict) else None
    if isinstance(usage, dict):
        details = usage.get("prompt_tokens_details")
        counts |= _counts(details if isinstance(details, dict) else {}, {"cache_read": "cached_tokens"})
    counts |= _cost(values, "spend")
    provider = values.get("custom_llm_provider")
    return Theirs(
        row.place,
        _day(values, "startTime"),
        _text(values, "request_id"),
        None if not provider else str(provider),
        _text(values, "model"),
        {"requests": 1, **counts},
        _moment(values, "startTime"),
    )


def _openai(row: Row) -> Theirs | None:
    names = {
        "requests": "num_model_requests",
        "input": "input_tokens",
        "output": "output_tokens",
        "cache_read": "input_cached_tokens",
    }
    counts = _counts(row.values, names)
    day = _day(row.values, "start_time_iso" if row.values.get("start_time_iso") else "start_time")
    if not any(counts.values()):
        return None
    return Theirs(row.place, day, None, None, _text(row.values, "model", "group the report by model"), counts)


def _anthropic(row: Row) -> Theirs | None:
    values = row.values
    creation = values.get("cache_creation")
    written = creation if isinstance(creation, dict) else values
    counts = _counts(values, {"input": "uncached_input_tokens", "output": "output_tokens"})
    counts |= _counts(values, {"cache_read": "cache_read_input_tokens"})
    counts |= _counts(written, {"cache_write": "ephemeral_5m_input_tokens"})
    counts |= _counts(written, {"cache_write_1h": "ephemeral_1h_input_tokens"})
    return _of_anthropic(row, _day(values, "starting_at"), "model", counts)


def _console(row: Row) -> Theirs | None:
    """The CSV that Anthropic's console exports."""
    names = {
        "input": "usage_input_tokens_no_cache",
        "output": "usage_output_tokens",
        "cache_read": "usage_input_tokens_cache_read",
        "cache_write": "usage_input_tokens_cache_write_5m",
        "cache_write_1h": "usage_input_tokens_cache_write_1h",
    }
    return _of_anthropic(row, _day(row.values, "usage_date_utc"), "model_version", _counts(row.values, names))


def _of_anthropic(row: Row, day: date, model: str, counts: dict[str, int]) -> Theirs | None:
    counts["input"] = counts.get("input", 0) + sum(counts.get(unit, 0) for unit in DETAILS)
    if not any(counts.values()):
        return None
    return Theirs(row.place, day, None, None, _text(row.values, model, "group the report by model"), counts)


_ID_NAMES = ("event_id", "request_id", "id")
_DAY_NAMES = ("occurred_at", "day", "date", "timestamp", "time", "created_at")
_COST_NAMES = ("cost_usd", "cost", "spend")
_WHOLE_NAMES = {
    "input": ("input_tokens", "prompt_tokens"),
    "output": ("output_tokens", "completion_tokens"),
    "requests": ("requests", "num_requests"),
}


def _table(row: Row) -> Theirs | None:
    """A table of our own units, or with `input_tokens` and `output_tokens` for all of either."""
    values = row.values
    units = _counts(values, {unit: unit for unit in WHOLE_UNITS})
    counts = {unit: count for unit, count in units.items() if unit in DETAILS}
    for measure, parts in (("input", INPUT), ("output", OUTPUT)):
        if any(unit in units for unit in parts):
            counts[measure] = sum(units.get(unit, 0) for unit in parts)
    for measure, names in _WHOLE_NAMES.items():
        for name in names:
            if name in values:
                counts |= _counts(values, {measure: name})
    for name in _COST_NAMES:
        if name in values:
            counts |= _cost(values, name)
            break
    named = next((name for name in _DAY_NAMES if values.get(name) is not None), _DAY_NAMES[0])
    event_id = next((str(values[name]) for name in _ID_NAMES if values.get(name) is not None), None)
    if event_id is not None:
        counts["requests"] = 1
    provider = values.get("provider")
    return Theirs(
        row.place,
        _day(values, named),
        event_id,
        None if provider is None else str(provider),
        _text(values, "model"),
        counts,
        _moment(values, named) if len(str(values[named])) > len("2026-01-31") else None,
    )


SHAPES = {
    shape.name: shape
    for shape in (
        Shape("litellm", lambda row: "request_id" in row and "startTime" in row, _litellm, None),
        Shape("openai", lambda row: "num_model_requests" in row and "input_tokens" in row, _openai, "openai"),
        Shape("anthropic", lambda row: "uncached_input_tokens" in row, _anthropic, "anthropic"),
        Shape("anthropic-console", lambda row: "usage_input_tokens_no_cache" in row, _console, "anthropic"),
        Shape("table", lambda row: "model" in row, _table, None),
    )
}
"""By name, the special ones first: a file is of the first that fits its first row."""


def _counts(values: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, int]:
    """The whole numbers that a row tells, by measure."""
    return {measure: _count(name, values[name]) for measure, name in names.items() if values.get(name) is not None}


def _count(name: str, value: Any) -> int:
    number = _number(name, value)
    if number != number.to_integral_value() or not 0 <= number <= _LARGEST_COUNT:
        raise BadEventError(f"{name} is {_shown(value)}, which is not a whole number from 0 on")
    return int(number)


def _cost(values: Mapping[str, Any], name: str) -> dict[str, int]:
    if values.get(name) is None:
        return {}
    number = _number(name, values[name])
    if abs(number) > _LARGEST_COST:
        raise BadEventError(f"{name} is {_shown(values[name])}, which can only be a slip")
    numerator, denominator = number.as_integer_ratio()
    return {"cost": round_half_even(numerator * NANO, denominator)}


def _number(name: str, value: Any) -> Decimal:
    try:
        number = Decimal(str(value).replace(",", "") if isinstance(value, str) else value)
    except (InvalidOperation, ValueError, TypeError):
        number = Decimal("NaN")
    if isinstance(value, bool) or not number.is_finite() or abs(number.adjusted()) > 40:
        raise BadEventError(f"{name} is {_shown(value)}, which is no number")
    return number


def _text(values: Mapping[str, Any], name: str, advice: str = "") -> str:
    value = values.get(name)
    if value is None or value == "":
        raise BadEventError(f"{name} is missing{f'; {advice}' if advice else ''}")
    return str(value)


def _day(values: Mapping[str, Any], name: str) -> date:
    """The UTC day of a moment."""
    return _moment(values, name).date()


def _moment(values: Mapping[str, Any], name: str) -> datetime:
    """A moment in UTC: a date, a timestamp (UTC when it names no zone), or seconds since 1970."""
    text = _text(values, name)
    try:
        if _EPOCH.fullmatch(text):
            moment = datetime.fromtimestamp(int(text.partition(".")[0]), UTC)
        else:
            moment = datetime.fromisoformat(text)
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise BadEventError(f"{name} is {_shown(text)}, which is no date or time") from None
    if not FIRST_DAY <= moment.date() < LAST_DAY:
        raise BadEventError(f"{name} is {_shown(text)}, when no call was made")
    return moment


def _shown(value: Any) -> str:
    text = repr(value) if isinstance(value, str) else str(value)
    return text if len(text) <= 60 else text[:57] + "..."


__all__ = ["SHAPES", "Shape"]
