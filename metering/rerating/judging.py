"""What re-rating changes of one event. Pure."""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

from metering.book.ratebook import RateBook
from metering.errors import MeteringError
from metering.rating.appraisal import UNNAMED_PROVIDER, Appraisal, appraise
from metering.rerating.events import Rated


class Verdict(Enum):
    """What becomes of an event."""

    SAME = "same"
    """It is rated as the book says."""
    CHANGED = "changed"
    """It costs or is charged something else."""
    BILLED = "billed"
    """No price covered it so far; now one does."""
    UNPRICED = "unpriced"
    """Still no price covers it, or none does any more: it stays as it is."""
    REFUNDED = "refunded"
    """Its whole charge was given back: no charge is made anew; at most its cost changes."""


class Judgement(NamedTuple):
    """A verdict with what it changes, in nano-USD."""

    verdict: Verdict
    cost_delta_nanos: int = 0
    charge_delta_nanos: int = 0
    price_id: int | None = None

    @property
    def writes(self) -> bool:
        """Whether an adjustment is to be written."""
        return self.verdict is Verdict.BILLED or bool(self.cost_delta_nanos or self.charge_delta_nanos)


def judge(event: Rated, book: RateBook, key: str) -> Judgement:
    """Rate an event anew, unless an adjustment of this `key` did that already.

    Refunds and corrections stay: a change of the charge comes on top of them, no event's cost or charge falls below
    zero by it, and one whose charge was given back as a whole is not charged again.
    """
    if key in event.keys:
        return Judgement(Verdict.SAME)
    worth = _worth(event, book)
    if worth is None or worth.refusal is not None:
        return Judgement(Verdict.UNPRICED)
    price_id = None if worth.price is None else worth.price.id
    cost = max(worth.cost_nanos - event.cost_nanos, -(event.cost_nanos + event.corrected_cost_nanos))
    left = event.charge_nanos + event.refunded_nanos
    charge = max(worth.charge_nanos - event.charge_nanos, -left)
    if event.refunded_nanos < 0 and left <= 0:
        return Judgement(Verdict.REFUNDED, cost, 0, price_id)
    if not event.billed:
        return Judgement(Verdict.BILLED, cost, charge, price_id)
    if cost or charge:
        return Judgement(Verdict.CHANGED, cost, charge, price_id)
    return Judgement(Verdict.SAME)


def _worth(event: Rated, book: RateBook) -> Appraisal | None:
    try:
        return appraise(
            book,
            # Nobody named the provider: then a model is found by its alias alone, as when it was recorded.
            None if event.provider == UNNAMED_PROVIDER else event.provider,
            event.model,
            event.units,
            plan=event.plan,
            at=event.occurred_at,
            task=event.task,
            reasoning_level=event.reasoning_level,
            feature=event.feature,
        )
    except MeteringError:
        # Such as a reasoning level that is no longer there.
        return None


__all__ = ["Judgement", "Verdict", "judge"]
