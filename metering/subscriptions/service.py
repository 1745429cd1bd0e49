"""What a meter offers to people who look after subscriptions: `meter.subscriptions`.

Every change is one transaction with the newest rate book, and leaves a row in the audit log. `by` names who acts. All
raise UnavailableError without a database, UnknownAccountError, and SubscriptionError.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from sqlalchemy import Connection

from metering.accounts.accounts import account_id
from metering.audit import Actor
from metering.runtime import Runtime
from metering.subscriptions import subscribing
from metering.subscriptions.moving import move
from metering.subscriptions.subscribing import Direction, When
from metering.subscriptions.subscriptions import Subscription, subscriptions_of

Listed = tuple[str, Subscription]
"""An account and a subscription of it."""


class Subscriptions:
    """Subscriptions; what each method does is told in `metering.subscriptions.subscribing`."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    def start(
        self,
        account: str,
        plan: str,
        *,
        by: str,
        cycle: str = "monthly",
        trial: bool = False,
        fee_nanos: int | None = None,
        since: datetime | None = None,
        reason: str | None = None,
    ) -> Subscription:
        """Begin a subscription of an account that has none."""
        return self._runtime.change(
            lambda connection, book, now: subscribing.start(
                connection,
                book,
                account,
                plan,
                actor=Actor(by, reason),
                now=now,
                cycle=cycle,
                trial=trial,
                fee_nanos=fee_nanos,
                since=since,
            )
        )

    def change(
        self,
        account: str,
        plan: str,
        *,
        by: str,
        cycle: str | None = None,
        when: When | None = None,
        only: Direction | None = None,
        fee_nanos: int | None = None,
        reason: str | None = None,
    ) -> Subscription:
        """Bring a subscription to another plan or cycle: a dearer one now, any other at the end of the cycle."""
        return self._runtime.change(
            lambda connection, book, now: subscribing.change(
                connection,
                book,
                account,
                plan,
                actor=Actor(by, reason),
                now=now,
                cycle=cycle,
                when=when,
                only=only,
                fee_nanos=fee_nanos,
            )
        )

    def move(
        self,
        *accounts: str,
        plan: str,
        by: str,
        cycle: str | None = None,
        when: When | None = None,
        fee_nanos: int | None = None,
        reason: str | None = None,
    ) -> Sequence[Subscription]:
        """Put accounts on a plan, whatever they are on now: all of them, or none when one cannot be moved."""
        return self._runtime.change(
            lambda connection, book, now: move(
                connection,
                book,
                accounts,
                plan,
                actor=Actor(by, reason),
                now=now,
                cycle=cycle,
                when=when,
                fee_nanos=fee_nanos,
            )
        )

    def cancel(
        self, account: str, *, by: str, when: When | datetime = "period_end", reason: str | None = None
    ) -> Subscription:
        """End a subscription when what is paid for has run out, now, or at a moment."""
        return self._runtime.change(
            lambda connection, book, now: subscribing.cancel(
                connection, book, account, actor=Actor(by, reason), now=now, when=when
            )
        )

    def keep(self, account: str, *, by: str, reason: str | None = None) -> Subscription:
        """Take back a cancellation or a change that has not happened yet."""
        return self._simple(subscribing.keep, account, by, reason)

    def extend(self, account: str, days: int, *, by: str, reason: str | None = None) -> Subscription:
        """Move the end of a trial, a gift or another planned end."""
        return self._runtime.change(
            lambda connection, book, now: subscribing.extend(
                connection, book, account, days, actor=Actor(by, reason), now=now
            )
        )

    def gift(self, account: str, plan: str, months: int, *, by: str, reason: str | None = None) -> Subscription:
        """Give an account a plan for so many months without a fee."""
        return self._runtime.change(
            lambda connection, book, now: subscribing.gift(
                connection, book, account, plan, months, actor=Actor(by, reason), now=now
            )
        )

    def past_due(self, account: str, *, by: str, reason: str | None = None) -> Subscription:
        """A fee was not paid: the plan stays, its next credit waits."""
        return self._simple(subscribing.past_due, account, by, reason)

    def paid(self, account: str, *, by: str, reason: str | None = None) -> Subscription:
        """The fee that was past due is paid."""
        return self._simple(subscribing.paid, account, by, reason)

    def of(self, account: str) -> Sequence[Subscription]:
        """All subscriptions of an account, oldest first."""

        def read(connection: Connection) -> Sequence[Subscription]:
            number = account_id(connection, account)
            return subscriptions_of(connection, [number])[number]

        return self._runtime.read(read)

    def list(self, *, plan: str | None = None, status: str | None = None) -> Sequence[Listed]:
        """The subscriptions that run, by account."""
        return self._runtime.read(
            lambda connection: subscribing.running_subscriptions(connection, plan=plan, status=status)
        )

    def _simple(self, action: Callable[..., Subscription], account: str, by: str, reason: str | None) -> Subscription:
        return self._runtime.change(
            lambda connection, book, now: action(connection, book, account, actor=Actor(by, reason), now=now)
        )
