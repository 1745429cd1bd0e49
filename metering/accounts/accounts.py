"""Accounts: who is billed. Created with their state row, found by name, and what they have. Nothing here commits."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

from sqlalchemy import Connection, and_, func, insert, or_, select
from sqlalchemy.dialects import postgresql, sqlite

from metering.book.settings import Settings
from metering.errors import BadEventError, UnknownAccountError
from metering.given import is_name
from metering.given import name as given_name
from metering.wallets.grants import add_grant
from schema.money import usd
from schema.tables import account_state, accounts, grants

_CHUNK = 1_000


@dataclass(frozen=True, slots=True)
class Balance:
    """What an account has, in nano-USD (and USD).

    `balance_nanos` is the sum of its postings. `available_nanos` leaves out grants that have not started, those that
    have expired and are not yet taken out, and what open holds have set aside. Both are negative when the account owes
    more than it has.
    """

    account: str
    plan: str
    balance_nanos: int
    available_nanos: int
    owed_nanos: int
    overdraft_nanos: int
    held_nanos: int = 0

    @property
    def balance(self) -> Decimal:
        """The balance in USD."""
        return usd(self.balance_nanos)

    @property
    def available(self) -> Decimal:
        """What can be spent now, in USD."""
        return usd(self.available_nanos)


def create_account(
    connection: Connection,
    account: str,
    *,
    plan: str,
    now: datetime,
    name: str | None = None,
    signup_grant_nanos: int = 0,
) -> int:
    """Create an account on a plan, with its state row and its signup grant; returns its id.

    An account that exists already is left as it is, also when it is created at the same moment elsewhere. Raises
    BadEventError for a name that no call could use.
    """
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    # Else credit could be given to what no call can name.
    given_name("account", account, BadEventError)
    statement = (
        dialect.insert(accounts)
        .values(account=account, name=name, created_at=now)
        .on_conflict_do_nothing(index_elements=[accounts.c.account])
        .returning(accounts.c.id)
    )
    created = connection.execute(statement).scalar()
    if created is None:
        return account_id(connection, account)
    today = now.astimezone(UTC).date()
    connection.execute(
        insert(account_state).values(
            account_id=created, plan=plan, plan_since=now, month=today.replace(day=1), day=today
        )
    )
    if signup_grant_nanos:
        add_grant(connection, created, "signup", signup_grant_nanos, idempotency_key="signup", now=now)
    return int(created)


def ensure_accounts(
    connection: Connection, names: Collection[str], settings: Settings, *, now: datetime
) -> dict[str, int]:
    """The ids of accounts by name, created on the default plan where settings say so; others are absent.

    They are created in the order of their names, so that two transactions that create the same ones do not deadlock.
    """
    ids = find_accounts(connection, names)
    if not settings.create_accounts:
        return ids
    for name in sorted(set(names) - ids.keys()):
        ids[name] = create_account(
            connection,
            name,
            plan=settings.default_plan,
            now=now,
            signup_grant_nanos=settings.signup_grant_nanos,
        )
    return ids


def account_id(connection: Connection, account: str) -> int:
    """The id of an account; raises UnknownAccountError."""
    found = find_accounts(connection, [account])
    if account not in found:
        raise UnknownAccountError(f"there is no account '{account}'")
    return found[account]


def find_accounts(connection: Connection, names: Collection[str]) -> dict[str, int]:
    """The ids of those accounts that exist, by name."""
    found: dict[str, int] = {}
    wanted: Sequence[str] = sorted(filter(is_name, names))
    for start in range(0, len(wanted), _CHUNK):
        some = wanted[start : start + _CHUNK]
        rows = connection.execute(select(accounts.c.account, accounts.c.id).where(accounts.c.account.in_(some)))
        found |= {row.account: row.id for row in rows}
    return found


def read_balance(connection: Connection, account: str, *, now: datetime) -> Balance:
    """What an account has at a moment; raises UnknownAccountError."""
    if not account:
        raise BadEventError("account is missing")
    state, grant = account_state.c, grants.c
    number = account_id(connection, account)
    closed = (
        select(func.coalesce(func.sum(grant.remaining_nanos), 0))
        .where(
            and_(
                grant.account_id == number,
                grant.remaining_nanos > 0,
                or_(grant.expires_at <= now, grant.starts_at > now),
            )
        )
        .scalar_subquery()
    )
    row = connection.execute(
        select(
            state.plan, state.balance_nanos, state.owed_nanos, state.overdraft_nanos, state.held_nanos, closed
        ).where(state.account_id == number)
    ).one()
    plan, balance, owed, overdraft, held, unusable = row
    return Balance(account, plan, balance, balance - int(unusable) - held, owed, overdraft, held)


__all__ = ["Balance", "account_id", "create_account", "ensure_accounts", "find_accounts", "read_balance"]
