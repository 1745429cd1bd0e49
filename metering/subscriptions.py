"""Subscriptions: which plan an account is on, and the credit that each of its months includes. Nothing here commits.

A period is half-open. The included credit comes once a month for either cycle, counted from the day the subscription
began (clamped to the end of shorter months), and expires with its month.
"""

from __future__ import annotations

from calendar import monthrange
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, insert, select, update

from metering.entities import Plan
from metering.errors import SubscriptionError, UnknownAccountError
from metering.grants import add_grant
from metering.storage import store_for
from metering.wallet import Grant
from schema.tables import account_state, grants, subscriptions

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


def subscribe(
    connection: Connection,
    account_id: int,
    plan: Plan,
    cycle: str,
    started_at: datetime,
    *,
    now: datetime,
    fee_nanos: int | None = None,
    trial: bool = False,
) -> Subscription:
    """Put an account on a plan from a moment on; the subscription that ran until then ends there.

    The fee is the plan's for the cycle (`monthly` or `annual`) unless `fee_nanos` says otherwise; `trial` begins with
    the plan's trial days, in which no fee accrues. Raises SubscriptionError for a plan without a fee for the cycle, a
    start in the future or before that of the running subscription, and UnknownAccountError.
    """
    if cycle not in ("monthly", "annual"):
        raise SubscriptionError(f"'{cycle}' is not a cycle: monthly, annual")
    if started_at > now:
        raise SubscriptionError(f"a subscription cannot start in the future: {started_at.isoformat()}")
    agreed = (plan.annual_nanos if cycle == "annual" else plan.monthly_nanos) if fee_nanos is None else fee_nanos
    if agreed is None:
        raise SubscriptionError(f"plan '{plan.slug}' has no {cycle} fee; name the fee that was agreed")
    _lock(connection, account_id)
    running = running_subscription(connection, account_id)
    if running is not None:
        if started_at <= running.started_at:
            raise SubscriptionError(
                f"a subscription to '{running.plan}' runs since {running.started_at.isoformat()}; start after it"
            )
        _end(connection, running, started_at)
    trial_until = started_at + timedelta(days=plan.trial_days) if trial and plan.trial_days else None
    values = {
        "account_id": account_id,
        "plan": plan.slug,
        "status": "trial" if trial_until is not None and now < trial_until else "active",
        "cycle": cycle,
        "fee_nanos": agreed,
        "started_at": started_at,
        "trial_until": trial_until,
        "ended_at": None,
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
    _lock(connection, account_id)
    running = running_subscription(connection, account_id)
    if running is None:
        raise SubscriptionError("no subscription runs that could be cancelled")
    if not running.started_at <= ended_at <= now:
        raise SubscriptionError("a subscription ends between its start and now")
    _end(connection, running, ended_at)
    _set_plan(connection, account_id, default_plan, ended_at)
    return running


def running_subscription(connection: Connection, account_id: int) -> Subscription | None:
    """The subscription of an account that has not ended."""
    found = subscriptions_of(connection, [account_id])[account_id]
    return next((one for one in found if one.ended_at is None), None)


def subscriptions_of(connection: Connection, account_ids: Collection[int]) -> dict[int, list[Subscription]]:
    """The subscriptions of accounts, oldest first; an account without any has an empty list."""
    table = subscriptions.c
    columns = [table[name] for name in Subscription.__slots__]
    found: dict[int, list[Subscription]] = defaultdict(list)
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
) -> list[Grant]:
    """Grant the included credit of each month that began before `until`, as far as it is not granted yet.

    The amount is what the plan includes now. Run again it adds nothing: the key is `plan:SUBSCRIPTION:START`.
    """
    table = grants.c
    granted = set(
        connection.execute(
            select(table.idempotency_key).where(table.account_id == account_id, table.kind == "plan")
        ).scalars()
    )
    added = []
    for one in subscriptions_of(connection, [account_id])[account_id]:
        plan = plans.get(one.plan)
        if plan is None or not plan.included_nanos:
            continue
        last = until if one.ended_at is None else min(until, one.ended_at)
        for start, end in months(one.started_at, last):
            key = f"plan:{one.id}:{start.date().isoformat()}"
            if key not in granted:
                added.append(
                    add_grant(
                        connection,
                        account_id,
                        "plan",
                        plan.included_nanos,
                        idempotency_key=key,
                        starts_at=start,
                        expires_at=end if one.ended_at is None else min(end, one.ended_at),
                        now=now,
                    )
                )
    return added


def months(start: datetime, until: datetime) -> Iterator[tuple[datetime, datetime]]:
    """The months from `start` on that begin before `until`; the last may end after it."""
    count = 0
    begin = start
    while begin < until:
        count += 1
        end = _months_later(start, count)
        yield begin, end
        begin = end


def _months_later(start: datetime, count: int) -> datetime:
    years, month = divmod(start.month - 1 + count, 12)
    year = start.year + years
    return start.replace(year=year, month=month + 1, day=min(start.day, monthrange(year, month + 1)[1]))


def _lock(connection: Connection, account_id: int) -> None:
    if account_id not in store_for(connection).lock([account_id], (), 0).states:
        raise UnknownAccountError(f"there is no account with the id {account_id}")


def _end(connection: Connection, running: Subscription, at: datetime) -> None:
    connection.execute(
        update(subscriptions).where(subscriptions.c.id == running.id).values(ended_at=at, status="cancelled")
    )


def _set_plan(connection: Connection, account_id: int, plan: str, since: datetime) -> None:
    connection.execute(
        update(account_state).where(account_state.c.account_id == account_id).values(plan=plan, plan_since=since)
    )


__all__ = [
    "Subscription",
    "cancel",
    "grant_periods",
    "months",
    "plan_at",
    "plan_in",
    "running_subscription",
    "subscribe",
    "subscriptions_of",
]
