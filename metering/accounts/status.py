"""Accounts as people administer them: opened, suspended, banned, deleted; each audited. Nothing here commits.

A suspended account keeps its plan, and its calls are refused. A ban ends its subscription and revokes its keys as well.
A deleted account is a name that nobody can use again: its people are forgotten, what it was billed stays.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, func, select, update

from metering.accounts.accounts import account_id, create_account, find_accounts
from metering.audit import Actor, note
from metering.book.ratebook import RateBook
from metering.errors import AccountError
from metering.subscriptions.due import bring_forward
from metering.subscriptions.renewal import renew
from metering.subscriptions.subscriptions import end_at, lock_account, running_subscription
from metering.usage import LONGEST_NAME
from schema.money import usd_text
from schema.tables import accounts, api_keys, grants, users

_LONGEST_TITLE = 500


def open_account(
    connection: Connection, book: RateBook, account: str, *, actor: Actor, now: datetime, name: str | None = None
) -> int:
    """Create an account on the default plan, with its signup grant; returns its id.

    Raises AccountError when it exists already, or existed once, and for a name that no call could use.
    """
    if not account or len(account) > LONGEST_NAME or not account.isprintable() or account != account.strip():
        raise AccountError(f"the name of an account is 1 to {LONGEST_NAME} printable characters, as calls use it")
    _check_title(name)
    if find_accounts(connection, [account]):
        status = _status(connection, account_id(connection, account))
        raise AccountError(
            f"account {account} was deleted, and its name is not used again"
            if status == "deleted"
            else f"account {account} exists already"
        )
    settings = book.settings
    number = create_account(
        connection,
        account,
        plan=settings.default_plan,
        now=now,
        name=name,
        signup_grant_nanos=settings.signup_grant_nanos,
    )
    note(connection, actor, "account.create", f"account {account}", at=now, after={"plan": settings.default_plan})
    renew(connection, [number], book, now=now)
    return number


def rename(connection: Connection, account: str, name: str | None, *, actor: Actor, now: datetime) -> None:
    """Give an account the name that people see; None takes it away. Raises AccountError, UnknownAccountError."""
    _check_title(name)
    number = _lock(connection, account)
    if _status(connection, number) == "deleted":
        raise AccountError(f"account {account} is deleted")
    connection.execute(update(accounts).where(accounts.c.id == number).values(name=name))
    # The audit log is kept for good, so it does not repeat what may be a person's name.
    note(connection, actor, "account.rename", f"account {account}", at=now)


def suspend(connection: Connection, book: RateBook, account: str, *, actor: Actor, now: datetime) -> None:
    """Refuse an account's calls from now on. Raises AccountError, UnknownAccountError."""
    _change(connection, book, account, "suspend", ("active",), "suspended", actor, now)


def unsuspend(connection: Connection, book: RateBook, account: str, *, actor: Actor, now: datetime) -> None:
    """Let a suspended or banned account call again; a subscription that a ban ended does not return.

    Raises AccountError, UnknownAccountError.
    """
    _change(connection, book, account, "unsuspend", ("suspended", "banned"), "active", actor, now)


def ban(connection: Connection, book: RateBook, account: str, *, actor: Actor, now: datetime) -> None:
    """Refuse an account's calls, end its subscription and revoke its keys. Raises AccountError, UnknownAccountError."""
    number = _lock(connection, account)
    renew(connection, [number], book, now=now)
    _change(connection, book, account, "ban", ("active", "suspended"), "banned", actor, now)
    _sever(connection, book, number, now)


def delete(
    connection: Connection, book: RateBook, account: str, *, actor: Actor, now: datetime, forfeit: bool = False
) -> None:
    """Close an account for good: end its subscription, revoke its keys, forget the names of its people.

    Raises AccountError while it has purchased credit, unless that is to be forfeited, and UnknownAccountError.
    """
    number = _lock(connection, account)
    renew(connection, [number], book, now=now)
    table = grants.c
    left = connection.execute(
        select(func.coalesce(func.sum(table.remaining_nanos), 0)).where(
            table.account_id == number, table.kind == "purchase"
        )
    ).scalar_one()
    if left and not forfeit:
        raise AccountError(
            f"account {account} has purchased credit of {usd_text(int(left))} USD left: refund it, or say that it is"
            " forfeited"
        )
    _change(connection, book, account, "delete", ("active", "suspended", "banned"), "deleted", actor, now)
    _sever(connection, book, number, now)
    connection.execute(update(accounts).where(accounts.c.id == number).values(name=None))
    removed = func.coalesce(users.c.removed_at, now)
    connection.execute(
        update(users).where(users.c.account_id == number).values(name=None, email=None, removed_at=removed)
    )


def _check_title(name: str | None) -> None:
    if name is not None and (not name.strip() or not name.isprintable() or len(name) > _LONGEST_TITLE):
        raise AccountError(f"the name that people see is 1 to {_LONGEST_TITLE} printable characters")


def _change(
    connection: Connection,
    book: RateBook,
    account: str,
    action: str,
    before: tuple[str, ...],
    after: str,
    actor: Actor,
    now: datetime,
) -> None:
    number = _lock(connection, account)
    status = _status(connection, number)
    if status not in before:
        raise AccountError(f"account {account} is {status}; {action} is for one that is {' or '.join(before)}")
    connection.execute(update(accounts).where(accounts.c.id == number).values(status=after))
    note(
        connection,
        actor,
        f"account.{action}",
        f"account {account}",
        at=now,
        before={"status": status},
        after={"status": after},
    )
    # Credit stops with the status, and returns with it.
    bring_forward(connection, number, now)
    renew(connection, [number], book, now=now)


def _sever(connection: Connection, book: RateBook, number: int, now: datetime) -> None:
    """End what lets an account go on: its subscription and its keys."""
    running = running_subscription(connection, number)
    if running is not None:
        end_at(connection, running, max(now, running.started_at), default_plan=book.settings.default_plan)
    key = api_keys.c
    connection.execute(
        update(api_keys).where(key.account_id == number, key.revoked_at.is_(None)).values(revoked_at=now)
    )


def _lock(connection: Connection, account: str) -> int:
    number = account_id(connection, account)
    lock_account(connection, number)
    return number


def _status(connection: Connection, number: int) -> str:
    return str(connection.execute(select(accounts.c.status).where(accounts.c.id == number)).scalar_one())


__all__ = ["ban", "delete", "open_account", "rename", "suspend", "unsuspend"]
