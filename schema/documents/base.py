"""What all documents share: strictness and the types of their fields.

Values arrive as the text that was written (see `schema.places`), so numbers are read as decimals, exactly.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    GetJsonSchemaHandler,
    StringConstraints,
    WithJsonSchema,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError

from schema.documents.numbers import DecimalRange, WholeRange
from schema.findings import did_you_mean
from schema.keys import MOMENT_PATTERN, parse_moment
from schema.units import UNITS


class Document(BaseModel):
    """A part of a document: immutable, and refusing keys that it does not know."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
        # A model is built when it is first used: programs that read no YAML do not pay for its validators.
        defer_build=True,
    )


@dataclass(frozen=True, slots=True, eq=False)
class ShortForm:
    """A mark for JSON Schemas: `schema` may stand where the annotated object is expected."""

    schema: Mapping[str, Any]

    def __get_pydantic_json_schema__(self, core_schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {"anyOf": [dict(self.schema), handler(core_schema)]}


_DAY = re.compile("[0-9]{4}-[0-9]{2}-[0-9]{2}")
_YEARS = range(1970, 2200)
_YEARS_TEXT = f"is not between the years {_YEARS.start} and {_YEARS.stop - 1}"


def _moment(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        moment = parse_moment(value)
    except (ValueError, OverflowError):
        raise _bad_date(value, "is not a date; write YYYY-MM-DD or YYYY-MM-DDTHH:MM:SSZ") from None
    if moment.year not in _YEARS:
        raise _bad_date(value, _YEARS_TEXT)
    return moment


def _bad_date(value: str, why: str) -> PydanticCustomError:
    return PydanticCustomError("bad_date", "'{value}' {why}", {"value": value, "why": why})


def _day(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        # fromisoformat alone reads week dates, too.
        if not _DAY.fullmatch(value):
            raise ValueError
        day = date.fromisoformat(value)
    except ValueError:
        raise _bad_date(value, "is not a date; write YYYY-MM-DD") from None
    if day.year not in _YEARS:
        raise _bad_date(value, _YEARS_TEXT)
    return day


def _flag(value: Any) -> Any:
    if isinstance(value, str):
        if value not in ("true", "false"):
            raise PydanticCustomError("not_a_flag", "'{value}' is neither true nor false", {"value": value})
        return value == "true"
    return value


def _known_unit(unit: str) -> str:
    if unit not in UNITS:
        hint = did_you_mean(unit, UNITS)
        raise PydanticCustomError("unknown_unit", "'{unit}' is not a unit{hint}", {"unit": unit, "hint": hint})
    return unit


def _given(value: Any) -> Any:
    if value is None:
        raise PydanticCustomError("empty_value", "write a value or remove the key", {})
    return value


Given = BeforeValidator(_given)
"""Refuses a key whose value was left empty, where that would quietly mean another amount or no limit."""

Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500)]
Slug = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.\-]*$", max_length=100)]
"""A name that stands in keys: letters, digits, `_`, `-` and `.`."""
ModelName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_@][!\x22$-~]*$", max_length=200)]
"""A model's name; it may hold slashes, colons and `@`. ASCII only, so that no two names look the same."""
Flag = Annotated[bool, BeforeValidator(_flag), WithJsonSchema({"type": "boolean"})]
Count = Annotated[int, WholeRange(0)]
Usd = Annotated[Decimal, DecimalRange(0, 10**9, places=9)]
"""An amount in USD, at most 9 decimals."""
PerMillion = Annotated[Decimal, DecimalRange(0, 10**6, places=6)]
"""USD per 1,000,000 units, at most 6 decimals."""
PerUnit = Annotated[Decimal, DecimalRange(0, 10**6, places=12)]
"""USD per unit, at most 12 decimals."""
Multiplier = Annotated[Decimal, DecimalRange(0, 1_000, places=6)]
"""A factor, at most 6 decimals."""
Moment = Annotated[
    datetime,
    BeforeValidator(_moment),
    WithJsonSchema({"type": "string", "pattern": f"^{MOMENT_PATTERN}$"}),
]
"""A date (00:00 UTC) or a UTC timestamp."""
Day = Annotated[date, BeforeValidator(_day), WithJsonSchema({"type": "string", "format": "date"})]
Unit = Annotated[str, AfterValidator(_known_unit), WithJsonSchema({"type": "string", "enum": list(UNITS)})]
EnvName = Annotated[str, StringConstraints(pattern=r"^[A-Z][A-Z0-9_]*$", max_length=100)]
"""The name of an environment variable."""
Email = Annotated[
    str, StringConstraints(strip_whitespace=True, to_lower=True, pattern=r"^[^\s@]+@[^\s@]+$", max_length=200)
]
"""An address or another sign-in name of the form `x@y`; compared without case."""
