"""Bringing accounts onto a plan, whatever they are on: one, or many together; all of them or none. Nothing commits."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection

from metering.accounts.accounts import account_id
from metering.audit import Actor
from metering.book.ratebook import RateBook
from metering.errors import SubscriptionError
from metering.subscriptions.renewal import renew
from metering.subscriptions.subscribing import When, cancel, change, start
from metering.subscriptions.subscriptions import Subscription, lock_account, running_subscription


def move(
    connection: Connection,
    book: RateBook,
    accounts: Sequence[str],
    plan: str,
    *,
    actor: Actor,
    now: datetime,
    cycle: str | None = None,
    when: When | None = None,
    fee_nanos: int | None = None,
) -> list[Subscription]:
    """Put each account on a plan: begin a subscription where none runs, change it where one does.

    To the default plan, a subscription is cancelled: `when` what is paid for has run out, or now. Without `when` a
    dearer plan follows at once. The cycle stays, and is monthly for a new subscription. Raises SubscriptionError,
    UnknownAccountError; then nothing is changed.
    """
    # In the order of their ids, in which all transactions lock them.
    numbers = {account_id(connection, account): account for account in accounts}
    return [
        _move(connection, book, number, account, plan, actor, now, cycle, when, fee_nanos)
        for number, account in sorted(numbers.items())
    ]


def _move(
    connection: Connection,
    book: RateBook,
    number: int,
    account: str,
    plan: str,
    actor: Actor,
    now: datetime,
    cycle: str | None,
    when: When | None,
    fee_nanos: int | None,
) -> Subscription:
    lock_account(connection, number)
    renew(connection, [number], book, now=now)
    running = running_subscription(connection, number)
    default = book.settings.default_plan
    on_default = running is None or running.plan == default
    if plan == default:
        if on_default:
            raise SubscriptionError(f"{account} is on plan '{plan}' already")
        return cancel(connection, book, account, actor=actor, now=now, when=when or "period_end")
    if on_default:
        return start(
            connection, book, account, plan, actor=actor, now=now, cycle=cycle or "monthly", fee_nanos=fee_nanos
        )
    return change(connection, book, account, plan, actor=actor, now=now, cycle=cycle, when=when, fee_nanos=fee_nanos)


__all__ = ["move"]
