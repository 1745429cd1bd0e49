"""Corrections: what an event costs and is charged changes afterwards, by a re-rating, a refund or a correction.

The event stays as it was recorded. A row of `usage_adjustments` says what changed, and postings move the credit: a
higher charge burns grants as a debit does; a lower one gives back, in reverse order, to the grants that the charge
burned. What comes back to a grant that has expired meanwhile expires at once. Nothing here commits.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, get_args

from sqlalchemy import Connection, insert

from metering.book.ratebook import RateBook
from metering.corrections.charged import Charged, add_corrections, read_charged, read_parts
from metering.corrections.returning import Returning
from metering.corrections.unwinding import Part, unwind
from metering.errors import BadCorrectionError, EventConflictError
from metering.given import name
from metering.storage import Changes, store_for
from metering.subscriptions.due import bring_forward, late
from metering.wallets.wallet import LARGEST_AMOUNT, LARGEST_BALANCE, Grant, Met, Wallet
from schema.tables import ledger_postings, usage_adjustments

Reason = Literal["rerate", "refund", "correction"]
CORRECTION_KEY = "correct:"
"""What the keys of a correction's postings begin with."""
_REASONS = get_args(Reason)


@dataclass(frozen=True, slots=True)
class Correction:
    """A change of one event, in nano-USD; below zero gives back. `key` makes it happen once for its event."""

    usage_id: int
    cost_delta_nanos: int
    charge_delta_nanos: int
    key: str
    reason: Reason
    price_id: int | None = None
    """The price that the event has now, if it has another."""
    note: str | None = None
    """Why, for the posting."""


@dataclass(frozen=True, slots=True)
class Adjustment:
    """What a correction changed of an event, in nano-USD; what met it sums to the charge.

    `repeated` says that the correction was known and nothing was changed this time.
    """

    usage_id: int
    key: str
    reason: str
    cost_nanos: int
    charge_nanos: int
    revenue_nanos: int
    included_nanos: int
    promotional_nanos: int
    purchased_nanos: int
    owed_nanos: int
    overdraft_nanos: int
    posting_id: int | None
    balance_nanos: int
    """Of the account now."""
    repeated: bool = False


def correct(
    connection: Connection,
    usage_id: int,
    *,
    cost_delta_nanos: int,
    charge_delta_nanos: int,
    key: str,
    reason: Reason,
    book: RateBook,
    now: datetime,
    price_id: int | None = None,
    note: str | None = None,
) -> Adjustment:
    """Change what one event costs and is charged; see `correct_many`."""
    one = Correction(usage_id, cost_delta_nanos, charge_delta_nanos, key, reason, price_id, note)
    return correct_many(connection, [one], book=book, now=now)[0]


def correct_many(
    connection: Connection, corrections: Sequence[Correction], *, book: RateBook, now: datetime
) -> list[Adjustment]:
    """Make corrections in one transaction of the caller, in the order given, at most one an event.

    The same (event, key) with the same amounts and reason returns the first adjustment and changes nothing. Raises
    EventConflictError when the key is known with others; BadCorrectionError for an unknown event, a cost or charge
    that would fall below zero, or records that do not fit together.
    """
    _check(corrections)
    charged = read_charged(connection, [one.usage_id for one in corrections])
    store = store_for(connection)
    locked = store.lock(sorted({one.account_id for one in charged.values()}), (), 0)
    add_corrections(connection, charged)
    grants = {grant.id: grant for some in locked.grants.values() for grant in some}
    known = {one.usage_id: _known(charged[one.usage_id], one) for one in corrections}
    fresh = [one for one in corrections if known[one.usage_id] is None]
    lowered = [charged[one.usage_id] for one in fresh if one.charge_delta_nanos < 0]
    parts = read_parts(connection, lowered, grants) if lowered else {}
    of_account = defaultdict(list)
    for grant in grants.values():
        of_account[grant.account_id].append(grant)
    accounts = {
        number: _Account(
            Wallet(state, of_account[number]),
            Returning(connection, state, grants, now),
        )
        for number, state in locked.states.items()
    }
    drafts = []
    for one in fresh:
        event = charged[one.usage_id]
        account = accounts[event.account_id]
        draft = _Draft(one, event)
        _limit(one, event, account.wallet)
        if one.charge_delta_nanos > 0:
            _charge(draft, account.wallet, book)
        elif one.charge_delta_nanos < 0:
            _give_back(draft, account, parts[one.usage_id])
        drafts.append(draft)
    _insert_postings(connection, drafts, now)
    made = {draft.change.usage_id: draft for draft in drafts}
    rows = [_row(draft, book.release.id, now) for draft in drafts]
    if rows:
        connection.execute(insert(usage_adjustments), rows)
        touched = [accounts[number] for number in sorted({draft.event.account_id for draft in drafts})]
        store.write(
            Changes(
                states=[account.wallet.state for account in touched],
                grants=[
                    grant
                    for account in touched
                    for grant in {**account.wallet.changed, **account.returning.changed}.values()
                ],
            )
        )
        for account in touched:
            _look_again(connection, account.returning.changed.values())
    adjustments = []
    for one in corrections:
        row = known[one.usage_id]
        balance = accounts[charged[one.usage_id].account_id].wallet.state.balance_nanos
        adjustments.append(_adjustment(row or made[one.usage_id].as_row(), balance, repeated=row is not None))
    return adjustments


@dataclass(slots=True)
class _Account:
    wallet: Wallet
    returning: Returning


class _Draft:
    """A correction on its way: what it changes, and its postings as rows without ids."""

    def __init__(self, change: Correction, event: Charged) -> None:
        self.change = change
        self.event = event
        self.met = dict.fromkeys(Met._fields, 0)
        self.postings: list[dict[str, Any]] = []
        self.posting_id: int | None = None

    def post(self, kind: str, amount_nanos: int, balance_nanos: int, **values: Any) -> None:
        """Add a posting; the first one is the adjustment's."""
        row = {
            "account_id": self.event.account_id,
            "kind": kind,
            "amount_nanos": amount_nanos,
            "balance_nanos": balance_nanos,
            "revenue_nanos": 0,
            "burned": [],
            "idempotency_key": f"{CORRECTION_KEY}{self.change.usage_id}:{len(self.postings)}:{self.change.key}",
            "note": self.change.note,
            "reverses": None,
        }
        self.postings.append(row | values)

    def as_row(self) -> dict[str, Any]:
        """What the correction changed, in the columns of `usage_adjustments`."""
        return {
            "usage_id": self.change.usage_id,
            "idempotency_key": self.change.key,
            "reason": self.change.reason,
            "cost_nanos": self.change.cost_delta_nanos,
            "charge_nanos": self.change.charge_delta_nanos,
            **self.met,
            "posting_id": self.posting_id,
        }


def _check(corrections: Sequence[Correction]) -> None:
    if len({one.usage_id for one in corrections}) < len(corrections):
        raise BadCorrectionError("an event can be corrected once in a transaction")
    for one in corrections:
        if one.reason not in _REASONS:
            raise BadCorrectionError(f"'{one.reason}' is not a reason: {', '.join(_REASONS)}")
        if not one.key:
            raise BadCorrectionError("a correction needs a key")
        name("the key of a correction", one.key, BadCorrectionError)


def _known(event: Charged, one: Correction) -> dict[str, Any] | None:
    """The adjustment that the correction made before; raises EventConflictError when it was another one."""
    for row in event.adjustments:
        if row.idempotency_key == one.key:
            before = (row.cost_nanos, row.charge_nanos, row.reason)
            if before != (one.cost_delta_nanos, one.charge_delta_nanos, one.reason):
                raise EventConflictError(
                    f"correction {one.key} of event {event.event_id} is known with other amounts or another reason"
                )
            return dict(row._mapping)
    return None


def _limit(one: Correction, event: Charged, wallet: Wallet) -> None:
    if event.cost_nanos + one.cost_delta_nanos < 0 or event.charge_nanos + one.charge_delta_nanos < 0:
        raise BadCorrectionError(f"no more can be taken off event {event.event_id} than it costs and is charged")
    if (
        max(event.cost_nanos + one.cost_delta_nanos, event.charge_nanos + one.charge_delta_nanos) > LARGEST_AMOUNT
        or wallet.state.balance_nanos - one.charge_delta_nanos < -LARGEST_BALANCE
    ):
        raise BadCorrectionError(f"event {event.event_id} would come to more than the ledger can hold")


def _charge(draft: _Draft, wallet: Wallet, book: RateBook) -> None:
    plan = book.plans.get(draft.event.plan)
    observe = book.settings.observe or (plan is not None and plan.overage == "observe")
    wallet.burned = {}
    nanos = draft.change.charge_delta_nanos
    # What was open when the event occurred meets it, as when it is recorded late.
    met = wallet.debit(nanos, draft.event.occurred_at, observe=observe)
    draft.met = met._asdict()
    draft.post(
        "adjustment",
        -nanos,
        wallet.state.balance_nanos,
        burned=[[number, taken] for number, taken in wallet.burned.items()],
    )


def _give_back(draft: _Draft, account: _Account, parts: Sequence[Part]) -> None:
    state = account.wallet.state
    kind = "refund" if draft.change.reason == "refund" else "adjustment"
    _, off = unwind(parts, -draft.change.charge_delta_nanos)
    for part in off:
        draft.met[f"{part.met_by}_nanos"] -= part.nanos
    back = account.returning.give(off)
    draft.met["revenue_nanos"] -= back.revenue_nanos
    for one in back.postings:
        state.balance_nanos += one.nanos
        draft.post(
            kind,
            one.nanos,
            state.balance_nanos,
            # Below zero: the opposite of what a debit burned.
            burned=[[number, -nanos] for number, nanos in one.returned],
            revenue_nanos=-one.revenue_nanos,
            reverses=one.reverses,
        )
    if back.expired:
        gone = sum(nanos for _, nanos in back.expired)
        state.balance_nanos -= gone
        burned = [list(pair) for pair in back.expired]
        draft.post("expiry", -gone, state.balance_nanos, burned=burned, reverses=None)


def _look_again(connection: Connection, returned: Iterable[Grant]) -> None:
    """Credit that was used up was not to be taken out any more when it ends; now it is."""
    for grant in returned:
        if grant.expires_at is not None:
            bring_forward(connection, grant.account_id, late(grant.expires_at))


def _insert_postings(connection: Connection, drafts: Sequence[_Draft], now: datetime) -> None:
    rows = [row | {"occurred_at": now, "recorded_at": now} for draft in drafts for row in draft.postings]
    if not rows:
        return
    statement = insert(ledger_postings).returning(ledger_postings.c.id, sort_by_parameter_order=True)
    numbers = iter(connection.execute(statement, rows).scalars().all())
    for draft in drafts:
        own = [next(numbers) for _ in draft.postings]
        draft.posting_id = own[0] if own else None


def _row(draft: _Draft, release_id: int, now: datetime) -> dict[str, Any]:
    return draft.as_row() | {
        "account_id": draft.event.account_id,
        "day": draft.event.day,
        "release_id": release_id,
        "price_id": draft.change.price_id,
        "recorded_at": now,
    }


def _adjustment(row: dict[str, Any], balance_nanos: int, *, repeated: bool) -> Adjustment:
    values = {name: row[name] for name in Adjustment.__slots__ if name in row}
    return Adjustment(key=row["idempotency_key"], balance_nanos=balance_nanos, repeated=repeated, **values)


__all__ = ["CORRECTION_KEY", "Adjustment", "Correction", "Reason", "correct", "correct_many"]
