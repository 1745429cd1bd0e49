"""Movements of the MRR: by hand, at the boundaries of months, and for any history against the MRR of each day."""

from __future__ import annotations

import itertools
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Connection, Engine

from metering.analytics import Period, mrr_nanos
from metering.analytics.movements import KINDS, Paid, Step, amounts, calendar, months_back, mrr_months, steps
from metering.analytics.recurring import movements, recurring_months, subscribers
from schema.database import reading, writing
from schema.money import round_half_even
from tests.metering.analytics_data import Rows, at

DAY = timedelta(days=1)
USD = 10**9
JANUARY, JUNE_15 = date(2026, 1, 1), date(2026, 6, 15)


def write_history(connection: Connection) -> None:
    """Eight accounts whose lives are known."""
    rows = Rows(connection)
    names = ("upgrades", "returns", "tries", "yearly", "gifted", "late", "boundary", "free")
    number = {name: rows.account(name) for name in names}

    def add(account: str, start: str, usd: int, end: str | None = None, plan: str = "pro", **values: object) -> None:
        ended = {"ended_at": at(end), "status": "cancelled"} if end else {}
        rows.subscription(number[account], at(start), usd * USD, plan=plan, **(ended | values))

    add("upgrades", "2026-01-10 09:00", 20, "2026-03-17 12:00")
    add("upgrades", "2026-03-17 12:00", 50, "2026-05-02 12:00", plan="premium")
    add("upgrades", "2026-05-02 12:00", 20)
    add("returns", "2026-02-01", 20, "2026-03-31 23:59")
    add("returns", "2026-05-10", 20)
    add("tries", "2026-02-20 08:00", 20, trial_until=at("2026-03-06 08:00"))
    add("yearly", "2026-02-03", 190, cycle="annual")
    add("gifted", "2026-01-31 23:59:59", 50, "2026-04-10", plan="premium")
    add("gifted", "2026-04-10", 0, "2026-06-10", plan="premium", note="gift: for the outage")
    add("gifted", "2026-06-10", 50, plan="premium")
    add("late", "2026-03-01", 20, status="past_due")
    add("boundary", "2026-04-01 00:00", 20, "2026-05-01 00:00")
    add("free", "2026-01-01", 0, plan="free")


def test_movements_by_hand(engine: Engine) -> None:
    with writing(engine) as connection:
        write_history(connection)
    with reading(engine) as connection:
        found = recurring_months(connection, JANUARY, JUNE_15)

    shown = [
        (row.month.month, row.starting_nanos, *(row.nanos[kind] for kind in KINDS), row.ending_nanos) for row in found
    ]
    yearly = 15_833_333_333
    assert shown == [
        (1, 0, 70 * USD, 0, 0, 0, 0, 70 * USD),
        (2, 70 * USD, 20 * USD + yearly, 0, 0, 0, 0, 90 * USD + yearly),
        # The one that tried pays from the 6th on, the one past due from the 1st; the cancelled day of the 31st is lost.
        (3, 90 * USD + yearly, 40 * USD, 0, 30 * USD, 0, -20 * USD, 140 * USD + yearly),
        (4, 140 * USD + yearly, 20 * USD, 0, 0, 0, -50 * USD, 110 * USD + yearly),
        (5, 110 * USD + yearly, 0, 20 * USD, 0, -30 * USD, -20 * USD, 80 * USD + yearly),
        (6, 80 * USD + yearly, 0, 50 * USD, 0, 0, 0, 130 * USD + yearly),
    ]
    assert [row.ending_accounts for row in found] == [2, 4, 5, 5, 5, 6]
    assert found[-1].end == date(2026, 6, 16)
    assert found[-1].arpu_nanos == round_half_even(130 * USD + yearly, 6)
    assert found[2].moved == {"new": 2, "reactivation": 0, "expansion": 1, "contraction": 0, "churn": 1}


def test_each_balance_is_the_mrr_of_its_day(engine: Engine) -> None:
    with writing(engine) as connection:
        write_history(connection)
    with reading(engine) as connection:
        for row in recurring_months(connection, JANUARY, JUNE_15):
            assert row.starting_nanos == mrr_nanos(connection, row.month - DAY)
            assert row.ending_nanos == mrr_nanos(connection, row.end - DAY)


def test_the_accounts_behind_a_month(engine: Engine) -> None:
    with writing(engine) as connection:
        write_history(connection)
    with reading(engine) as connection:
        march = movements(connection, Period(date(2026, 3, 1), date(2026, 4, 1)))
        april = movements(connection, Period(date(2026, 4, 1), date(2026, 5, 1)))
        june = movements(connection, Period(date(2026, 6, 1), date(2026, 6, 16)))

    def told(found: list) -> list[tuple[object, ...]]:  # type: ignore[type-arg]
        return [(one.account, one.day.day, one.kind, one.before, one.after, one.nanos) for one in found]

    assert told(march) == [
        ("late", 1, "new", None, "pro", 20 * USD),
        ("tries", 6, "new", "pro (trial)", "pro", 20 * USD),
        ("upgrades", 17, "expansion", "pro", "premium", 30 * USD),
        ("returns", 31, "churn", "pro", None, -20 * USD),
    ]
    assert told(april) == [
        ("boundary", 1, "new", None, "pro", 20 * USD),
        ("gifted", 10, "churn", "premium", "premium (gift)", -50 * USD),
    ]
    assert told(june) == [("gifted", 10, "reactivation", "premium (gift)", "premium", 50 * USD)]


def test_subscribers_by_plan(engine: Engine) -> None:
    with writing(engine) as connection:
        write_history(connection)
    with reading(engine) as connection:
        found = subscribers(connection, [date(2026, 2, 28), date(2026, 4, 30), JUNE_15])
        assert subscribers(connection, []) == []

    shown = [
        (row.day.month, row.plan, row.paying, row.trials, row.without_fee, row.past_due, row.mrr_nanos) for row in found
    ]
    yearly = 15_833_333_333
    assert shown == [
        (2, "free", 0, 0, 1, 0, 0),
        (2, "premium", 1, 0, 0, 0, 50 * USD),
        (2, "pro", 3, 1, 0, 0, 40 * USD + yearly),
        (4, "free", 0, 0, 1, 0, 0),
        (4, "premium", 1, 0, 1, 0, 50 * USD),
        (4, "pro", 4, 0, 0, 1, 60 * USD + yearly),
        (6, "free", 0, 0, 1, 0, 0),
        (6, "premium", 1, 0, 0, 0, 50 * USD),
        (6, "pro", 5, 0, 0, 1, 80 * USD + yearly),
    ]
    assert sum(row.twelfths for row in found if row.day == JUNE_15) == 130 * 12 * USD + 190 * USD


def test_no_subscriptions_move_nothing(engine: Engine) -> None:
    with reading(engine) as connection:
        found = recurring_months(connection, date(2026, 5, 20), JUNE_15)
        assert movements(connection, Period(JANUARY, JUNE_15)) == []
    assert [(row.month, row.starting_nanos, row.ending_nanos, row.arpu_nanos) for row in found] == [
        (date(2026, 5, 1), 0, 0, None),
        (date(2026, 6, 1), 0, 0, None),
    ]


@pytest.mark.parametrize(
    ("today", "count", "first"),
    [
        (date(2026, 11, 21), 12, date(2025, 12, 1)),
        (date(2026, 1, 1), 1, date(2026, 1, 1)),
        (date(2026, 3, 31), 24, date(2024, 4, 1)),
    ],
)
def test_months_back(today: date, count: int, first: date) -> None:
    assert months_back(today, count) == first
    months = calendar(first, today + DAY)
    assert len(months) == count
    assert months[0][0] == first
    assert months[-1][1] == today + DAY
    assert all(before[1] == after[0] for before, after in itertools.pairwise(months))


EARLIEST = date(2025, 11, 1)
UNTIL = date(2026, 8, 1)
SPANS = st.lists(
    st.builds(
        lambda account, twelfths, begin, length: Paid(
            account, twelfths, EARLIEST + begin * DAY, None if length is None else EARLIEST + (begin + length) * DAY
        ),
        st.integers(1, 4),
        st.integers(0, 10**4),
        st.integers(0, 300),
        st.one_of(st.none(), st.integers(0, 90)),
    ),
    max_size=14,
)


def mrr_on(paid: list[Paid], day: date) -> int:
    """The MRR of a day, said plainly."""
    twelfths = sum(one.twelfths for one in paid if one.first <= day and (one.end is None or day < one.end))
    return round_half_even(twelfths, 12)


def paying_on(paid: list[Paid], day: date) -> int:
    """The accounts that pay on a day."""
    running = [one for one in paid if one.twelfths and one.first <= day and (one.end is None or day < one.end)]
    return len({one.account_id for one in running})


@given(paid=SPANS)
def test_any_history_is_brought_forward_exactly(paid: list[Paid]) -> None:
    found = list(steps(paid))
    rows = mrr_months(found, calendar(date(2025, 12, 5), UNTIL))

    for row, following in itertools.pairwise(rows):
        assert row.ending_nanos == following.starting_nanos
        assert row.ending_accounts == following.starting_accounts
    for row in rows:
        assert row.starting_nanos + sum(row.nanos.values()) == row.ending_nanos
        assert row.starting_nanos == mrr_on(paid, row.month - DAY)
        assert row.ending_nanos == mrr_on(paid, row.end - DAY)
        assert row.ending_accounts == paying_on(paid, row.end - DAY)
        assert min(row.nanos[kind] for kind in ("new", "reactivation", "expansion")) >= 0
        assert max(row.nanos[kind] for kind in ("contraction", "churn")) <= 0
        month = [step for step in found if row.month <= step.day < row.end]
        before = sum(step.after - step.before for step in found if step.day < row.month)
        told = amounts(before, month)
        for kind in KINDS:
            assert sum(nanos for step, nanos in told if step.kind == kind) == row.nanos[kind]
            assert sum(step.kind == kind for step in month) == row.moved[kind]


@given(paid=SPANS)
def test_an_account_is_new_once_and_leaves_as_often_as_it_comes(paid: list[Paid]) -> None:
    lives: dict[int, list[Step]] = {}
    for step in steps(paid):
        lives.setdefault(step.account_id, []).append(step)
    for life in lives.values():
        assert [step.kind == "new" for step in life] == [True] + [False] * (len(life) - 1)
        assert all(step.day < later.day and step.after == later.before for step, later in itertools.pairwise(life))
        for step, later in itertools.pairwise(life):
            assert (step.kind == "churn") == (later.kind == "reactivation")
