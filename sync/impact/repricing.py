"""Calls priced by the book before a plan and by the one after it, and summed up.

A cell is what one account's calls of one model under one plan come to, of those calls that the plan may price
otherwise: as they were recorded, as priced before, and as priced after.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import NamedTuple

from metering.book.ratebook import RateBook
from schema.money import MICRO
from sync.impact.rerouting import Move, Rerouting
from sync.impact.usage import Kind, Line
from sync.impact.worth import (
    NOTHING,
    Rates,
    Worth,
    amounts_of,
    input_of,
    worth_of_burn,
    worth_of_price,
    worth_with_feature,
)

NO_MODEL = "(none)"
"""How uses of a feature alone stand among the models."""

Key = tuple[int, str, str]
"""Account, `provider/model` and plan."""


@dataclass(slots=True)
class Cell:
    """Sums of the re-priced calls, in nano-USD: as recorded, before and after."""

    events: int = 0
    cost: int = 0
    charge: int = 0
    revenue: int = 0
    cost_before: int = 0
    charge_before: int = 0
    cost_after: int = 0
    charge_after: int = 0

    @property
    def charge_change(self) -> int:
        """How much more is charged."""
        return self.charge_after - self.charge_before

    @property
    def differs(self) -> bool:
        """Whether the plan changes what the cell comes to."""
        return self.cost_after != self.cost_before or self.charge_after != self.charge_before


@dataclass(slots=True)
class Repriced:
    """What the calls come to at one moment."""

    cells: dict[Key, Cell] = field(default_factory=dict)
    routes: dict[str, int] = field(default_factory=dict)
    events: int = 0
    bound: int = 0


class Destination(NamedTuple):
    """A model that calls have before or after, and what they are worth there."""

    model: str
    worth: Worth


class Course(NamedTuple):
    """What happens to calls of one kind."""

    before: Destination
    after: Destination
    move: Move | None


class Repricer:
    """Prices lines by two books at one moment."""

    def __init__(self, before: RateBook, after: RateBook, rerouting: Rerouting, at: datetime) -> None:
        self._before = before
        self.after = after
        self._rerouting = rerouting
        self._at = at
        self._courses: dict[tuple[str | None, ...], Course | None] = {}
        self._destinations: dict[tuple[str, Kind], Destination] = {}
        self.result = Repriced()

    def add(self, line: Line) -> None:
        """Count a line."""
        courses = self._courses
        kind = line.kind
        try:
            course = courses[kind]
        except KeyError:
            course = courses[kind] = self._course(Kind(*kind))
        if course is None:
            return
        before, after, move = course
        result = self.result
        if move is not None:
            target = move.target(_caller(line))
            if target is not None:
                after = self._destination(target, Kind(*kind))
                result.routes[move.key] = result.routes.get(move.key, 0) + line.events
        amounts, off = _priced(line, before.worth, after.worth)
        cost_before, charge_before, cost_after, charge_after = amounts
        cells = result.cells
        key = (line.account, before.model, kind[2])
        cell = cells.get(key)
        if cell is None:
            cell = cells[key] = Cell()
        result.events += line.events
        cell.events += line.events
        cell.cost += line.cost
        cell.charge += line.charge
        cell.revenue += line.revenue
        cell.cost_before += cost_before
        cell.charge_before += charge_before
        if after.model != before.model:
            cell = cells.setdefault((line.account, after.model, kind[2]), Cell())
        cell.cost_after += cost_after
        cell.charge_after += charge_after
        if line.events > 1:
            # Each side was rounded once for all of its calls, each by half a nano-USD a call at most.
            result.bound += line.events + off

    def charge_change(self, line: Line) -> int:
        """How much more a line is charged, in nano-USD; it was counted before."""
        course = self._courses.get(line.kind)
        if course is None:
            return 0
        after = course.after
        target = course.move.target(_caller(line)) if course.move is not None else None
        if target is not None:
            after = self._destination(target, Kind(*line.kind))
        (_, charge_before, _, charge_after), _ = _priced(line, course.before.worth, after.worth)
        return charge_after - charge_before

    def _course(self, kind: Kind) -> Course | None:
        """What happens to calls of a kind; None when they come to the same."""
        name = f"{kind.provider}/{kind.model}" if kind.model else NO_MODEL
        before, after = _worth(self._before, kind, self._at), _worth(self.after, kind, self._at)
        move = self._rerouting.move(kind.provider, kind.model, kind.task)
        if move is None and before == after:
            return None
        return Course(Destination(name, before), Destination(name, _sharing(after, before)), move)

    def _destination(self, model: str, kind: Kind) -> Destination:
        known = self._destinations.get((model, kind))
        if known is None:
            provider, _, name = model.partition("/")
            worth = _worth(self.after, kind._replace(provider=provider, model=name), self._at)
            known = self._destinations[model, kind] = Destination(model, worth)
        return known


def _caller(line: Line) -> str:
    return line.user or f"account {line.account}"


def _worth(book: RateBook, kind: Kind, at: datetime) -> Worth:
    billable = kind.task is None or book.billable.get(kind.task, True)
    # A level that a book does not have takes no calls by it; those that were made count as they are.
    multiplier = MICRO if kind.level is None else book.reasoning.get(kind.level, MICRO)
    sold = None if kind.feature is None or not billable else book.features.get(kind.feature)

    def sold_with(worth: Worth) -> Worth:
        return worth if sold is None else worth_with_feature(worth, sold, kind.plan)

    if not kind.model:
        return sold_with(NOTHING)
    entry = book.find(kind.provider, kind.model)
    price = None if entry is None else entry.price_at(at)
    if price is not None:
        return sold_with(worth_of_price(price, kind.plan, multiplier, billable=billable))
    unknown = book.settings.unknown_model_micros
    if entry is None and unknown is not None and billable:
        return sold_with(worth_of_burn(book.settings.credit_burn, unknown, multiplier))
    return NOTHING


def _sharing(worth: Worth, other: Worth) -> Worth:
    """A worth that holds the other's vectors of cost where they are equal: what is shared is summed up once."""

    def shared(rates: Rates, model: Rates) -> Rates:
        return replace(rates, costs=model.costs) if rates.costs == model.costs else rates

    return Worth(
        shared(worth.base, other.base),
        tuple((start, shared(rates, other.at(start + 1))) for start, rates in worth.above),
    )


def _priced(line: Line, before: Worth, after: Worth) -> tuple[tuple[int, int, int, int], int]:
    """Cost and charge before, cost and charge after, and how far a context tier may put them off."""
    parts = line.parts
    if not before.above and not after.above:
        return amounts_of(before.base, after.base, parts, line.events), 0
    size = input_of(parts) if line.events == 1 else line.largest
    amounts = amounts_of(before.at(size), after.at(size), parts, line.events)
    if line.events == 1 or (before.at(line.smallest) is before.at(size) and after.at(line.smallest) is after.at(size)):
        return amounts, 0
    low = amounts_of(before.at(line.smallest), after.at(line.smallest), parts, line.events)
    return amounts, max(abs(one - other) for one, other in zip(amounts, low, strict=True))


def thresholds_of(books: Sequence[RateBook]) -> tuple[int, ...]:
    """Where the context tiers of all prices of some books begin."""
    found: set[int] = set()
    for book in books:
        for entry in book.entries.values():
            for price in entry.prices:
                found |= {start for start, _ in (*price.costs_above, *price.charges_above)}
    return tuple(sorted(found))


__all__ = ["Cell", "Key", "Repriced", "Repricer", "thresholds_of"]
