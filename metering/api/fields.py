"""The fields that bodies and answers share, each with what the document says of it.

Quantities are checked by the runtime, which tells UNKNOWN_UNIT from BAD_EVENT; here they only get their description.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema, model_validator

from metering.api.bodies import with_floats
from metering.book.entities import Release
from metering.usage import LARGEST_DECIMAL, LARGEST_QUANTITY, LONGEST_NAME
from schema.findings import did_you_mean
from schema.keys import MOMENT_PATTERN, parse_moment
from schema.money import multiplier_text
from schema.units import DECIMAL_UNITS, UNITS, WHOLE_UNITS

_DECIMAL_TEXT = "^[0-9]{1,9}([.][0-9]{1,6})?$"
_WHOLE_SCHEMA: dict[str, Any] = {"type": "integer", "minimum": 0, "maximum": LARGEST_QUANTITY}
_DECIMAL_SCHEMA: dict[str, Any] = {
    "anyOf": [
        {"type": "number", "minimum": 0, "maximum": LARGEST_DECIMAL},
        {"type": "string", "pattern": _DECIMAL_TEXT},
    ],
    "description": "At most 6 decimals; as text they need not pass through a binary float.",
}
_UNITS_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": dict.fromkeys(WHOLE_UNITS, _WHOLE_SCHEMA) | dict.fromkeys(DECIMAL_UNITS, _DECIMAL_SCHEMA),
    "additionalProperties": False,
    "description": "What was counted, by unit. Units never overlap: cached input is not also `input`.",
    "examples": [{"input": 3812, "cache_read": 1024, "output": 440}],
}
_MOST_DIGITS = 18
_PRINTABLE_UNIT = {"anyOf": [{"type": "integer"}, {"type": "string"}]}

_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
NO_ZERO = r"^[^\x00]*$"
"""No database keeps a zero character."""
MOMENT_FORM = f"^{MOMENT_PATTERN}$"


def _whole(value: Any) -> Any:
    """JSON has one kind of number: 355.0 is 355."""
    whole = isinstance(value, Decimal) and value.adjusted() < _MOST_DIGITS and value == value.to_integral_value()
    return int(value) if whole else value


def _day(value: Any) -> Any:
    """Without this a number would be the seconds since 1970."""
    if isinstance(value, str) and not _DAY.fullmatch(value):
        raise ValueError("write a date such as 2026-11-21")
    return value


Name = Annotated[str, Field(min_length=1, max_length=LONGEST_NAME, pattern=NO_ZERO)]
Text = Annotated[str, Field(min_length=1, max_length=1_000, pattern=NO_ZERO)]
Whole = Annotated[int, BeforeValidator(_whole)]
Units = Annotated[dict[str, Any], WithJsonSchema(_UNITS_SCHEMA)]
Quantity = Annotated[Any, WithJsonSchema(_DECIMAL_SCHEMA)]
WholeQuantity = Annotated[Any, WithJsonSchema(_WHOLE_SCHEMA)]
Moment = Annotated[
    str,
    Field(
        max_length=40,
        pattern=MOMENT_FORM,
        description="ISO 8601; without a zone it is UTC, without a time 00:00.",
        examples=["2026-11-21T09:30:00Z"],
    ),
]
Day = Annotated[date, BeforeValidator(_day)]
Metadata = Annotated[
    dict[str, Any],
    BeforeValidator(with_floats),
    Field(description="Anything of the caller's, at most 10 KB of JSON; kept and given back, never read."),
]
Usd = Annotated[str, Field(pattern=r"^-?[0-9]+([.][0-9]{1,9})?$", description="USD, exact.", examples=["0.008418"])]
CountedUnits = Annotated[
    dict[str, int | str],
    WithJsonSchema(
        {
            "type": "object",
            "properties": dict.fromkeys(UNITS, _PRINTABLE_UNIT),
            "additionalProperties": False,
            "description": "Units that are not 0; those that may have decimals are text.",
        }
    ),
]


class Body(BaseModel):
    """What a caller sends: every field in its own type, and none that is not known."""

    model_config = ConfigDict(strict=True, extra="forbid", protected_namespaces=())

    @model_validator(mode="before")
    @classmethod
    def _no_other_names(cls, value: Any) -> Any:
        """`extra` alone would refuse them, too, but could not tell which name was meant."""
        known = cls.model_fields
        for name in value if isinstance(value, dict) else ():
            if name not in known:
                raise ValueError(f"there is no field '{name[:LONGEST_NAME]}'{did_you_mean(name, known)}")
        return value


class Answer(BaseModel):
    """What is answered."""

    model_config = ConfigDict(protected_namespaces=())


class ReleaseAnswer(Answer):
    """The release of the configuration that priced it."""

    id: int
    commit: str
    label: str | None

    @classmethod
    def of(cls, release: Release) -> ReleaseAnswer:
        """A release as it is told."""
        return cls(id=release.id, commit=release.commit, label=release.label)


def counted(units: Mapping[str, int]) -> dict[str, int | str]:
    """Stored units as they are told."""
    return {unit: multiplier_text(parts) if unit in DECIMAL_UNITS else parts for unit, parts in units.items() if parts}


def moment_of(text: str | None) -> datetime | None:
    """The moment that a parameter names. Raises ValueError for a date that does not exist."""
    return None if text is None else parse_moment(text).astimezone(UTC)


__all__ = [
    "MOMENT_FORM",
    "NO_ZERO",
    "Answer",
    "Body",
    "CountedUnits",
    "Day",
    "Metadata",
    "Moment",
    "Name",
    "Quantity",
    "ReleaseAnswer",
    "Text",
    "Units",
    "Usd",
    "Whole",
    "WholeQuantity",
    "counted",
    "moment_of",
]
