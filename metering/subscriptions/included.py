"""Included credit: what a plan brings with each of its periods, as grants that expire with the period.

The credit of a plan with overage `grace` is followed by a tenth of it that burns after everything else. Each grant has
a key of its own (`plan:SUBSCRIPTION:DAY`, `grace:SUBSCRIPTION:DAY`), so that a period is never granted twice.
Nothing here commits.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import Connection, insert, or_, select, update

from metering.book.entities import Plan
from metering.storage import Changes, store_for
from metering.subscriptions.periods import Span
from metering.wallets.grants import PRIORITIES
from metering.wallets.ledger import posting
from schema.tables import grants

GRACE_SHARE = 10
"""The grace of a plan is its included credit divided by this."""
GRACE_PRIORITY = 90
"""Grace burns when nothing else is left."""
DEFAULT = "default"
"""Stands in the key of a period where an account has no subscription."""

_TICK = timedelta(microseconds=1)
_CHUNK = 300


class Credit(NamedTuple):
    """Credit that a period brings, not yet a grant; in nano-USD, half-open."""

    kind: str
    face_nanos: int
    key: str
    priority: int
    starts_at: datetime
    expires_at: datetime


def credit_of(plan: Plan | None, subscription: int | None, periods: Iterable[Span]) -> Iterator[Credit]:
    """What periods of a plan bring; nothing for a plan that is unknown or includes nothing.

    The periods of a subscription are named by their first day. Those of the default plan are calendar months, named by
    their month, so that an account that leaves it and returns has the month's credit once.
    """
    if plan is None or not plan.included_nanos:
        return
    for start, end in periods:
        name = f"{DEFAULT}:{start:%Y-%m}" if subscription is None else f"{subscription}:{start.date().isoformat()}"
        yield Credit("plan", plan.included_nanos, f"plan:{name}", PRIORITIES["plan"], start, end)
        grace = plan.included_nanos // GRACE_SHARE
        if plan.overage == "grace" and grace:
            yield Credit("promo", grace, f"grace:{name}", GRACE_PRIORITY, start, end)


def give(connection: Connection, wanted: Mapping[int, Sequence[Credit]], *, now: datetime) -> dict[int, list[Credit]]:
    """Grant what is not granted yet, by account, each with its posting; returns what was added.

    It repays nothing: credit of a period is for the usage of that period. All accounts must exist.
    """
    missing = _missing(connection, wanted)
    store = store_for(connection)
    # A lock hands out one posting an account, so every round gives each account its next credit.
    for turn in range(max(map(len, missing.values()), default=0)):
        ids = [account_id for account_id in sorted(missing) if turn < len(missing[account_id])]
        for start in range(0, len(ids), _CHUNK):
            some = ids[start : start + _CHUNK]
            locked = store.lock(some, (), 0)
            added, rows = [], []
            for account_id, number in zip(some, locked.posting_ids, strict=True):
                credit, state = missing[account_id][turn], locked.states[account_id]
                state.balance_nanos += credit.face_nanos
                added.append(_row(account_id, credit, now))
                rows.append(
                    posting(
                        store,
                        number=number,
                        account_id=account_id,
                        kind="grant",
                        amount_nanos=credit.face_nanos,
                        balance_nanos=state.balance_nanos,
                        burned=(),
                        key=f"grant:{credit.key}",
                        occurred_at=min(credit.starts_at, now),
                        now=now,
                    )
                )
            connection.execute(insert(grants), added)
            store.write(Changes(states=[locked.states[account_id] for account_id in some], postings=rows))
    return missing


def close(connection: Connection, account_id: int, subscription: int | None, at: datetime) -> None:
    """Let the credit of a subscription (or of the default plan) that is still open end at a moment.

    What of it is left then is taken out by the next renewal.
    """
    name = DEFAULT if subscription is None else str(subscription)
    table = grants.c
    query = select(table.id, table.starts_at).where(
        table.account_id == account_id,
        or_(*(table.idempotency_key.startswith(f"{kind}:{name}:", autoescape=True) for kind in ("plan", "grace"))),
        table.expires_at > at,
    )
    for grant_id, starts_at in connection.execute(query).all():
        # A grant that has not begun cannot end before it does.
        end = max(at, starts_at + _TICK)
        connection.execute(update(grants).where(table.id == grant_id).values(expires_at=end))


def _missing(connection: Connection, wanted: Mapping[int, Sequence[Credit]]) -> dict[int, list[Credit]]:
    table = grants.c
    ids = sorted(account_id for account_id, credits_ in wanted.items() if credits_)
    known: set[tuple[int, str]] = set()
    for start in range(0, len(ids), _CHUNK):
        some = ids[start : start + _CHUNK]
        keys = {credit.key for account_id in some for credit in wanted[account_id]}
        query = select(table.account_id, table.idempotency_key).where(
            table.account_id.in_(some), table.idempotency_key.in_(keys)
        )
        known |= {(row.account_id, row.idempotency_key) for row in connection.execute(query)}
    left = {
        account_id: [credit for credit in wanted[account_id] if (account_id, credit.key) not in known]
        for account_id in ids
    }
    return {account_id: credits_ for account_id, credits_ in left.items() if credits_}


def _row(account_id: int, credit: Credit, now: datetime) -> dict[str, object]:
    return {
        "account_id": account_id,
        "kind": credit.kind,
        "face_nanos": credit.face_nanos,
        "paid_nanos": 0,
        "remaining_nanos": credit.face_nanos,
        "priority": credit.priority,
        "starts_at": credit.starts_at,
        "expires_at": credit.expires_at,
        "idempotency_key": credit.key,
        "created_at": now,
    }


__all__ = ["DEFAULT", "GRACE_PRIORITY", "GRACE_SHARE", "Credit", "close", "credit_of", "give"]
