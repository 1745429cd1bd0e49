"""Receipts: what recording an event came to, also rebuilt from what is stored when the event comes again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from sqlalchemy import Connection, select

from metering.book.entities import Release
from schema.keys import moment_text
from schema.money import usd
from schema.tables import CONFIG_TABLES, ledger_postings, releases, usage_events

_CHUNK = 1_000


@dataclass(frozen=True, slots=True)
class Receipt:
    """What an event cost, what it was charged, and by which release; amounts in nano-USD (and USD).

    `balance_nanos` is the account's balance after the transaction that recorded the event. `status` is `priced` or
    `unpriced`; `duplicate` says that the event was known and nothing was charged this time.
    """

    event_id: str
    status: str
    cost_nanos: int
    charge_nanos: int
    balance_nanos: int
    release: Release
    price_key: str | None
    duplicate: bool = False

    @property
    def cost(self) -> Decimal:
        """What the provider takes, in USD."""
        return usd(self.cost_nanos)

    @property
    def charge(self) -> Decimal:
        """What the account was charged, in USD."""
        return usd(self.charge_nanos)

    @property
    def balance(self) -> Decimal:
        """The balance after it, in USD; below zero when the account owes."""
        return usd(self.balance_nanos)

    def again(self) -> Receipt:
        """The receipt of the same event, sent once more."""
        return replace(self, duplicate=True)


@dataclass(frozen=True, slots=True)
class Spooled:
    """An event that waits on disk for the database: what it comes to is known when it is recorded.

    `spooled_at` is also when it occurred, unless its caller said when.
    """

    event_id: str
    account: str
    spooled_at: datetime

    @property
    def status(self) -> str:
        """`spooled`."""
        return "spooled"

    @property
    def duplicate(self) -> bool:
        """False: whether it was known turns out when it is recorded."""
        return False


def read_receipts(connection: Connection, usage_ids: Sequence[int]) -> dict[int, Receipt]:
    """The first receipts of recorded events, by the id of their rows, marked as duplicates."""
    event, price, release, posting = usage_events.c, CONFIG_TABLES["price"].table.c, releases.c, ledger_postings.c
    earlier = ledger_postings.alias()
    # An event that was charged nothing has no posting of its own: the balance is that of the last one before it.
    balance_before = (
        select(earlier.c.balance_nanos)
        .where(earlier.c.account_id == event.account_id, earlier.c.recorded_at <= event.recorded_at)
        .order_by(earlier.c.id.desc())
        .limit(1)
        .scalar_subquery()
    )
    query = (
        select(
            event.id,
            event.event_id,
            event.status,
            event.cost_nanos,
            event.charge_nanos,
            posting.balance_nanos,
            release.id,
            release.commit_sha,
            release.label,
            release.applied_at,
            price.provider,
            price.model,
            price.effective,
        )
        .join(release.id.table, release.id == event.release_id)
        .outerjoin(price.id.table, price.id == event.price_id)
        .outerjoin(ledger_postings, posting.id == event.posting_id)
    )
    found = {}
    without: list[int] = []
    for start in range(0, len(usage_ids), _CHUNK):
        some = usage_ids[start : start + _CHUNK]
        for row in connection.execute(query.where(event.id.in_(some))):
            number, event_id, status, cost, charge, balance, *rest = row
            if balance is None:
                without.append(number)
            key = None if rest[4] is None else f"{rest[4]}/{rest[5]}@{moment_text(rest[6])}"
            found[number] = Receipt(event_id, status, cost, charge, balance or 0, Release(*rest[:4]), key, True)
    for start in range(0, len(without), _CHUNK):
        some = without[start : start + _CHUNK]
        for number, balance in connection.execute(select(event.id, balance_before).where(event.id.in_(some))):
            found[number] = replace(found[number], balance_nanos=balance or 0)
    return found


__all__ = ["Receipt", "Spooled", "read_receipts"]
