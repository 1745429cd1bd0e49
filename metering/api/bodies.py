"""Bodies of requests: JSON whose numbers stay exact, and whose text any database can hold.

A number with a point or an exponent is read as a Decimal from its text. What JSON allows but nobody can mean is
refused: NaN, a zero character, half a surrogate pair, nesting without end.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from fastapi import Request

_DEEPEST = 100
_SUSPECT = (b"\\u0000", b"\\ud", b"\\uD")
"""Where a zero character or a surrogate may stand; the raw ones are no JSON and no UTF-8."""


class _UnmeantError(ValueError):
    """What JSON allows, but nobody can mean."""


class ExactRequest(Request):
    """A request whose body is read exactly."""

    async def json(self) -> Any:
        """The body. Raises JSONDecodeError, which says what is wrong with it."""
        if not hasattr(self, "_exact"):
            self._exact = read_json(await self.body())
        return self._exact


def read_json(body: bytes) -> Any:
    """JSON text as Python holds it, floats as Decimals. Raises JSONDecodeError."""
    try:
        found = json.loads(
            body.decode(),
            parse_float=_decimal,
            parse_constant=_refuse_constant,
            object_pairs_hook=_unique,
        )
        _check_depth(found)
        if any(mark in body for mark in _SUSPECT):
            _check_text(found)
    except json.JSONDecodeError:
        raise
    except _UnmeantError as error:
        raise json.JSONDecodeError(str(error), "", 0) from None
    except RecursionError:
        raise json.JSONDecodeError("it is nested too deeply", "", 0) from None
    except UnicodeError:
        raise json.JSONDecodeError("it is not valid UTF-8", "", 0) from None
    except ValueError:
        # Of whole numbers Python reads so many digits and no more.
        raise json.JSONDecodeError("a number in it is too large", "", 0) from None
    return found


def with_floats(value: Any) -> Any:
    """The same with plain floats for Decimals: for what is only kept and never counted."""
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, dict):
        return {name: with_floats(one) for name, one in value.items()}
    if isinstance(value, list):
        return [with_floats(one) for one in value]
    return value


def _decimal(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation:
        raise _UnmeantError("a number in it is too large") from None


def _refuse_constant(text: str) -> Any:
    raise _UnmeantError(f"{text} is no number")


def _unique(pairs: list[tuple[str, Any]]) -> Mapping[str, Any]:
    found = dict(pairs)
    # Which of two counts, programs do not agree on; a bill must not depend on it.
    if len(found) != len(pairs):
        raise _UnmeantError("a name stands twice in one object")
    return found


def _check_depth(value: Any) -> None:
    level = [value]
    for _ in range(_DEEPEST):
        level = [child for one in level for child in _children(one)]
        if not level:
            return
    raise _UnmeantError("it is nested too deeply")


def _check_text(value: Any) -> None:
    level = [value]
    while level:
        for one in level:
            names = one if isinstance(one, dict) else ()
            for text in (*names, one):
                if isinstance(text, str):
                    if "\x00" in text:
                        raise _UnmeantError("it holds a zero character")
                    text.encode()
        level = [child for one in level for child in _children(one)]


def _children(value: Any) -> Any:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


__all__ = ["ExactRequest", "read_json", "with_floats"]
