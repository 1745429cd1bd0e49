"""What a subscription says: its fee, what it is worth beside another, until when it is paid for. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from metering.book.entities import Plan
from metering.errors import SubscriptionError
from metering.subscriptions.periods import CYCLE_MONTHS, cycle_end
from schema.keys import moment_text
from schema.money import usd_text

if TYPE_CHECKING:
    from metering.subscriptions.subscriptions import Subscription

GIFT = "gift"
"""What the note of a subscription begins with that is given away."""


def period_end(one: Subscription, now: datetime) -> datetime:
    """When what is paid for has run out: the end of the gift or the trial, else of the running cycle."""
    if is_gift(one) and one.cancel_at is not None:
        return one.cancel_at
    if one.status == "trial" and one.trial_until is not None:
        return one.trial_until
    return cycle_end(one.started_at, one.cycle, now)


def fee_of(plan: Plan, cycle: str, agreed_nanos: int | None = None) -> int:
    """The fee of a cycle in nano-USD: as agreed, else the plan's. Raises SubscriptionError when there is neither."""
    if cycle not in CYCLE_MONTHS:
        raise SubscriptionError(f"'{cycle}' is not a cycle: monthly, annual")
    fee = agreed_nanos
    if fee is None:
        fee = plan.annual_nanos if cycle == "annual" else plan.monthly_nanos
    if fee is None:
        raise SubscriptionError(f"plan '{plan.slug}' has no {cycle} fee; name the fee that was agreed")
    return fee


def is_upgrade(running: Subscription, fee_nanos: int, cycle: str) -> bool:
    """Whether a fee is larger than that of the running subscription, by the month."""
    return fee_nanos * CYCLE_MONTHS[running.cycle] > running.fee_nanos * CYCLE_MONTHS[cycle]


def is_gift(one: Subscription) -> bool:
    """Whether a subscription was given away."""
    return one.note is not None and one.note.startswith(GIFT)


def as_json(one: Subscription) -> dict[str, Any]:
    """A subscription as the audit log and `--format json` show it; money as decimal strings of USD."""
    moments = ("started_at", "trial_until", "cancel_at", "ended_at")
    return {
        "id": one.id,
        "plan": one.plan,
        "status": one.status,
        "cycle": one.cycle,
        "fee_usd": usd_text(one.fee_nanos),
        **{name: None if (at := getattr(one, name)) is None else moment_text(at) for name in moments},
        "next_plan": one.next_plan,
        "next_cycle": one.next_cycle,
        "note": one.note,
    }


__all__ = ["GIFT", "as_json", "fee_of", "is_gift", "is_upgrade", "period_end"]
