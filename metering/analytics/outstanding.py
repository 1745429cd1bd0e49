"""Bought credit that was unspent at the ends of months or days: what was still to be delivered, and not earned yet.

A purchase is outstanding from when it arrived until postings took it, it expired, or its account was deleted.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import accumulate

from sqlalchemy import Connection, and_, func, literal, select, true

from metering.analytics.credit import to_earn
from metering.analytics.credit_sales import bought_at, burned_pairs
from metering.analytics.period import midnight, place_among
from schema.tables import accounts, audit_log, grants, ledger_postings


@dataclass(frozen=True, slots=True)
class CreditBalance:
    """Unspent bought credit at the end of some days; of those that run, at the moment asked for. In nano-USD."""

    first: date
    """The first of the days."""
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

    def places(self, moments: Sequence[datetime]) -> tuple[int, int]:
        """The place of the first moment after its arrival, and of the first one by which it had ended."""
        last = len(moments) if self.ends is None else bisect_left(moments, self.ends)
        return bisect_right(moments, self.begins), last


def credit_balances(connection: Connection, spans: Sequence[tuple[date, date]], now: datetime) -> list[CreditBalance]:
    """A row for each of `spans`, in order and without gaps; the last may end after `now`, and is then as of `now`.

    What calls and corrections took is taken when their posting was made, as a balance is.
    """
    moments = [min(midnight(end), now) for _, end in spans]
    taken = _taken(connection, moments)
    changes = [(0, 0)] * len(moments)
    for one in _purchases(connection):
        left, shown = one.face_nanos, (0, 0)
        first, last = one.places(moments)
        for place in sorted({first, last, *taken[one.id]} - {len(moments)}):
            left -= taken[one.id].get(place, 0)
            held = left if first <= place < last else 0
            value = held, to_earn(one.face_nanos, one.paid_nanos, held) if held else 0
            changes[place] = _sum(changes[place], (value[0] - shown[0], value[1] - shown[1]))
            shown = value
    balances = accumulate(changes, _sum)
    return [CreditBalance(first, *balance) for (first, _), balance in zip(spans, balances, strict=True)]


def _sum(one: tuple[int, int], other: tuple[int, int]) -> tuple[int, int]:
    return one[0] + other[0], one[1] + other[1]


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


def _taken(connection: Connection, moments: Sequence[datetime]) -> dict[int, dict[int, int]]:
    """What postings took of each purchase between the moments, by its id and the place of the moment after them."""
    row, grant = ledger_postings.c, grants.c
    burned, grant_id, nanos = burned_pairs(connection, row.burned)
    buyers = select(grant.account_id).where(grant.kind == "purchase").distinct()
    query = (
        select(grant_id.label("grant_id"), place_among(row.occurred_at, moments).label("place"), func.sum(nanos))
        .select_from(ledger_postings.join(burned, true()))
        .join(grants, and_(grant.id == grant_id, grant.kind == "purchase"))
        .where(row.account_id.in_(buyers.correlate(None)))
        .group_by("grant_id", "place")
    )
    found: dict[int, dict[int, int]] = defaultdict(dict)
    for number, place, sum_ in connection.execute(query):
        found[number][place] = int(sum_)
    return found


__all__ = ["CreditBalance", "credit_balances"]
