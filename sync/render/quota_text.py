"""Quotas and alerts as text, and alerts as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from metering.quotas.alerts import Alert
from metering.quotas.limits import QuotaState, amount_text, grouped, parts_per_unit
from metering.quotas.overview import QuotaOverview
from schema.findings import printable
from sync.render.table import table_lines

_RIGHT = frozenset({"used", "limit", "left", "percent"})


def quota_lines(quotas: Sequence[QuotaState]) -> list[str]:
    """A table of quotas; none for an account whose plan has no limits."""
    rows = [
        [
            quota.name,
            grouped(quota.name, quota.used_parts),
            "unlimited" if quota.limit_parts is None else grouped(quota.name, quota.limit_parts),
            "" if quota.limit_parts is None else grouped(quota.name, max(quota.limit_parts - quota.used_parts, 0)),
            "" if quota.percent is None else f"{quota.percent} %",
            quota.state,
            "" if quota.resets_at is None else _minute(quota.resets_at),
        ]
        for quota in quotas
    ]
    header = ("quota", "used", "limit", "left", "percent", "state", "resets")
    return list(table_lines(header, rows, right=_RIGHT)) if rows else []


def overview_lines(overview: QuotaOverview) -> list[str]:
    """How an account stands: its plan, a table of its quotas, and when they begin anew."""
    plan = "on no plan of the rate card" if overview.plan is None else f"on plan {overview.plan} ({overview.plan_name})"
    days = f"{overview.days_to_reset} day{'' if overview.days_to_reset == 1 else 's'}"
    today = f"{overview.requests_today:,}"
    if overview.requests_per_day is not None:
        today += f" of {overview.requests_per_day:,}"
    return [
        f"account {printable(overview.account)}, {overview.status}, {printable(plan)}, overage {overview.overage}",
        *quota_lines(overview.quotas),
        f"requests today: {today}; {overview.period} resets in {days}",
    ]


def alert_lines(alerts: Sequence[Alert]) -> Iterator[str]:
    """A table of alerts."""
    rows = [
        [
            _minute(alert.created_at),
            alert.account,
            alert.quota,
            alert.period,
            f"{alert.percent} %",
            grouped(alert.quota, alert.used),
            grouped(alert.quota, alert.allowed),
            alert.plan,
            alert.status if alert.told_at is None else f"told {_minute(alert.told_at)}",
            alert.fault or "",
        ]
        for alert in alerts
    ]
    if not rows:
        yield "no alerts"
        return
    header = ("reached", "account", "quota", "period", "percent", "used", "limit", "plan", "status", "fault")
    yield from table_lines(header, rows, right=_RIGHT)


def alert_row(alert: Alert) -> dict[str, Any]:
    """An alert as it stands in `alerts list --format json`; quantities that may have decimals are text."""
    whole = parts_per_unit(alert.quota) == 1
    return {
        "id": alert.id,
        "account": alert.account,
        "quota": alert.quota,
        "period": alert.period,
        "percent": alert.percent,
        "used": alert.used if whole else amount_text(alert.quota, alert.used),
        "limit": alert.allowed if whole else amount_text(alert.quota, alert.allowed),
        "plan": alert.plan,
        "created_at": alert.created_at.isoformat(),
        "status": alert.status,
        "attempts": alert.attempts,
        "try_at": None if alert.try_at is None else alert.try_at.isoformat(),
        "told_at": None if alert.told_at is None else alert.told_at.isoformat(),
        "fault": alert.fault,
    }


def _minute(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M}Z"


__all__ = ["alert_lines", "alert_row", "overview_lines", "quota_lines"]
