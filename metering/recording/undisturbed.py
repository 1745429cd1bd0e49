"""Recording a call of an account that nobody else has written to since this process did: one statement, no lock.

What a transaction leaves of an account, it knows. The next call is decided from that, and a single statement writes it
if the state row is still the version that was left. If not, or if the call is anything but plain, nothing is written,
and it goes the way of all others: lock, read, decide, write (`metering.recording`).
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
from metering.storage import Locked
from metering.storage.one_statement import OneStatement
from metering.storage.postgresql import session_of
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
    """Record a call on a connection whose statements commit by themselves; None when nothing was written."""
    left = kept.look(account_id)
    # The number of a version tells nothing to another session: after a failover it may come again.
    if left is None or left.version.session is not session_of(connection) or kept.take(account_id) is not left:
        return None
    account = AccountBatch(Wallet(left.state, left.grants), 0)
    batch = Batch()
    locked = Locked({}, {}, {}, book.release.id, (0,), ())
    decide(book, locked, [(0, event)], [(account_id, event.event_id)], {account_id: account}, unpriced, batch, now)
    if batch.errors or crossings(book, [account], now):
        return None
    store = OneStatement(connection, left.version, book.release.id)
    version = write_batch(store, book, batch.new, [account], now)
    if version is None:
        kept.disturbed(left)
        return None
    left = Left.by(account.wallet, version, found=left.version)
    return Recorded(outcomes_of(connection, batch, book, 1), book, {event.account: account_id}, left)


__all__ = ["record_undisturbed"]
