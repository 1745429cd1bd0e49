"""Subscriptions as people change them: start, change, cancel, extend, give away; each audited, each at once in force.

A dearer plan follows at once, a cheaper one when what is paid for has run out: at the end of the cycle, or of the
trial. Fees accrue by whole UTC day, so no change needs a proration. See docs/subscriptions.md.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Literal

from sqlalchemy import Connection, select, update

from metering import given
from metering.accounts.accounts import account_id, ensure_accounts
from metering.audit import Actor, note
from metering.book.entities import Plan
from metering.book.ratebook import RateBook
from metering.errors import SubscriptionError, UnknownAccountError
from metering.subscriptions.due import LATE, bring_forward
from metering.subscriptions.periods import months_later
from metering.subscriptions.renewal import renew
from metering.subscriptions.subscriptions import (
    Subscription,
    activate,
    end_at,
    grant_periods,
    lock_account,
    running_subscription,
    subscribe,
    subscriptions_of,
)
from metering.subscriptions.terms import GIFT, as_json, fee_of, is_gift, is_upgrade, period_end
from schema.findings import did_you_mean
from schema.keys import moment_text
from schema.tables import accounts, subscriptions

When = Literal["now", "period_end"]
Direction = Literal["upgrade", "downgrade"]


_TICK = timedelta(microseconds=1)
_LONGEST_EXTENSION = 3_650
_MOST_MONTHS = 120
_OLDEST = timedelta(days=3_660)
_FARTHEST = timedelta(days=36_600)
"""How far ahead the end of a subscription may lie."""


def start(
    connection: Connection,
    book: RateBook,
    account: str,
    plan: str,
    *,
    actor: Actor,
    now: datetime,
    cycle: str = "monthly",
    trial: bool = False,
    fee_nanos: int | None = None,
    since: datetime | None = None,
) -> Subscription:
    """Begin a subscription of an account that has none (or one to the default plan).

    `since` may be in the past: the credit of the months since then is granted, for usage that is told afterwards.
    An unknown account is created when settings say so. Raises SubscriptionError, UnknownAccountError.
    """
    wanted = _open_plan(book, plan)
    number = ensure_accounts(connection, [account], book.settings, now=now).get(account)
    if number is None:
        raise UnknownAccountError(f"there is no account '{account}'")
    lock_account(connection, number)
    renew(connection, [number], book, now=now)
    _require_active(connection, number, account)
    running = running_subscription(connection, number)
    if running is not None and running.plan != book.settings.default_plan:
        raise SubscriptionError(f"{account} is on plan '{running.plan}' already; change or cancel that")
    if trial:
        _require_trial(connection, number, account, wanted)
    begun = now if since is None else given.moment("the start of a subscription", since, SubscriptionError)
    if begun < now - _OLDEST:
        raise SubscriptionError(f"a subscription begins at most 10 years ago, not on {moment_text(begun)}")
    one = subscribe(connection, number, wanted, cycle, begun, now=now, fee_nanos=fee_nanos, trial=trial)
    if begun <= now - LATE:
        grant_periods(connection, number, book.plans, until=now + _TICK, now=now)
    return _done(connection, book, account, "subscription.start", running, one, actor, now)


def change(
    connection: Connection,
    book: RateBook,
    account: str,
    plan: str,
    *,
    actor: Actor,
    now: datetime,
    cycle: str | None = None,
    when: When | None = None,
    only: Direction | None = None,
    fee_nanos: int | None = None,
) -> Subscription:
    """Bring a subscription to another plan or cycle; returns the one that runs then.

    By default a plan with a larger fee follows now, and everything else when the cycle ends. A trial goes on with the
    new plan. `only` refuses a change that is not an `upgrade` or a `downgrade` of the fee. Raises SubscriptionError,
    UnknownAccountError.
    """
    number, running = _running(connection, book, account, now)
    _require_active(connection, number, account)
    wanted = _open_plan(book, plan)
    cycle = cycle or running.cycle
    agreed = fee_of(wanted, cycle, fee_nanos)
    if (wanted.slug, cycle) == (running.plan, running.cycle):
        raise SubscriptionError(f"{account} is on plan '{plan}' ({cycle}) already")
    _require_paid(running, account)
    upgrade = is_upgrade(running, agreed, cycle)
    if only is not None and (only == "upgrade") != upgrade:
        asked = "larger" if only == "upgrade" else "smaller"
        raise SubscriptionError(f"plan '{plan}' ({cycle}) does not have a {asked} fee than what {account} pays now")
    when = when or ("now" if upgrade and not is_gift(running) else "period_end")
    if when == "now":
        trial = running.trial_until if running.status == "trial" and running.trial_until is not None else False
        one = subscribe(connection, number, wanted, cycle, now, now=now, fee_nanos=fee_nanos, trial=trial)
    else:
        if fee_nanos is not None:
            raise SubscriptionError("a fee is agreed when a plan begins: change at once, or at the end by the plan's")
        one = replace(running, cancel_at=period_end(running, now), next_plan=wanted.slug, next_cycle=cycle)
        _store(connection, one)
    return _done(connection, book, account, "subscription.change", running, one, actor, now)


def cancel(
    connection: Connection,
    book: RateBook,
    account: str,
    *,
    actor: Actor,
    now: datetime,
    when: When | datetime = "period_end",
) -> Subscription:
    """End a subscription: when what is paid for has run out, now, or at a moment before or after now.

    Raises SubscriptionError, UnknownAccountError.
    """
    _, running = _running(connection, book, account, now)
    moment = period_end(running, now) if when == "period_end" else now if when == "now" else when
    moment = given.moment("the end of a subscription", moment, SubscriptionError)
    if moment < running.started_at:
        raise SubscriptionError(f"the subscription began on {moment_text(running.started_at)}; it cannot end before")
    if moment <= now:
        end_at(connection, running, moment, default_plan=book.settings.default_plan)
        one = replace(running, status="cancelled", ended_at=moment)
    else:
        one = replace(running, cancel_at=moment, next_plan=None, next_cycle=None)
        _store(connection, one)
    return _done(connection, book, account, "subscription.cancel", running, one, actor, now)


def keep(connection: Connection, book: RateBook, account: str, *, actor: Actor, now: datetime) -> Subscription:
    """Take back a cancellation or a change that has not happened yet. Raises SubscriptionError."""
    _, running = _running(connection, book, account, now)
    if running.cancel_at is None:
        raise SubscriptionError(f"nothing is planned for the subscription of {account}")
    if is_gift(running):
        raise SubscriptionError("a gift ends when it ends; extend it, or change to a plan that is paid")
    one = replace(running, cancel_at=None, next_plan=None, next_cycle=None)
    _store(connection, one)
    return _done(connection, book, account, "subscription.keep", running, one, actor, now)


def extend(
    connection: Connection, book: RateBook, account: str, days: int, *, actor: Actor, now: datetime
) -> Subscription:
    """Move the end of a trial, or of a gift or another planned end, by so many days. Raises SubscriptionError.

    A trial that is over cannot be extended: what its fee earned since is earned.
    """
    if not 1 <= days <= _LONGEST_EXTENSION:
        raise SubscriptionError(f"extend by 1 to {_LONGEST_EXTENSION} days, not by {days}")
    _, running = _running(connection, book, account, now)
    longer = timedelta(days=days)
    if max(running.cancel_at or now, running.trial_until or now) + longer > now + _FARTHEST:
        raise SubscriptionError("a trial or a planned end is at most 100 years ahead")
    one = running
    if running.status == "trial" and running.trial_until is not None:
        one = replace(one, trial_until=running.trial_until + longer)
    if running.cancel_at is not None and (one is running or running.cancel_at == running.trial_until):
        one = replace(one, cancel_at=running.cancel_at + longer)
    if one is running:
        raise SubscriptionError(f"{account} has neither a trial nor a planned end that could be extended")
    _store(connection, one)
    return _done(connection, book, account, "subscription.extend", running, one, actor, now)


def gift(
    connection: Connection,
    book: RateBook,
    account: str,
    plan: str,
    months: int,
    *,
    actor: Actor,
    now: datetime,
) -> Subscription:
    """Give an account a plan for so many months without a fee; what it pays for now goes on afterwards.

    An unknown account is created when settings say so. Raises SubscriptionError, UnknownAccountError.
    """
    if not 1 <= months <= _MOST_MONTHS:
        raise SubscriptionError(f"a gift lasts 1 to {_MOST_MONTHS} months, not {months}")
    wanted = _open_plan(book, plan)
    number = ensure_accounts(connection, [account], book.settings, now=now).get(account)
    if number is None:
        raise UnknownAccountError(f"there is no account '{account}'")
    lock_account(connection, number)
    renew(connection, [number], book, now=now)
    _require_active(connection, number, account)
    running = running_subscription(connection, number)
    after = _afterwards(book, account, running)
    one = subscribe(
        connection,
        number,
        wanted,
        "monthly",
        now,
        now=now,
        fee_nanos=0,
        cancel_at=months_later(now, months),
        next_plan=after[0],
        next_cycle=after[1],
        note=GIFT if actor.reason is None else f"{GIFT}: {actor.reason}",
    )
    return _done(connection, book, account, "subscription.gift", running, one, actor, now)


def past_due(connection: Connection, book: RateBook, account: str, *, actor: Actor, now: datetime) -> Subscription:
    """A fee was not paid: the plan stays, its next credit waits. Raises SubscriptionError."""
    _, running = _running(connection, book, account, now)
    if running.status != "active":
        raise SubscriptionError(f"the subscription of {account} is {running.status}; only an active one falls past due")
    one = replace(running, status="past_due")
    connection.execute(update(subscriptions).where(subscriptions.c.id == one.id).values(status="past_due"))
    return _done(connection, book, account, "subscription.past_due", running, one, actor, now)


def paid(connection: Connection, book: RateBook, account: str, *, actor: Actor, now: datetime) -> Subscription:
    """The fee that was past due is paid: the credit of the running month comes now. Raises SubscriptionError."""
    _, running = _running(connection, book, account, now)
    if running.status != "past_due":
        raise SubscriptionError(f"the subscription of {account} is {running.status}, not past due")
    one = replace(running, status="active")
    activate(connection, running)
    return _done(connection, book, account, "subscription.paid", running, one, actor, now)


def running_subscriptions(
    connection: Connection, *, plan: str | None = None, status: str | None = None
) -> list[tuple[str, Subscription]]:
    """The subscriptions that run, with the names of their accounts and by them."""
    table = subscriptions.c
    query = select(accounts.c.account, accounts.c.id).join(subscriptions, table.account_id == accounts.c.id)
    query = query.where(table.ended_at.is_(None)).order_by(accounts.c.account)
    if plan is not None:
        query = query.where(table.plan == plan)
    if status is not None:
        query = query.where(table.status == status)
    found = [(row.account, row.id) for row in connection.execute(query)]
    history = subscriptions_of(connection, [number for _, number in found])
    return [(account, next(one for one in history[number] if one.ended_at is None)) for account, number in found]


def _running(connection: Connection, book: RateBook, account: str, now: datetime) -> tuple[int, Subscription]:
    number = account_id(connection, account)
    lock_account(connection, number)
    # What ended by time alone has ended, although nobody had looked yet.
    renew(connection, [number], book, now=now)
    running = running_subscription(connection, number)
    if running is None:
        raise SubscriptionError(f"{account} has no subscription that runs; start one")
    return number, running


def _open_plan(book: RateBook, plan: str) -> Plan:
    found = book.plans.get(plan)
    if found is None:
        raise SubscriptionError(f"there is no plan '{plan}'{did_you_mean(plan, book.plans)}")
    if not found.active:
        raise SubscriptionError(f"plan '{plan}' is not active: nobody can subscribe to it any more")
    return found


def _require_active(connection: Connection, number: int, account: str) -> None:
    status = connection.execute(select(accounts.c.status).where(accounts.c.id == number)).scalar_one()
    if status != "active":
        raise SubscriptionError(f"account {account} is {status}")


def _require_paid(running: Subscription, account: str) -> None:
    if running.status == "past_due":
        raise SubscriptionError(
            f"the fee of {account} is past due: it is paid, or the subscription is cancelled, first"
        )


def _require_trial(connection: Connection, number: int, account: str, plan: Plan) -> None:
    if not plan.trial_days:
        raise SubscriptionError(f"plan '{plan.slug}' has no trial")
    for one in subscriptions_of(connection, [number])[number]:
        if one.trial_until is not None:
            raise SubscriptionError(
                f"{account} had its trial, from {moment_text(one.started_at)}; give it a gift if it is to have more"
            )


def _afterwards(book: RateBook, account: str, running: Subscription | None) -> tuple[str | None, str | None]:
    """The plan and cycle that follow a gift: what is paid for now, or will be."""
    if running is None or running.plan == book.settings.default_plan:
        return None, None
    _require_paid(running, account)
    if running.cancel_at is not None or running.fee_nanos == 0:
        return running.next_plan, running.next_cycle
    plan = book.plans.get(running.plan)
    usual = None if plan is None else plan.annual_nanos if running.cycle == "annual" else plan.monthly_nanos
    if usual != running.fee_nanos:
        raise SubscriptionError(
            f"{account} pays a fee that was agreed, which would be lost after the gift; cancel that subscription first"
        )
    return running.plan, running.cycle


def _store(connection: Connection, one: Subscription) -> None:
    """Write what is planned for a subscription, and have it watched."""
    planned = {name: getattr(one, name) for name in ("trial_until", "cancel_at", "next_plan", "next_cycle")}
    connection.execute(update(subscriptions).where(subscriptions.c.id == one.id).values(planned))


def _done(
    connection: Connection,
    book: RateBook,
    account: str,
    action: str,
    before: Subscription | None,
    after: Subscription,
    actor: Actor,
    now: datetime,
) -> Subscription:
    """Note the change and bring the account up to it: what is due by it is done at once, and the next moment set."""
    note(
        connection,
        actor,
        action,
        f"account {account}",
        at=now,
        before=None if before is None else as_json(before),
        after=as_json(after),
    )
    bring_forward(connection, after.account_id, now)
    renew(connection, [after.account_id], book, now=now)
    return after


__all__ = [
    "Direction",
    "When",
    "cancel",
    "change",
    "extend",
    "gift",
    "keep",
    "paid",
    "past_due",
    "running_subscriptions",
    "start",
]
