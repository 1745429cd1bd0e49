"""What each plan and each account earns and costs: usage, fees and repaid overdraft, as in `totals`."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from typing import TypeVar

from sqlalchemy import Connection, func, literal_column, or_, select

from metering.analytics.conversion import Conversion, rounded
from metering.analytics.events import Filters, UsageRow, summed, usage_by
from metering.analytics.fees import fee_of
from metering.analytics.period import Period, midnight
from schema.tables import accounts, ledger_postings, subscriptions

Key = TypeVar("Key")


@dataclass(frozen=True, slots=True)
class Earnings:
    """The sums of a plan or an account; `name` is None for calls that name no plan."""

    name: str | None
    requests: int
    cost_nanos: int
    charge_nanos: int
    usage_revenue_nanos: int
    repaid_nanos: int
    """Overdraft that a later purchase repaid; 0 for plans, as a posting names none."""
    subscription_nanos: int
    accounts: int
    """How many called."""
    subscribers: int
    """How many paid a fee for the period or a part of it."""

    @property
    def revenue_nanos(self) -> int:
        """Usage, repaid overdraft and fees together."""
        return self.usage_revenue_nanos + self.repaid_nanos + self.subscription_nanos

    @property
    def profit_nanos(self) -> int:
        """Revenue less cost."""
        return self.revenue_nanos - self.cost_nanos


def profit_by_plan(connection: Connection, period: Period, filters: Filters, *, today: date) -> list[Earnings]:
    """The first half of `profit`."""
    return profit(connection, period, filters, today=today)[0]


def profit_by_account(connection: Connection, period: Period, filters: Filters, *, today: date) -> list[Earnings]:
    """The second half of `profit`."""
    return profit(connection, period, filters, today=today)[1]


def profit(
    connection: Connection,
    period: Period,
    filters: Filters,
    *,
    today: date,
    usage: Sequence[UsageRow] | None = None,
    into: Conversion | None = None,
) -> tuple[list[Earnings], list[Earnings]]:
    """By plan, the largest revenue first, and by account, the largest loss first; both from one look at the events.

    A row for each plan that was called on or paid for, and for each account that called, paid or repaid. With repaid
    overdraft, which names no plan, either half sums up to `totals`. `usage` is what `usage_by` says of the period by
    plan and account, of whoever has it already. With `into`, every amount is in that currency, as `conversion` says.
    Raises ValueError for a period with an open side.
    """
    by, days = ("plan", "account"), period.until(today)
    if into is None:
        usage = usage_by(connection, by, period, filters, units=()) if usage is None else usage
        paid = _fees(connection, days, filters)
        repaid = _repaid(connection, period, filters)
    else:
        usage = into.usage_by(connection, by, period, filters)
        paid = _converted(into, days, lambda span: _fees(connection, span, filters))
        repaid = _converted(into, period, lambda span: _repaid(connection, span, filters))
    callers = Counter(row.keys["plan"] for row in usage)
    fees: dict[str, Counter[str]] = {"plan": Counter(), "account": Counter()}
    payers: dict[str, set[str]] = defaultdict(set)
    for (account, plan), nanos in paid.items():
        fees["plan"][plan] += nanos
        fees["account"][account] += nanos
        payers[plan].add(account)
    plans = [
        Earnings(plan, *_sums(row), 0, fees["plan"].get(plan, 0), callers[plan], len(payers.get(plan, ())))
        for plan, row in _rows(usage, "plan", payers)
    ]
    found = [
        Earnings(
            account,
            *_sums(row),
            repaid.get(account, 0),
            fees["account"].get(account, 0),
            int(row is not None),
            int(account in fees["account"]),
        )
        for account, row in _rows(usage, "account", {*fees["account"], *repaid})
    ]
    return (
        sorted(plans, key=lambda row: (-row.revenue_nanos, row.name or "")),
        sorted(found, key=lambda row: (row.profit_nanos, row.name or "")),
    )


def _converted(into: Conversion, period: Period, read: Callable[[Period], Mapping[Key, int]]) -> dict[Key, int]:
    """What is read of the spans of a period, each at its rate, rounded once."""
    sums: dict[Key, Fraction] = defaultdict(Fraction)
    for start, end in into.spans(period):
        for key, nanos in read(Period(start, end)).items():
            sums[key] += nanos * into.rate(midnight(start)) if nanos else 0
    return {key: rounded(amount) for key, amount in sums.items()}


def _rows(usage: Sequence[UsageRow], group: str, others: Iterable[str]) -> list[tuple[str, UsageRow | None]]:
    """Each name with what it used; None for those that did not call."""
    called = {row.keys[group]: row for row in summed(usage, (group,))}
    return [*called.items(), *((name, None) for name in others if name not in called)]


def _sums(row: UsageRow | None) -> tuple[int, int, int, int]:
    return (row.requests, row.cost_nanos, row.charge_nanos, row.revenue_nanos) if row else (0, 0, 0, 0)


def _fees(connection: Connection, period: Period, filters: Filters) -> dict[tuple[str, str], int]:
    """What was earned by account and plan, where anything was; filters as for `totals`."""
    if set(filters) - {"account", "plan"}:
        return {}
    start, end = period.bounds()
    table = subscriptions.c
    query = (
        select(
            accounts.c.account,
            table.plan,
            table.cycle,
            table.fee_nanos,
            table.started_at,
            table.trial_until,
            table.ended_at,
        )
        .join_from(subscriptions, accounts, accounts.c.id == table.account_id)
        .where(table.fee_nanos > 0, table.started_at < midnight(end))
        .where(or_(table.ended_at.is_(None), table.ended_at > midnight(start)))
    )
    if "plan" in filters:
        query = query.where(table.plan == filters["plan"])
    if "account" in filters:
        query = query.where(accounts.c.account == filters["account"])
    found: Counter[tuple[str, str]] = Counter()
    for account, plan, *terms in connection.execute(query):
        found[account, plan] += fee_of(*terms).earned(start, end)
    return {key: nanos for key, nanos in found.items() if nanos}


def _repaid(connection: Connection, period: Period, filters: Filters) -> dict[str, int]:
    if set(filters) - {"account"}:
        return {}
    start, end = period.bounds()
    posting = ledger_postings.c
    query = (
        select(accounts.c.account, func.sum(posting.revenue_nanos))
        .join_from(ledger_postings, accounts, accounts.c.id == posting.account_id)
        # Written out, not bound: only so can SQLite see that the partial index covers it.
        .where(posting.revenue_nanos != literal_column("0"))
        .where(posting.occurred_at >= midnight(start), posting.occurred_at < midnight(end))
        .group_by(accounts.c.account)
    )
    if "account" in filters:
        query = query.where(accounts.c.account == filters["account"])
    return {account: int(nanos) for account, nanos in connection.execute(query)}


__all__ = ["Earnings", "profit", "profit_by_account", "profit_by_plan"]
