"""What a meter offers to people who look after accounts: `meter.accounts` and `meter.keys`.

Every change is one transaction with the newest rate book, and leaves a row in the audit log. `by` names who acts. All
raise UnavailableError without a database, UnknownAccountError, and AccountError or ApiKeyError.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import partial

from sqlalchemy import Connection

from metering.accounts import keys, listing, members, status
from metering.accounts.accounts import account_id
from metering.accounts.keys import ApiKey, KeyOwner, NewKey
from metering.accounts.listing import AccountInfo
from metering.accounts.members import Member
from metering.audit import Actor
from metering.book.ratebook import RateBook
from metering.errors import UnavailableError
from metering.runtime import Runtime
from metering.subscriptions import renewal

_BATCH = 200
_log = logging.getLogger(__name__)


class Accounts:
    """Accounts and their users."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    def create(self, account: str, *, by: str, name: str | None = None, reason: str | None = None) -> AccountInfo:
        """Create an account on the default plan, with its signup grant."""

        def create(connection: Connection, book: RateBook, now: datetime) -> AccountInfo:
            status.open_account(connection, book, account, actor=Actor(by, reason), now=now, name=name)
            return listing.show_account(connection, account)

        return self._runtime.change(create)

    def list(
        self,
        *,
        search: str | None = None,
        status: str | None = None,
        plan: str | None = None,
        after: str | None = None,
        limit: int = listing.LARGEST_PAGE,
    ) -> Sequence[AccountInfo]:
        """Accounts by name, those after `after`; without `status`, all but the deleted ones."""
        return self._runtime.read(
            lambda connection: listing.list_accounts(
                connection, search=search, status=status, plan=plan, after=after, limit=limit
            )
        )

    def rename(self, account: str, name: str | None, *, by: str, reason: str | None = None) -> None:
        """Give an account the name that people see, or take it away."""
        self._runtime.change(
            lambda connection, _, now: status.rename(connection, account, name, actor=Actor(by, reason), now=now)
        )

    def show(self, account: str) -> AccountInfo:
        """One account."""
        return self._runtime.read(lambda connection: listing.show_account(connection, account))

    def suspend(self, *accounts: str, by: str, reason: str | None = None) -> None:
        """Refuse the calls of accounts from now on: all of them, or none when one cannot be suspended."""
        self._each(status.suspend, accounts, Actor(by, reason))

    def unsuspend(self, *accounts: str, by: str, reason: str | None = None) -> None:
        """Let suspended or banned accounts call again."""
        self._each(status.unsuspend, accounts, Actor(by, reason))

    def ban(self, *accounts: str, by: str, reason: str | None = None) -> None:
        """Refuse the calls of accounts, end their subscriptions, revoke their keys."""
        self._each(status.ban, accounts, Actor(by, reason))

    def delete(self, account: str, *, by: str, reason: str | None = None, forfeit: bool = False) -> None:
        """Close an account for good; refused while it has purchased credit that is not to be forfeited."""
        self._runtime.change(
            lambda connection, book, now: status.delete(
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
        reason: str | None = None,
    ) -> Member:
        """Make somebody a user of an account. Raises QuotaExceededError beyond the `members` of its plan."""
        actor = Actor(by, reason)
        return self._runtime.change(
            lambda connection, book, now: members.add_user(
                connection, book, account, user, actor=actor, now=now, name=name, email=email, role=role
            )
        )

    def remove_user(self, account: str, user: str, *, by: str, reason: str | None = None) -> None:
        """Take a user out of an account and forget name and address."""
        actor = Actor(by, reason)
        self._runtime.change(
            lambda connection, _, now: members.remove_user(connection, account, user, actor=actor, now=now)
        )

    def renew(self) -> renewal.Renewed:
        """Do what has become due for any account, a batch of them in each transaction.

        An account that cannot be renewed does not keep the others from it: it is logged and counted.
        """
        done, last, now = renewal.Renewed(), None, self._runtime.now()
        while True:
            due = self._runtime.read(partial(renewal.due_accounts, limit=_BATCH, now=now, after=last))
            if not due:
                return done
            last, ids = due[-1], [number for _, number in due]
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


class Keys:
    """API keys; what each method does is told in `metering.accounts.keys`."""

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
