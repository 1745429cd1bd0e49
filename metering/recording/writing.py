"""Writing: the rows of a batch that is decided, set by set."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from metering.book.ratebook import RateBook
from metering.quotas.admission import plan_of
from metering.quotas.alerts import Crossing, crossed
from metering.recording.batch import AccountBatch, NewEvent
from metering.storage import Changes, PostingRow, Store
from metering.wallets.ledger import USAGE_KEY, posting
from schema.units import UNITS


def write_batch(
    store: Store, book: RateBook, new: Sequence[NewEvent], accounts: Iterable[AccountBatch], now: datetime
) -> bool:
    """Write new events with their keys, and the accounts that they changed with a posting each.

    False when a store that writes only under a condition wrote nothing.
    """
    touched = [account for account in accounts if account.before is not None]
    recorded_at = store.moment(now)
    return store.write(
        Changes(
            states=[account.wallet.state for account in touched],
            grants=[grant for account in touched for grant in account.wallet.changed.values()],
            postings=[_debit(store, account, now) for account in touched if account.charged],
            events=[_event_row(store, one, book.release.id, recorded_at) for one in new],
            keys=[
                (one.account.wallet.state.account_id, one.event.event_id, one.usage_id, one.event.content_hash)
                for one in new
            ],
        )
    )


def crossings(book: RateBook, accounts: Iterable[AccountBatch], now: datetime) -> list[Crossing]:
    """The thresholds of quotas that the batch reached."""
    found = []
    for account in accounts:
        if account.before is not None:
            state = account.wallet.state
            found += crossed(account.before, state, plan_of(book, state.plan), now)
    return found


def _debit(store: Store, account: AccountBatch, now: datetime) -> PostingRow:
    state = account.wallet.state
    return posting(
        store,
        number=account.posting_id,
        account_id=state.account_id,
        kind="debit",
        amount_nanos=-account.charged,
        balance_nanos=state.balance_nanos,
        burned=account.wallet.burned.items(),
        # An event is charged in one transaction only, so its id names the posting for good.
        key=f"{USAGE_KEY}{account.first_event}",
        occurred_at=account.last_at or now,
        now=now,
    )


def _event_row(store: Store, new: NewEvent, release_id: int, recorded_at: Any) -> tuple[Any, ...]:
    """The row in the order of `metering.storage.EVENT_COLUMNS`."""
    event, worth = new.event, new.worth
    units = event.units.get
    return (
        new.usage_id,
        new.account.wallet.state.account_id,
        event.event_id,
        store.moment(event.occurred_at),
        recorded_at,
        store.day(event.occurred_at.date()),
        event.user,
        worth.provider,
        worth.model,
        new.plan,
        event.task,
        event.feature,
        event.tool,
        event.tier,
        event.reasoning_level,
        event.cpu_seconds_micros,
        event.gpu_seconds_micros,
        event.latency_ms,
        event.details,
        "priced" if worth.refusal is None else "unpriced",
        None if worth.price is None else worth.price.id,
        release_id,
        new.account.posting_id if worth.charge_nanos else None,
        worth.cost_nanos,
        worth.charge_nanos,
        *new.met,
        *[units(unit, 0) for unit in UNITS],
    )


__all__ = ["crossings", "write_batch"]
