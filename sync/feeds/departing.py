"""Where a list has left our entries, date by date.

Pure: entries, a model of a feed and a moment give departures: of the price in force, of prices that the list announces,
and of entries that we have scheduled.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time
from decimal import Decimal
from typing import Literal

from schema.catalogue import Catalogue, Entity
from schema.keys import split_dated
from sync.feeds.comparing import Difference, Ours, differences, doubt_of, suited, taken_over
from sync.feeds.listing import FeedModel, ListPrice

Kind = Literal["now", "announced", "scheduled", "withdrawn"]
"""`now`: in force. `announced`: the list's price of a coming day. `scheduled`: our price of a coming day, for which the
list says another. `withdrawn`: one that was read from this list, which no longer announces it."""


@dataclass(frozen=True, slots=True)
class Departure:
    """From `moment` on the list says other rates than we do.

    `entity` is the entry of ours that would be in force then, `ours` the rates that it has, or would have once the
    departures before this one are taken over.
    """

    model: str
    kind: Kind
    moment: datetime
    entity: Entity
    listing: FeedModel
    price: ListPrice
    ours: Ours
    differences: tuple[Difference, ...]

    @property
    def size(self) -> Decimal:
        """The largest difference, as a factor."""
        return max(difference.size for difference in self.differences)


def entries_by_model(catalogue: Catalogue) -> dict[str, list[Entity]]:
    """Our priced models with their entries in the order of their dates."""
    found: dict[str, list[Entity]] = {}
    for name, entity in catalogue.of("price").items():
        found.setdefault(split_dated(name)[0], []).append(entity)
    for entries in found.values():
        entries.sort(key=lambda entity: entity.document.effective)
    return found


def in_force(entries: Iterable[Entity], moment: datetime) -> Entity | None:
    """The entry in force at a moment, or None."""
    started = [entity for entity in entries if entity.document.effective <= moment]
    return started[-1] if started else None


def departures(
    model: Entity,
    entries: Sequence[Entity],
    listing: FeedModel,
    moment: datetime,
    *,
    dated: bool,
    url: str,
    named: bool = False,
) -> list[Departure]:
    """What the list says otherwise from `moment` on, in the order of dates; nothing when no entry is in force then.

    `dated` and `url` are the feed's: a list without dates says nothing about coming days. `named` is for `doubt_of`.
    """
    base = in_force(entries, moment)
    if base is None:
        return []
    starts = {day for day in (_start(price) for price in listing.prices) if day is not None} if dated else set()
    ahead = {entity.document.effective: entity for entity in entries if entity.document.effective > moment}
    moments = [moment, *sorted({start for start in starts if start > moment} | (ahead.keys() if dated else set()))]
    found: list[Departure] = []
    entity, ours = base, Ours.of(base.document)
    for when in moments:
        if when in ahead:
            entity, ours = ahead[when], Ours.of(ahead[when].document)
        listed = listing.price_at(when.date())
        if listed is None:
            continue
        price = suited(listed, model.document.type, ours)
        differing = differences(ours, price)
        if differing:
            kind = _kind(when, moment, entity if when in ahead else None, starts, url)
            found.append(Departure(model.key.name, kind, when, entity, listing, price, ours, tuple(differing)))
            if when not in ahead and not doubt_of(differing, named=named):
                ours = taken_over(ours, price)
    return found


def _kind(when: datetime, moment: datetime, scheduled: Entity | None, starts: set[datetime], url: str) -> Kind:
    if when == moment:
        return "now"
    if scheduled is None:
        return "announced"
    source = scheduled.document.source
    read_here = bool(url) and source is not None and source.url == url
    return "withdrawn" if read_here and when not in starts else "scheduled"


def _start(price: ListPrice) -> datetime | None:
    return datetime.combine(price.start, time(), UTC) if price.start else None
