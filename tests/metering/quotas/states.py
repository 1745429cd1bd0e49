"""Plans, counters and books for the tests of quotas, made without a database."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from metering.book.entities import Plan, Release
from metering.book.ratebook import RateBook
from metering.wallets.wallet import AccountState
from tests.metering.rate_card import JANUARY, NOW, ROWS, plan_row, setting

MINUTE = int(NOW.timestamp()) // 60
LIMITS = {"tokens_per_month": 1_000, "requests_per_day": 100, "requests_per_minute": 5, "run_units_per_month": 100}


def plan(overage: str = "block", limits: Mapping[str, int | None] = LIMITS, **values: Any) -> Plan:
    """A plan `team` with limits."""
    return Plan.from_row(plan_row("team", overage=overage, limits=dict(limits), **values))


def book(*plans: dict[str, Any], settings: Mapping[str, Any] | None = None, **kinds: Any) -> RateBook:
    """A book of the small rate card with other plans and settings."""
    rows: dict[str, Any] = dict(ROWS) | {"plan": list(plans) or ROWS["plan"]} | kinds
    rows["setting"] = [*ROWS["setting"], *(setting(name, value) for name, value in (settings or {}).items())]
    return RateBook.build(Release(1, "c" * 40, None, NOW), rows, now=NOW)


def counters(**values: Any) -> AccountState:
    """The state row of an account on plan `team`, with counters of the month, day and minute of `NOW`."""
    state = {
        "account_id": 1,
        "balance_nanos": 0,
        "owed_nanos": 0,
        "overdraft_nanos": 0,
        "plan": "team",
        "plan_since": JANUARY,
        "month": date(2026, 6, 1),
        "month_tokens": 0,
        "month_run_unit_micros": 0,
        "day": date(2026, 6, 15),
        "day_requests": 0,
        "last_event_at": None,
        "minute": MINUTE,
        "minute_requests": 0,
    }
    return AccountState(**{**state, **values})
