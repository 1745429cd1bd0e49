"""The boundaries of quotas: pure and exact, in stored parts (run units are whole millionths, see `schema.units`).

A quota blocks when what was used reaches its limit: 99 of 100 is allowed, 100 of 100 is not. How a plan treats overage
moves that end: `grace` to 110 % of the limit, rounded down; `soft` and `observe` have none, they only tell. A rate is
no overage: requests a minute end at the limit under every policy but `observe`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from typing import Literal, NamedTuple

from metering.book.entities import Plan
from metering.subscriptions.periods import month_of, months_later
from metering.wallets.wallet import AccountState
from schema.documents.plans import QUOTA_LIMITS
from schema.money import multiplier_text
from schema.units import MILLION, TOKEN_UNITS

Level = Literal["ok", "warning", "upgrade", "over", "blocked"]
"""Below 80 %, from 80, from 95; from 100 on either `blocked`, or `over` while the policy lets it go on."""

WARNING, UPGRADE, REACHED = 80, 95, 100
THRESHOLDS = (WARNING, UPGRADE, REACHED)
"""Percent of a limit at which somebody is told."""
GRACE_PERCENT = 110
"""Where `grace` ends, in percent of the limit."""
RATE = "requests_per_minute"
RUN_UNITS = "run_units_per_month"
NOUNS = {
    "tokens_per_month": "tokens this month",
    "requests_per_day": "requests today",
    "requests_per_minute": "requests this minute",
    "run_units_per_month": "run units this month",
}
_SEVERITY: tuple[Level, ...] = ("ok", "warning", "upgrade", "over", "blocked")


class Used(NamedTuple):
    """What an account used of each quota in the periods that run at a moment, in stored parts."""

    tokens_per_month: int
    requests_per_day: int
    requests_per_minute: int
    run_units_per_month: int


@dataclass(frozen=True, slots=True)
class QuotaState:
    """How far a quota is used. `limit`, `remaining` and `percent` are None when it is unlimited."""

    name: str
    used_parts: int
    limit_parts: int | None
    state: Level
    resets_at: datetime | None
    """When its period ends; None for a static limit."""

    @property
    def used(self) -> Decimal:
        """What was used, in whole units."""
        return self._units(self.used_parts)

    @property
    def limit(self) -> Decimal | None:
        """The plan's limit, in whole units."""
        return None if self.limit_parts is None else self._units(self.limit_parts)

    @property
    def remaining(self) -> Decimal | None:
        """What is left up to the limit, never less than 0."""
        return None if self.limit_parts is None else self._units(max(self.limit_parts - self.used_parts, 0))

    @property
    def percent(self) -> int | None:
        """How much of the limit is used, rounded down, so that 100 is only reached with the limit."""
        return None if self.limit_parts is None else percent_of(self.used_parts, self.limit_parts)

    def as_json(self) -> dict[str, object]:
        """The quota in JSON; quantities that may have decimals are text."""
        return {
            "name": self.name,
            "used": self._json(self.used_parts),
            "limit": self._json(self.limit_parts),
            "remaining": None if self.limit_parts is None else self._json(max(self.limit_parts - self.used_parts, 0)),
            "percent": self.percent,
            "state": self.state,
            "resets_at": None if self.resets_at is None else self.resets_at.isoformat(),
        }

    def _units(self, parts: int) -> Decimal:
        return Decimal(amount_text(self.name, parts))

    def _json(self, parts: int | None) -> int | str | None:
        if parts is None or parts_per_unit(self.name) == 1:
            return parts
        text = amount_text(self.name, parts)
        # What always has decimals is always text; what people count is a number as long as it is whole.
        return text if self.name == RUN_UNITS or "." in text else int(text)


def parts_per_unit(quota: str) -> int:
    """How many stored parts make one: a million for run units and for static limits, which callers count themselves."""
    return MILLION if quota == RUN_UNITS or quota not in QUOTA_LIMITS else 1


def amount_text(quota: str, parts: int) -> str:
    """A quantity of a quota in whole units, exact."""
    return str(parts) if parts_per_unit(quota) == 1 else multiplier_text(parts)


def grouped(quota: str, parts: int) -> str:
    """A quantity of a quota as people read it: thousands are set apart."""
    whole, point, decimals = amount_text(quota, parts).partition(".")
    return f"{int(whole):,}{point}{decimals}"


def percent_of(used: int, limit: int) -> int:
    """How much of a limit is used, in percent rounded down; a limit of 0 is used up from the start."""
    return used * 100 // limit if limit else 100


def end_of(limit: int | None, overage: str) -> int | None:
    """At which use calls are blocked under a policy; None for never. Under `grace` 110 % of the limit, rounded down."""
    if limit is None or overage in ("soft", "observe"):
        return None
    return limit * GRACE_PERCENT // 100 if overage == "grace" else limit


def state_of(limit: int | None, used: int, overage: str) -> Level:
    """How a quota stands: `limit` and `used` in the same parts, None for unlimited."""
    if limit is None:
        return "ok"
    percent = percent_of(used, limit)
    if percent < WARNING:
        return "ok"
    if percent < UPGRADE:
        return "warning"
    if percent < REACHED:
        return "upgrade"
    end = end_of(limit, overage)
    return "over" if end is None or used < end else "blocked"


def admits(limit: int | None, used: int, estimate: int, overage: str) -> bool:
    """Whether a call may be made: the quota has not ended, and an estimate fits into what is left before its end."""
    end = end_of(limit, overage)
    return end is None or (used < end and used + estimate <= end)


def exceeds(limit: int | None, used: int, estimate: int) -> bool:
    """Whether an estimate on top of what was used goes beyond the limit itself, whatever the policy makes of that."""
    return limit is not None and used + estimate > limit


def policy_for(quota: str, overage: str) -> str:
    """The policy that a quota follows under a plan's overage: a rate and a static limit know `block` and `observe`."""
    return overage if overage == "observe" or (quota in QUOTA_LIMITS and quota != RATE) else "block"


def limit_parts(plan: Plan, quota: str) -> int | None:
    """A limit of a plan in stored parts; None when it is unlimited or not named."""
    limit = plan.limits.get(quota)
    return None if limit is None else limit * parts_per_unit(quota)


def counts(plan: Plan | None) -> bool:
    """Whether a plan limits anything that is counted here."""
    return plan is not None and any(plan.limits.get(quota) is not None for quota in QUOTA_LIMITS)


def used_at(state: AccountState, now: datetime) -> Used:
    """What the counters of an account say for the periods that run at a moment; those of an ended period are 0."""
    today = now.astimezone(UTC).date()
    in_month = state.month >= today.replace(day=1)
    return Used(
        tokens_per_month=state.month_tokens if in_month else 0,
        requests_per_day=state.day_requests if state.day >= today else 0,
        requests_per_minute=state.minute_requests if state.minute >= int(now.timestamp()) // 60 else 0,
        run_units_per_month=state.month_run_unit_micros if in_month else 0,
    )


def estimate_of(units: Mapping[str, int] | None) -> dict[str, int]:
    """What one more call would add to each quota that it counts in, in stored parts.

    Without units nothing is known of the call but that it is one: it counts in each quota. With units it counts in
    those that they count in, so that a full month of tokens stops no call that uses none.
    """
    estimate = {"requests_per_day": 1, "requests_per_minute": 1}
    if not units:
        return estimate | {"tokens_per_month": 0, "run_units_per_month": 0}
    tokens = sum(units.get(unit, 0) for unit in TOKEN_UNITS)
    if tokens:
        estimate["tokens_per_month"] = tokens
    if units.get("run_unit"):
        estimate["run_units_per_month"] = units["run_unit"]
    return estimate


def resets_at(quota: str, now: datetime) -> datetime:
    """When the period of a quota that runs at a moment ends: the UTC calendar month, day or minute."""
    moment = now.astimezone(UTC)
    if quota == RATE:
        return moment.replace(second=0, microsecond=0) + timedelta(minutes=1)
    if quota == "requests_per_day":
        return datetime.combine(moment.date() + timedelta(days=1), time(), UTC)
    return months_later(month_of(moment), 1)


def quota_states(state: AccountState, plan: Plan | None, overage: str, now: datetime) -> tuple[QuotaState, ...]:
    """How the counted quotas that a plan names stand at a moment, the unlimited ones too."""
    if plan is None:
        return ()
    used = used_at(state, now)
    found = []
    for quota in QUOTA_LIMITS:
        if quota in plan.limits:
            limit, parts = limit_parts(plan, quota), getattr(used, quota)
            level = state_of(limit, parts, policy_for(quota, overage))
            found.append(QuotaState(quota, parts, limit, level, resets_at(quota, now)))
    return tuple(found)


def worst(states: tuple[QuotaState, ...]) -> Level:
    """The state that is furthest of all."""
    return max((one.state for one in states), key=_SEVERITY.index, default="ok")


__all__ = [
    "GRACE_PERCENT",
    "NOUNS",
    "RATE",
    "RUN_UNITS",
    "THRESHOLDS",
    "Level",
    "QuotaState",
    "Used",
    "admits",
    "amount_text",
    "counts",
    "end_of",
    "estimate_of",
    "exceeds",
    "grouped",
    "limit_parts",
    "parts_per_unit",
    "percent_of",
    "policy_for",
    "quota_states",
    "resets_at",
    "state_of",
    "used_at",
    "worst",
]
