"""List prices into our configuration: departures become new dated entries.

An entry is never changed: a new one is put beside it, with the list's rates, the margin, charge or credits of the entry
before it as they are written there, and the source. What is doubtful is left to a person.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

from schema.catalogue import Catalogue, Entity
from schema.keys import Key, moment_text
from schema.money import plain
from schema.units import MILLION, TOKEN_UNITS, UNITS
from sync.edit import AddEntity
from sync.edit.values import BlockMapping, FlowMapping, written_value
from sync.feeds.comparing import Ours, doubt_of, taken_over
from sync.feeds.departing import Departure, departures, entries_by_model, in_force
from sync.feeds.listing import Feed, FeedModel
from sync.feeds.matching import match

LEFT: Mapping[str, str] = {
    "SLIP": "ten times ours or a tenth of it: a slip of the list? name the model with --model to take it over",
    "ZERO_PRICE": "a price of 0 on one side: name the model with --model to take it over",
    "SEVERAL_PRICES": "the list has several prices for this unit: choose one by hand",
    "EXISTS": "there is an entry of this date already: edit it by hand",
    "LATER_ENTRY": "an entry of a later date is in force: choose a later --effective",
    "SCHEDULED": "the entry of this date is ours: edit or remove it by hand",
    "AFTER_ANOTHER": "follows on one that is left out",
}
"""Why a departure is not taken over, by code."""

PER_MILLION = frozenset({*TOKEN_UNITS, "character"})
"""Units that are told per 1,000,000; the others are told each."""
_KEPT = ("margin", "charge", "credits")
_MOST_FLOW = 3


@dataclass(frozen=True, slots=True)
class Step:
    """What becomes of a departure: an entry to add, or why none (`left`, a code of `LEFT`)."""

    departure: Departure
    effective: datetime
    edit: AddEntity | None
    left: str = ""

    @property
    def key(self) -> Key:
        """The key of the entry that is added, or would be."""
        return Key("price", f"{self.departure.model}@{moment_text(self.effective)}")


@dataclass(frozen=True, slots=True)
class Survey:
    """A configuration beside a feed.

    `matches` are our models that the feed knows, and `matched` counts those with a price of ours; `unpriced` are the
    others. `missing` are ours that the feed does not know or price, `unregistered` models of the feed that we have not.
    """

    feed: Feed
    matched: int
    matches: Mapping[str, FeedModel]
    steps: tuple[Step, ...]
    unpriced: tuple[str, ...]
    missing: tuple[str, ...]
    unregistered: tuple[FeedModel, ...]

    @property
    def notes(self) -> list[str]:
        """What a person should know about the entries that are added."""
        return [note for step in self.steps if step.edit for note in _notes(step)]

    @property
    def edits(self) -> list[AddEntity]:
        """The entries to add."""
        return [step.edit for step in self.steps if step.edit is not None]


def survey(
    catalogue: Catalogue,
    feed: Feed,
    now: datetime,
    *,
    chosen: Mapping[str, bool] | None = None,
    effective: datetime | None = None,
) -> Survey:
    """Hold our models against a feed.

    `chosen` limits it to these models of ours; True takes over what looks like a slip, too. `effective` is where a new
    price in force begins; by default on the list's own date when that is later than our entry, else on the day of
    `now`.
    """
    matches = match(catalogue, feed)
    entries = entries_by_model(catalogue)
    moment = max(now, effective) if effective else now
    steps: list[Step] = []
    unpriced: list[str] = []
    matched = 0
    known = {model: listing for model, listing in matches.found.items() if chosen is None or model in chosen}
    for model, listing in known.items():
        own = entries.get(model, [])
        if in_force(own, moment) is None:
            unpriced.append(model)
            continue
        matched += 1
        named = bool(chosen and chosen[model])
        entity = catalogue.of("model")[model]
        found = departures(entity, own, listing, moment, dated=feed.dated, url=feed.url, named=named)
        steps += _steps(found, own, now, effective, feed, named=named)
    missing = tuple(model for model in matches.missing if chosen is None or model in chosen)
    steps.sort(key=lambda step: (-step.departure.size, step.key))
    return Survey(feed, matched, known, tuple(steps), tuple(unpriced), missing, matches.unregistered)


def _steps(
    found: Sequence[Departure],
    entries: Sequence[Entity],
    now: datetime,
    effective: datetime | None,
    feed: Feed,
    *,
    named: bool,
) -> list[Step]:
    steps: list[Step] = []
    taken = {entity.document.effective for entity in entries}
    for departure in found:
        start = _effective(departure, now, effective)
        left = _left(departure, start, taken, named=named)
        if not left and any(step.left not in ("", "SCHEDULED") for step in steps):
            left = "AFTER_ANOTHER"
        edit = None if left else _edit(departure, start, now.astimezone(UTC).date(), feed)
        steps.append(Step(departure, start, edit, left))
    return steps


def _effective(departure: Departure, now: datetime, effective: datetime | None) -> datetime:
    if departure.kind != "now":
        return departure.moment
    if effective is not None:
        return effective
    began = departure.price.start
    start = None if began is None else datetime.combine(began, time(), UTC)
    if start is not None and start > departure.entity.document.effective:
        return start
    return datetime.combine(now.astimezone(UTC).date(), time(), UTC)


def _left(departure: Departure, start: datetime, taken: set[datetime], *, named: bool) -> str:
    if departure.kind in ("scheduled", "withdrawn"):
        return "SCHEDULED"
    if start in taken:
        return "EXISTS"
    if start < departure.entity.document.effective:
        return "LATER_ENTRY"
    return doubt_of(departure.differences, named=named)


def _notes(step: Step) -> list[str]:
    entry = step.departure.entity.document
    notes = []
    if entry.charge is not None:
        notes.append(f"{step.key} keeps the list price that customers pay (charge); only our cost changes")
    if entry.credits is not None:
        notes.append(f"{step.key} keeps its burn of credits; only our cost changes")
    if entry.above_input and not step.departure.price.tiers:
        notes.append(f"{step.key} keeps its context tiers; the list has none")
    return notes


def _edit(departure: Departure, start: datetime, today: date, feed: Feed) -> AddEntity:
    entity = departure.entity
    node = entity.source.node(entity.path)
    assert node is not None  # noqa: S101 - the entity was read there
    written = written_value(entity.source, node)
    settled = taken_over(departure.ours, departure.price)
    fields: dict[str, Any] = _rates(settled.rates, written)
    before = zip(entity.document.above_input, written.get("above_input") or (), strict=True)
    tiers = _tiers(settled, {tier.from_: said for tier, said in before})
    if tiers:
        fields["above_input"] = tiers
    fields.update((name, written[name]) for name in _KEPT if name in written)
    source = {"url": feed.url} if feed.url else {"note": feed.title}
    fields["source"] = FlowMapping({**source, "checked": today.isoformat()})
    return AddEntity(Key("price", f"{departure.model}@{moment_text(start)}"), fields)


def _rates(rates: Mapping[str, Decimal], written: Mapping[str, Any]) -> dict[str, Any]:
    """`per_million` and `per_unit` as they stand in an entry; a number that stays is spelled as it was."""
    fields: dict[str, Any] = {}
    for part, factor in (("per_million", 1), ("per_unit", MILLION)):
        before = written.get(part) or {}
        units = [unit for unit in before if unit in rates]
        other = written.get("per_unit" if part == "per_million" else "per_million") or {}
        new = [unit for unit in UNITS if unit in rates and unit not in before and unit not in other]
        units += [unit for unit in new if (unit in PER_MILLION) == (part == "per_million")]
        if units:
            values = {unit: _number(rates[unit] / factor, before.get(unit)) for unit in units}
            flow = len(values) <= _MOST_FLOW and (part == "per_unit" or isinstance(before, FlowMapping))
            fields[part] = FlowMapping(values) if flow else BlockMapping(values)
    return fields


def _tiers(settled: Ours, before: Mapping[int, Mapping[str, Any]]) -> list[BlockMapping]:
    return [
        BlockMapping({"from": str(above), **_rates(settled.tiers[above], before.get(above, {}))})
        for above in sorted(settled.tiers)
    ]


def _number(rate: Decimal, before: str | None) -> str:
    """A rate as text: as it was when it is the same number, else with at least two decimals."""
    if before is not None and Decimal(before) == rate:
        return before
    text = plain(rate)
    _, point, decimals = text.partition(".")
    return text + ("." if not point else "") + "0" * max(0, 2 - len(decimals))
