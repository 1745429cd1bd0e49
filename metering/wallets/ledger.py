"""The ledger: append-only postings, one per account and transaction, and the proof that it agrees with the wallets."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, func, select

from metering.storage import PostingRow, Store
from schema.tables import account_state, accounts, grants, ledger_postings, usage_events

USAGE_KEY = "usage:"
"""What the key of a posting begins with that debits recorded events."""


def posting(
    store: Store,
    *,
    number: int,
    account_id: int,
    kind: str,
    amount_nanos: int,
    balance_nanos: int,
    burned: Iterable[tuple[int, int]],
    key: str,
    occurred_at: datetime,
    now: datetime,
    revenue_nanos: int = 0,
    note: str | None = None,
) -> PostingRow:
    """A posting's row, with the id `number`.

    `amount_nanos` is positive into the wallet; `balance_nanos` is the account's after it.
    `burned` are grant and nano-USD: what a debit took of each grant, what a grant repaid (of itself), what expired.
    `revenue_nanos` is what the posting earns by itself; the revenue of usage stands with the events.
    """
    return PostingRow(
        id=number,
        account_id=account_id,
        kind=kind,
        amount_nanos=amount_nanos,
        balance_nanos=balance_nanos,
        revenue_nanos=revenue_nanos,
        burned=f"[{','.join(f'[{grant},{nanos}]' for grant, nanos in burned)}]",  # JSON, without an encoder's time
        idempotency_key=key,
        occurred_at=store.moment(occurred_at),
        recorded_at=store.moment(now),
        note=note,
    )


@dataclass(frozen=True, slots=True)
class Imbalance:
    """An account whose three sums are not the same; all in nano-USD."""

    account: str
    balance_nanos: int
    """Of the state row."""
    postings_nanos: int
    """The sum of the postings."""
    wallet_nanos: int
    """What grants have left, less what is owed, less overdraft."""


def imbalances(connection: Connection) -> list[Imbalance]:
    """The accounts whose state row, postings and grants disagree: none, unless somebody edited the tables by hand."""
    postings = (
        select(ledger_postings.c.account_id, func.sum(ledger_postings.c.amount_nanos).label("total"))
        .group_by(ledger_postings.c.account_id)
        .subquery()
    )
    left = (
        select(grants.c.account_id, func.sum(grants.c.remaining_nanos).label("total"))
        .group_by(grants.c.account_id)
        .subquery()
    )
    state = account_state.c
    query = (
        select(
            accounts.c.account,
            state.balance_nanos,
            func.coalesce(postings.c.total, 0),
            func.coalesce(left.c.total, 0) - state.owed_nanos - state.overdraft_nanos,
        )
        .select_from(accounts)
        .join(account_state, state.account_id == accounts.c.id)
        .outerjoin(postings, postings.c.account_id == accounts.c.id)
        .outerjoin(left, left.c.account_id == accounts.c.id)
        .order_by(accounts.c.account)
    )
    found = [Imbalance(name, *(int(amount) for amount in amounts)) for name, *amounts in connection.execute(query)]
    return [one for one in found if not one.balance_nanos == one.postings_nanos == one.wallet_nanos]


@dataclass(frozen=True, slots=True)
class UnmatchedDebit:
    """A debit that is not the sum of what its events were charged; both in nano-USD."""

    account: str
    posting_id: int
    amount_nanos: int
    """What it took."""
    charged_nanos: int
    """What the events that point to it were charged."""


def unmatched_debits(connection: Connection) -> list[UnmatchedDebit]:
    """The debits of usage that are not what their events come to: none, unless somebody edited the tables by hand."""
    row, event = ledger_postings.c, usage_events.c
    charged = (
        select(event.posting_id, func.sum(event.charge_nanos).label("total"))
        .where(event.posting_id.is_not(None))
        .group_by(event.posting_id)
        .subquery()
    )
    total = func.coalesce(charged.c.total, 0)
    query = (
        select(accounts.c.account, row.id, -row.amount_nanos, total)
        .select_from(ledger_postings)
        .join(accounts, accounts.c.id == row.account_id)
        .outerjoin(charged, charged.c.posting_id == row.id)
        .where(row.kind == "debit", row.idempotency_key.like(f"{USAGE_KEY}%"), total != -row.amount_nanos)
        .order_by(row.id)
    )
    return [UnmatchedDebit(name, number, amount, int(sum_)) for name, number, amount, sum_ in connection.execute(query)]


__all__ = ["USAGE_KEY", "Imbalance", "UnmatchedDebit", "imbalances", "posting", "unmatched_debits"]
