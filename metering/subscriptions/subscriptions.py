"""Subscriptions: which plan an account is on, since when and at what fee. Nothing here commits.

A subscription is half-open. Changing one ends it and begins another, so that what was agreed stays readable. Whatever
ends or begins here makes the account due for renewal, which grants the credit that a plan includes.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, insert, select, update

from metering.book.entities import Plan
from metering.errors import SubscriptionError, UnknownAccountError
from metering.storage import store_for
from metering.subscriptions.due import LATE, bring_forward
from metering.subscriptions.included import Credit, close, credit_of, give
from metering.subscriptions.periods import months
from metering.subscriptions.terms import fee_of
from schema.tables import account_state, subscriptions

_CHUNK = 1_000


@dataclass(frozen=True, slots=True)
class Subscription:
    """An account on a plan from `started_at` until `ended_at` (None while it runs)."""

    id: int
    account_id: int
    plan: str
    status: str
    cycle: str
    fee_nanos: int
    started_at: datetime
    trial_until: datetime | None
    ended_at: datetime | None
    cancel_at: datetime | None = None
    """When it is to end, or to be followed by `next_plan`."""
    next_plan: str | None = None
    next_cycle: str | None = None
    note: str | None = None


def subscribe(
    connection: Connection,
    account_id: int,
    plan: Plan,
    cycle: str,
    started_at: datetime,
    *,
    now: datetime,
    fee_nanos: int | None = None,
    trial: bool | datetime = False,
    cancel_at: datetime | None = None,
    next_plan: str | None = None,
    next_cycle: str | None = None,
    note: str | None = None,
) -> Subscription:
    """Put an account on a plan from a moment on; the subscription that ran until then ends there.

    The fee is the plan's for the cycle (`monthly` or `annual`) unless `fee_nanos` says otherwise. `trial` begins with
    the plan's trial days, or lasts until a moment; no fee accrues in it. What is planned already for later stands in
    `cancel_at` and `next_plan` (None is the default plan). Raises SubscriptionError for a plan without a fee for the
    cycle, a start in the future or before that of the running subscription, and UnknownAccountError.
    """
    if started_at > now:
        raise SubscriptionError(f"a subscription cannot start in the future: {started_at.isoformat()}")
    agreed = fee_of(plan, cycle, fee_nanos)
    lock_account(connection, account_id)
    running = running_subscription(connection, account_id)
    if running is not None:
        if started_at <= running.started_at:
            raise SubscriptionError(
                f"a subscription to '{running.plan}' runs since {running.started_at.isoformat()}; start after it"
            )
        _end(connection, running, started_at)
    else:
        close(connection, account_id, None, started_at)
    trial_until = trial if isinstance(trial, datetime) else None
    if trial is True and plan.trial_days:
        trial_until = started_at + timedelta(days=plan.trial_days)
    values = {
        "account_id": account_id,
        "plan": plan.slug,
        "status": "trial" if trial_until is not None and now < trial_until else "active",
        "cycle": cycle,
        "fee_nanos": agreed,
        "started_at": started_at,
        "trial_until": trial_until,
        "ended_at": None,
        "cancel_at": cancel_at,
        "next_plan": next_plan,
        "next_cycle": next_cycle,
        "note": note,
    }
    number = connection.execute(insert(subscriptions).values(values).returning(subscriptions.c.id)).scalar_one()
    _set_plan(connection, account_id, plan.slug, started_at)
    return Subscription(id=int(number), **values)  # type: ignore[arg-type]


def cancel(
    connection: Connection, account_id: int, ended_at: datetime, *, default_plan: str, now: datetime
) -> Subscription:
    """End the running subscription at a moment; the account is on the default plan from then on.

    Raises SubscriptionError when none runs, or for an end in the future or before its start.
    """
    lock_account(connection, account_id)
    running = running_subscription(connection, account_id)
    if running is None:
        raise SubscriptionError("no subscription runs that could be cancelled")
    if not running.started_at <= ended_at <= now:
        raise SubscriptionError("a subscription ends between its start and now")
    end_at(connection, running, ended_at, default_plan=default_plan)
    return running


def running_subscription(connection: Connection, account_id: int) -> Subscription | None:
    """The subscription of an account that has not ended."""
    found = subscriptions_of(connection, [account_id])[account_id]
    return next((one for one in found if one.ended_at is None), None)


def subscriptions_of(connection: Connection, account_ids: Collection[int]) -> dict[int, list[Subscription]]:
    """The subscriptions of accounts, oldest first; an account without any has an empty list."""
    found: dict[int, list[Subscription]] = defaultdict(list)
    if not account_ids:
        return found
    table = subscriptions.c
    columns = [table[name] for name in Subscription.__slots__]
    wanted = sorted(account_ids)
    for start in range(0, len(wanted), _CHUNK):
        some = wanted[start : start + _CHUNK]
        query = select(*columns).where(table.account_id.in_(some)).order_by(table.started_at, table.id)
        for row in connection.execute(query):
            found[row.account_id].append(Subscription(*row))
    return found


def plan_in(history: Collection[Subscription], at: datetime, default_plan: str) -> str:
    """The plan at a moment, from an account's subscriptions; the default plan outside all of them."""
    for one in history:
        if one.started_at <= at and (one.ended_at is None or at < one.ended_at):
            return one.plan
    return default_plan


def plan_at(connection: Connection, account_id: int, at: datetime, default_plan: str) -> str:
    """The plan of an account at a moment; the default plan when no subscription covers it."""
    return plan_in(subscriptions_of(connection, [account_id])[account_id], at, default_plan)


def grant_periods(
    connection: Connection,
    account_id: int,
    plans: Mapping[str, Plan],
    *,
    until: datetime,
    now: datetime,
) -> list[Credit]:
    """Grant the included credit of each month of each subscription that began before `until`, as far as it is missing.

    The amount is what the plan includes now. Run again it adds nothing. For subscriptions that began in the past, whose
    usage is told afterwards; time that goes by is the business of `metering.subscriptions.renewal`.
    """
    wanted: list[Credit] = []
    for one in subscriptions_of(connection, [account_id])[account_id]:
        last = until if one.ended_at is None else min(until, one.ended_at)
        spans = [
            (start, end if one.ended_at is None else min(end, one.ended_at))
            for start, end in months(one.started_at, last)
        ]
        wanted += credit_of(plans.get(one.plan), one.id, spans)
    added = give(connection, {account_id: wanted}, now=now).get(account_id, [])
    for credit in added:
        bring_forward(connection, account_id, max(credit.expires_at, now) + LATE)
    return added


def activate(connection: Connection, one: Subscription) -> None:
    """A trial is over, or a fee that was past due is paid."""
    connection.execute(update(subscriptions).where(subscriptions.c.id == one.id).values(status="active"))


def end_at(connection: Connection, running: Subscription, at: datetime, *, default_plan: str) -> None:
    """End the running subscription at a moment that has come; the account is on the default plan from then on."""
    _end(connection, running, at)
    _set_plan(connection, running.account_id, default_plan, at)


def lock_account(connection: Connection, account_id: int) -> None:
    """Lock an account's state row. Raises UnknownAccountError."""
    if account_id not in store_for(connection).lock([account_id], (), 0).states:
        raise UnknownAccountError(f"there is no account with the id {account_id}")


def _end(connection: Connection, running: Subscription, at: datetime) -> None:
    table = subscriptions.c
    connection.execute(update(subscriptions).where(table.id == running.id).values(ended_at=at, status="cancelled"))
    close(connection, running.account_id, running.id, at)


def _set_plan(connection: Connection, account_id: int, plan: str, since: datetime) -> None:
    state = account_state.c
    connection.execute(
        # Due at once: the new plan's credit is to be granted, and new ends are to be watched.
        update(account_state).where(state.account_id == account_id).values(plan=plan, plan_since=since, due_at=since)
    )


__all__ = [
    "Subscription",
    "activate",
    "cancel",
    "end_at",
    "grant_periods",
    "lock_account",
    "plan_at",
    "plan_in",
    "running_subscription",
    "subscribe",
    "subscriptions_of",
]
