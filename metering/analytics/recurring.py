"""Recurring revenue from the subscriptions: movements by month, the accounts behind a month, subscribers by plan.

Days as in `metering.analytics.fees`: a day belongs to the subscription that begins on it, a trial earns nothing before
the day on which it ends. A fee that is past due goes on.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, case, func, or_, select

from metering.analytics.movements import Kind, MrrMonth, Paid, Step, amounts, calendar, mrr_months, steps, whole
from metering.analytics.period import Period, midnight, utc_day
from metering.subscriptions.periods import CYCLE_MONTHS
from metering.subscriptions.subscriptions import Subscription, subscriptions_of
from metering.subscriptions.terms import is_gift
from schema.tables import accounts, subscriptions

_DAY = timedelta(days=1)
_NAMES_AT_ONCE = 1_000
_table = subscriptions.c


@dataclass(frozen=True, slots=True)
class Movement:
    """What an account's MRR did on a day."""

    account: str
    day: date
    kind: Kind
    before: str | None
    """The plan of the day before; None for the default plan without a subscription."""
    after: str | None
    """The plan of the day."""
    nanos: int
    """The change; negative for contraction and churn."""
    before_nanos: int
    after_nanos: int


@dataclass(frozen=True, slots=True)
class PlanSubscribers:
    """The subscriptions of a plan on a day."""

    day: date
    plan: str
    paying: int
    """Accounts that pay a fee on the day."""
    trials: int
    """Accounts in a trial of a plan with a fee."""
    without_fee: int
    """Accounts with a subscription without a fee: a free plan, or a gift."""
    past_due: int
    """Of those that pay: accounts whose fee is past due now."""
    twelfths: int
    """MRR in twelfths of nano-USD, which is the annual recurring revenue (ARR) in nano-USD."""

    @property
    def mrr_nanos(self) -> int:
        """Its share of the MRR, rounded by itself."""
        return whole(self.twelfths)


def recurring_months(connection: Connection, first: date, today: date) -> list[MrrMonth]:
    """The movements of each month from that of `first` to that of `today`, which ends with today."""
    return recurring_spans(connection, calendar(first, today + _DAY))


def recurring_spans(connection: Connection, spans: Sequence[tuple[date, date]]) -> list[MrrMonth]:
    """The same of spans of days that follow one another without a gap."""
    return mrr_months(steps(_paid(connection, spans[-1][1])), spans)


def movements(connection: Connection, period: Period) -> list[Movement]:
    """Every movement of a period with two bounds, by kind, the largest first; their amounts sum to the balances.

    Only accounts with a subscription that begins, ends or leaves its trial in the period are read.
    """
    start, end = period.bounds()
    opens, closes = midnight(start), midnight(end)
    changed = or_(
        *(and_(column >= opens, column < closes) for column in (_table.started_at, _table.trial_until, _table.ended_at))
    )
    wanted = sorted(set(connection.execute(select(_table.account_id).where(changed)).scalars()))
    history = subscriptions_of(connection, wanted)
    found = (_of(one) for account_id in wanted for one in history[account_id] if one.fee_nanos)
    moved = [step for step in steps(found) if start <= step.day < end]
    names = _names(connection, {step.account_id for step in moved})
    return [
        Movement(
            names[step.account_id],
            step.day,
            step.kind,
            _plan_on(history[step.account_id], step.day - _DAY),
            _plan_on(history[step.account_id], step.day),
            nanos,
            whole(step.before),
            whole(step.after),
        )
        for step, nanos in _allotted(connection, start, moved)
    ]


def subscribers(connection: Connection, days: Sequence[date]) -> list[PlanSubscribers]:
    """Subscribers by plan at the end of each of some days, by day and plan; summed in the database."""
    columns: list[ColumnElement[Any]] = [_table.plan]
    for day in days:
        closes = midnight(day + _DAY)
        runs = and_(_table.started_at < closes, or_(_table.ended_at.is_(None), _table.ended_at >= closes))
        in_trial = _table.trial_until >= closes
        pays = and_(runs, _table.fee_nanos > 0, or_(_table.trial_until.is_(None), _table.trial_until < closes))
        late = and_(pays, _table.status == "past_due")
        columns += [
            _accounts(condition)
            for condition in (pays, and_(runs, in_trial, _table.fee_nanos > 0), and_(runs, _table.fee_nanos == 0), late)
        ]
        for cycle in CYCLE_MONTHS:
            columns.append(func.coalesce(func.sum(case((and_(pays, _table.cycle == cycle), _table.fee_nanos))), 0))
    rows = []
    each = (len(columns) - 1) // max(len(days), 1)
    for plan, *values in connection.execute(select(*columns).group_by(_table.plan).order_by(_table.plan)):
        for place, day in enumerate(days):
            numbers = [int(value) for value in values[place * each : (place + 1) * each]]
            if not any(numbers):
                continue
            paying, trials, without_fee, past_due, *sums = numbers
            twelfths = sum(fee * 12 // months for fee, months in zip(sums, CYCLE_MONTHS.values(), strict=True))
            rows.append(PlanSubscribers(day, plan, paying, trials, without_fee, past_due, twelfths))
    return sorted(rows, key=lambda row: (row.day, row.plan))


def _accounts(condition: ColumnElement[bool]) -> ColumnElement[Any]:
    return func.count(case((condition, _table.account_id)).distinct())


def _paid(connection: Connection, until: date) -> Iterator[Paid]:
    query = select(
        _table.account_id, _table.cycle, _table.fee_nanos, _table.started_at, _table.trial_until, _table.ended_at
    )
    query = query.where(_table.fee_nanos > 0, _table.started_at < midnight(until))
    for account_id, cycle, nanos, started_at, trial_until, ended_at in connection.execute(query):
        first = utc_day(started_at)
        if trial_until is not None:
            first = max(first, utc_day(trial_until))
        end = None if ended_at is None else utc_day(ended_at)
        yield Paid(account_id, nanos * 12 // CYCLE_MONTHS[cycle], first, end)


def _of(one: Subscription) -> Paid:
    started = utc_day(one.started_at)
    first = started if one.trial_until is None else max(started, utc_day(one.trial_until))
    end = None if one.ended_at is None else utc_day(one.ended_at)
    return Paid(one.account_id, one.fee_nanos * 12 // CYCLE_MONTHS[one.cycle], first, end)


def _allotted(connection: Connection, start: date, moved: Sequence[Step]) -> list[tuple[Step, int]]:
    before = sum(row.twelfths for row in subscribers(connection, [start - _DAY]))
    return amounts(before, moved)


def _plan_on(history: Iterable[Subscription], day: date) -> str | None:
    """The plan of an account at the end of a day, and whether it was a trial or a gift."""
    found = None
    for one in history:
        if utc_day(one.started_at) <= day and (one.ended_at is None or utc_day(one.ended_at) > day):
            found = one
    if found is None:
        return None
    if is_gift(found):
        return f"{found.plan} (gift)"
    in_trial = found.trial_until is not None and utc_day(found.trial_until) > day
    return f"{found.plan} (trial)" if in_trial else found.plan


def _names(connection: Connection, numbers: Collection[int]) -> Mapping[int, str]:
    names: dict[int, str] = defaultdict(str)
    wanted = sorted(numbers)
    for start in range(0, len(wanted), _NAMES_AT_ONCE):
        query = select(accounts.c.id, accounts.c.account).where(
            accounts.c.id.in_(wanted[start : start + _NAMES_AT_ONCE])
        )
        names.update((number, name) for number, name in connection.execute(query))
    return names


__all__ = ["Movement", "PlanSubscribers", "movements", "recurring_months", "recurring_spans", "subscribers"]
