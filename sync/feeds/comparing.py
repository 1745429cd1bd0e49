"""A list price beside ours, unit by unit.

A unit of ours that the list does not know is left out, and so are our context tiers when the list knows none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from schema.documents.pricing import PriceEntry, Rates
from schema.units import MILLION, RATE_FALLBACKS
from sync.feeds.listing import ListPrice, ListTier

SLIP = 10
"""A list price this many times ours, or this small a part of it, is more likely a slip of the feed."""
_UNUSED = {
    "embedding": frozenset({"output", "reasoning", "audio_output"}),
    "rerank": frozenset({"output", "reasoning", "audio_output"}),
}
"""Units that models of a type never count, whatever a list says about them."""


@dataclass(frozen=True, slots=True)
class Ours:
    """What we pay by an entry: rates in USD per 1,000,000 units, and context tiers by their threshold."""

    rates: Mapping[str, Decimal]
    tiers: Mapping[int, Mapping[str, Decimal]]

    @classmethod
    def of(cls, entry: PriceEntry) -> Ours:
        """The cost side of an entry."""
        return cls(per_million(entry), {tier.from_: per_million(tier) for tier in entry.above_input})

    def at(self, threshold: int | None) -> dict[str, Decimal]:
        """The rates of a call whose input is greater than the threshold; None: of a short one."""
        return _at(self.rates, self.tiers, threshold)


@dataclass(frozen=True, slots=True)
class Difference:
    """One unit whose list price differs. `above` is the context tier, None for the plain rate.

    `ours` is the rate that the unit takes here, None when it has none; `own` says that the entry names it, and that it
    does not take another unit's. `several` are further rates that the list states for the same unit.
    """

    unit: str
    above: int | None
    ours: Decimal | None
    listed: Decimal
    own: bool
    several: tuple[Decimal, ...] = ()

    @property
    def ratio(self) -> Decimal | None:
        """List price by ours; None where there is nothing to divide by."""
        return self.listed / self.ours if self.ours else None

    @property
    def size(self) -> Decimal:
        """How far the two are apart, as a factor of at least 1; infinite where one of them is nothing."""
        ratio = self.ratio
        return max(ratio, 1 / ratio) if ratio else Decimal("Infinity")

    @property
    def doubt(self) -> str:
        """Why nobody should take this over unseen: SEVERAL_PRICES, ZERO_PRICE, SLIP, or nothing."""
        if self.several:
            return "SEVERAL_PRICES"
        if not self.own:
            return ""
        if not self.listed or not self.ours:
            return "ZERO_PRICE"
        return "SLIP" if self.size >= SLIP else ""


def doubt_of(found: Sequence[Difference], *, named: bool) -> str:
    """The gravest doubt about taking these over, or nothing; a model that a person named is taken over all the same.

    Which of several prices is meant nobody can say but a person who edits.
    """
    doubts = {difference.doubt for difference in found}
    grave = ("SEVERAL_PRICES",) if named else ("SEVERAL_PRICES", "ZERO_PRICE", "SLIP")
    return next((code for code in grave if code in doubts), "")


def suited(price: ListPrice, model_type: str, ours: Ours) -> ListPrice:
    """The price as far as it concerns a model of a type.

    A tier whose threshold is one token off ours is the same one: lists say `from` where we say `above`.
    """
    unused = _UNUSED.get(model_type, frozenset())
    rates = {unit: rate for unit, rate in price.rates.items() if unit not in unused}
    tiers = tuple(
        ListTier(
            next((own for own in (tier.above, tier.above - 1, tier.above + 1) if own in ours.tiers), tier.above),
            tier.rates,
        )
        for tier in price.tiers
    )
    return replace(price, rates=rates, tiers=tiers)


def differences(ours: Ours, price: ListPrice) -> list[Difference]:
    """The rates that the list states otherwise, then those of context tiers that add to that."""
    found = [_difference(unit, None, ours.rates, listed, price) for unit, listed in price.rates.items()]
    listed_tiers = {tier.above: tier.rates for tier in price.tiers}
    lower: int | None = None
    for threshold in sorted({*ours.tiers, *listed_tiers}) if listed_tiers else ():
        here, below = ours.at(threshold), ours.at(lower)
        listed_below = _at(price.rates, listed_tiers, lower)
        for unit, listed in _at(price.rates, listed_tiers, threshold).items():
            if unit not in price.rates:
                continue
            if listed != listed_below.get(unit) or rate_of(unit, here) != rate_of(unit, below):
                found.append(_difference(unit, threshold, here, listed, price))
        lower = threshold
    return [difference for difference in found if difference is not None]


def _difference(
    unit: str, above: int | None, rates: Mapping[str, Decimal], listed: Decimal, price: ListPrice
) -> Difference | None:
    ours = rate_of(unit, rates)
    own = unit in rates
    if not own and (not listed or rate_of(unit, _others(price.rates, unit)) == listed):
        # What costs nothing at the list, or what another unit does there too, needs no rate of its own here.
        return None
    several = price.also.get(unit, ()) if above is None else ()
    if ours is not None and (abs(ours - listed) <= price.slack.get(unit, 0) or ours in several):
        return None
    return Difference(unit, above, ours, listed, own, several)


def taken_over(ours: Ours, price: ListPrice) -> Ours:
    """Our rates with what the list says instead; units that it does not know stay, and all tiers if it knows none.

    A unit that we have no rate for is added when the rate it would take from another unit is not the list's.
    """
    rates = dict(ours.rates)
    for difference in differences(ours, price):
        if difference.above is None and difference.own:
            rates[difference.unit] = difference.listed
    for unit, rate in price.rates.items():
        if unit not in rates and rate and rate_of(unit, rates) not in (rate, *price.also.get(unit, ())):
            rates[unit] = rate
    if not price.tiers:
        return Ours(rates, ours.tiers)
    tiers: dict[int, dict[str, Decimal]] = {}
    for tier in price.tiers:
        kept = {unit: rate for unit, rate in ours.tiers.get(tier.above, {}).items() if unit not in price.rates}
        tiers[tier.above] = {**{unit: rate for unit, rate in tier.rates.items() if unit in rates}, **kept}
    return Ours(rates, {above: named for above, named in tiers.items() if named})


def rate_of(unit: str, rates: Mapping[str, Decimal]) -> Decimal | None:
    """The rate that a unit takes: its own, else by rule that of another."""
    return next((rates[other] for other in (unit, *RATE_FALLBACKS.get(unit, ())) if other in rates), None)


def _others(rates: Mapping[str, Decimal], unit: str) -> dict[str, Decimal]:
    return {other: rate for other, rate in rates.items() if other != unit}


def per_million(rates: Rates) -> dict[str, Decimal]:
    """USD per 1,000,000 units, whichever way they were written."""
    return {**rates.per_million, **{unit: rate * MILLION for unit, rate in rates.per_unit.items()}}


def _at(
    rates: Mapping[str, Decimal], tiers: Mapping[int, Mapping[str, Decimal]], threshold: int | None
) -> dict[str, Decimal]:
    found = dict(rates)
    for above in sorted(tiers):
        if threshold is not None and above <= threshold:
            found.update(tiers[above])
    return found
