"""Recording: events, their postings and the balances they leave, in one transaction that the caller owns.

The accounts' state rows are locked in order, then everything is decided in memory and written by a few statements.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from types import MappingProxyType
from typing import Any, Literal

from sqlalchemy import Connection

from metering.accounts import ensure_accounts, find_accounts
from metering.appraisal import Appraisal, appraise
from metering.errors import (
    BadEventError,
    EventConflictError,
    MeteringError,
    UnknownAccountError,
    UnregisteredModelError,
)
from metering.holds.placing import HoldRow, find_holds, mark_captured, require_capturable
from metering.ledger import USAGE_KEY, posting
from metering.quotas.admission import plan_of
from metering.quotas.alerts import Counters, Crossing, counters_of, crossed, store_alerts
from metering.ratebook import RateBook
from metering.receipts import Receipt, read_receipts
from metering.renewal import renew
from metering.run_units import ToolCall
from metering.storage import Locked, PostingRow, Store, store_for
from metering.subscriptions import Subscription, plan_in, subscriptions_of
from metering.usage import LARGEST_DECIMAL, Event
from metering.wallet import LARGEST_AMOUNT, LARGEST_BALANCE, Met, Wallet
from schema.units import MILLION, UNITS

Outcome = Receipt | MeteringError
Unpriced = Literal["keep", "refuse"]
_NO_CAPTURES: Mapping[int, str] = MappingProxyType({})


@dataclass(slots=True)
class Recorded:
    """The outcomes, in the order of the events, and what a caller may keep when the transaction is committed."""

    outcomes: list[Outcome]
    book: RateBook
    """The book of the newest release, by which the events were rated."""
    account_ids: dict[str, int]


@dataclass(slots=True)
class _Account:
    wallet: Wallet
    posting_id: int
    charged: int = 0
    first_event: str | None = None
    """The first event that was charged: it names the posting."""
    last_at: datetime | None = None
    history: Sequence[Subscription] = ()
    """Read when an event occurred before the plan of the state row began."""
    before: Counters | None = None
    """The counters before the first event that was counted; None when none was."""


@dataclass(slots=True)
class _New:
    """An event about to be written, and its place among the outcomes."""

    index: int
    usage_id: int
    event: Event
    account: _Account
    plan: str
    worth: Appraisal
    met: Met


@dataclass(slots=True)
class _Batch:
    new: list[_New] = field(default_factory=list)
    repeats: dict[int, int] = field(default_factory=dict)
    """Row of the event that was recorded before, by place."""
    twice: dict[int, int] = field(default_factory=dict)
    """Place of the event earlier in the same batch, by place."""
    errors: dict[int, MeteringError] = field(default_factory=dict)
    unregistered: dict[tuple[str | None, str], MeteringError] = field(default_factory=dict)
    """By provider and model: finding what may have been meant takes time, and rows of a file repeat their slips."""
    holds: dict[int, HoldRow] = field(default_factory=dict)
    """What is settled with an event, by its place."""
    captured: list[tuple[HoldRow, str]] = field(default_factory=list)
    """The holds that were settled, and with which event."""


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
    batch = _Batch()
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
        number: _Account(Wallet(locked.states[number], locked.grants.get(number, ())), posting_id)
        for number, posting_id in zip(ids, locked.posting_ids, strict=True)
    }
    _read_histories(connection, asked, keys, accounts)
    if captures:
        _read_holds(connection, captures, asked, keys, batch)
    _decide(book, locked, asked, keys, accounts, unpriced, batch, now)
    if not collect:
        _raise_first(batch)
    if batch.new:
        _write(store, book, batch.new, accounts, now)
        store_alerts(connection, _crossings(book, accounts.values(), now), now)
    elif batch.captured:
        store.write(states=[account.wallet.state for account in accounts.values()])
    if batch.captured:
        mark_captured(connection, {row.id: event_id for row, event_id in batch.captured}, now=now)
    return Recorded(_outcomes(connection, batch, book, len(events)), book, known_ids)


def _raise_first(batch: _Batch) -> None:
    if batch.errors:
        raise batch.errors[min(batch.errors)]


def _accounts(
    connection: Connection,
    book: RateBook,
    events: Sequence[Event],
    account_ids: dict[str, int],
    now: datetime,
    batch: _Batch,
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
    accounts: dict[int, _Account],
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
    batch: _Batch,
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


def _decide(
    book: RateBook,
    locked: Locked,
    asked: Sequence[tuple[int, Event]],
    keys: Sequence[tuple[int, str]],
    accounts: dict[int, _Account],
    unpriced: Unpriced,
    batch: _Batch,
    now: datetime,
) -> None:
    seen: dict[tuple[int, str], tuple[int, bytes]] = {}
    usage_ids = iter(locked.event_ids)
    for (index, event), key in zip(asked, keys, strict=True):
        before = locked.known.get(key)
        earlier = seen.get(key)
        if before is not None or earlier is not None:
            where, contents = before or earlier or (0, b"")
            if contents != event.content_hash:
                batch.errors[index] = EventConflictError(
                    f"event {event.event_id} of account {event.account} is known with other contents"
                )
            elif before is not None:
                batch.repeats[index] = where
                # Recorded before, without this hold: it has nothing to wait for any more.
                _settle(batch, index, event, accounts[key[0]])
            else:
                batch.twice[index] = where
            continue
        account = accounts[key[0]]
        try:
            new = _rate(book, index, next(usage_ids), event, account, unpriced, now)
        except UnregisteredModelError:
            model = event.provider, event.model
            if model not in batch.unregistered:
                batch.unregistered[model] = book.unregistered(*model)
            batch.errors[index] = batch.unregistered[model]
            continue
        except MeteringError as error:
            batch.errors[index] = error
            continue
        seen[key] = (index, event.content_hash)
        batch.new.append(new)
        _settle(batch, index, event, account)


def _settle(batch: _Batch, index: int, event: Event, account: _Account) -> None:
    """Give back what the hold of an event set aside, unless that is settled with it already."""
    hold = batch.holds.get(index)
    if hold is None or hold.status == "captured":
        return
    if hold.status == "open":
        account.wallet.state.held_nanos -= hold.amount_nanos
    batch.captured.append((hold, event.event_id))


def _rate(
    book: RateBook,
    index: int,
    usage_id: int,
    event: Event,
    account: _Account,
    unpriced: Unpriced,
    now: datetime,
) -> _New:
    wallet, at = account.wallet, event.occurred_at
    plan = wallet.state.plan
    if at < wallet.state.plan_since:
        plan = plan_in(account.history, at, book.settings.default_plan)
    if event.tool is not None:
        event = _with_run_units(book, event)
    worth = appraise(
        book,
        event.provider,
        event.model,
        event.units,
        plan=plan,
        at=at,
        task=event.task,
        reasoning_level=event.reasoning_level,
        feature=event.feature,
    )
    if worth.refusal is not None and unpriced == "refuse":
        raise worth.refusal
    if max(worth.cost_nanos, worth.charge_nanos) > LARGEST_AMOUNT:
        raise BadEventError(f"event {event.event_id} comes to more than a thousand million USD")
    if wallet.state.balance_nanos - worth.charge_nanos < -LARGEST_BALANCE:
        raise BadEventError(f"event {event.event_id} takes the balance below minus eight thousand million USD")
    if account.before is None:
        account.before = counters_of(wallet.state)
    # A caller's clock may be ahead: counted in a minute to come, the event would hide all that happen in this one.
    wallet.state.count(at if at < now else now, event.units)
    charge = worth.charge_nanos
    if not charge:
        return _New(index, usage_id, event, account, plan, worth, _NOTHING)
    known_plan = book.plans.get(plan)
    observe = book.settings.observe or (known_plan is not None and known_plan.overage == "observe")
    met = wallet.debit(charge, at, observe=observe)
    account.charged += charge
    account.first_event = account.first_event or event.event_id
    account.last_at = at if account.last_at is None or at > account.last_at else account.last_at
    return _New(index, usage_id, event, account, plan, worth, met)


def _with_run_units(book: RateBook, event: Event) -> Event:
    """A tool call with its run units, unless it names them itself or tells nothing that they follow from."""
    call = ToolCall(event.tool, event.tier, event.cpu_seconds_micros, event.gpu_seconds_micros, event.latency_ms)
    if "run_unit" in event.units or not call.measured:
        return event
    counted = book.run_units.count(call)
    if counted > LARGEST_DECIMAL * MILLION:
        raise BadEventError(f"event {event.event_id} comes to more than {LARGEST_DECIMAL} run units")
    return replace(event, units={**event.units, "run_unit": counted})


_NOTHING = Met(0, 0, 0, 0, 0, 0)


def _write(store: Store, book: RateBook, new: Sequence[_New], accounts: dict[int, _Account], now: datetime) -> None:
    touched = [account for account in accounts.values() if account.before is not None]
    recorded_at = store.moment(now)
    store.write(
        states=[account.wallet.state for account in touched],
        grants=[grant for account in touched for grant in account.wallet.changed.values()],
        postings=[_debit(store, account, now) for account in touched if account.charged],
        events=[_event_row(store, one, book.release.id, recorded_at) for one in new],
        keys=[
            (one.account.wallet.state.account_id, one.event.event_id, one.usage_id, one.event.content_hash)
            for one in new
        ],
    )


def _crossings(book: RateBook, accounts: Iterable[_Account], now: datetime) -> list[Crossing]:
    found = []
    for account in accounts:
        if account.before is not None:
            state = account.wallet.state
            found += crossed(account.before, state, plan_of(book, state.plan), now)
    return found


def _debit(store: Store, account: _Account, now: datetime) -> PostingRow:
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


def _event_row(store: Store, new: _New, release_id: int, recorded_at: Any) -> tuple[Any, ...]:
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


def _outcomes(connection: Connection, batch: _Batch, book: RateBook, count: int) -> list[Outcome]:
    outcomes: dict[int, Outcome] = dict(batch.errors)
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


__all__ = ["Outcome", "Recorded", "Unpriced", "record_events"]
