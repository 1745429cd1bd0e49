"""Bought credit that was unspent at the ends of months: what was still to be delivered, and not earned yet.

A purchase is outstanding from when it arrived until postings took it, it expired, or its account was deleted.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import Connection, and_, case, func, literal, select, true

from metering.analytics.credit import to_earn
from metering.analytics.credit_sales import bought_at, burned_pairs
from metering.analytics.period import midnight
from schema.tables import accounts, audit_log, grants, ledger_postings


@dataclass(frozen=True, slots=True)
class CreditBalance:
    """Unspent bought credit at the end of a month; of the running one, at the moment asked for. In nano-USD."""

    month: date
    face_nanos: int
    """The usage that it is worth."""
    deferred_nanos: int
    """The same at what was paid: deferred revenue."""


@dataclass(frozen=True, slots=True)
class _Bought:
    """A purchase while it lasts."""

    id: int
    face_nanos: int
    paid_nanos: int
    begins: datetime
    ends: datetime | None

    def lasts(self, at: datetime) -> bool:
        """Whether it had arrived before a moment and had not ended by then."""
        return self.begins < at and (self.ends is None or self.ends > at)


def credit_balances(connection: Connection, months: Sequence[tuple[date, date]], now: datetime) -> list[CreditBalance]:
    """A row for each of `months`, in order and without gaps; the last may end after `now`, and is then as of `now`.

    What calls and corrections took is taken when their posting was made, as a balance is.
    """
    moments = [min(midnight(end), now) for _, end in months]
    purchases = list(_purchases(connection))
    taken = _taken(connection, moments)
    left = {one.id: one.face_nanos for one in purchases}
    rows = []
    for place, (at, (month, _)) in enumerate(zip(moments, months, strict=True)):
        face = deferred = 0
        for one in purchases:
            left[one.id] -= taken.get((one.id, place), 0)
            if left[one.id] and one.lasts(at):
                face += left[one.id]
                deferred += to_earn(one.face_nanos, one.paid_nanos, left[one.id])
        rows.append(CreditBalance(month, face, deferred))
    return rows


def _purchases(connection: Connection) -> Iterator[_Bought]:
    """Every purchase, with the moment that its account was deleted as its end where that came first."""
    grant, deleted = grants.c, audit_log.c
    gone = (
        select(accounts.c.id, func.max(deleted.at).label("at"))
        .join(audit_log, deleted.target == literal("account ") + accounts.c.account)
        .where(accounts.c.status == "deleted", deleted.action == "account.delete")
        .group_by(accounts.c.id)
    ).subquery()
    query = (
        select(grant.id, grant.face_nanos, grant.paid_nanos, bought_at, grant.expires_at, gone.c.at)
        .outerjoin(gone, gone.c.id == grant.account_id)
        .where(grant.kind == "purchase")
    )
    for number, face, paid, begins, expires, forfeited in connection.execute(query):
        ends = [moment for moment in (expires, forfeited) if moment is not None]
        yield _Bought(number, face, paid, begins, min(ends, default=None))


def _taken(connection: Connection, moments: Sequence[datetime]) -> dict[tuple[int, int], int]:
    """What postings took of each purchase between the moments, by its id and the place of the moment after them."""
    row, grant = ledger_postings.c, grants.c
    burned, grant_id, nanos = burned_pairs(connection, row.burned)
    place = case(*((row.occurred_at < at, place) for place, at in enumerate(moments)), else_=len(moments))
    buyers = select(grant.account_id).where(grant.kind == "purchase").distinct()
    query = (
        select(grant_id.label("grant_id"), place.label("place"), func.sum(nanos))
        .select_from(ledger_postings.join(burned, true()))
        .join(grants, and_(grant.id == grant_id, grant.kind == "purchase"))
        .where(row.account_id.in_(buyers.correlate(None)))
        .group_by("grant_id", "place")
    )
    found: dict[tuple[int, int], int] = defaultdict(int)
    for number, when, sum_ in connection.execute(query):
        found[number, when] += int(sum_)
    return found


__all__ = ["CreditBalance", "credit_balances"]
