"""Refunds: of usage, which gives back the credit that it burned, and of a purchase, which takes back what is unspent.

What was spent of a purchase stays earned. Nothing here commits.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from sqlalchemy import Connection, insert, select

from metering.book.ratebook import RateBook
from metering.corrections.corrections import Adjustment, correct
from metering.errors import BadCorrectionError, EventConflictError, UnknownAccountError
from metering.given import is_name
from metering.given import name as given_name
from metering.storage import Changes, store_for
from metering.wallets.grants import GRANT_KEY
from metering.wallets.wallet import AccountState, Grant
from schema.money import share_of, usd, usd_text
from schema.tables import event_keys, grants, ledger_postings, usage_adjustments, usage_events
from schema.tables.ledger import NO_DEBIT

PURCHASE_REFUND_KEY = "refund:"
"""What the key of the posting begins with that takes back a purchase."""


def refund_usage(
    connection: Connection,
    account_id: int,
    event_id: str,
    *,
    key: str,
    book: RateBook,
    now: datetime,
    amount_nanos: int | None = None,
    note: str | None = None,
) -> Adjustment:
    """Give back what an event is charged, or `amount_nanos` of it; its cost stays.

    Credit goes back to the grants that it came from, the one that burned last first. The same key again returns the
    first refund. Raises BadCorrectionError for an event that is not known, or charged less; EventConflictError when
    the key is known with another amount.
    """
    _check_key(key)
    usage_id = _find_event(connection, account_id, event_id)
    # Before the charge is read: it must not change until it is given back.
    _lock(connection, account_id)
    if amount_nanos is None:
        known = _refunded(connection, usage_id, key)
        amount_nanos = _charge(connection, usage_id) if known is None else known
        if not amount_nanos:
            raise BadCorrectionError(f"event {event_id} is charged nothing that could be given back")
    if amount_nanos <= 0:
        raise BadCorrectionError("a refund is of more than nothing")
    return correct(
        connection,
        usage_id,
        cost_delta_nanos=0,
        charge_delta_nanos=-amount_nanos,
        key=key,
        reason="refund",
        book=book,
        now=now,
        note=note,
    )


@dataclass(frozen=True, slots=True)
class PurchaseRefund:
    """What was taken back of a purchase; amounts in nano-USD (and USD).

    `repeated` says that the refund was known and nothing was taken this time.
    """

    grant_key: str
    credit_nanos: int
    """The credit that was taken out of the wallet."""
    money_nanos: int
    """What was paid for it: the money to give back."""
    posting_id: int
    balance_nanos: int
    """Of the account now."""
    repeated: bool = False

    @property
    def money(self) -> Decimal:
        """The money to give back, in USD."""
        return usd(self.money_nanos)


def refund_purchase(
    connection: Connection,
    account_id: int,
    grant_key: str,
    *,
    key: str,
    now: datetime,
    amount_nanos: int | None = None,
    note: str | None = None,
) -> PurchaseRefund:
    """Take back the unspent credit of a purchase, or `amount_nanos` of it.

    Unspent is what the grant has left before it expires, as far as the account does not owe it and no hold has set it
    aside. The same key again returns the first refund. Raises BadCorrectionError when there is less, or no such
    purchase; EventConflictError when the key is known with another amount.
    """
    _check_key(key)
    store = store_for(connection)
    locked = store.lock([account_id], (), 0)
    if account_id not in locked.states:
        raise UnknownAccountError(f"there is no account with the id {account_id}")
    state = locked.states[account_id]
    grant, purchase = _find_purchase(connection, account_id, grant_key)
    earlier = _taken_back(connection, purchase)
    name = f"{PURCHASE_REFUND_KEY}{grant.id}:{key}"
    before = 0
    for posting_key, posting_id, taken in earlier:
        if posting_key == name:
            if amount_nanos not in (None, taken):
                raise EventConflictError(f"refund {key} of purchase {grant_key} is known with another amount")
            money = _money(grant, before, taken)
            return PurchaseRefund(grant_key, taken, money, posting_id, state.balance_nanos, repeated=True)
        before += taken
    free = _free(grant, state, locked.grants.get(account_id, ()), now)
    taken = free if amount_nanos is None else amount_nanos
    if free <= 0:
        raise BadCorrectionError(f"nothing of purchase {grant_key} is unspent that could be taken back")
    if taken <= 0 or taken > free:
        raise BadCorrectionError(f"${usd_text(free)} of purchase {grant_key} can be taken back, not ${usd_text(taken)}")
    grant.remaining_nanos -= taken
    state.balance_nanos -= taken
    row = {
        "account_id": account_id,
        "kind": "refund",
        "amount_nanos": -taken,
        "balance_nanos": state.balance_nanos,
        "burned": [[grant.id, taken]],
        "idempotency_key": name,
        "occurred_at": now,
        "recorded_at": now,
        "note": note,
        "reverses": purchase,
    }
    number = connection.execute(insert(ledger_postings).values(row).returning(ledger_postings.c.id)).scalar_one()
    store.write(Changes(states=[state], grants=[grant]))
    return PurchaseRefund(grant_key, taken, _money(grant, before, taken), int(number), state.balance_nanos)


def _free(grant: Grant, state: AccountState, others: Sequence[Grant], now: datetime) -> int:
    """What of a grant may be taken back: nothing that is owed, set aside by a hold, or expired."""
    if grant.expires_at is not None and grant.expires_at <= now:
        return 0
    closed = sum(one.remaining_nanos for one in others if one.id != grant.id and not one.open_at(now))
    return max(0, min(grant.remaining_nanos, state.balance_nanos - closed - state.held_nanos))


def _money(grant: Grant, before: int, taken: int) -> int:
    """What was paid for the credit that is taken back: from the end of the grant, so that it sums to what was paid."""
    whole = grant.face_nanos
    return share_of(whole - before - taken, whole - before, whole, grant.paid_nanos)


def _lock(connection: Connection, account_id: int) -> None:
    store_for(connection).lock([account_id], (), 0)


def _check_key(key: str) -> None:
    if isinstance(key, str) and not key.strip():
        raise BadCorrectionError("a refund needs a key, which makes it happen once")
    given_name("the key of a refund", key, BadCorrectionError)


def _find_event(connection: Connection, account_id: int, event_id: str) -> int:
    key = event_keys.c
    query = select(key.usage_id).where(key.account_id == account_id, key.event_id == event_id)
    found = connection.execute(query).scalar() if is_name(event_id) else None
    if found is None:
        raise BadCorrectionError(f"the account has no event '{event_id}'")
    return int(found)


def _refunded(connection: Connection, usage_id: int, key: str) -> int | None:
    table = usage_adjustments.c
    query = select(table.charge_nanos).where(table.usage_id == usage_id, table.idempotency_key == key)
    found = connection.execute(query).scalar()
    return None if found is None else -int(found)


def _charge(connection: Connection, usage_id: int) -> int:
    """What the event is charged after all corrections, in nano-USD."""
    event, table = usage_events.c, usage_adjustments.c
    charge = connection.execute(select(event.charge_nanos).where(event.id == usage_id)).scalar_one()
    changes = connection.execute(select(table.charge_nanos).where(table.usage_id == usage_id)).scalars()
    return sum(map(int, changes), int(charge))


def _find_purchase(connection: Connection, account_id: int, key: str) -> tuple[Grant, int]:
    """The grant, and the posting that it came with."""
    table, row = grants.c, ledger_postings.c
    if not is_name(key):
        raise BadCorrectionError(f"the account has no purchase '{key}'")
    columns = [table[name] for name in Grant.__slots__]
    found = connection.execute(
        select(*columns).where(table.account_id == account_id, table.idempotency_key == key, table.kind == "purchase")
    ).first()
    if found is None:
        raise BadCorrectionError(f"the account has no purchase '{key}'")
    query = select(row.id).where(NO_DEBIT, row.account_id == account_id, row.idempotency_key == f"{GRANT_KEY}{key}")
    return Grant(*found), int(connection.execute(query).scalar_one())


def _taken_back(connection: Connection, purchase: int) -> list[tuple[str, int, int]]:
    """Earlier refunds of a purchase, oldest first: key, posting and nano-USD."""
    row = ledger_postings.c
    query = (
        select(row.idempotency_key, row.id, row.amount_nanos)
        .where(row.reverses == purchase, row.idempotency_key.startswith(PURCHASE_REFUND_KEY))
        .order_by(row.id)
    )
    return [(key, number, -amount) for key, number, amount in connection.execute(query)]


__all__ = ["PURCHASE_REFUND_KEY", "PurchaseRefund", "refund_purchase", "refund_usage"]
