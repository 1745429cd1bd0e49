"""What stands in an account's ledger: its postings, newest first, and its grants."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from sqlalchemy import Connection, select

from schema.money import usd
from schema.tables import grants, ledger_postings

MOST = 1_000
"""How many postings can be asked for at once."""
_LAST_ID = 2**63 - 1
_COLUMNS = {"key": "idempotency_key"}
"""Columns that have another name in their table."""


@dataclass(frozen=True, slots=True)
class Transaction:
    """A posting; amounts in nano-USD (and USD), positive into the wallet."""

    id: int
    kind: str
    """grant, purchase, debit, refund, adjustment or expiry."""
    amount_nanos: int
    balance_nanos: int
    """Of the account after it."""
    occurred_at: datetime
    recorded_at: datetime
    key: str
    note: str | None
    reverses: int | None
    """The posting that it unwinds, wholly or in part."""

    @property
    def amount(self) -> Decimal:
        """The amount in USD."""
        return usd(self.amount_nanos)

    @property
    def balance(self) -> Decimal:
        """The balance after it, in USD."""
        return usd(self.balance_nanos)


def read_transactions(
    connection: Connection, account_id: int, *, limit: int = 100, before: int | None = None, kind: str | None = None
) -> list[Transaction]:
    """Postings of an account, newest first: at most `limit` (1 to 1,000), those older than the posting `before`."""
    row = ledger_postings.c
    columns = [row[_COLUMNS.get(name, name)] for name in Transaction.__slots__]
    query = select(*columns).where(row.account_id == account_id)
    if before is not None:
        query = query.where(row.id < min(max(before, 0), _LAST_ID))
    if kind is not None:
        query = query.where(row.kind == kind)
    query = query.order_by(row.id.desc()).limit(max(1, min(limit, MOST)))
    return [Transaction(*found) for found in connection.execute(query)]


@dataclass(frozen=True, slots=True)
class HeldGrant:
    """A grant as an account holds it; amounts in nano-USD."""

    key: str
    kind: str
    face_nanos: int
    paid_nanos: int
    remaining_nanos: int
    priority: int
    starts_at: datetime
    expires_at: datetime | None
    created_at: datetime
    note: str | None

    def state_at(self, now: datetime) -> str:
        """pending, open, expired or spent."""
        if self.expires_at is not None and self.expires_at <= now:
            return "expired"
        if not self.remaining_nanos:
            return "spent"
        return "pending" if self.starts_at > now else "open"


def read_grants(connection: Connection, account_id: int, *, unspent: bool = False) -> list[HeldGrant]:
    """The grants of an account in the order in which they burn; with `unspent`, those that have something left."""
    table = grants.c
    columns = [table[_COLUMNS.get(name, name)] for name in HeldGrant.__slots__]
    query = select(*columns).where(table.account_id == account_id)
    if unspent:
        query = query.where(table.remaining_nanos > 0)
    query = query.order_by(table.priority, table.expires_at.is_(None), table.expires_at, table.id)
    return [HeldGrant(*found) for found in connection.execute(query)]


__all__ = ["MOST", "HeldGrant", "Transaction", "read_grants", "read_transactions"]
