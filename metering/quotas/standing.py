"""What a check reads of an account: its status, its state row, and how much of its balance cannot be spent."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, func, or_, select

from metering.storage.rows import STATE_COLUMNS
from metering.wallet import AccountState
from schema.tables import account_state, accounts, grants


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
    state, grant, owner = account_state.c, grants.c, accounts.c
    unusable = (
        select(func.coalesce(func.sum(grant.remaining_nanos), 0))
        .where(
            grant.account_id == owner.id,
            grant.remaining_nanos > 0,
            or_(grant.expires_at <= now, grant.starts_at > now),
        )
        .correlate(accounts)
        .scalar_subquery()
    )
    columns = [state[name] for name in STATE_COLUMNS]
    query = select(owner.status, unusable, *columns).join(account_state, state.account_id == owner.id)
    row = connection.execute(query.where(owner.account == account)).first()
    if row is None:
        return None
    status, nanos, *values = row
    return Standing(account, status, AccountState(*values), int(nanos))


__all__ = ["Standing", "read_standing"]
