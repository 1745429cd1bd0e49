"""What was called: the caller's `Usage`, and the `Event` that it is read into.

Units never overlap: cached input is not also `input`. Quantities are whole numbers, decimals or their text, never
binary floats; an event holds them as stored parts (see `schema.units`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from hashlib import blake2b
from numbers import Integral
from types import MappingProxyType
from typing import Any

from metering.errors import BadEventError, UnknownUnitError
from metering.given import EARLIEST, LONGEST_NAME
from schema.findings import did_you_mean
from schema.keys import parse_moment
from schema.units import DECIMAL_UNITS, MILLION, UNITS, WHOLE_UNITS

Quantity = int | Decimal | str

LARGEST_FIELD = 10 * 1024
"""Bytes of any other field."""
LARGEST_QUANTITY = 10**12
"""Units of one kind in one event; more can only be a slip."""
LARGEST_DECIMAL = 10**8
"""Units of a kind that is stored in millionths, or seconds: years of them in one event can only be a slip."""
AHEAD = timedelta(minutes=5)
"""How far a caller's clock may be ahead of ours."""

_WHOLE = frozenset(WHOLE_UNITS)
_DECIMAL = frozenset(DECIMAL_UNITS)
_MOST_DECIMALS = 60
_NUMBER = re.compile(r"-?[0-9]{1,30}(\.[0-9]{0,30})?", re.ASCII)
_ZERO_CHARACTER = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")
_encode = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False).encode
_encode_details = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """One call that happened.

    `event_id` is unique in its account: the same event again is charged once. `occurred_at` is now when it is not
    given; a naive time is UTC. `provider` may be left out when `model` is an alias or `provider/model`. A use of a
    feature or a tool alone names no model.
    """

    event_id: str
    account: str | None = None
    model: str | None = None
    provider: str | None = None
    units: Mapping[str, Quantity] = field(default_factory=lambda: MappingProxyType({}))
    occurred_at: datetime | str | None = None
    user: str | None = None
    task: str | None = None
    feature: str | None = None
    tool: str | None = None
    tier: str | None = None
    reasoning_level: str | None = None
    cpu_seconds: Quantity | None = None
    gpu_seconds: Quantity | None = None
    latency_ms: Quantity | None = None
    metadata: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Event:
    """A usage as it is stored: checked, in UTC, units in stored parts and only those that are not zero."""

    event_id: str
    account: str
    occurred_at: datetime
    provider: str | None
    model: str
    user: str | None
    task: str | None
    feature: str | None
    tool: str | None
    tier: str | None
    reasoning_level: str | None
    units: dict[str, int]
    cpu_seconds_micros: int | None
    gpu_seconds_micros: int | None
    latency_ms: int | None
    details: str | None
    content_hash: bytes
    """Tells a repeat from a clash: 16 bytes over what the caller gave, apart from account and event id."""


def read_usage(usage: Usage, *, now: datetime, from_zero: bool = False, of_hold: bool = False) -> Event:
    """Check a usage and bring it to the stored form; `from_zero` is that of `stored_units`. One `of_hold`
    needs no model yet, see `completed`.

    Raises BadEventError, or UnknownUnitError for a unit that does not exist. A time that the caller did not give is not
    part of the hash, so that a retry is the same event.
    """
    if not isinstance(usage, Usage):
        raise BadEventError(f"{_shown(usage)} is not a Usage")
    units = stored_units(usage.units, from_zero=from_zero)
    given = usage.occurred_at
    occurred_at = now if given is None else _moment(given, now)
    user = _text("user", usage.user)
    task = _text("task", usage.task)
    feature = _text("feature", usage.feature)
    tool = _text("tool", usage.tool)
    tier = _text("tier", usage.tier)
    level = _text("reasoning_level", usage.reasoning_level)
    provider = _name("provider", usage.provider, required=False)
    model = _name("model", usage.model, required=feature is None and tool is None and not of_hold)
    if model is None and provider is not None:
        raise BadEventError("provider is given without a model")
    cpu = None if usage.cpu_seconds is None else stored_parts("cpu_seconds", usage.cpu_seconds, MILLION)
    gpu = None if usage.gpu_seconds is None else stored_parts("gpu_seconds", usage.gpu_seconds, MILLION)
    latency = None if usage.latency_ms is None else stored_parts("latency_ms", usage.latency_ms, 1)
    details, canonical = (None, None) if usage.metadata is None else _details(usage.metadata)
    texts = {
        "feature": feature,
        "metadata": canonical,
        "model": model,
        "occurred_at": None if given is None else occurred_at.isoformat(),
        "provider": provider,
        "reasoning_level": level,
        "task": task,
        "tier": tier,
        "tool": tool,
        "user": user,
    }
    numbers = {"cpu_seconds": cpu, "gpu_seconds": gpu, "latency_ms": latency}
    return Event(
        event_id=_name("event_id", usage.event_id) or "",
        account=_name("account", usage.account) or "",
        occurred_at=occurred_at,
        provider=provider,
        model=model or "",
        user=user,
        task=task,
        feature=feature,
        tool=tool,
        tier=tier,
        reasoning_level=level,
        units=units,
        cpu_seconds_micros=cpu,
        gpu_seconds_micros=gpu,
        latency_ms=latency,
        details=details,
        content_hash=_hashed(texts, numbers, units),
    )


def completed(event: Event, *, timed: bool, provider: str, model: str, task: str | None) -> Event:
    """An event with the model and the task of its hold where it names none; `timed`: whether its usage had a time."""
    if event.model and (event.task or not task):
        return event
    if not event.model:
        event = replace(event, provider=provider, model=model)
    event = replace(event, task=event.task or task)
    texts = {
        "feature": event.feature,
        "metadata": None if event.details is None else _encode(json.loads(event.details)),
        "model": event.model,
        "occurred_at": event.occurred_at.isoformat() if timed else None,
        "provider": event.provider,
        "reasoning_level": event.reasoning_level,
        "task": event.task,
        "tier": event.tier,
        "tool": event.tool,
        "user": event.user,
    }
    numbers = {
        "cpu_seconds": event.cpu_seconds_micros,
        "gpu_seconds": event.gpu_seconds_micros,
        "latency_ms": event.latency_ms,
    }
    return replace(event, content_hash=_hashed(texts, numbers, event.units))


def _hashed(texts: dict[str, str | None], numbers: dict[str, int | None], units: dict[str, int]) -> bytes:
    """A hash of canonical JSON: sorted keys and no spaces. Absent fields stay out, so that one that is added later does
    not change the hash of events without it.
    """
    # Written here: an encoder of the whole takes three times as long, and every call passes through here.
    parts = [f'"{name}":{_encode(text)}' for name, text in texts.items() if text]
    parts += [f'"{name}":{number}' for name, number in numbers.items() if number]
    if units:
        counted = ",".join([f'"{unit}":{units[unit]}' for unit in sorted(units)])
        parts.append(f'"units":{{{counted}}}')
    parts.sort()
    return blake2b(f"{{{','.join(parts)}}}".encode(), digest_size=16).digest()


def stored_units(units: Mapping[str, Quantity], *, from_zero: bool = False) -> dict[str, int]:
    """Quantities by unit as stored parts, without those that are zero; `from_zero` takes negative ones for zero.

    Raises UnknownUnitError, or BadEventError for a quantity that is negative, a float, or has too many decimals, and
    for units that are no mapping.
    """
    if not isinstance(units, Mapping):
        raise BadEventError(f'units is {_shown(units)}, which is not a mapping such as {{"input": 100}}')
    stored = {}
    for unit, quantity in units.items():
        if from_zero and unit in UNITS and _is_negative(quantity):
            continue
        if unit in _WHOLE:
            parts = stored_parts(unit, quantity, 1)
        elif unit in _DECIMAL:
            parts = stored_parts(unit, quantity, MILLION)
        else:
            raise UnknownUnitError(f"'{unit}' is not a unit{did_you_mean(str(unit), UNITS)}")
        if parts:
            stored[unit] = parts
    return stored


def _is_negative(quantity: Any) -> bool:
    if isinstance(quantity, str):
        return quantity.startswith("-") and _NUMBER.fullmatch(quantity) is not None
    if isinstance(quantity, Decimal):
        return quantity.is_finite() and quantity < 0
    return isinstance(quantity, Integral) and quantity < 0


def stored_parts(name: str, quantity: Any, per_unit: int) -> int:
    """A quantity in stored parts, so many a unit; `name` is what it is called when it is refused by BadEventError."""
    if type(quantity) is not int:
        if isinstance(quantity, str):
            if not _NUMBER.fullmatch(quantity):
                raise BadEventError(f"{name} is {_shown(quantity)}, which is not a number")
            quantity = Decimal(quantity)
        if isinstance(quantity, Decimal):
            return _decimal_parts(name, quantity, per_unit)
        if isinstance(quantity, float):
            raise BadEventError(f"{name} is the binary float {quantity!r}; give an int, a Decimal or text")
        if isinstance(quantity, bool) or not isinstance(quantity, Integral):
            raise BadEventError(f"{name} is {_shown(quantity)}, which is not a number")
        quantity = int(quantity)
    if quantity < 0:
        raise BadEventError(f"{name} is negative: {quantity}")
    if quantity > (LARGEST_QUANTITY if per_unit == 1 else LARGEST_DECIMAL):
        raise BadEventError(f"{name} is more than {LARGEST_QUANTITY if per_unit == 1 else LARGEST_DECIMAL}")
    parts: int = quantity * per_unit
    return parts


def _decimal_parts(name: str, quantity: Decimal, per_unit: int) -> int:
    if not quantity.is_finite():
        raise BadEventError(f"{name} is {quantity}, which is not a number")
    if quantity < 0:
        raise BadEventError(f"{name} is negative: {quantity}")
    if quantity > (LARGEST_QUANTITY if per_unit == 1 else LARGEST_DECIMAL):
        raise BadEventError(f"{name} is more than {LARGEST_QUANTITY if per_unit == 1 else LARGEST_DECIMAL}")
    exponent = quantity.as_tuple().exponent
    parts, rest = 0, 1
    if isinstance(exponent, int) and exponent >= -_MOST_DECIMALS:
        # Fractions of integers: no decimal context rounds in between.
        numerator, denominator = quantity.as_integer_ratio()
        parts, rest = divmod(numerator * per_unit, denominator)
    if rest:
        allowed = "a whole number" if per_unit == 1 else "of at most 6 decimals"
        raise BadEventError(f"{name} is {quantity}; it must be {allowed}")
    return parts


def _moment(given: datetime | str, now: datetime) -> datetime:
    try:
        moment = parse_moment(given) if isinstance(given, str) else given
        # Days and times of day have some of a datetime's methods, but are none.
        if not isinstance(moment, datetime):
            raise ValueError("no time")
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise BadEventError(f"occurred_at is {_shown(given)}, which is not a time") from None
    if moment > now + AHEAD:
        raise BadEventError(f"occurred_at is more than 5 minutes ahead: {moment.isoformat()}")
    if moment < EARLIEST:
        raise BadEventError(f"occurred_at is before 1970: {moment.isoformat()}")
    return moment


def _name(name: str, value: str | None, *, required: bool = True) -> str | None:
    text = _text(name, value)
    if text is None or (name == "account" and not text.strip()):
        if required:
            raise BadEventError(f"{name} is missing")
        return None
    if len(text) > LONGEST_NAME:
        raise BadEventError(f"{name} has {len(text)} characters; at most {LONGEST_NAME} are allowed")
    return text


def _text(name: str, value: str | None) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str):
        raise BadEventError(f"{name} is {_shown(value)}, which is not text")
    if not value:
        return None
    if not value.isascii():
        try:
            size = len(value.encode())
        except UnicodeEncodeError:
            raise BadEventError(f"{name} is not valid Unicode") from None
    else:
        size = len(value)
    if size > LARGEST_FIELD:
        raise BadEventError(f"{name} has {size} bytes; at most {LARGEST_FIELD} are allowed")
    if "\x00" in value:
        raise BadEventError(f"{name} holds a zero character")
    return value


def _details(metadata: Mapping[str, Any]) -> tuple[str, str]:
    """JSON text as it is stored, and with sorted keys for the hash."""
    if not isinstance(metadata, Mapping):
        raise BadEventError(f"metadata is {_shown(metadata)}, which is not a mapping")
    try:
        text = _encode_details(dict(metadata))
        canonical = _encode(dict(metadata))
        size = len(text.encode())
    except (TypeError, ValueError, RecursionError):
        raise BadEventError("metadata cannot be written as JSON") from None
    if size > LARGEST_FIELD:
        raise BadEventError(f"metadata has {size} bytes; at most {LARGEST_FIELD} are allowed")
    if "\\u0000" in text and _ZERO_CHARACTER.search(text):
        raise BadEventError("metadata holds a zero character")
    return text, canonical


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


__all__ = [
    "AHEAD",
    "LONGEST_NAME",
    "Event",
    "Quantity",
    "Usage",
    "completed",
    "read_usage",
    "stored_parts",
    "stored_units",
]
