"""Alerts: that use reached 80, 95 or 100 % of a limit, found while counting and stored in the same transaction.

There is one for each threshold of a limit in a period, however often and from wherever it is crossed. Telling somebody
is for later and for others (`metering.quotas.delivery`): nothing here waits for a network, and nothing commits.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
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
    if plan is None:
        return []
    same_month = before.month == after.month
    counted = (
        ("tokens_per_month", 1, before.month_tokens if same_month else 0, after.month_tokens),
        (RUN_UNITS, MILLION, before.month_run_unit_micros if same_month else 0, after.month_run_unit_micros),
        ("requests_per_day", 1, before.day_requests if before.day == after.day else 0, after.day_requests),
    )
    found: list[Crossing] = []
    for quota, parts, had, used in counted:
        # One of 0 has nothing that could run out, nor has none.
        limit = (plan.limits.get(quota) or 0) * parts
        # Most calls are far from any threshold or past the last, and this is asked for each of them.
        if had * 100 < THRESHOLDS[-1] * limit and used * 100 >= THRESHOLDS[0] * limit:
            found += _thresholds(quota, had, used, limit, after, plan, at.astimezone(UTC).date())
    return found


def _thresholds(
    quota: str, had: int, used: int, limit: int, after: AccountState, plan: Plan, today: date
) -> Iterator[Crossing]:
    if quota == "requests_per_day":
        ended, period = after.day < today, after.day.isoformat()
    else:
        ended, period = after.month < today.replace(day=1), f"{after.month:%Y-%m}"
    if ended:
        return
    for percent in THRESHOLDS:
        if had * 100 < percent * limit <= used * 100:
            yield Crossing(after.account_id, quota, period, percent, used, limit, plan.slug)


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
