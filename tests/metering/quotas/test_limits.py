from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from metering.quotas.limits import (
    QuotaState,
    Used,
    admits,
    end_of,
    estimate_of,
    exceeds,
    grouped,
    percent_of,
    policy_for,
    quota_states,
    resets_at,
    state_of,
    used_at,
    worst,
)
from tests.metering.quotas.states import MINUTE, counters, plan
from tests.metering.rate_card import NOW

NEXT_MONTH = datetime(2026, 7, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("limit", "used", "allowed"), [(100, 99, True), (100, 100, False), (5_000, 4_999, True), (5_000, 5_000, False)]
)
def test_a_quota_blocks_when_use_reaches_its_limit(limit: int, used: int, allowed: bool) -> None:
    assert admits(limit, used, 0, "block") is allowed
    assert admits(limit * 10**6, used * 10**6, 0, "block") is allowed
    assert admits(limit, used, 0, "soft") is True
    assert admits(limit, used, 0, "observe") is True
    assert admits(limit, used, 0, "grace") is True


def test_the_last_part_before_the_limit_is_allowed() -> None:
    assert admits(100 * 10**6, 100 * 10**6 - 1, 0, "block") is True
    assert admits(100 * 10**6, 100 * 10**6 - 1, 1, "block") is True
    assert admits(100 * 10**6, 100 * 10**6 - 1, 2, "block") is False


@pytest.mark.parametrize(("limit", "end"), [(100, 110), (105, 115), (9, 9), (10, 11), (19, 20), (0, 0), (5_000, 5_500)])
def test_grace_ends_at_110_percent_rounded_down(limit: int, end: int) -> None:
    assert end_of(limit, "grace") == end
    assert admits(limit, end, 0, "grace") is False
    assert limit == 0 or admits(limit, end - 1, 0, "grace") is True
    assert limit == 0 or admits(limit, end - 1, 1, "grace") is True
    assert admits(limit, end - 1, 2, "grace") is False


@pytest.mark.parametrize(
    ("used", "estimate", "over"), [(99, 1, False), (99, 2, True), (100, 0, False), (100, 1, True), (0, 100, False)]
)
def test_would_exceed_looks_beyond_the_limit_itself(used: int, estimate: int, over: bool) -> None:
    assert exceeds(100, used, estimate) is over
    assert exceeds(None, used, estimate) is False


@pytest.mark.parametrize(
    ("used", "state"),
    [
        (0, "ok"),
        (799, "ok"),
        (800, "warning"),
        (949, "warning"),
        (950, "upgrade"),
        (999, "upgrade"),
        (1_000, "blocked"),
    ],
)
def test_states_change_at_80_95_and_100_percent(used: int, state: str) -> None:
    assert state_of(1_000, used, "block") == state


def test_what_goes_on_past_the_limit_is_over() -> None:
    assert [state_of(100, used, "grace") for used in (99, 100, 109, 110)] == ["upgrade", "over", "over", "blocked"]
    assert [state_of(100, used, "soft") for used in (99, 100, 10_000)] == ["upgrade", "over", "over"]
    assert [state_of(100, used, "observe") for used in (99, 100, 10_000)] == ["upgrade", "over", "over"]
    assert state_of(None, 10**12, "block") == "ok"
    assert state_of(0, 0, "block") == "blocked"
    assert state_of(0, 0, "soft") == "over"


def test_percent_is_rounded_down() -> None:
    assert (percent_of(4_999, 5_000), percent_of(5_000, 5_000), percent_of(0, 0), percent_of(1, 1_000)) == (
        99,
        100,
        100,
        0,
    )


def test_rates_and_static_limits_know_no_overage() -> None:
    for overage in ("block", "soft", "grace"):
        assert policy_for("requests_per_minute", overage) == "block"
        assert policy_for("documents", overage) == "block"
        assert policy_for("tokens_per_month", overage) == overage
    assert policy_for("requests_per_minute", "observe") == "observe"
    assert policy_for("documents", "observe") == "observe"


def test_counters_of_an_ended_period_are_zero() -> None:
    state = counters(
        month_tokens=7, month_run_unit_micros=8, day_requests=9, minute_requests=4, day=NOW.date(), minute=MINUTE
    )
    assert used_at(state, NOW) == Used(7, 9, 4, 8)
    assert used_at(state, NOW.replace(second=59)) == Used(7, 9, 4, 8)
    assert used_at(state, NOW + timedelta(minutes=1)) == Used(7, 9, 0, 8)
    assert used_at(state, datetime(2026, 6, 15, 23, 59, 59, 999_999, tzinfo=UTC)) == Used(7, 9, 0, 8)
    assert used_at(state, datetime(2026, 6, 16, tzinfo=UTC)) == Used(7, 0, 0, 8)
    assert used_at(state, datetime(2026, 6, 30, 23, 59, tzinfo=UTC)) == Used(7, 0, 0, 8)
    assert used_at(state, NEXT_MONTH) == Used(0, 0, 0, 0)


def test_periods_are_utc_whatever_the_zone_of_the_clock() -> None:
    east = datetime.fromisoformat("2026-07-01T01:00:00+02:00")
    assert used_at(counters(month_tokens=7, day=date(2026, 6, 30), day_requests=3), east) == Used(7, 3, 0, 0)
    assert resets_at("tokens_per_month", east) == NEXT_MONTH
    assert resets_at("requests_per_day", east) == NEXT_MONTH


def test_when_periods_end() -> None:
    assert resets_at("tokens_per_month", NOW) == resets_at("run_units_per_month", NOW) == NEXT_MONTH
    assert resets_at("requests_per_day", NOW) == datetime(2026, 6, 16, tzinfo=UTC)
    assert resets_at("requests_per_minute", NOW.replace(second=59)) == NOW + timedelta(minutes=1)
    assert resets_at("tokens_per_month", datetime(2026, 12, 31, 23, tzinfo=UTC)) == datetime(2027, 1, 1, tzinfo=UTC)


def test_an_estimate_counts_only_where_the_call_does() -> None:
    requests = {"requests_per_day": 1, "requests_per_minute": 1}
    assert estimate_of(None) == estimate_of({}) == requests | {"tokens_per_month": 0, "run_units_per_month": 0}
    assert estimate_of({"input": 40, "cache_read": 2, "output": 8}) == requests | {"tokens_per_month": 50}
    assert estimate_of({"run_unit": 1_500_000}) == requests | {"run_units_per_month": 1_500_000}
    assert estimate_of({"image": 3}) == requests


def test_the_states_of_a_plan_name_its_counted_limits_and_the_unlimited_ones() -> None:
    state = counters(month_tokens=950, month_run_unit_micros=99_500_000, day_requests=81, minute_requests=5)
    limits = {"tokens_per_month": 1_000, "run_units_per_month": 100, "requests_per_day": None, "documents": 5}
    found = quota_states(state, plan("grace", limits), "grace", NOW)
    assert [one.as_json() for one in found] == [
        {
            "name": "tokens_per_month",
            "used": 950,
            "limit": 1_000,
            "remaining": 50,
            "percent": 95,
            "state": "upgrade",
            "resets_at": "2026-07-01T00:00:00+00:00",
        },
        {
            "name": "requests_per_day",
            "used": 81,
            "limit": None,
            "remaining": None,
            "percent": None,
            "state": "ok",
            "resets_at": "2026-06-16T00:00:00+00:00",
        },
        {
            "name": "run_units_per_month",
            "used": "99.5",
            "limit": "100",
            "remaining": "0.5",
            "percent": 99,
            "state": "upgrade",
            "resets_at": "2026-07-01T00:00:00+00:00",
        },
    ]
    assert (found[2].used, found[2].limit, found[2].remaining) == (Decimal("99.5"), Decimal(100), Decimal("0.5"))
    assert worst(found) == "upgrade"
    assert quota_states(state, None, "block", NOW) == ()
    assert worst(()) == "ok"


def test_nothing_remains_past_the_limit() -> None:
    over = QuotaState("tokens_per_month", 1_200, 1_000, "over", NEXT_MONTH)
    assert (over.remaining, over.percent) == (Decimal(0), 120)


def test_amounts_are_shown_in_whole_units() -> None:
    assert grouped("tokens_per_month", 1_234_567) == "1,234,567"
    assert grouped("run_units_per_month", 4_999_999_900) == "4,999.9999"
