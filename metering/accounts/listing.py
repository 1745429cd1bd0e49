"""Accounts as a list: searched by name, and by status and plan, page by page."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, func, or_, select

from metering.errors import AccountError, UnknownAccountError
from schema.keys import moment_text
from schema.money import usd_text
from schema.tables import account_state, accounts, subscriptions, users

STATUSES = ("active", "suspended", "banned", "deleted")
SUBSCRIPTION_STATUSES = ("none", "trial", "active", "past_due")
LARGEST_PAGE = 10_000
LISTED = accounts.join(account_state, account_state.c.account_id == accounts.c.id).outerjoin(
    subscriptions, and_(subscriptions.c.account_id == accounts.c.id, subscriptions.c.ended_at.is_(None))
)
"""Accounts with their state and the subscription that runs."""


@dataclass(frozen=True, slots=True)
class AccountInfo:
    """An account as people see it; amounts in nano-USD."""

    account: str
    name: str | None
    status: str
    plan: str
    plan_since: datetime
    subscription: str | None
    """The status of the subscription that runs."""
    cancel_at: datetime | None
    balance_nanos: int
    owed_nanos: int
    held_nanos: int
    users: int
    created_at: datetime
    last_event_at: datetime | None

    def as_json(self) -> dict[str, Any]:
        """As it stands in `account list --format json`."""
        return {
            "account": self.account,
            "name": self.name,
            "status": self.status,
            "plan": self.plan,
            "plan_since": moment_text(self.plan_since),
            "subscription": self.subscription,
            "cancel_at": None if self.cancel_at is None else moment_text(self.cancel_at),
            "balance_usd": usd_text(self.balance_nanos),
            "owed_usd": usd_text(self.owed_nanos),
            "held_usd": usd_text(self.held_nanos),
            "users": self.users,
            "created_at": moment_text(self.created_at),
            "last_event_at": None if self.last_event_at is None else moment_text(self.last_event_at),
        }


def list_accounts(
    connection: Connection,
    *,
    search: str | None = None,
    status: str | None = None,
    plan: str | None = None,
    after: str | None = None,
    limit: int = LARGEST_PAGE,
) -> list[AccountInfo]:
    """Accounts by name, those after `after`, at most `limit`.

    `search` is a part of the account's name, of the name that people see, or of a user's id, name or address, without
    regard to case. Without `status`, deleted accounts are left out. Raises AccountError.
    """
    if not 1 <= limit <= LARGEST_PAGE:
        raise AccountError(f"a page has 1 to {LARGEST_PAGE} accounts, not {limit}")
    account = accounts.c
    query = info_query().where(*matching(search=search, status=status, plan=plan)).order_by(account.account)
    if after is not None:
        query = query.where(account.account > after)
    return [AccountInfo(*row) for row in connection.execute(query.limit(limit))]


def matching(
    *, search: str | None = None, status: str | None = None, plan: str | None = None, subscription: str | None = None
) -> list[ColumnElement[bool]]:
    """What an account of a list fulfils, in terms of `LISTED`; see `list_accounts`.

    `subscription` is the status of the one that runs, or `none`. Raises AccountError.
    """
    if status is not None and status not in STATUSES:
        raise AccountError(f"'{status}' is not a status: {', '.join(STATUSES)}")
    if subscription is not None and subscription not in SUBSCRIPTION_STATUSES:
        raise AccountError(f"'{subscription}' is not one of {', '.join(SUBSCRIPTION_STATUSES)}")
    account, running = accounts.c, subscriptions.c
    chosen = [account.status != "deleted" if status is None else account.status == status]
    if plan is not None:
        chosen.append(account_state.c.plan == plan)
    if subscription is not None:
        chosen.append(running.id.is_(None) if subscription == "none" else running.status == subscription)
    if search:
        user = users.c
        member = select(user.account_id).where(
            user.removed_at.is_(None),
            or_(*(column.icontains(search, autoescape=True) for column in (user.user_id, user.name, user.email))),
        )
        names = (account.account.icontains(search, autoescape=True), account.name.icontains(search, autoescape=True))
        chosen.append(or_(*names, account.id.in_(member)))
    return chosen


def show_account(connection: Connection, account: str) -> AccountInfo:
    """One account, also a deleted one. Raises UnknownAccountError."""
    found = connection.execute(info_query().where(accounts.c.account == account)).first()
    if found is None:
        raise UnknownAccountError(f"there is no account '{account}'")
    return AccountInfo(*found)


def info_query(*more: ColumnElement[Any]) -> Select[Any]:
    """The query of accounts with the columns of `AccountInfo`, and after them `more`."""
    account, state, running, user = accounts.c, account_state.c, subscriptions.c, users.c
    members = (
        select(func.count())
        .where(user.account_id == account.id, user.removed_at.is_(None))
        .correlate(accounts)
        .scalar_subquery()
    )
    return select(
        account.account,
        account.name,
        account.status,
        state.plan,
        state.plan_since,
        running.status,
        running.cancel_at,
        state.balance_nanos,
        state.owed_nanos,
        state.held_nanos,
        members,
        account.created_at,
        state.last_event_at,
        *more,
    ).select_from(LISTED)


__all__ = [
    "LARGEST_PAGE",
    "LISTED",
    "STATUSES",
    "SUBSCRIPTION_STATUSES",
    "AccountInfo",
    "info_query",
    "list_accounts",
    "matching",
    "show_account",
]
