"""Recording: events, their postings and the balances they leave, in one transaction that the caller owns.

The accounts' state rows are locked in order, then everything is decided in memory and written by a few statements.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from types import MappingProxyType

from sqlalchemy import Connection

from metering.accounts.accounts import ensure_accounts, find_accounts
from metering.book.ratebook import RateBook
from metering.errors import UnknownAccountError
from metering.holds.placing import find_holds, mark_captured, require_capturable
from metering.quotas.alerts import store_alerts
from metering.recording.batch import AccountBatch, Batch
from metering.recording.deciding import Unpriced, decide
from metering.recording.left import Left
from metering.recording.outcomes import Outcome, Recorded, outcomes_of
from metering.recording.writing import crossings, write_batch
from metering.storage import Changes, store_for
from metering.subscriptions.renewal import renew
from metering.subscriptions.subscriptions import subscriptions_of
from metering.usage import Event
from metering.wallets.wallet import Wallet

_NO_CAPTURES: Mapping[int, str] = MappingProxyType({})


def record_events(
    connection: Connection,
    book: RateBook,
    events: Sequence[Event],
    *,
    now: datetime,
    account_ids: dict[str, int],
    unpriced: Unpriced = "keep",
    collect: bool = False,
    captures: Mapping[int, str] = _NO_CAPTURES,
) -> Recorded:
    """Record events in the order given; the transaction must have begun for writing.

    `account_ids` are ids that are known already. An event whose (account, event id) is known with the same contents
    yields its first receipt; with others EventConflictError. With `collect`, an error stands in the event's place;
    otherwise the first one is raised. `unpriced` says whether a call that no price covers is kept or is an error.
    `captures` names the holds, by place of the event, that are settled with it.
    """
    batch = Batch()
    known_ids, book = _accounts(connection, book, events, account_ids, now, batch)
    if not collect:
        _raise_first(batch)
    store = store_for(connection)
    asked = [(index, event) for index, event in enumerate(events) if index not in batch.errors]
    ids = sorted({known_ids[event.account] for _, event in asked})
    keys = [(known_ids[event.account], event.event_id) for _, event in asked]
    locked = store.lock(ids, keys, len(asked))
    due = [number for number in ids if locked.states[number].due_at <= now]
    if due:
        # Seldom: a period began, a trial or a subscription ended, or credit expired.
        renew(connection, due, RateBook.load(connection, now=now), now=now)
        locked = store.lock(ids, keys, len(asked))
    if locked.release_id != book.release.id:
        book = RateBook.load(connection, now=now)
    accounts = {
        number: AccountBatch(Wallet(locked.states[number], locked.grants.get(number, ())), posting_id)
        for number, posting_id in zip(ids, locked.posting_ids, strict=True)
    }
    _read_histories(connection, asked, keys, accounts)
    if captures:
        _read_holds(connection, captures, asked, keys, batch)
    decide(book, locked, asked, keys, accounts, unpriced, batch, now)
    if not collect:
        _raise_first(batch)
    if batch.new:
        write_batch(store, book, batch.new, accounts.values(), now)
        store_alerts(connection, crossings(book, accounts.values(), now), now)
    elif batch.captured:
        store.write(Changes(states=[account.wallet.state for account in accounts.values()]))
    if batch.captured:
        mark_captured(connection, {row.id: event_id for row, event_id in batch.captured}, now=now)
    left = None
    if batch.new and locked.version is not None:
        # The last change of the transaction is written: whatever came after it would not be in the version.
        left = Left.by(accounts[ids[0]].wallet, store.leave(ids[0]), found=locked.version)
    return Recorded(outcomes_of(connection, batch, book, len(events)), book, known_ids, left)


def _raise_first(batch: Batch) -> None:
    if batch.errors:
        raise batch.errors[min(batch.errors)]


def _accounts(
    connection: Connection,
    book: RateBook,
    events: Sequence[Event],
    account_ids: dict[str, int],
    now: datetime,
    batch: Batch,
) -> tuple[dict[str, int], RateBook]:
    """The ids of all accounts, created where settings say so.

    Before any lock: a transaction that waits for an account which another one creates holds no state row.
    """
    names = {event.account for event in events}
    ids = {name: account_ids[name] for name in names if name in account_ids}
    missing = names - ids.keys()
    if missing:
        ids |= find_accounts(connection, missing)
        missing -= ids.keys()
    if missing:
        book = RateBook.load(connection, now=now)
        ids |= ensure_accounts(connection, missing, book.settings, now=now)
    for index, event in enumerate(events):
        if event.account not in ids:
            batch.errors[index] = UnknownAccountError(f"there is no account '{event.account}'")
    return ids, book


def _read_histories(
    connection: Connection,
    asked: Sequence[tuple[int, Event]],
    keys: Sequence[tuple[int, str]],
    accounts: dict[int, AccountBatch],
) -> None:
    """The subscriptions of all accounts with an event from before their plan began, by one query."""
    earlier = {
        number
        for (_, event), (number, _) in zip(asked, keys, strict=True)
        if event.occurred_at < accounts[number].wallet.state.plan_since
    }
    for number, history in subscriptions_of(connection, earlier).items():
        accounts[number].history = history


def _read_holds(
    connection: Connection,
    captures: Mapping[int, str],
    asked: Sequence[tuple[int, Event]],
    keys: Sequence[tuple[int, str]],
    batch: Batch,
) -> None:
    """The holds that are settled with events. Raises UnknownHoldError, EventConflictError."""
    named = {
        index: (number, captures[index])
        for (index, _), (number, _) in zip(asked, keys, strict=True)
        if index in captures
    }
    found = find_holds(connection, set(named.values()))
    events = dict(asked)
    for index, key in named.items():
        batch.holds[index] = require_capturable(found.get(key), key[1], events[index].event_id)


__all__ = ["Outcome", "Recorded", "Unpriced", "record_events"]
