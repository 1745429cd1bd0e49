"""Recording a call of an account that nobody else has written to since this process did: nothing is read.

What a transaction leaves of an account, it knows. The next call is decided from that and written if the state row is
still the version that was left: on PostgreSQL by a single statement, which finds out, on SQLite behind the write lock.
If not, or if the call is anything but plain, nothing is written, and it goes the way of all others: lock, read, decide,
write (`metering.recording`).
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection

from metering.book.ratebook import RateBook
from metering.recording.batch import AccountBatch, Batch
from metering.recording.deciding import Unpriced, decide
from metering.recording.left import Left, LeftAccounts
from metering.recording.outcomes import Recorded, outcomes_of
from metering.recording.writing import crossings, write_batch
from metering.storage import Locked, undisturbed_store
from metering.usage import Event
from metering.wallets.wallet import Wallet


def record_undisturbed(
    connection: Connection,
    book: RateBook,
    event: Event,
    kept: LeftAccounts,
    account_id: int,
    *,
    now: datetime,
    unpriced: Unpriced,
) -> Recorded | None:
    """Record a call; None when nothing was written.

    On PostgreSQL each statement of the connection commits by itself, on SQLite its transaction has begun for writing.
    """
    left = kept.take(account_id)
    if left is None:
        return None
    if not left.calm:
        # Decided upon and not written, by a thread that came between the caller's look and this: it is not as it was.
        kept.put_back(left)
        return None
    store = undisturbed_store(connection, account_id, left.version, book.release.id)
    if store is None:
        kept.put_back(left)
        return None
    account = AccountBatch(Wallet(left.state, left.grants), 0)
    batch = Batch()
    locked = Locked({}, {}, {}, book.release.id, (0,), ())
    decide(book, locked, [(0, event)], [(account_id, event.event_id)], {account_id: account}, unpriced, batch, now)
    if batch.errors or crossings(book, [account], now):
        return None
    if not write_batch(store, book, batch.new, [account], now):
        left.calm = False
        kept.put_back(left)
        return None
    left = Left.by(account.wallet, store.leave(account_id), found=left.version)
    return Recorded(outcomes_of(connection, batch, book, 1), book, {event.account: account_id}, left)


__all__ = ["record_undisturbed"]
