"""Outcomes: what the caller is told of each event."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection

from metering.book.ratebook import RateBook
from metering.errors import MeteringError
from metering.receipts import Receipt, Spooled, read_receipts
from metering.recording.batch import Batch
from metering.recording.left import Left

Settled = Receipt | MeteringError
"""What the database says of an event."""
Outcome = Settled | Spooled


@dataclass(slots=True)
class Recorded:
    """The outcomes, in the order of the events, and what a caller may keep when the transaction is committed."""

    outcomes: list[Settled]
    book: RateBook
    """The book of the newest release, by which the events were rated."""
    account_ids: dict[str, int]
    left: Left | None
    """What the account was left as, where all the events that were recorded are of one."""


def outcomes_of(connection: Connection, batch: Batch, book: RateBook, count: int) -> list[Settled]:
    """The outcomes of so many events, in the order given; the first receipts of those that were known are read."""
    outcomes: dict[int, Settled] = dict(batch.errors)
    release = book.release
    for one in batch.new:
        worth = one.worth
        outcomes[one.index] = Receipt(
            one.event.event_id,
            "priced" if worth.refusal is None else "unpriced",
            worth.cost_nanos,
            worth.charge_nanos,
            one.account.wallet.state.balance_nanos,
            release,
            None if worth.price is None else worth.price.key,
        )
    if batch.repeats:
        first = read_receipts(connection, sorted(set(batch.repeats.values())))
        outcomes |= {index: first[row] for index, row in batch.repeats.items()}
    for index, earlier in batch.twice.items():
        outcome = outcomes[earlier]
        outcomes[index] = outcome.again() if isinstance(outcome, Receipt) else outcome
    return [outcomes[index] for index in range(count)]


__all__ = ["Outcome", "Recorded", "Settled", "outcomes_of"]
