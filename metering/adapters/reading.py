"""Counts in the usage objects of providers: attributes of a library's object, or keys of JSON."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from metering.errors import BadEventError

_WORD_START = re.compile(r"_([a-z0-9])")


def field(source: Any, name: str) -> Any:
    """A field by its name in Python; of JSON also by its name with capitals (`promptTokenCount`). None when absent."""
    if isinstance(source, Mapping):
        value = source.get(name)
        return value if value is not None else source.get(_WORD_START.sub(lambda found: found[1].upper(), name))
    return getattr(source, name, None)


def count(source: Any, name: str) -> int:
    """A number of tokens; 0 when it is absent. Raises BadEventError for anything but a whole number from 0 on."""
    value = None if source is None else field(source, name)
    if value is None:
        return 0
    if type(value) is not int or value < 0:
        raise BadEventError(f"{name} of the usage is {value!r}, which is not a number of tokens")
    return value


def required_count(source: Any, name: str) -> int:
    """A number of tokens. Raises BadEventError when it is absent, too."""
    if field(source, name) is None:
        raise BadEventError(f"the usage has no {name}")
    return count(source, name)


def usage_of(response: Any, name: str, counts: tuple[str, ...]) -> Any:
    """The usage object of a response, whose field is `name`, or the usage object itself: it has one of `counts`.

    Raises BadEventError when there is neither: most often a stream that was not asked for its usage, or has not ended.
    """
    if response is not None:
        inner = field(response, name)
        if inner is not None:
            return inner
        if any(field(response, one) is not None for one in counts):
            return response
    raise BadEventError(f"there is no usage in {type(response).__name__}; has the stream ended, and was it asked for?")


def rest(total: int, name: str, **parts: int) -> int:
    """What is left of a total without the parts that it includes. Raises BadEventError when they are more than it."""
    left = total - sum(parts.values())
    if left < 0:
        named = ", ".join(f"{part} {number}" for part, number in parts.items() if number)
        raise BadEventError(f"{name} is {total}, less than what it includes: {named}")
    return left


def without_zeros(**units: int) -> dict[str, int]:
    """The units that were used."""
    return {unit: quantity for unit, quantity in units.items() if quantity}


__all__ = ["count", "field", "required_count", "rest", "usage_of", "without_zeros"]
