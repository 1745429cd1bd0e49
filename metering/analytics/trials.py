"""Trials that ended, and which of them became paying.

A trial goes on through a change of plan, which ends one subscription and begins another: it ends when the last of them
leaves it, or is cancelled. It became paying when a subscription with a fee runs from that moment on.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import Connection, and_, case, exists, or_, select

from metering.analytics.period import utc_day
from schema.tables import accounts, subscriptions


@dataclass(frozen=True, slots=True)
class Trial:
    """A trial that is over."""

    account: str
    plan: str
    """The plan that was tried."""
    ended_at: datetime
    became: str | None
    """The plan that is paid from then on; None when nothing is."""


@dataclass(frozen=True, slots=True)
class TrialMonth:
    """The trials that ended in a month."""

    month: date
    ended: int
    converted: int
    """Of those: how many became paying."""


def trials(connection: Connection, start: datetime, end: datetime) -> list[Trial]:
    """The trials that ended from `start` on and before `end`, in the order of their ends."""
    tried, other, paid = subscriptions.c, subscriptions.alias("other"), subscriptions.alias("paid")
    cut = and_(tried.ended_at.is_not(None), tried.ended_at < tried.trial_until)
    over = case((cut, tried.ended_at), else_=tried.trial_until)
    goes_on = exists().where(
        other.c.account_id == tried.account_id,
        other.c.id != tried.id,
        other.c.started_at == tried.ended_at,
        other.c.trial_until > tried.ended_at,
    )
    pays = and_(
        paid.c.account_id == tried.account_id,
        paid.c.fee_nanos > 0,
        paid.c.started_at <= over,
        or_(paid.c.ended_at.is_(None), paid.c.ended_at > over),
        or_(paid.c.trial_until.is_(None), paid.c.trial_until <= over),
    )
    query = (
        select(tried.id, accounts.c.account, tried.plan, over.label("over"), paid.c.plan.label("became"))
        .select_from(subscriptions)
        .join(accounts, accounts.c.id == tried.account_id)
        .outerjoin(paid, pays)
        .where(tried.trial_until > tried.started_at, over >= start, over < end, ~and_(cut, goes_on))
        .order_by(over, tried.id, paid.c.started_at)
    )
    found = {row.id: Trial(row.account, row.plan, row.over, row.became) for row in connection.execute(query)}
    return list(found.values())


def trial_months(found: Iterable[Trial], months: Sequence[tuple[date, date]]) -> list[TrialMonth]:
    """Trials by the calendar month in which they ended; a row for each of `months`."""
    ended = {month: [0, 0] for month, _ in months}
    for one in found:
        counts = ended[utc_day(one.ended_at).replace(day=1)]
        counts[0] += 1
        counts[1] += one.became is not None
    return [TrialMonth(month, *counts) for month, counts in ended.items()]


__all__ = ["Trial", "TrialMonth", "trial_months", "trials"]
