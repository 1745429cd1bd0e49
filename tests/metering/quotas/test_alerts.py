from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import Engine

from metering.accounts.accounts import create_account
from metering.book.entities import Plan
from metering.quotas.alerts import Crossing, counters_of, crossed, read_alerts, store_alerts
from metering.wallets.wallet import AccountState
from schema.database import reading, writing
from tests.metering.quotas.states import counters, plan
from tests.metering.rate_card import NOW


def reached(before: int, after: int, team: Plan | None = None) -> list[int]:
    """The thresholds of 1,000 tokens that are reached on the way."""
    found = crossed(counters_of(counters(month_tokens=before)), counters(month_tokens=after), team or plan(), NOW)
    return [one.percent for one in found]


@pytest.mark.parametrize(
    ("before", "after", "percents"),
    [
        (0, 799, []),
        (799, 800, [80]),
        (800, 801, []),
        (800, 949, []),
        (949, 950, [95]),
        (950, 999, []),
        (999, 1_000, [100]),
        (1_000, 5_000, []),
        (0, 2_000, [80, 95, 100]),
        (800, 1_000, [95, 100]),
        (800, 800, []),
    ],
)
def test_each_threshold_is_crossed_once(before: int, after: int, percents: list[int]) -> None:
    assert reached(before, after) == percents


def test_a_threshold_between_two_parts_is_reached_with_the_next_part() -> None:
    odd = plan(limits={"tokens_per_month": 7})
    assert [reached(0, after, odd) for after in (5, 6, 7)] == [[], [80], [80, 95, 100]]


def test_each_quota_is_told_with_its_period() -> None:
    before = counters(day_requests=99, month_run_unit_micros=79_999_999)
    after = counters(day_requests=100, month_run_unit_micros=80_000_000)
    assert crossed(counters_of(before), after, plan(), NOW) == [
        Crossing(1, "run_units_per_month", "2026-06", 80, 80_000_000, 100_000_000, "team"),
        Crossing(1, "requests_per_day", "2026-06-15", 100, 100, 100, "team"),
    ]


def test_what_an_earlier_period_used_does_not_count() -> None:
    before = counters(month=date(2026, 5, 1), month_tokens=5_000, day=date(2026, 6, 14), day_requests=500)
    after = counters(month_tokens=800, day_requests=80)
    assert [(one.quota, one.percent) for one in crossed(counters_of(before), after, plan(), NOW)] == [
        ("tokens_per_month", 80),
        ("requests_per_day", 80),
    ]


def test_a_period_that_has_ended_is_not_told() -> None:
    before = counters(month=date(2026, 4, 1), day=date(2026, 4, 1))
    after = counters(month=date(2026, 5, 1), month_tokens=1_000, day=date(2026, 5, 3), day_requests=100)
    assert crossed(counters_of(before), after, plan(), NOW) == []
    yesterday = counters(day=date(2026, 6, 14), day_requests=100, month_tokens=800)
    assert [one.quota for one in crossed(counters_of(counters()), yesterday, plan(), NOW)] == ["tokens_per_month"]


def test_an_event_ahead_of_our_clock_counts_in_the_day_that_it_names() -> None:
    ahead = counters(day=date(2026, 6, 16), day_requests=100)
    found = crossed(counters_of(counters(day_requests=3)), ahead, plan(), NOW)
    assert {(one.period, one.percent) for one in found} == {("2026-06-16", percent) for percent in (80, 95, 100)}


def test_without_a_limit_nothing_is_reached() -> None:
    used = counters(month_tokens=10**12, day_requests=10**9, month_run_unit_micros=10**18)
    nothing = counters_of(counters())
    assert crossed(nothing, used, plan(limits={}), NOW) == []
    assert crossed(nothing, used, plan(limits={"tokens_per_month": None, "requests_per_day": 0}), NOW) == []
    assert crossed(nothing, used, None, NOW) == []


def test_counters_are_those_from_before() -> None:
    state = counters()
    before = counters_of(state)
    state.count(NOW, {"input": 900})
    assert crossed(before, state, plan(), NOW) == [Crossing(1, "tokens_per_month", "2026-06", 80, 900, 1_000, "team")]


def test_alerts_are_stored_once_for_each_limit_of_a_period(engine: Engine) -> None:
    with writing(engine) as connection:
        number = create_account(connection, "acct-1", plan="team", now=NOW)
        other = create_account(connection, "acct-2", plan="team", now=NOW)
    first = Crossing(number, "tokens_per_month", "2026-06", 80, 800, 1_000, "team")
    later = NOW + timedelta(hours=1)
    for moment in (NOW, later):
        with writing(engine) as connection:
            store_alerts(connection, [first._replace(used=810 if moment == later else 800)], moment)
    with writing(engine) as connection:
        greater = first._replace(allowed=9_000, used=7_200, plan="pro")
        store_alerts(connection, [first._replace(account_id=other), greater, first._replace(period="2026-07")], later)
        store_alerts(connection, [], later)
    with reading(engine) as connection:
        found = read_alerts(connection)
        assert [(one.account, one.period, one.used, one.allowed, one.created_at) for one in found] == [
            ("acct-1", "2026-07", 800, 1_000, later),
            ("acct-1", "2026-06", 7_200, 9_000, later),
            ("acct-2", "2026-06", 800, 1_000, later),
            ("acct-1", "2026-06", 800, 1_000, NOW),
        ]
        assert {(one.status, one.attempts, one.told_at, one.fault) for one in found} == {("waiting", 0, None, None)}
        assert [one.account for one in read_alerts(connection, account_id=other)] == ["acct-2"]
        assert [one.period for one in read_alerts(connection, limit=1)] == ["2026-07"]
        assert len(read_alerts(connection, waiting=True)) == 4


def test_two_clocks_of_one_day_agree_on_the_period() -> None:
    assert NOW.tzinfo is UTC
    east = datetime.fromisoformat("2026-07-01T01:00:00+02:00")
    state: AccountState = counters(month_tokens=800)
    assert [one.period for one in crossed(counters_of(counters()), state, plan(), east)] == ["2026-06"]
