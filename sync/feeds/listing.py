"""What a feed says: models with dated list prices, and what of them has no place here.

All rates are USD per 1,000,000 units, as in `per_million`, whatever the feed counts by.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal, localcontext
from typing import NamedTuple

from schema.units import MILLION, UNITS

REASONS: Mapping[str, str] = {
    "ANNOTATIONS": "pages with annotations cost extra; page is the plain page",
    "BAD_NUMBER": "a price is not a number of 0 or more",
    "BY_CHARACTER": "the list also counts text by characters; here tokens count",
    "BY_TIME": "the list also counts by the second; here tokens count",
    "CACHED_AUDIO": "cached audio has a rate of its own; here it counts as cache_read",
    "CACHED_IMAGE": "cached images have a rate of their own; here they count as cache_read",
    "CITATIONS": "tokens of citations have a rate of their own; here they are not counted",
    "FREE": "every price is 0",
    "IMAGE_INPUT": "an image put in costs extra; image is an image put out",
    "IMAGE_TOKENS": "tokens of images have a rate of their own; here they count as input or output",
    "MESSAGES": "the list counts messages; no unit does",
    "NOT_A_MODEL": "the entry describes no model",
    "NO_PRICE": "the entry states no price",
    "OTHER_CURRENCY": "the price is in units of the provider's own, not in USD",
    "PIXELS": "the list counts pixels; no unit does",
    "REGIONAL": "some regions cost more",
    "RESULTS": "the price depends on how many results are asked for",
    "ROUNDED": "the list divides evenly into no 12 decimals; the rate is rounded to them",
    "RUNNING_TIME": "the list counts the time that a rented model runs; no unit does",
    "SERVICE_TIER": "batch, flex and priority calls have prices of their own",
    "TIME_OF_DAY": "the price depends on the hour of the day; here a price knows no hours",
    "TOO_MANY_DECIMALS": "a price has more than 6 decimals per 1,000,000 units",
    "TOOLS": "searches and other tools are billed beside the model",
    "UNKNOWN_FIELD": "the field is not known to this version",
    "VIDEO_INPUT": "video put in costs extra; video_second is video put out",
    "VIDEO_SIZE": "the price depends on the size or length of the video",
    "VIDEO_TOKENS": "tokens of video have a rate of their own; here they count as input or output",
}
"""Why a part of a feed cannot be said here, by code."""

FINEST = Decimal("0.000001")
"""The finest step of a rate per 1,000,000 units."""
_LARGEST = Decimal(10**6) * MILLION


class Reason(NamedTuple):
    """What of an entry cannot be said: a code of `REASONS` and the feed's field, empty for the whole entry."""

    code: str
    field: str


@dataclass(frozen=True, slots=True)
class ListTier:
    """Rates of a whole call whose input is strictly greater than `above`; units it does not name keep theirs."""

    above: int
    rates: Mapping[str, Decimal]


@dataclass(frozen=True, slots=True)
class ListPrice:
    """The list price from `start` on (None: from the beginning).

    `also` holds further rates that the list states for what counts as the same unit here; `slack` is how far a rate may
    lie from the true one because the feed, or the conversion, rounds.
    """

    start: date | None
    rates: Mapping[str, Decimal]
    tiers: tuple[ListTier, ...] = ()
    also: Mapping[str, tuple[Decimal, ...]] = field(default_factory=dict)
    slack: Mapping[str, Decimal] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class FeedModel:
    """A model of a feed. `provider` is the canonical one, `entry` how the feed calls it, `names` all it is known by.

    `prices` are in the order of their starts, and empty when no part of the price can be said here. Of several entries
    for the same model the one with the lowest `rank` is meant.
    """

    provider: str
    name: str
    entry: str
    names: tuple[str, ...]
    prices: tuple[ListPrice, ...]
    reasons: tuple[Reason, ...] = ()
    rank: int = 0

    @property
    def key(self) -> str:
        """`provider/model`."""
        return f"{self.provider}/{self.name}"

    def price_at(self, day: date) -> ListPrice | None:
        """The price in force on a day, or None."""
        started = [price for price in self.prices if price.start is None or price.start <= day]
        return started[-1] if started else None


@dataclass(frozen=True, slots=True)
class Feed:
    """All that a feed says. `title` names it with its version; `url` is the list itself, empty for a file.

    `dated` says whether it announces prices before they hold; `outside` are the entries that describe no model.
    """

    title: str
    url: str
    models: tuple[FeedModel, ...]
    outside: tuple[tuple[str, Reason], ...] = ()
    dated: bool = False

    def reason_counts(self) -> dict[str, int]:
        """How many entries each reason concerns, the most frequent first."""
        counts: dict[str, int] = {}
        for codes in [*({reason.code for reason in model.reasons} for model in self.models), *self._outside_codes()]:
            for code in codes:
                counts[code] = counts.get(code, 0) + 1
        return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))

    def _outside_codes(self) -> Iterable[set[str]]:
        return ({reason.code} for _, reason in self.outside)


class Rated(NamedTuple):
    """A rate per 1,000,000 units, or None with the code of the reason; `rounded` when it is not exact."""

    rate: Decimal | None
    code: str = ""
    rounded: bool = False


def rated(value: object, factor: int = 1, divisor: int = 1) -> Rated:
    """`value * factor / divisor`, exact; a division that does not come out even is rounded to 6 decimals, half even."""
    if isinstance(value, bool) or not isinstance(value, Decimal | int):
        return Rated(None, "BAD_NUMBER")
    number = Decimal(value)
    if not number.is_finite() or not 0 <= number <= _LARGEST or number.adjusted() < -60:
        return Rated(None, "BAD_NUMBER")
    with localcontext() as context:
        context.prec = 120
        product = number * factor
        if divisor == 1:
            rate = product.quantize(FINEST)
            return Rated(_short(rate)) if rate == product else Rated(None, "TOO_MANY_DECIMALS")
        rate = (product / divisor).quantize(FINEST)
        return Rated(_short(rate), rounded=rate * divisor != product)


def _short(rate: Decimal) -> Decimal:
    """The same number without zeros at its end, and without an exponent."""
    return rate.quantize(Decimal(1)) if rate == rate.to_integral() else rate.normalize()


def is_name(text: str) -> bool:
    """Whether a feed's word can be the name of a model: short, and nothing in it that a terminal would obey."""
    return 0 < len(text) <= 200 and text.isprintable()


def printable(text: object) -> str:
    """A feed's word for messages: shortened, and without characters that a terminal would obey."""
    return "".join(character if character.isprintable() else "?" for character in str(text)[:200])


def ordered(rates: Mapping[str, Decimal]) -> dict[str, Decimal]:
    """Rates in the order in which units are told."""
    return {unit: rates[unit] for unit in UNITS if unit in rates}
