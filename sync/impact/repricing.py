"""Calls priced by the book before a plan and by the one after it, and summed up.

A cell is what one account's calls of one model under one plan come to. Cells start from what was recorded; the calls
within the plan's reach are taken out of them and put back twice: as priced before, and as priced after.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from metering.errors import MeteringError
from metering.price import Price
from metering.ratebook import RateBook
from metering.rating import amounts, burn_charge, rate_sum
from schema.money import MICRO
from sync.impact.rerouting import Move, Rerouting
from sync.impact.usage import Line, Recorded

Key = tuple[int, str, str]
"""Account, `provider/model` and plan."""
Worth = Callable[[Line], tuple[int, int, int]]
"""Cost and charge of a line in nano-USD, and how far its tier may put them off."""


@dataclass(slots=True)
class Cell:
    """Sums in nano-USD: as recorded (cost and charge less those re-priced), and as re-priced before and after."""

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

    cells: dict[Key, Cell]
    routes: dict[str, int] = field(default_factory=dict)
    events: int = 0
    bound: int = 0


class Destination(NamedTuple):
    """The model that calls have before or after, and what it makes of them."""

    model: str
    worth: Worth


class Repricer:
    """Prices lines by two books at one moment."""

    def __init__(
        self, before: RateBook, after: RateBook, rerouting: Rerouting, recorded: Iterable[Recorded], at: datetime
    ) -> None:
        self._before = before
        self._after = after
        self._rerouting = rerouting
        self._at = at
        self._known: dict[tuple[str | None, ...], tuple[Destination, Destination, Move | None] | None] = {}
        cells = {
            (one.account, f"{one.provider}/{one.model}", one.plan): Cell(one.events, one.cost, one.charge, one.revenue)
            for one in recorded
        }
        self.result = Repriced(cells)

    def add(self, line: Line) -> None:
        """Count a line."""
        known = self._known
        key = line[1:6]
        try:
            resolved = known[key]
        except KeyError:
            resolved = known[key] = self._resolve(*key)
        if resolved is None:
            return
        before, after, move = resolved
        if move is not None:
            after = self._moved(line, after, move)
        self._count(line, before, after)

    def charges(self, line: Line) -> tuple[int, int]:
        """The charge of a line before and after, in nano-USD."""
        resolved = self._known.get(line[1:6])
        if resolved is None:
            return 0, 0
        before, after, move = resolved
        if move is not None:
            after = self._moved(line, after, move, count=False)
        return before.worth(line)[1], after.worth(line)[1]

    def _count(self, line: Line, before: Destination, after: Destination) -> None:
        cost_before, charge_before, off_before = before.worth(line)
        cost_after, charge_after, off_after = after.worth(line)
        result = self.result
        cells = result.cells
        result.events += line.events
        cell = cells[line.account, before.model, line.plan]
        cell.cost -= line.cost
        cell.charge -= line.charge
        cell.cost_before += cost_before
        cell.charge_before += charge_before
        if after.model != before.model:
            cell = cells.setdefault((line.account, after.model, line.plan), Cell())
        cell.cost_after += cost_after
        cell.charge_after += charge_after
        if line.events > 1:
            # Each side was rounded once for all of its calls, each by half a nano-USD a call at most.
            result.bound += line.events + off_before + off_after

    def _moved(self, line: Line, stays: Destination, move: Move, *, count: bool = True) -> Destination:
        target = move.target(line.user or f"account {line.account}")
        if target is None:
            return stays
        if count:
            self.result.routes[move.key] = self.result.routes.get(move.key, 0) + line.events
        provider, _, model = target.partition("/")
        key = (provider, model, line.plan, line.task, line.level, "moved")
        resolved = self._known.get(key)
        if resolved is None:
            worth, _ = self._worth(self._after, provider, model, line.plan, line.task, line.level)
            destination = Destination(target, worth)
            resolved = self._known[key] = (destination, destination, None)
        return resolved[0]

    def _resolve(
        self, provider: str, model: str, plan: str, task: str | None, level: str | None
    ) -> tuple[Destination, Destination, Move | None] | None:
        name = f"{provider}/{model}"
        before, told_before = self._worth(self._before, provider, model, plan, task, level)
        after, told_after = self._worth(self._after, provider, model, plan, task, level)
        move = self._rerouting.move(provider, model, task)
        if move is None and told_before == told_after:
            return None
        return Destination(name, before), Destination(name, after), move

    def _worth(
        self, book: RateBook, provider: str, model: str, plan: str, task: str | None, level: str | None
    ) -> tuple[Worth, object]:
        """What a book makes of such calls, and what tells it from another book's."""
        billable = task is None or book.billable.get(task, True)
        # A level that is gone takes no more calls; those that were made are compared at its weight before.
        multiplier = MICRO if level is None else book.reasoning.get(level, self._before.reasoning.get(level, MICRO))
        entry = book.find(provider, model)
        price = None if entry is None else entry.price_at(self._at)
        if price is not None:
            return _priced(price, plan, multiplier, billable), (_money(price), multiplier, billable)
        unknown = book.settings.unknown_model_micros
        if entry is None and unknown is not None and billable:
            burn = book.settings.credit_burn

            def burned(line: Line) -> tuple[int, int, int]:
                try:
                    return 0, burn_charge(burn, unknown, line.units, output_multiplier_micros=multiplier), 0
                except MeteringError:
                    return 0, 0, 0

            return burned, (burn, unknown, multiplier)
        return _unpriced, None


def _priced(price: Price, plan: str, multiplier: int, billable: bool) -> Worth:
    starts = sorted({start for start, _ in (*price.costs_above, *price.charges_above)})

    def worth(line: Line) -> tuple[int, int, int]:
        off = 0
        try:
            if line.events == 1:
                cost, charge = amounts(price, line.units, plan, multiplier)
            else:
                cost, charge = rate_sum(
                    price, line.units, size=line.largest, plan=plan, output_multiplier_micros=multiplier
                )
                if any(line.smallest <= start < line.largest for start in starts):
                    low = rate_sum(
                        price, line.units, size=line.smallest, plan=plan, output_multiplier_micros=multiplier
                    )
                    off = max(abs(cost - low.cost_nanos), abs(charge - low.charge_nanos))
        except MeteringError:
            return _unpriced(line)
        return cost, charge if billable else 0, off

    return worth


def _unpriced(line: Line) -> tuple[int, int, int]:
    """A call that is kept and charged nothing until a price lands."""
    return 0, 0, 0


def _money(price: Price) -> tuple[object, ...]:
    """What of a price decides about amounts."""
    return (
        price.costs,
        price.costs_above,
        price.charges,
        price.charges_above,
        price.charge_factor,
        price.charge_divisor,
        price.cost_divisor,
        price.margin,
        price.plan_margins,
    )


def thresholds_of(books: Sequence[RateBook]) -> tuple[int, ...]:
    """Where the context tiers of all prices of some books begin."""
    found: set[int] = set()
    for book in books:
        for entry in book.entries.values():
            for price in entry.prices:
                found |= {start for start, _ in (*price.costs_above, *price.charges_above)}
    return tuple(sorted(found))


__all__ = ["Cell", "Key", "Repriced", "Repricer", "thresholds_of"]
