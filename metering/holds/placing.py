"""Holds in the database: placed, released, captured, with the sum that the account's state row keeps of them.

Nothing here commits. An open hold takes from what can be spent; whether it fits is decided by one conditional statement
on the state row, behind its lock.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, case, func, insert, select, tuple_, update

from metering.errors import EventConflictError, InsufficientBalanceError, UnknownHoldError
from metering.given import is_name
from metering.quotas.limits import Used, estimate_of
from metering.storage import Changes, Locked, store_for
from schema.money import usd_text
from schema.tables import account_state, holds

_CHUNK = 500


@dataclass(frozen=True, slots=True)
class HoldRow:
    """A hold as it is stored. `amount_nanos` is what it sets aside while it is open."""

    id: int
    account_id: int
    hold_id: str
    amount_nanos: int
    status: str
    """open, captured, released or expired."""
    provider: str
    model: str
    plan: str
    task: str | None
    units: Mapping[str, int]
    """The estimate in stored parts."""
    release_id: int
    created_at: datetime
    expires_at: datetime
    settled_at: datetime | None
    event_id: str | None
    """The event that captured it."""


def find_hold(connection: Connection, account_id: int, hold_id: str) -> HoldRow | None:
    """A hold of an account."""
    return find_holds(connection, [(account_id, hold_id)]).get((account_id, hold_id))


def find_holds(connection: Connection, wanted: Collection[tuple[int, str]]) -> dict[tuple[int, str], HoldRow]:
    """Those holds that exist, by account and hold id."""
    table = holds.c
    columns = [table[name] for name in HoldRow.__slots__]
    found = {}
    pairs = sorted(pair for pair in wanted if is_name(pair[1]))
    for start in range(0, len(pairs), _CHUNK):
        some = pairs[start : start + _CHUNK]
        query = select(*columns).where(tuple_(table.account_id, table.hold_id).in_(some))
        for row in connection.execute(query):
            found[row.account_id, row.hold_id] = HoldRow(*row)
    return found


def list_holds(connection: Connection, account_id: int, *, open_only: bool, limit: int) -> list[HoldRow]:
    """The holds of an account, newest first, at most so many."""
    table = holds.c
    query = select(*(table[name] for name in HoldRow.__slots__)).where(table.account_id == account_id)
    if open_only:
        query = query.where(table.status == "open")
    return [HoldRow(*row) for row in connection.execute(query.order_by(table.id.desc()).limit(limit))]


def set_aside(connection: Connection, account_id: int, now: datetime) -> Used:
    """What the open holds of an account may still add to its counters; its state row must be locked.

    They count in the day and the month in which they may be captured, and as requests of the minute in which they were
    placed: a long call is one request of its first minute.
    """
    table = holds.c
    minute = now.astimezone(UTC).replace(second=0, microsecond=0)
    query = select(
        func.coalesce(func.sum(table.tokens), 0),
        func.count(),
        func.coalesce(func.sum(case((table.created_at >= minute, 1), else_=0)), 0),
        func.coalesce(func.sum(table.run_unit_micros), 0),
    ).where(table.account_id == account_id, table.status == "open", table.expires_at > now)
    # PostgreSQL sums what may be large as a numeric.
    return Used(*(int(count) for count in connection.execute(query).one()))


def unusable(locked: Locked, account_id: int, at: datetime) -> int:
    """Nano-USD of an account's balance that may not be spent at a moment: not begun, or expired and not yet taken."""
    grants = locked.grants.get(account_id, ())
    return sum(grant.remaining_nanos for grant in grants if not grant.open_at(at))


def place(connection: Connection, values: Mapping[str, Any], *, unusable_nanos: int, enforce: bool) -> HoldRow:
    """Insert a hold and set its amount aside; the state row must be locked.

    With `enforce`, InsufficientBalanceError unless what can be spent covers the amount; an amount of 0 always fits.
    """
    state = account_state.c
    amount, account_id, expires_at = values["amount_nanos"], values["account_id"], values["expires_at"]
    statement = (
        update(account_state)
        .where(state.account_id == account_id)
        .values(
            held_nanos=state.held_nanos + amount,
            due_at=case((state.due_at > expires_at, expires_at), else_=state.due_at),
        )
        .returning(state.held_nanos)
    )
    if enforce and amount:
        statement = statement.where(state.balance_nanos - state.held_nanos - unusable_nanos >= amount)
    if connection.execute(statement).first() is None:
        query = select(state.balance_nanos - state.held_nanos - unusable_nanos).where(state.account_id == account_id)
        available = int(connection.execute(query).scalar_one())
        raise InsufficientBalanceError(
            f"the call may come to {usd_text(amount)} USD; {usd_text(max(available, 0))} USD are available"
        )
    estimate = estimate_of(values["units"])
    counted = {
        "tokens": estimate.get("tokens_per_month", 0),
        "run_unit_micros": estimate.get("run_units_per_month", 0),
    }
    number = connection.execute(insert(holds).values(**values, **counted).returning(holds.c.id)).scalar_one()
    return HoldRow(id=int(number), status="open", settled_at=None, event_id=None, **values)


def release(connection: Connection, account_id: int, hold_id: str, *, now: datetime) -> HoldRow:
    """Set what a hold keeps free again; one that is settled stays as it is. Raises UnknownHoldError."""
    store = store_for(connection)
    locked = store.lock([account_id], (), 0)
    row = find_hold(connection, account_id, hold_id)
    if row is None:
        raise UnknownHoldError(f"there is no hold '{hold_id}'")
    if row.status != "open":
        return row
    state = locked.states[account_id]
    state.held_nanos -= row.amount_nanos
    store.write(Changes(states=[state]))
    connection.execute(update(holds).where(holds.c.id == row.id).values(status="released", settled_at=now))
    return HoldRow(
        **{name: getattr(row, name) for name in HoldRow.__slots__} | {"status": "released", "settled_at": now}
    )


def require_capturable(row: HoldRow | None, hold_id: str, event_id: str) -> HoldRow:
    """The hold that an event may capture: also one that was released or has expired, as the call has happened.

    Raises UnknownHoldError, or EventConflictError when another event captured it.
    """
    if row is None:
        raise UnknownHoldError(f"there is no hold '{hold_id}'")
    if row.status == "captured" and row.event_id != event_id:
        raise EventConflictError(f"hold '{hold_id}' was captured by event {row.event_id}")
    return row


def mark_captured(connection: Connection, captured: Mapping[int, str], *, now: datetime) -> None:
    """Note which event captured which hold, by the id of its row."""
    for number, event_id in captured.items():
        connection.execute(
            update(holds).where(holds.c.id == number).values(status="captured", settled_at=now, event_id=event_id)
        )


__all__ = [
    "HoldRow",
    "find_hold",
    "find_holds",
    "list_holds",
    "mark_captured",
    "place",
    "release",
    "require_capturable",
    "set_aside",
    "unusable",
]
