"""The users of an account: who its members are. Calls may name others, too. Nothing here commits."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func, insert, select, update

from metering.accounts.accounts import account_id
from metering.audit import Actor, note
from metering.book.ratebook import RateBook
from metering.errors import AccountError
from metering.quotas.admission import overage_of, plan_of
from metering.quotas.checking import beyond_limit
from metering.subscriptions.renewal import renew
from metering.subscriptions.subscriptions import lock_account
from metering.usage import LONGEST_NAME
from schema.keys import moment_text
from schema.tables import account_state, accounts, users
from schema.units import MILLION

_LONGEST_ROLE = 20


@dataclass(frozen=True, slots=True)
class Member:
    """A user of an account."""

    user: str
    name: str | None
    email: str | None
    role: str
    created_at: datetime
    removed_at: datetime | None

    def as_json(self) -> dict[str, Any]:
        """As it stands in `account users --format json`."""
        return {
            "user": self.user,
            "name": self.name,
            "email": self.email,
            "role": self.role,
            "created_at": moment_text(self.created_at),
            "removed_at": None if self.removed_at is None else moment_text(self.removed_at),
        }


def add_user(
    connection: Connection,
    book: RateBook,
    account: str,
    user: str,
    *,
    actor: Actor,
    now: datetime,
    name: str | None = None,
    email: str | None = None,
    role: str = "member",
) -> Member:
    """Make somebody a user of an account; one who was removed returns.

    Raises QuotaExceededError when the account's plan limits `members` to as many as there are, unless nothing is
    enforced; AccountError, UnknownAccountError.
    """
    number = _account(connection, account)
    _check(user=user, name=name, email=email, role=role)
    known = _find(connection, number, user)
    if known is not None and known.removed_at is None:
        raise AccountError(f"{user} is a user of {account} already")
    _require_room(connection, book, number, now)
    table = users.c
    values = {"name": name, "email": email, "role": role, "removed_at": None}
    if known is None:
        connection.execute(insert(users).values(account_id=number, user_id=user, created_at=now, **values))
    else:
        connection.execute(update(users).where(table.account_id == number, table.user_id == user).values(values))
    # The audit log is kept for good, so it says who was added by id only.
    note(connection, actor, "user.add", f"account {account}", at=now, after={"user": user, "role": role})
    return Member(user, name, email, role, now if known is None else known.created_at, None)


def remove_user(connection: Connection, account: str, user: str, *, actor: Actor, now: datetime) -> None:
    """Take a user out of an account and forget name and address. Raises AccountError, UnknownAccountError."""
    number = _account(connection, account)
    known = _find(connection, number, user)
    if known is None or known.removed_at is not None:
        raise AccountError(f"{user} is not a user of {account}")
    table = users.c
    connection.execute(
        update(users)
        .where(table.account_id == number, table.user_id == user)
        .values(removed_at=now, name=None, email=None)
    )
    note(connection, actor, "user.remove", f"account {account}", at=now, before={"user": user, "role": known.role})


def users_of(connection: Connection, account: str, *, removed: bool = False) -> list[Member]:
    """The users of an account by id; with `removed`, also those who left. Raises UnknownAccountError."""
    table = users.c
    query = select(table.user_id, table.name, table.email, table.role, table.created_at, table.removed_at)
    query = query.where(table.account_id == account_id(connection, account)).order_by(table.user_id)
    if not removed:
        query = query.where(table.removed_at.is_(None))
    return [Member(*row) for row in connection.execute(query)]


def _account(connection: Connection, account: str) -> int:
    number = account_id(connection, account)
    lock_account(connection, number)
    status = connection.execute(select(accounts.c.status).where(accounts.c.id == number)).scalar_one()
    if status == "deleted":
        raise AccountError(f"account {account} is deleted")
    return number


def _require_room(connection: Connection, book: RateBook, number: int, now: datetime) -> None:
    """Refuse one more member than the plan of a locked account allows."""
    # The plan may have ended by now.
    renew(connection, [number], book, now=now)
    state, table = account_state.c, users.c
    slug = connection.execute(select(state.plan).where(state.account_id == number)).scalar_one()
    plan = plan_of(book, slug)
    if plan is None or overage_of(book, plan) == "observe":
        return
    query = select(func.count()).where(table.account_id == number, table.removed_at.is_(None))
    members = int(connection.execute(query).scalar_one())
    refusal = beyond_limit(plan, "members", members * MILLION, MILLION)
    if refusal is not None:
        raise refusal


def _find(connection: Connection, number: int, user: str) -> Member | None:
    table = users.c
    row = connection.execute(
        select(table.user_id, table.name, table.email, table.role, table.created_at, table.removed_at).where(
            table.account_id == number, table.user_id == user
        )
    ).first()
    return None if row is None else Member(*row)


def _check(**given: str | None) -> None:
    for what, text in given.items():
        longest = _LONGEST_ROLE if what == "role" else LONGEST_NAME
        if text is not None and (not text.strip() or not text.isprintable() or len(text) > longest):
            raise AccountError(f"{what} is 1 to {longest} printable characters")
    email = given["email"]
    if email is not None and (email.count("@") != 1 or email.startswith("@") or email.endswith("@")):
        raise AccountError(f"'{email}' is not an address such as somebody@example.com")


__all__ = ["Member", "add_user", "remove_user", "users_of"]
