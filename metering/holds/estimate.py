"""What a call may come to at most, before it is made. Pure.

The estimate is the dearest way in which the provider may count it: all input fresh or written to the cache, all output
plain, reasoning or sound, and the whole output that is allowed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime

from metering.book.ratebook import RateBook
from metering.errors import BadEventError
from metering.rating.appraisal import quote

_WAYS_IN = ("input", "cache_write", "cache_write_1h", "cache_read")
_WAYS_OUT = ("output", "reasoning", "audio_output")


def allowed_output(asked: int | None, largest: int | None) -> int:
    """Units of output that a call may come to: what was asked for, at most what the model gives.

    Raises BadEventError when neither is known, and when what was asked for is no whole number.
    """
    if asked is not None and (not isinstance(asked, int) or isinstance(asked, bool)):
        raise BadEventError(f"max_output is {str(asked)[:40]!r}, which is not a whole number")
    if asked is None and largest is None:
        raise BadEventError("max_output is missing, and the model's registry entry names no max_output")
    return min(size for size in (asked, largest) if size is not None)


def estimated_charge(
    book: RateBook,
    provider: str | None,
    model: str,
    units: Mapping[str, int],
    at: datetime,
    plan: str,
    *,
    task: str | None = None,
    reasoning_level: str | None = None,
    feature: str | None = None,
) -> int:
    """The largest charge of a call in nano-USD, for an account on `plan`; `units` are stored parts.

    Units other than input and output are taken as they are. Raises what `quote` raises.
    """
    return max(
        quote(book, provider, model, way, at, plan, task, reasoning_level, feature).charge_nanos
        for way in _ways(book, provider, model, units, at)
    )


def _ways(
    book: RateBook, provider: str | None, model: str, units: Mapping[str, int], at: datetime
) -> Iterator[dict[str, int]]:
    """The units as they are, and as dearer kinds of input and output for which the price has a rate."""
    yield dict(units)
    entry = book.find(provider, model)
    price = None if entry is None else entry.price_at(at)
    if price is None:
        return
    others = {unit: count for unit, count in units.items() if unit not in ("input", "output")}
    for way_in in _WAYS_IN:
        for way_out in _WAYS_OUT:
            if way_in not in price.costs or way_out not in price.costs:
                continue
            way = dict(others)
            for plain, taken in (("input", way_in), ("output", way_out)):
                if plain in units:
                    way[taken] = way.get(taken, 0) + units[plain]
            yield way


__all__ = ["allowed_output", "estimated_charge"]
