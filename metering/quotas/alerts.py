"""Alerts: that use reached 80, 95 or 100 % of a limit, found while counting and stored in the same transaction.

There is one for each threshold of a limit in a period, however often and from wherever it is crossed. Telling somebody
is for later and for others (`metering.quotas.delivery`): nothing here waits for a network, and nothing commits.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import NamedTuple

from sqlalchemy import Connection, Row, Select, select
from sqlalchemy.dialects import postgresql, sqlite

from metering.book.entities import Plan
from metering.quotas.limits import RUN_UNITS, THRESHOLDS
from metering.wallets.wallet import AccountState
from schema.tables import accounts, alerts
from schema.units import MILLION


class Counters(NamedTuple):
    """What an account had used before more was counted, in stored parts."""

    month: date
    month_tokens: int
    month_run_unit_micros: int
    day: date
    day_requests: int


class Crossing(NamedTuple):
    """A threshold that was reached; `used` and `allowed` are in stored parts."""

    account_id: int
    quota: str
    period: str
    percent: int
    used: int
    allowed: int
    plan: str


@dataclass(frozen=True, slots=True)
class Alert:
    """An alert as it is stored; `used` and `allowed` are in stored parts."""

    id: int
    account: str
    quota: str
    period: str
    """`2026-11` of a month, `2026-11-21` of a day."""
    percent: int
    used: int
    allowed: int
    plan: str
    created_at: datetime
    attempts: int
    try_at: datetime | None
    """When it is told next; None when it was told or given up."""
    told_at: datetime | None
    fault: str | None
    """Why the last attempt to tell it failed."""

    @property
    def status(self) -> str:
        """told, waiting or given up."""
        if self.told_at is not None:
            return "told"
        return "given up" if self.try_at is None else "waiting"


def counters_of(state: AccountState) -> Counters:
    """The counters as they are now: a state changes when more is counted."""
    return Counters(state.month, state.month_tokens, state.month_run_unit_micros, state.day, state.day_requests)


def crossed(before: Counters, after: AccountState, plan: Plan | None, at: datetime) -> list[Crossing]:
    """The thresholds of a plan that were reached between two states of an account's counters.

    `at` is now: of a month or a day that has ended, as when old usage is imported, nobody needs to be told.
    """
    if plan is None or not plan.limits:
        return []
    today = at.astimezone(UTC).date()
    found: list[Crossing] = []
    month, day = after.month, after.day
    if month >= today.replace(day=1):
        same = before.month == month
        had = before.month_tokens if same else 0
        _cross(found, after.account_id, plan, "tokens_per_month", month, had, after.month_tokens)
        had = before.month_run_unit_micros if same else 0
        _cross(found, after.account_id, plan, RUN_UNITS, month, had, after.month_run_unit_micros)
    if day >= today:
        had = before.day_requests if before.day == day else 0
        _cross(found, after.account_id, plan, "requests_per_day", day, had, after.day_requests)
    return found


def _cross(
    found: list[Crossing], account_id: int, plan: Plan, quota: str, begins: date, before: int, after: int
) -> None:
    limit = plan.limits.get(quota)
    # A limit of 0 has nothing that could run out.
    if not limit:
        return
    if quota == RUN_UNITS:
        limit *= MILLION
    # Most calls are far from any threshold, and this is asked for each of them.
    if after * 100 < THRESHOLDS[0] * limit:
        return
    period = begins.isoformat() if quota == "requests_per_day" else f"{begins:%Y-%m}"
    for percent in THRESHOLDS:
        if before * 100 < percent * limit <= after * 100:
            found.append(Crossing(account_id, quota, period, percent, after, limit, plan.slug))


def store_alerts(connection: Connection, crossings: Sequence[Crossing], now: datetime) -> None:
    """Store alerts, to be told from `now` on; those that are stored already stay as they are."""
    if not crossings:
        return
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    rows = [{**crossing._asdict(), "created_at": now, "try_at": now} for crossing in crossings]
    connection.execute(dialect.insert(alerts).on_conflict_do_nothing(), rows)


def read_alerts(
    connection: Connection, *, account_id: int | None = None, waiting: bool = False, limit: int = 100
) -> list[Alert]:
    """Alerts, newest first, at most so many; of one account, or only those that are still to be told."""
    query = alert_rows().order_by(alerts.c.id.desc()).limit(limit)
    if account_id is not None:
        query = query.where(alerts.c.account_id == account_id)
    if waiting:
        query = query.where(alerts.c.try_at.is_not(None))
    return [Alert(*row) for row in connection.execute(query)]


def alert_rows() -> Select[Row]:  # type: ignore[type-arg]  # as many columns as an Alert has fields
    """A query of alerts in the order of `Alert`."""
    fields = [name for name in Alert.__slots__ if name != "account"]
    columns = {name: alerts.c[name] for name in fields} | {"account": accounts.c.account}
    return select(*(columns[name] for name in Alert.__slots__)).join(accounts, accounts.c.id == alerts.c.account_id)


__all__ = [
    "Alert",
    "Counters",
    "Crossing",
    "alert_rows",
    "counters_of",
    "crossed",
    "read_alerts",
    "store_alerts",
]
