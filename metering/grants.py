"""Grants of credit: added with their posting, and expired. Nothing here commits."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime

from sqlalchemy import Connection, insert, select, update

from metering.due import LATE, bring_forward
from metering.errors import BadGrantError, EventConflictError, UnknownAccountError
from metering.ledger import posting
from metering.storage import store_for
from metering.wallet import Grant, Repaid, repayment
from schema.tables import grants
from schema.tables.ledger import GRANT_KINDS

PRIORITIES = {"plan": 10, "signup": 20, "promo": 20, "purchase": 30}
"""The priority of a grant's kind when none is given; lower burns first."""

_NOTHING = Repaid(0, 0, 0)


def add_grant(
    connection: Connection,
    account_id: int,
    kind: str,
    face_nanos: int,
    *,
    idempotency_key: str,
    now: datetime,
    paid_nanos: int = 0,
    starts_at: datetime | None = None,
    expires_at: datetime | None = None,
    priority: int | None = None,
    note: str | None = None,
) -> Grant:
    """Add a grant worth `face_nanos` of usage, with its posting, in the caller's transaction.

    It starts at `now` unless `starts_at` says otherwise. One that is open now, and not a plan's, first repays what the
    account owes, then its overdraft. The same key with the same kind and amounts returns the first grant and adds
    nothing; with others it raises EventConflictError. Raises BadGrantError, UnknownAccountError.
    """
    _check(kind, face_nanos, paid_nanos)
    starts_at = starts_at or now
    if expires_at is not None and expires_at <= starts_at:
        raise BadGrantError(f"grant {idempotency_key} would expire before it starts")
    store = store_for(connection)
    locked = store.lock([account_id], (), 0)
    state = locked.states.get(account_id)
    if state is None:
        raise UnknownAccountError(f"there is no account with the id {account_id}")
    known = _find(connection, account_id, idempotency_key)
    if known is not None:
        if (known.kind, known.face_nanos, known.paid_nanos) != (kind, face_nanos, paid_nanos):
            raise EventConflictError(f"grant {idempotency_key} exists with another kind or other amounts")
        return known
    grant = Grant(
        id=0,
        account_id=account_id,
        kind=kind,
        face_nanos=face_nanos,
        paid_nanos=paid_nanos,
        remaining_nanos=face_nanos,
        priority=PRIORITIES[kind] if priority is None else priority,
        starts_at=starts_at,
        expires_at=expires_at,
    )
    repaid = repayment(state, face_nanos, paid_nanos) if kind != "plan" and grant.open_at(now) else _NOTHING
    given = repaid.owed_nanos + repaid.overdraft_nanos
    grant.remaining_nanos -= given
    grant.id = _insert(connection, grant, idempotency_key, note, now)
    state.owed_nanos -= repaid.owed_nanos
    state.overdraft_nanos -= repaid.overdraft_nanos
    state.balance_nanos += face_nanos
    row = posting(
        store,
        number=locked.posting_ids[0],
        account_id=account_id,
        kind="purchase" if kind == "purchase" else "grant",
        amount_nanos=face_nanos,
        balance_nanos=state.balance_nanos,
        revenue_nanos=repaid.revenue_nanos,
        burned=[(grant.id, given)] if given else [],
        key=f"grant:{idempotency_key}",
        occurred_at=min(starts_at, now),
        now=now,
        note=note,
    )
    store.write(states=[state], postings=[row])
    if expires_at is not None:
        bring_forward(connection, account_id, max(expires_at, now) + LATE)
    return grant


def expire_grants(connection: Connection, now: datetime) -> int:
    """Take what is left of expired grants out of the wallets, one posting an account; returns the nano-USD taken."""
    table = grants.c
    expired = (table.remaining_nanos > 0) & (table.expires_at <= now)
    ids = sorted(connection.execute(select(table.account_id).where(expired).distinct()).scalars())
    if not ids:
        return 0
    store = store_for(connection)
    locked = store.lock(ids, (), 0)
    taken: dict[int, list[tuple[int, int]]] = defaultdict(list)
    rows = []
    for posting_id, account_id in zip(locked.posting_ids, ids, strict=True):
        state = locked.states[account_id]
        for grant in locked.grants.get(account_id, ()):
            if grant.expires_at is not None and grant.expires_at <= now:
                taken[account_id].append((grant.id, grant.remaining_nanos))
        burned = taken[account_id]
        if not burned:
            continue
        amount = sum(nanos for _, nanos in burned)
        state.balance_nanos -= amount
        rows.append(
            posting(
                store,
                number=posting_id,
                account_id=account_id,
                kind="expiry",
                amount_nanos=-amount,
                balance_nanos=state.balance_nanos,
                burned=burned,
                key=f"expiry:{burned[0][0]}:{now.isoformat()}",
                occurred_at=now,
                now=now,
            )
        )
    gone = [grant_id for burned in taken.values() for grant_id, _ in burned]
    for start in range(0, len(gone), _CHUNK):
        some = gone[start : start + _CHUNK]
        connection.execute(update(grants).where(table.id.in_(some)).values(remaining_nanos=0))
    store.write(states=[locked.states[account_id] for account_id in ids if taken[account_id]], postings=rows)
    return sum(nanos for burned in taken.values() for _, nanos in burned)


_CHUNK = 1_000


def _check(kind: str, face_nanos: int, paid_nanos: int) -> None:
    if kind not in GRANT_KINDS:
        raise BadGrantError(f"'{kind}' is not a kind of grant: {', '.join(GRANT_KINDS)}")
    if face_nanos <= 0 or paid_nanos < 0:
        raise BadGrantError("a grant is worth more than nothing, and no less than nothing is paid for it")
    if paid_nanos and kind != "purchase":
        raise BadGrantError(f"nothing is paid for a {kind} grant")


def _find(connection: Connection, account_id: int, key: str) -> Grant | None:
    table = grants.c
    columns = (table[name] for name in Grant.__slots__)
    row = connection.execute(
        select(*columns).where(table.account_id == account_id, table.idempotency_key == key)
    ).first()
    return None if row is None else Grant(*row)


def _insert(connection: Connection, grant: Grant, key: str, note: str | None, now: datetime) -> int:
    values = {name: getattr(grant, name) for name in Grant.__slots__ if name != "id"}
    values |= {"idempotency_key": key, "note": note, "created_at": now}
    return int(connection.execute(insert(grants).values(values).returning(grants.c.id)).scalar_one())


__all__ = ["PRIORITIES", "add_grant", "expire_grants"]
