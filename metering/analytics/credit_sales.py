"""Credit that was sold, and what was taken out of it unused: the purchases, refunds and expiries behind the sums.

A purchase keeps what was paid (`paid`) and the usage that it is worth (`face`). What expires or is refunded of it is
worth the last part of what was paid, so that with what calls earned it comes to what was paid.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal, NamedTuple

from sqlalchemy import BigInteger, ColumnElement, Connection, FromClause, and_, case, cast, func, literal, select, true

from metering.analytics.period import Period, midnight
from metering.corrections.refunds import PURCHASE_REFUND_KEY
from metering.wallets.grants import GRANT_KEY
from schema.money import share_of
from schema.tables import accounts, grants, ledger_postings, usage_adjustments, usage_events
from schema.tables.ledger import NO_DEBIT

Withdrawn = Literal["expired", "refunded"]
_grant = grants.c
bought_at = case((_grant.starts_at < _grant.created_at, _grant.starts_at), else_=_grant.created_at)
"""When credit arrived: when it starts, but for credit that is told later, or starts later than it was bought."""


@dataclass(frozen=True, slots=True)
class Purchase:
    """Credit that was bought."""

    account: str
    at: datetime
    key: str
    note: str | None
    paid_nanos: int
    face_nanos: int
    remaining_nanos: int
    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """Purchased credit that left a wallet unused: it expired, or was refunded."""

    kind: Withdrawn
    account: str
    at: datetime
    key: str
    """Of the purchase."""
    face_nanos: int
    paid_nanos: int
    """What was paid for it; of a refund, the money that was given back."""


@dataclass(frozen=True, slots=True)
class UsageRefund:
    """Usage that was given back."""

    account: str
    at: datetime
    event_id: str
    charge_nanos: int
    """What was given back of its charge."""
    revenue_nanos: int
    """What this takes off revenue."""


@dataclass(frozen=True, slots=True)
class PurchaseSums:
    """The purchases of a month."""

    count: int
    paid_nanos: int
    face_nanos: int


class _Part(NamedTuple):
    """A part of a purchase that left the wallet."""

    posting: int
    at: datetime
    kind: Withdrawn
    grant: int
    nanos: int
    account: str
    key: str
    face_nanos: int
    paid_nanos: int


def worth(face_nanos: int, paid_nanos: int, before: int, taken: int) -> int:
    """What was paid for `taken` of a purchase, counted from its end, after `before` was taken from there."""
    return share_of(face_nanos - before - taken, face_nanos - before, face_nanos, paid_nanos)


def purchases(connection: Connection, period: Period, *, limit: int | None = None) -> list[Purchase]:
    """The purchases of a period with two bounds, newest first, at most `limit`."""
    columns = (_grant.idempotency_key, _grant.note, _grant.paid_nanos, _grant.face_nanos, _grant.remaining_nanos)
    query = select(accounts.c.account, bought_at.label("at"), *columns, _grant.expires_at)
    start, end = (midnight(day) for day in period.bounds())
    query = query.join(grants, _grant.account_id == accounts.c.id)
    query = query.where(_grant.kind == "purchase", bought_at >= start, bought_at < end)
    query = query.order_by(bought_at.desc(), _grant.id.desc()).limit(limit)
    return [Purchase(*row) for row in connection.execute(query)]


def purchase_sums(connection: Connection, months: Sequence[tuple[date, date]]) -> dict[date, PurchaseSums]:
    """The purchases of each month, by its first day; summed in the database."""
    columns: list[ColumnElement[Any]] = []
    for start, end in months:
        within = and_(bought_at >= midnight(start), bought_at < midnight(end))
        columns.append(func.count(case((within, _grant.id))))
        columns += [
            func.coalesce(func.sum(case((within, column))), 0) for column in (_grant.paid_nanos, _grant.face_nanos)
        ]
    if not columns:
        return {}
    values = [int(value) for value in connection.execute(select(*columns).where(_grant.kind == "purchase")).one()]
    return {start: PurchaseSums(*values[place * 3 : place * 3 + 3]) for place, (start, _) in enumerate(months)}


def withdrawals(connection: Connection, period: Period) -> list[Withdrawal]:
    """What expired, or was refunded, of purchases in a period with two bounds, newest first."""
    start, end = (midnight(day) for day in period.bounds())
    # All of them up to the end: what a part is worth depends on the parts that left before it.
    parts = sorted(_parts(connection, end), key=lambda part: part.posting)
    taken: dict[int, int] = defaultdict(int)
    found = []
    for part in parts:
        before, taken[part.grant] = taken[part.grant], taken[part.grant] + part.nanos
        if part.at >= start:
            paid = worth(part.face_nanos, part.paid_nanos, before, part.nanos)
            found.append(Withdrawal(part.kind, part.account, part.at, part.key, part.nanos, paid))
    return sorted(found, key=lambda one: (one.at, one.account, one.key), reverse=True)


def usage_refunds(connection: Connection, period: Period) -> list[UsageRefund]:
    """The usage that was given back in a period with two bounds, newest first."""
    start, end = (midnight(day) for day in period.bounds())
    change, event = usage_adjustments.c, usage_events.c
    query = (
        select(accounts.c.account, change.recorded_at, event.event_id, -change.charge_nanos, -change.revenue_nanos)
        .join(usage_adjustments, change.account_id == accounts.c.id)
        .join(usage_events, event.id == change.usage_id)
        .where(change.reason == "refund", change.recorded_at >= start, change.recorded_at < end)
        .order_by(change.recorded_at.desc(), change.id.desc())
    )
    return [UsageRefund(*row) for row in connection.execute(query)]


def repaid(connection: Connection, period: Period) -> list[tuple[datetime, int]]:
    """What purchases repaid, when they arrived, of what their accounts owed; below zero where that was undone."""
    start, end = (midnight(day) for day in period.bounds())
    row, undone = ledger_postings.c, ledger_postings.alias("undone")
    own = and_(
        _grant.kind == "purchase",
        _grant.account_id == row.account_id,
        literal(GRANT_KEY) + _grant.idempotency_key == row.idempotency_key,
        NO_DEBIT,
    )
    burned, _, nanos = burned_pairs(connection, row.burned)
    came = select(row.occurred_at, nanos).select_from(ledger_postings.join(grants, own).join(burned, true()))
    burned, _, nanos = burned_pairs(connection, undone.c.burned)
    back = select(undone.c.occurred_at, nanos).select_from(
        ledger_postings.join(undone, undone.c.reverses == row.id).join(burned, true())
    )
    back = back.where(
        row.kind == "purchase",
        undone.c.reverses.is_not(None),
        ~undone.c.idempotency_key.startswith(PURCHASE_REFUND_KEY),
    )
    found = []
    for query, at in ((came, row.occurred_at), (back, undone.c.occurred_at)):
        found += [(moment, int(some)) for moment, some in connection.execute(query.where(at >= start, at < end))]
    return found


def _parts(connection: Connection, end: datetime) -> Iterator[_Part]:
    """Every part of a purchase that was refunded, or that expired, before a moment."""
    row = ledger_postings.c
    burned, grant_id, nanos = burned_pairs(connection, row.burned)
    purchase = (accounts.c.account, _grant.idempotency_key, _grant.face_nanos, _grant.paid_nanos)
    every = (
        select(row.id, row.occurred_at, row.kind, _grant.id, nanos, *purchase)
        .select_from(ledger_postings.join(burned, true()))
        .join(grants, _grant.id == grant_id)
        .join(accounts, accounts.c.id == _grant.account_id)
        .where(_grant.kind == "purchase", row.occurred_at < end)
    )
    refunded = every.where(
        row.reverses.is_not(None), row.kind == "refund", row.idempotency_key.startswith(PURCHASE_REFUND_KEY)
    )
    may_expire = select(_grant.account_id).where(_grant.kind == "purchase", _grant.expires_at < end).distinct()
    expired = every.where(row.kind == "expiry", row.account_id.in_(may_expire.correlate(None)))
    for query in (refunded, expired):
        for number, at, kind, *rest in connection.execute(query):
            yield _Part(number, at, "expired" if kind == "expiry" else "refunded", *rest)


def burned_pairs(connection: Connection, column: Any) -> tuple[FromClause, ColumnElement[int], ColumnElement[int]]:
    """The pairs that a posting burned, a row each: the rows, the grant's id, and the nano-USD."""
    if connection.dialect.name == "postgresql":
        rows = func.jsonb_array_elements(column).table_valued("value").render_derived()
        part = rows.c.value.op("->>")
        return rows, cast(part(0), BigInteger), cast(part(1), BigInteger)
    pairs = func.json_each(column).table_valued("value")
    return pairs, func.json_extract(pairs.c.value, "$[0]"), func.json_extract(pairs.c.value, "$[1]")


__all__ = [
    "Purchase",
    "PurchaseSums",
    "UsageRefund",
    "Withdrawal",
    "bought_at",
    "burned_pairs",
    "purchase_sums",
    "purchases",
    "repaid",
    "usage_refunds",
    "withdrawals",
    "worth",
]
