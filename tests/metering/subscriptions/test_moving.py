"""Accounts are put on a plan together: all of them, or none."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from metering.errors import SubscriptionError, UnknownAccountError
from metering.meter import Meter
from schema.database import reading
from schema.tables import audit_log
from tests.metering.rate_card import Clock

BY = "prices@example.com"


def _plans(meter: Meter) -> dict[str, str]:
    return {one.account: one.plan for one in meter.accounts.list()}


def _actions(meter: Meter) -> list[tuple[str, str]]:
    with reading(meter.engine) as connection:
        query = select(audit_log.c.action, audit_log.c.target).order_by(audit_log.c.id)
        rows = connection.execute(query).all()
    return [(action, target) for action, target in rows if action.startswith("subscription.")]


@pytest.fixture
def three(meter: Meter, clock: Clock) -> Meter:
    """Three accounts: one without a subscription, two on pro."""
    for name in ("a", "b", "c"):
        meter.accounts.create(name, by=BY)
    for name in ("b", "c"):
        meter.subscriptions.start(name, "pro", by=BY)
    clock.forward(minutes=1)
    return meter


def test_accounts_are_put_on_a_plan_whatever_they_are_on(three: Meter) -> None:
    moved = three.subscriptions.move("c", "a", plan="custom", by=BY, when="now", fee_nanos=5, reason="a test")
    assert {one.plan for one in moved} == {"custom"}
    assert _plans(three) == {"a": "custom", "b": "pro", "c": "custom"}
    assert _actions(three)[2:] == [("subscription.start", "account a"), ("subscription.change", "account c")]


def test_to_the_default_plan_a_subscription_is_cancelled(three: Meter) -> None:
    three.subscriptions.move("b", plan="free", by=BY)
    assert _plans(three)["b"] == "pro"
    assert three.accounts.show("b").cancel_at is not None
    three.subscriptions.move("c", plan="free", by=BY, when="now")
    assert _plans(three)["c"] == "free"


def test_all_are_moved_or_none(three: Meter) -> None:
    before = _actions(three)
    with pytest.raises(SubscriptionError, match="c is on plan 'pro'"):
        three.subscriptions.move("a", "c", plan="pro", by=BY)
    with pytest.raises(SubscriptionError, match="a is on plan 'free' already"):
        three.subscriptions.move("a", "b", plan="free", by=BY)
    with pytest.raises(UnknownAccountError):
        three.subscriptions.move("a", "nobody", plan="pro", by=BY)
    assert _plans(three) == {"a": "free", "b": "pro", "c": "pro"}
    assert _actions(three) == before
