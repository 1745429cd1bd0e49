"""What a quota widget shows of an account: bars with their limits, requests today, days to the reset. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from metering.book.ratebook import RateBook
from metering.quotas.admission import overage_of, plan_of
from metering.quotas.limits import Level, QuotaState, quota_states, resets_at, used_at, worst
from metering.quotas.standing import Standing

FORMAT_VERSION = 1


@dataclass(frozen=True, slots=True)
class QuotaOverview:
    """How an account stands with its plan's quotas at a moment."""

    account: str
    status: str
    """active, suspended, banned or deleted."""
    plan: str | None
    plan_name: str | None
    overage: str
    """block, soft, grace or observe, as it is treated now."""
    state: Level
    """The state of the quota that is used furthest."""
    quotas: tuple[QuotaState, ...]
    requests_today: int
    requests_per_day: int | None
    """The limit of a day; None when there is none."""
    period: str
    """The calendar month (UTC) that counts, such as `2026-11`."""
    resets_at: datetime
    """When the month ends."""
    days_to_reset: int
    """UTC days from today to the first of the next month: 1 on the last day of a month."""

    def as_json(self) -> dict[str, object]:
        """The overview in JSON."""
        return {
            "format_version": FORMAT_VERSION,
            "account": self.account,
            "status": self.status,
            "plan": self.plan,
            "plan_name": self.plan_name,
            "overage": self.overage,
            "state": self.state,
            "quotas": [quota.as_json() for quota in self.quotas],
            "requests_today": self.requests_today,
            "requests_per_day": self.requests_per_day,
            "period": self.period,
            "resets_at": self.resets_at.isoformat(),
            "days_to_reset": self.days_to_reset,
        }


def overview(book: RateBook, standing: Standing, now: datetime) -> QuotaOverview:
    """The overview of an account at a moment."""
    plan = plan_of(book, standing.state.plan)
    overage = overage_of(book, plan)
    states = quota_states(standing.state, plan, overage, now)
    today = now.astimezone(UTC).date()
    ends = resets_at("tokens_per_month", now)
    return QuotaOverview(
        account=standing.account,
        status=standing.status,
        plan=None if plan is None else plan.slug,
        plan_name=None if plan is None else plan.name,
        overage=overage,
        state=worst(states),
        quotas=states,
        requests_today=used_at(standing.state, now).requests_per_day,
        requests_per_day=None if plan is None else plan.limits.get("requests_per_day"),
        period=f"{today:%Y-%m}",
        resets_at=ends,
        days_to_reset=(ends.date() - today).days,
    )


__all__ = ["FORMAT_VERSION", "QuotaOverview", "overview"]
