from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, select

from metering.accounts.accounts import create_account, read_balance
from metering.book.entities import Plan
from metering.errors import SubscriptionError, UnknownAccountError
from metering.meter import Meter
from metering.subscriptions.subscriptions import (
    Subscription,
    cancel,
    grant_periods,
    plan_at,
    running_subscription,
    subscribe,
    subscriptions_of,
)
from metering.wallets.ledger import imbalances
from schema.database import reading, writing
from schema.tables import account_state, grants
from tests.metering.rate_card import NOW, ROWS, plan_row

PLANS = {row["plan"]: Plan.from_row(row) for row in ROWS["plan"]}
TICK = timedelta(microseconds=1)


def day(month: int, number: int = 1, year: int = 2026) -> datetime:
    return datetime(year, month, number, tzinfo=UTC)


@pytest.fixture
def account(engine: Engine) -> int:
    with writing(engine) as connection:
        return create_account(connection, "acct-0001", plan="free", now=day(1))


def begin(
    engine: Engine, account: int, plan: str, start: datetime, cycle: str = "monthly", **values: Any
) -> Subscription:
    with writing(engine) as connection:
        return subscribe(connection, account, PLANS[plan], cycle, start, **({"now": NOW} | values))


def state(engine: Engine) -> tuple[str, datetime]:
    with reading(engine) as connection:
        return tuple(connection.execute(select(account_state.c.plan, account_state.c.plan_since)).one())


def test_a_subscription_sets_the_plan_and_agrees_the_fee(engine: Engine, account: int) -> None:
    one = begin(engine, account, "pro", day(3))
    assert (one.plan, one.status, one.cycle, one.fee_nanos) == ("pro", "active", "monthly", 20 * 10**9)
    assert (one.started_at, one.trial_until, one.ended_at) == (day(3), None, None)
    assert state(engine) == ("pro", day(3))
    with reading(engine) as connection:
        assert running_subscription(connection, account) == one


def test_the_next_subscription_ends_the_one_before(engine: Engine, account: int) -> None:
    first = begin(engine, account, "pro", day(3))
    second = begin(engine, account, "watched", day(5))
    with reading(engine) as connection:
        before, after = subscriptions_of(connection, [account])[account]
        found = [plan_at(connection, account, at, "free") for at in (day(3) - TICK, day(3), day(5) - TICK, day(5), NOW)]
    assert (before.id, before.ended_at, before.status) == (first.id, day(5), "cancelled")
    assert after == second
    assert found == ["free", "pro", "pro", "watched", "watched"]
    assert state(engine) == ("watched", day(5))


def test_cancelling_returns_to_the_default_plan(engine: Engine, account: int) -> None:
    begin(engine, account, "pro", day(3))
    with writing(engine) as connection:
        cancel(connection, account, day(4), default_plan="free", now=NOW)
        assert plan_at(connection, account, day(4), "free") == "free"
        assert plan_at(connection, account, day(4) - TICK, "free") == "pro"
        with pytest.raises(SubscriptionError) as caught:
            cancel(connection, account, day(5), default_plan="free", now=NOW)
    assert str(caught.value) == "no subscription runs that could be cancelled"
    assert state(engine) == ("free", day(4))


@pytest.mark.parametrize("ended_at", [day(2), NOW + TICK])
def test_a_subscription_ends_between_its_start_and_now(engine: Engine, account: int, ended_at: datetime) -> None:
    begin(engine, account, "pro", day(3))
    with writing(engine) as connection, pytest.raises(SubscriptionError):
        cancel(connection, account, ended_at, default_plan="free", now=NOW)


def test_annual_and_agreed_fees(engine: Engine, account: int) -> None:
    assert begin(engine, account, "pro", day(3), "annual").fee_nanos == 200 * 10**9
    assert begin(engine, account, "custom", day(4), fee_nanos=7).fee_nanos == 7


def test_a_trial_has_an_end(engine: Engine, account: int) -> None:
    running = begin(engine, account, "pro", day(6, 10), trial=True)
    assert (running.status, running.trial_until) == ("trial", day(6, 24))
    over = begin(engine, account, "pro", day(6, 11), trial=True, now=day(7))
    assert (over.status, over.trial_until) == ("active", day(6, 25))
    assert begin(engine, account, "free", day(6, 12), trial=True).trial_until is None


@pytest.mark.parametrize(
    ("plan", "cycle", "start", "message"),
    [
        ("pro", "weekly", day(5), "'weekly' is not a cycle: monthly, annual"),
        ("pro", "monthly", NOW + TICK, "a subscription cannot start in the future: 2026-06-15T12:00:00.000001+00:00"),
        ("custom", "monthly", day(5), "plan 'custom' has no monthly fee; name the fee that was agreed"),
        ("free", "annual", day(5), "plan 'free' has no annual fee; name the fee that was agreed"),
        ("pro", "monthly", day(3), "a subscription to 'pro' runs since 2026-03-01T00:00:00+00:00; start after it"),
    ],
)
def test_subscriptions_that_cannot_begin_are_refused(
    engine: Engine, account: int, plan: str, cycle: str, start: datetime, message: str
) -> None:
    begin(engine, account, "pro", day(3))
    with pytest.raises(SubscriptionError) as caught:
        begin(engine, account, plan, start, cycle)
    assert str(caught.value) == message


def test_a_subscription_needs_an_account(engine: Engine) -> None:
    with pytest.raises(UnknownAccountError):
        begin(engine, 99, "pro", day(3))


def granted(engine: Engine) -> list[tuple[str, datetime, datetime]]:
    with reading(engine) as connection:
        table = grants.c
        query = select(table.idempotency_key, table.starts_at, table.expires_at).order_by(table.starts_at)
        return [tuple(row) for row in connection.execute(query)]


def test_each_month_of_a_subscription_includes_its_credit(engine: Engine, account: int) -> None:
    begin(engine, account, "pro", day(3, 10), "annual")
    with writing(engine) as connection:
        added = grant_periods(connection, account, PLANS, until=day(5, 10), now=NOW)
        assert [(one.kind, one.face_nanos, one.priority) for one in added] == [("plan", 10**10, 10)] * 2
    assert granted(engine) == [
        ("plan:1:2026-03-10", day(3, 10), day(4, 10)),
        ("plan:1:2026-04-10", day(4, 10), day(5, 10)),
    ]
    with writing(engine) as connection:
        assert grant_periods(connection, account, PLANS, until=day(5, 10), now=NOW) == []
        assert len(grant_periods(connection, account, PLANS, until=day(5, 10) + TICK, now=NOW)) == 1
        assert read_balance(connection, "acct-0001", now=day(5, 11)).available_nanos == 10**10
        assert imbalances(connection) == []


def test_included_credit_ends_with_its_subscription(engine: Engine, account: int) -> None:
    begin(engine, account, "pro", day(3, 10))
    begin(engine, account, "free", day(4, 20))
    begin(engine, account, "pro", day(6, 1))
    with writing(engine) as connection:
        grant_periods(connection, account, PLANS, until=NOW, now=NOW)
        dearer = {"pro": Plan.from_row(plan_row("pro", included_nanos=5)), "free": PLANS["free"]}
        assert grant_periods(connection, account, dearer, until=NOW, now=NOW) == []
    assert granted(engine) == [
        ("plan:1:2026-03-10", day(3, 10), day(4, 10)),
        ("plan:1:2026-04-10", day(4, 10), day(4, 20)),
        ("plan:3:2026-06-01", day(6, 1), day(7, 1)),
    ]


def test_the_meter_reads_the_same_plans(meter: Meter) -> None:
    assert meter.book.plans == PLANS
