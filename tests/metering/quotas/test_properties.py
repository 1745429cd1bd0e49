"""Boundaries and alerts against a plain model, over random limits, uses and ways to get there."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine

from metering.meter import Meter
from metering.quotas.alerts import counters_of, crossed
from metering.quotas.limits import THRESHOLDS, admits, exceeds, state_of
from metering.usage import Usage
from tests.metering.quotas.states import counters, plan
from tests.metering.rate_card import NOW, ROWS, Clock, apply_rows, plan_row

LIMIT = st.integers(1, 10**12)
PART = st.integers(0, 2 * 10**12)


@given(limit=LIMIT, used=PART, estimate=PART, overage=st.sampled_from(["block", "grace", "soft", "observe"]))
def test_admission_is_the_rule_in_fractions(limit: int, used: int, estimate: int, overage: str) -> None:
    ends = {"block": Fraction(limit), "grace": Fraction(limit) * Fraction(11, 10) // 1}
    allowed = overage not in ends or (used < ends[overage] and used + estimate <= ends[overage])
    assert admits(limit, used, estimate, overage) is allowed
    assert exceeds(limit, used, estimate) is (used + estimate > limit)
    share = Fraction(used, limit)
    state = state_of(limit, used, overage)
    if share >= 1:
        assert state == ("over" if overage not in ends or used < ends[overage] else "blocked")
    else:
        expected = "upgrade" if share >= Fraction(95, 100) else "warning" if share >= Fraction(80, 100) else "ok"
        assert state == expected


@given(limit=st.integers(1, 10_000), steps=st.lists(st.integers(0, 3_000), max_size=30))
def test_whatever_the_steps_each_threshold_is_crossed_once(limit: int, steps: list[int]) -> None:
    team, state, found = plan(limits={"tokens_per_month": limit}), counters(), []
    for step in steps:
        before = counters_of(state)
        state.count(NOW, {"input": step})
        found += [one.percent for one in crossed(before, state, team, NOW)]
    assert found == [percent for percent in THRESHOLDS if Fraction(state.month_tokens, limit) * 100 >= percent]


def test_threads_that_cross_a_threshold_together_raise_one_alert(
    engine: Engine, migrated_url: str, clock: Clock
) -> None:
    apply_rows(engine, ROWS | {"plan": [plan_row("free", limits={"requests_per_day": 64}, overage="soft")]})
    start = threading.Barrier(8)
    with Meter.open(migrated_url, now=clock, listen=False) as meter:

        def use(thread: int) -> None:
            start.wait()
            for number in range(8):
                meter.record(Usage(event_id=f"{thread}-{number}", account="acct-1", model="small", units={"input": 1}))

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(use, range(8)))
        (quota,) = meter.check("acct-1").quotas
        told = sorted((one.percent, one.used) for one in meter.quotas.alerts())
    assert (quota.used, quota.state) == (64, "over")
    # 80 % of 64 is 51.2, 95 % is 60.8.
    assert told == [(80, 52), (95, 61), (100, 64)]
