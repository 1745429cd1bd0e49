"""Grants of credit: added with their posting, and expired. Nothing here commits."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import ColumnElement, Connection, insert, select

from metering import given
from metering.errors import BadGrantError, EventConflictError, UnknownAccountError
from metering.storage import Changes, store_for
from metering.subscriptions.due import bring_forward, late
from metering.wallets.ledger import posting
from metering.wallets.wallet import LARGEST_BALANCE, AccountState, Grant, Repaid, repayment
from schema.tables import grants
from schema.tables.ledger import GRANT_KINDS

PRIORITIES = {"plan": 10, "signup": 20, "promo": 20, "purchase": 30}
"""The priority of a grant's kind when none is given; lower burns first."""

GRANT_KEY = "grant:"
"""What the key of a grant's posting begins with."""
LAST_PRIORITY = 1_000
"""The priority of credit that burns after everything else."""
LARGEST_GRANT = 10**18
"""Nano-USD that one grant may be worth: a thousand million USD can only be a slip."""

_NOTHING = Repaid(0, 0, 0)
_CHUNK = 500


@dataclass(frozen=True, slots=True)
class Terms:
    """What a grant is worth, and when; the same for every account that gets it. Amounts in nano-USD."""

    kind: str
    """plan, signup, promo or purchase."""
    face_nanos: int
    """The usage it is worth."""
    key: str
    """Makes it happen once for each account."""
    paid_nanos: int = 0
    starts_at: datetime | None = None
    """None: at once."""
    expires_at: datetime | None = None
    """Half-open; None: never."""
    priority: int | None = None
    """Lower burns first; None: its kind's."""
    note: str | None = None


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
    """Add a grant worth `face_nanos` of usage to one account; see `add_grants`."""
    terms = Terms(kind, face_nanos, idempotency_key, paid_nanos, starts_at, expires_at, priority, note)
    return add_grants(connection, [account_id], terms, now=now).grants[account_id]


class Given(NamedTuple):
    """Grants by account, and the accounts that did not have theirs before."""

    grants: dict[int, Grant]
    added: list[int]


def add_grants(connection: Connection, account_ids: Collection[int], terms: Terms, *, now: datetime) -> Given:
    """Add the same grant to accounts, each with its posting, in the caller's transaction.

    It starts at `now` unless its terms say otherwise. One that is open now, and not a plan's, first repays what the
    account owes, then its overdraft. The same key with the same kind and amounts returns the first grant and adds
    nothing; with others it raises EventConflictError. Raises BadGrantError, UnknownAccountError.
    """
    _check(terms)
    starts_at = now if terms.starts_at is None else given.moment("the start of a grant", terms.starts_at, BadGrantError)
    expires_at = terms.expires_at
    if expires_at is not None:
        expires_at = given.moment("the end of a grant", expires_at, BadGrantError)
        if expires_at <= starts_at:
            raise BadGrantError(f"grant {terms.key} would expire before it starts")
    terms = replace(terms, starts_at=starts_at, expires_at=expires_at)
    done = Given({}, [])
    ids = sorted(set(account_ids))
    # In the order of the ids, so that two such rounds wait for each other and do not deadlock.
    for start in range(0, len(ids), _CHUNK):
        _give(connection, ids[start : start + _CHUNK], terms, now, done)
    return done


def _give(connection: Connection, ids: list[int], terms: Terms, now: datetime, done: Given) -> None:
    store = store_for(connection)
    locked = store.lock(ids, (), 0)
    for account_id in ids:
        if account_id not in locked.states:
            raise UnknownAccountError(f"there is no account with the id {account_id}")
    known = _find(connection, ids, terms.key)
    for grant in known.values():
        if (grant.kind, grant.face_nanos, grant.paid_nanos) != (terms.kind, terms.face_nanos, terms.paid_nanos):
            raise EventConflictError(f"grant {terms.key} exists with another kind or other amounts")
    done.grants.update(known)
    fresh = [
        (number, locked.states[account_id])
        for number, account_id in zip(locked.posting_ids, ids, strict=True)
        if account_id not in known
    ]
    if not fresh:
        return
    made = [_new(state, terms, now) for _, state in fresh]
    numbers = _insert(connection, [grant for grant, _ in made], terms, now)
    rows = []
    for (number, state), (grant, repaid), grant.id in zip(fresh, made, numbers, strict=True):
        state.owed_nanos -= repaid.owed_nanos
        state.overdraft_nanos -= repaid.overdraft_nanos
        state.balance_nanos += grant.face_nanos
        if state.balance_nanos > LARGEST_BALANCE:
            raise BadGrantError(f"grant {terms.key} takes a balance above eight thousand million USD")
        rows.append(
            posting(
                store,
                number=number,
                account_id=grant.account_id,
                kind="purchase" if grant.kind == "purchase" else "grant",
                amount_nanos=grant.face_nanos,
                balance_nanos=state.balance_nanos,
                revenue_nanos=repaid.revenue_nanos,
                burned=[(grant.id, nanos)] if (nanos := repaid.owed_nanos + repaid.overdraft_nanos) else [],
                key=f"{GRANT_KEY}{terms.key}",
                occurred_at=min(grant.starts_at, now),
                now=now,
                note=terms.note,
            )
        )
        done.grants[grant.account_id] = grant
        done.added.append(grant.account_id)
    store.write(Changes(states=[state for _, state in fresh], postings=rows))
    if terms.expires_at is not None:
        for _, state in fresh:
            bring_forward(connection, state.account_id, late(max(terms.expires_at, now)))


def _new(state: AccountState, terms: Terms, now: datetime) -> tuple[Grant, Repaid]:
    """The grant of an account, without its id, and what it repays at once."""
    grant = Grant(
        id=0,
        account_id=state.account_id,
        kind=terms.kind,
        face_nanos=terms.face_nanos,
        paid_nanos=terms.paid_nanos,
        remaining_nanos=terms.face_nanos,
        priority=PRIORITIES[terms.kind] if terms.priority is None else terms.priority,
        starts_at=terms.starts_at or now,
        expires_at=terms.expires_at,
    )
    repays = grant.kind != "plan" and grant.open_at(now)
    repaid = repayment(state, grant.face_nanos, grant.paid_nanos) if repays else _NOTHING
    grant.remaining_nanos -= repaid.owed_nanos + repaid.overdraft_nanos
    return grant, repaid


def expire_grants(
    connection: Connection, now: datetime, account_ids: Collection[int] | None = None, *, wait: timedelta = timedelta()
) -> int:
    """Take what is left of expired grants out of the wallets, one posting an account; returns the nano-USD taken.

    Of all accounts, unless some are named. `wait` is for how long after its end, and after it was given, late calls may
    still burn a grant.
    """
    table = grants.c
    over = (table.remaining_nanos > 0) & (table.expires_at <= now - wait) & (table.created_at <= now - wait)
    if account_ids is not None:
        over &= table.account_id.in_(account_ids)
    ids = sorted(connection.execute(select(table.account_id).where(over).distinct()).scalars())
    return sum(_expire(connection, ids[start : start + _CHUNK], over, now) for start in range(0, len(ids), _CHUNK))


def _expire(connection: Connection, ids: list[int], is_over: ColumnElement[bool], now: datetime) -> int:
    store = store_for(connection)
    locked = store.lock(ids, (), 0)
    # Asked again behind the locks: another call may have spent them, or taken them out.
    ended = set(connection.execute(select(grants.c.id).where(is_over, grants.c.account_id.in_(ids))).scalars())
    states, changed, rows = [], [], []
    taken = 0
    for number, account_id in zip(locked.posting_ids, ids, strict=True):
        state = locked.states[account_id]
        over = [grant for grant in locked.grants.get(account_id, ()) if grant.id in ended]
        if not over:
            continue
        burned = [(grant.id, grant.remaining_nanos) for grant in over]
        amount = sum(nanos for _, nanos in burned)
        for grant in over:
            grant.remaining_nanos = 0
        state.balance_nanos -= amount
        taken += amount
        states.append(state)
        changed += over
        rows.append(
            posting(
                store,
                number=number,
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
    if rows:
        store.write(Changes(states=states, grants=changed, postings=rows))
    return taken


def _check(terms: Terms) -> None:
    if terms.kind not in GRANT_KINDS:
        raise BadGrantError(f"'{terms.kind}' is not a kind of grant: {', '.join(GRANT_KINDS)}")
    if isinstance(terms.key, str) and not terms.key.strip():
        raise BadGrantError("a grant needs a key, which makes it happen once")
    given.name("the key of a grant", terms.key, BadGrantError)
    given.note("the note of a grant", terms.note, BadGrantError)
    if terms.face_nanos <= 0 or terms.paid_nanos < 0:
        raise BadGrantError("a grant is worth more than nothing, and no less than nothing is paid for it")
    if max(terms.face_nanos, terms.paid_nanos) > LARGEST_GRANT:
        raise BadGrantError("a grant is worth at most a thousand million USD")
    if terms.priority is not None and not 0 <= terms.priority <= LAST_PRIORITY:
        raise BadGrantError(f"a priority is from 0, which burns first, to {LAST_PRIORITY}")
    if terms.paid_nanos and terms.kind != "purchase":
        raise BadGrantError(f"nothing is paid for a {terms.kind} grant")


def _find(connection: Connection, ids: Sequence[int], key: str) -> dict[int, Grant]:
    table = grants.c
    columns = (table[name] for name in Grant.__slots__)
    query = select(*columns).where(table.account_id.in_(ids), table.idempotency_key == key)
    return {row.account_id: Grant(*row) for row in connection.execute(query)}


def _insert(connection: Connection, made: Sequence[Grant], terms: Terms, now: datetime) -> Sequence[int]:
    names = [name for name in Grant.__slots__ if name != "id"]
    common = {"idempotency_key": terms.key, "note": terms.note, "created_at": now}
    rows = [{name: getattr(grant, name) for name in names} | common for grant in made]
    statement = insert(grants).returning(grants.c.id, sort_by_parameter_order=True)
    return connection.execute(statement, rows).scalars().all()


__all__ = [
    "GRANT_KEY",
    "LARGEST_GRANT",
    "LAST_PRIORITY",
    "PRIORITIES",
    "Given",
    "Terms",
    "add_grant",
    "add_grants",
    "expire_grants",
]
