"""What a meter offers to people who look after accounts: `meter.accounts`, `meter.subscriptions`, `meter.keys`.

Every change is one transaction with the newest rate book, and leaves a row in the audit log. `by` names who acts. All
raise UnavailableError without a database, UnknownAccountError, and the error of their subject: AccountError,
SubscriptionError, ApiKeyError.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import partial

from sqlalchemy import Connection

from metering import account_list, account_status, keys, members, renewal, subscribing
from metering.account_list import AccountInfo
from metering.accounts import account_id
from metering.audit import Actor
from metering.errors import UnavailableError
from metering.keys import ApiKey, KeyOwner, NewKey
from metering.members import Member
from metering.ratebook import RateBook
from metering.runtime import Runtime
from metering.subscribing import Direction, When
from metering.subscriptions import Subscription, subscriptions_of

_BATCH = 200
_log = logging.getLogger(__name__)

Listed = tuple[str, Subscription]
"""An account and a subscription of it."""


class Accounts:
    """Accounts and their users."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    def create(self, account: str, *, by: str, name: str | None = None, reason: str | None = None) -> AccountInfo:
        """Create an account on the default plan, with its signup grant."""

        def create(connection: Connection, book: RateBook, now: datetime) -> AccountInfo:
            account_status.open_account(connection, book, account, actor=Actor(by, reason), now=now, name=name)
            return account_list.show_account(connection, account)

        return self._runtime.change(create)

    def list(
        self,
        *,
        search: str | None = None,
        status: str | None = None,
        plan: str | None = None,
        after: str | None = None,
        limit: int = account_list.LARGEST_PAGE,
    ) -> Sequence[AccountInfo]:
        """Accounts by name, those after `after`; without `status`, all but the deleted ones."""
        return self._runtime.read(
            lambda connection: account_list.list_accounts(
                connection, search=search, status=status, plan=plan, after=after, limit=limit
            )
        )

    def rename(self, account: str, name: str | None, *, by: str, reason: str | None = None) -> None:
        """Give an account the name that people see, or take it away."""
        self._runtime.change(
            lambda connection, _, now: account_status.rename(
                connection, account, name, actor=Actor(by, reason), now=now
            )
        )

    def show(self, account: str) -> AccountInfo:
        """One account."""
        return self._runtime.read(lambda connection: account_list.show_account(connection, account))

    def suspend(self, *accounts: str, by: str, reason: str | None = None) -> None:
        """Refuse the calls of accounts from now on: all of them, or none when one cannot be suspended."""
        self._each(account_status.suspend, accounts, Actor(by, reason))

    def unsuspend(self, *accounts: str, by: str, reason: str | None = None) -> None:
        """Let suspended or banned accounts call again."""
        self._each(account_status.unsuspend, accounts, Actor(by, reason))

    def ban(self, *accounts: str, by: str, reason: str | None = None) -> None:
        """Refuse the calls of accounts, end their subscriptions, revoke their keys."""
        self._each(account_status.ban, accounts, Actor(by, reason))

    def delete(self, account: str, *, by: str, reason: str | None = None, forfeit: bool = False) -> None:
        """Close an account for good; refused while it has purchased credit that is not to be forfeited."""
        self._runtime.change(
            lambda connection, book, now: account_status.delete(
                connection, book, account, actor=Actor(by, reason), now=now, forfeit=forfeit
            )
        )

    def users(self, account: str, *, removed: bool = False) -> Sequence[Member]:
        """The users of an account; with `removed`, also those who left."""
        return self._runtime.read(lambda connection: members.users_of(connection, account, removed=removed))

    def add_user(
        self,
        account: str,
        user: str,
        *,
        by: str,
        name: str | None = None,
        email: str | None = None,
        role: str = "member",
    ) -> Member:
        """Make somebody a user of an account."""
        return self._runtime.change(
            lambda connection, _, now: members.add_user(
                connection, account, user, actor=Actor(by), now=now, name=name, email=email, role=role
            )
        )

    def remove_user(self, account: str, user: str, *, by: str) -> None:
        """Take a user out of an account and forget name and address."""
        self._runtime.change(
            lambda connection, _, now: members.remove_user(connection, account, user, actor=Actor(by), now=now)
        )

    def renew(self) -> renewal.Renewed:
        """Do what has become due for any account, a batch of them in each transaction.

        An account that cannot be renewed does not keep the others from it: it is logged and counted.
        """
        done, last, now = renewal.Renewed(), 0, self._runtime.now()
        while True:
            ids = self._runtime.read(partial(renewal.due_accounts, limit=_BATCH, now=now, after=last))
            if not ids:
                return done
            last = ids[-1]
            if not self._renew(ids, done):
                for number in ids:
                    if not self._renew([number], done):
                        done.failed += 1

    def _renew(self, ids: Sequence[int], done: renewal.Renewed) -> bool:
        try:
            done.add(self._runtime.change(lambda connection, book, now: renewal.renew(connection, ids, book, now=now)))
        except UnavailableError:
            raise
        except Exception as error:
            if len(ids) == 1:
                _log.error("account %d cannot be renewed: %s", ids[0], str(error).partition("\n")[0])
            return False
        return True

    def _each(self, action: Callable[..., None], accounts: tuple[str, ...], actor: Actor) -> None:
        def change(connection: Connection, book: RateBook, now: datetime) -> None:
            # In the order of their ids, in which all transactions lock them.
            numbers = {account_id(connection, account): account for account in accounts}
            for _, account in sorted(numbers.items()):
                action(connection, book, account, actor=actor, now=now)

        self._runtime.change(change)


class Subscriptions:
    """Subscriptions; what each method does is told in `metering.subscribing`."""

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


class Keys:
    """API keys; what each method does is told in `metering.keys`."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    def create(
        self,
        scope: str,
        *,
        by: str,
        account: str | None = None,
        name: str | None = None,
        expires_at: datetime | None = None,
        reason: str | None = None,
    ) -> NewKey:
        """Make a key; its text is told once."""
        return self._runtime.change(
            lambda connection, _, now: keys.create_key(
                connection,
                scope=scope,
                actor=Actor(by, reason),
                now=now,
                account=account,
                name=name,
                expires_at=expires_at,
            )
        )

    def rotate(self, key_id: str, *, by: str, overlap: timedelta = keys.OVERLAP, reason: str | None = None) -> NewKey:
        """Make a key in place of another, which goes on for `overlap` at most."""
        return self._runtime.change(
            lambda connection, _, now: keys.rotate_key(
                connection, key_id, actor=Actor(by, reason), now=now, overlap=overlap
            )
        )

    def revoke(self, key_id: str, *, by: str, reason: str | None = None) -> ApiKey:
        """End a key now."""
        return self._runtime.change(
            lambda connection, _, now: keys.revoke_key(connection, key_id, actor=Actor(by, reason), now=now)
        )

    def list(self, *, account: str | None = None, all_states: bool = False) -> Sequence[ApiKey]:
        """The keys that are valid, or all, the newest first."""
        now = self._runtime.now()
        return self._runtime.read(
            lambda connection: keys.list_keys(connection, now=now, account=account, all_states=all_states)
        )

    def authenticate(self, text: str) -> KeyOwner | None:
        """Who a key's text speaks for; None for anything but a valid key. Keeps when it was used, to the minute."""
        now = self._runtime.now()
        owner = self._runtime.read(lambda connection: keys.authenticate(connection, text, now))
        if owner is not None and keys.use_is_news(owner, now):
            self._runtime.write(lambda connection: keys.note_use(connection, owner, now))
        return owner


__all__ = ["Accounts", "Keys", "Listed", "Subscriptions"]
