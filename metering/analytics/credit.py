"""Credit by month and as it stands: sold, used, expired, refunded, and what is still to be delivered.

Face is the usage that credit is worth, paid is what was paid for it. What is unspent of purchases, at what was paid, is
deferred revenue: money that is in and not earned yet.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import ColumnElement, Connection, and_, func, or_, select

from metering.analytics.credit_sales import PurchaseSums, purchase_sums, repaid, usage_refunds, withdrawals
from metering.analytics.period import Period, utc_day
from metering.analytics.repayments import repaid_daily
from schema.money import share_of
from schema.tables import accounts, grants, usage_adjustments, usage_events

_NOTHING = PurchaseSums(0, 0, 0)


@dataclass(frozen=True, slots=True)
class CreditMonth:
    """What happened to purchased credit in a month; all in nano-USD but for `purchases`."""

    month: date
    """Its first day."""
    purchases: int
    paid_nanos: int
    """What was paid for credit."""
    face_nanos: int
    """The usage that the credit is worth."""
    used_nanos: int
    """Of purchased credit, by calls that occurred in the month, at face; corrections of those calls are in."""
    earned_nanos: int
    """The same at what was paid: the revenue of credit, with that of overdraft that a purchase repaid."""
    repaid_nanos: int
    """At face: what purchases repaid, as they arrived, of what their accounts owed."""
    expired_nanos: int
    """At face."""
    expired_paid_nanos: int
    refunded_nanos: int
    """At face: what was taken back of purchases."""
    refunded_paid_nanos: int
    """The money that was given back for it."""
    usage_refunded_nanos: int
    """Charges that were given back, however they had been met."""


@dataclass(frozen=True, slots=True)
class Outstanding:
    """Credit that can still be used, in nano-USD; that of deleted accounts is forfeited and not in it."""

    face_nanos: int
    """Of purchases."""
    deferred_nanos: int
    """The same at what was paid."""
    purchases: int
    holders: int
    """Accounts that have some of it."""
    promotional_nanos: int
    """Signup and promotional grants."""
    included_nanos: int
    """Plan grants of the running periods."""


@dataclass(frozen=True, slots=True)
class Holder:
    """An account with credit to use."""

    account: str
    face_nanos: int
    deferred_nanos: int
    next_expiry: datetime | None
    """When the first of it expires."""


def credit_months(connection: Connection, months: Sequence[tuple[date, date]]) -> list[CreditMonth]:
    """A row for each of `months`, or of shorter spans of days, which follow one another without a gap."""
    if not months:
        return []
    period, firsts = Period(months[0][0], months[-1][1]), [first for first, _ in months]

    def month_of(day: date) -> date:
        return firsts[bisect_right(firsts, day) - 1]

    sold = purchase_sums(connection, months)
    used: dict[date, tuple[int, int]] = {}
    for day, face, earned in _used(connection, period):
        held = used.get(month_of(day), (0, 0))
        used[month_of(day)] = (held[0] + face, held[1] + earned)
    sums: dict[str, dict[date, int]] = defaultdict(lambda: defaultdict(int))
    for day, nanos in repaid_daily(connection, period, {}).items():
        sums["earned"][month_of(day)] += nanos
    for at, nanos in repaid(connection, period):
        sums["repaid"][month_of(utc_day(at))] += nanos
    for one in withdrawals(connection, period):
        sums[one.kind][month_of(utc_day(one.at))] += one.face_nanos
        sums[f"{one.kind} paid"][month_of(utc_day(one.at))] += one.paid_nanos
    for refund in usage_refunds(connection, period):
        sums["usage refunded"][month_of(utc_day(refund.at))] += refund.charge_nanos
    rows = []
    for month, _ in months:
        bought = sold.get(month, _NOTHING)
        burned, earned = used.get(month, (0, 0))
        rows.append(
            CreditMonth(
                month,
                bought.count,
                bought.paid_nanos,
                bought.face_nanos,
                burned,
                earned + sums["earned"][month],
                sums["repaid"][month],
                sums["expired"][month],
                sums["expired paid"][month],
                sums["refunded"][month],
                sums["refunded paid"][month],
                sums["usage refunded"][month],
            )
        )
    return rows


def outstanding(connection: Connection, now: datetime) -> Outstanding:
    """What can still be used at a moment."""
    grant = grants.c
    query = (
        select(grant.kind, grant.face_nanos, grant.paid_nanos, grant.remaining_nanos, func.count())
        .join(accounts, accounts.c.id == grant.account_id)
        .where(grant.kind == "purchase", *_open(now))
        .group_by(grant.kind, grant.face_nanos, grant.paid_nanos, grant.remaining_nanos)
    )
    face = deferred = purchases = 0
    # Packs that nobody has touched are one row; amounts are multiplied here, where whole numbers have no end.
    for _, whole, paid, left, count in connection.execute(query):
        face += left * count
        deferred += to_earn(whole, paid, left) * count
        purchases += count
    holders = (
        select(func.count(grant.account_id.distinct()))
        .join(accounts, accounts.c.id == grant.account_id)
        .where(grant.kind == "purchase", *_open(now))
    )
    others = (
        select(grant.kind, func.sum(grant.remaining_nanos))
        .join(accounts, accounts.c.id == grant.account_id)
        .where(grant.kind != "purchase", *_open(now))
        .group_by(grant.kind)
    )
    given = {kind: int(nanos) for kind, nanos in connection.execute(others)}
    return Outstanding(
        face,
        deferred,
        purchases,
        int(connection.execute(holders).scalar_one()),
        given.get("signup", 0) + given.get("promo", 0),
        given.get("plan", 0),
    )


def holders(
    connection: Connection, now: datetime, *, kinds: Sequence[str] = ("purchase",), limit: int | None = None
) -> list[Holder]:
    """The accounts with purchased credit to use, or credit of other kinds; those with the most first."""
    grant = grants.c
    face = func.sum(grant.remaining_nanos)
    most = (
        select(grant.account_id, accounts.c.account)
        .join(accounts, accounts.c.id == grant.account_id)
        .where(grant.kind.in_(kinds), *_open(now))
        .group_by(grant.account_id, accounts.c.account)
        .order_by(face.desc(), accounts.c.account)
        .limit(limit)
    ).subquery()
    query = (
        select(most.c.account, grant.face_nanos, grant.paid_nanos, grant.remaining_nanos, grant.expires_at)
        .join(most, most.c.account_id == grant.account_id)
        .join(accounts, accounts.c.id == grant.account_id)
        .where(grant.kind.in_(kinds), *_open(now))
    )
    sums: dict[str, tuple[int, int, datetime | None]] = {}
    for account, whole, paid, left, expires_at in connection.execute(query):
        held, worth, first = sums.get(account, (0, 0, None))
        ends = [end for end in (first, expires_at) if end is not None]
        sums[account] = (held + left, worth + to_earn(whole, paid, left), min(ends, default=None))
    rows = [Holder(account, *values) for account, values in sums.items()]
    return sorted(rows, key=lambda row: (-row.face_nanos, row.account))


def to_earn(face_nanos: int, paid_nanos: int, left_nanos: int) -> int:
    """What using the rest of a purchase will earn."""
    return share_of(face_nanos - left_nanos, face_nanos, face_nanos, paid_nanos)


def _open(now: datetime) -> tuple[ColumnElement[bool], ...]:
    grant = grants.c
    unexpired = or_(grant.expires_at.is_(None), grant.expires_at > now)
    return grant.remaining_nanos > 0, unexpired, accounts.c.status != "deleted"


def _used(connection: Connection, period: Period) -> Iterator[tuple[date, int, int]]:
    """Purchased credit that calls burned, by day: at face, and what it earned; a day may come more than once."""
    for table in (usage_events.c, usage_adjustments.c):
        # An event's revenue is its purchased credit at what was paid, and what of it is owed.
        earned = func.sum(table.revenue_nanos) - func.sum(table.owed_nanos)
        start, end = period.bounds()
        within = and_(table.day >= start, table.day < end, table.purchased_nanos != 0)
        query = select(table.day, func.sum(table.purchased_nanos), earned).where(within).group_by(table.day)
        for day, face, nanos in connection.execute(query):
            yield day, int(face), int(nanos)


__all__ = ["CreditMonth", "Holder", "Outstanding", "credit_months", "holders", "outstanding", "to_earn"]
