"""What a check reads of an account: its status, its state row, and how much of its balance cannot be spent."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, bindparam, func, or_, select

from metering.storage.rows import STATE_COLUMNS
from metering.wallets.wallet import AccountState
from schema.tables import account_state, accounts, grants
from schema.tables.base import UtcTime


@dataclass(frozen=True, slots=True)
class Standing:
    """An account as it stands, not locked: whoever decides about money by it decides again behind the lock."""

    account: str
    status: str
    state: AccountState
    unusable_nanos: int
    """Of the balance: credit that has not started, or has expired and is not taken out yet."""

    @property
    def available_nanos(self) -> int:
        """What can be spent now: the balance without open holds and unusable credit."""
        return self.state.balance_nanos - self.state.held_nanos - self.unusable_nanos


def read_standing(connection: Connection, account: str, now: datetime) -> Standing | None:
    """An account by its name, by one statement; None when there is none."""
    row = connection.execute(_STANDING, {"account": account, "now": now}).first()
    if row is None:
        return None
    status, nanos, *values = row
    return Standing(account, status, AccountState(*values), int(nanos))


def _standing() -> Select[Any]:
    """Built once: it is asked before every call."""
    state, grant, owner = account_state.c, grants.c, accounts.c
    now = bindparam("now", type_=UtcTime)
    unusable = (
        select(func.coalesce(func.sum(grant.remaining_nanos), 0))
        .where(
            grant.account_id == owner.id, grant.remaining_nanos > 0, or_(grant.expires_at <= now, grant.starts_at > now)
        )
        .correlate(accounts)
        .scalar_subquery()
    )
    columns = [state[name] for name in STATE_COLUMNS]
    query = select(owner.status, unusable, *columns).join(account_state, state.account_id == owner.id)
    return query.where(owner.account == bindparam("account"))


_STANDING = _standing()

__all__ = ["Standing", "read_standing"]
