"""Numbers of documents, read from the text that was written: exactly, and in forms that every YAML reader reads alike.

Python's own parsers take more than people mean: digits of other scripts, `1_5`, a leading zero that YAML 1.1 reads as
octal. What another reader could take for another amount is refused here.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, PydanticKnownError
from pydantic_core.core_schema import no_info_plain_validator_function

MOST_EXACT = 2**53
"""The largest whole number that every reader of JSON keeps exact."""

_NUMBER = re.compile(
    r"[-+]?(?:(?:0|[1-9][0-9]*|[1-9][0-9]{0,2}(?:_[0-9]{3})+)(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]{1,6})?"
)
_LEADING_ZERO = re.compile(r"[-+]?0+[0-9_]+(?:\.[0-9]*)?")
_MISPLACED = re.compile(r"[-+]?[0-9_]+(?:\.[0-9_]*)?")
_WITH_COMMA = re.compile(r"[-+]?[0-9.]*,[0-9.,]*")
_MOST_CHARACTERS = 100
"""A number of a document is at most this long: comparing or storing a longer one would only cost time."""

Number = int | Decimal


@dataclass(frozen=True)
class DecimalRange:
    """Annotates a Decimal: from `least` to `most`, at most `places` decimals (zeros at the end do not count)."""

    least: int
    most: int
    places: int
    above: bool = False
    """Whether `least` itself is excluded."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return no_info_plain_validator_function(_reader(self._judge, "decimal_type", "decimal_parsing"))

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        least = "exclusiveMinimum" if self.above else "minimum"
        return {"type": "number", least: self.least, "maximum": self.most}

    def _judge(self, value: Decimal) -> Decimal:
        _require(value, self.least, self.most)
        if self.above and value == self.least:
            raise PydanticKnownError("greater_than", {"gt": self.least})
        if decimal_places(value) > self.places:
            raise PydanticKnownError("decimal_max_places", {"decimal_places": self.places})
        return value


@dataclass(frozen=True)
class WholeRange:
    """Annotates an int: from `least` to `most`; `5.0` is a whole number."""

    least: int
    most: int = MOST_EXACT

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return no_info_plain_validator_function(_reader(self._judge, "int_type", "int_parsing"))

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {"type": "integer", "minimum": self.least, "maximum": self.most}

    def _judge(self, value: Decimal) -> int:
        if decimal_places(value):
            raise PydanticKnownError("int_from_float")
        _require(value, self.least, self.most)
        return int(value)


def decimal_places(value: Decimal) -> int:
    """How many decimals a finite number has, without zeros at its end."""
    _, digits, exponent = value.as_tuple()
    places = -int(exponent)
    for digit in reversed(digits):
        if places <= 0 or digit:
            break
        places -= 1
    return max(places, 0) if any(digits) else 0


def _require(value: Decimal, least: int, most: int) -> None:
    if value < least:
        raise PydanticKnownError("greater_than_equal", {"ge": least})
    if value > most:
        raise PydanticKnownError("less_than_equal", {"le": most})


def _reader(judge: Callable[[Decimal], Number], wrong_type: Any, not_a_number: Any) -> Callable[[Any], Number]:
    # The same few amounts stand in thousands of entries.
    @lru_cache(maxsize=20_000)
    def of_text(text: str) -> Number:
        if len(text) > _MOST_CHARACTERS or not _NUMBER.fullmatch(text):
            why = _why_refused(text)
            raise PydanticCustomError("bad_number", "{why}", {"why": why}) if why else PydanticKnownError(not_a_number)
        return judge(Decimal(text))

    def read(value: Any) -> Number:
        if type(value) is str:
            return of_text(value)
        if isinstance(value, Decimal) and value.is_finite():
            return judge(value)
        if isinstance(value, int) and not isinstance(value, bool):
            return judge(Decimal(value))
        raise PydanticKnownError(wrong_type)

    return read


def _why_refused(text: str) -> str:
    """What to write instead of what is almost a number; nothing when it is none at all."""
    if len(text) > _MOST_CHARACTERS:
        digits = all(character in "+-0123456789._eE" for character in text)
        return f"has {len(text)} characters; a number has at most {_MOST_CHARACTERS}" if digits else ""
    if not text.isascii() and any(character.isdigit() and not character.isascii() for character in text):
        return "is not written with the digits 0-9"
    if _WITH_COMMA.fullmatch(text):
        return "holds a comma; write a point before the decimals and nothing between the thousands"
    if _LEADING_ZERO.fullmatch(text):
        return "begins with a needless zero, which some readers take for octal; write it without"
    if _MISPLACED.fullmatch(text):
        return "holds a misplaced _; it may only part groups of three digits, as in 1_000_000"
    return ""


__all__ = ["DecimalRange", "WholeRange", "decimal_places"]
