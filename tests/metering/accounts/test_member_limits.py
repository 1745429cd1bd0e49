"""The static limit `members` of plans, where members are added."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import Engine

from metering.errors import QuotaExceededError
from metering.meter import Meter
from tests.metering.rate_card import ROWS, Clock, apply_rows, plan_row, setting

BY = "Price Desk <prices@example.com>"
PLANS = [
    plan_row("free", limits={"members": 3}),
    plan_row("none", limits={"members": 0}),
    plan_row("soft", overage="soft", limits={"members": 3}),
    plan_row("grace", overage="grace", limits={"members": 3}),
    plan_row("watched", overage="observe", limits={"members": 3}),
    plan_row("open", limits={"members": None}),
    plan_row("unnamed", limits={"documents": 1}),
]


@pytest.fixture
def limited(engine: Engine, migrated_url: str, clock: Clock) -> Iterator[Meter]:
    """A meter whose plans limit members."""
    apply_rows(engine, ROWS | {"plan": PLANS})
    with Meter.open(migrated_url, now=clock, listen=False) as meter:
        yield meter


def fill(meter: Meter, plan: str, members: int, account: str = "acct-1") -> None:
    """An account on a plan, with so many members."""
    meter.accounts.create(account, by=BY)
    if plan != "free":
        meter.subscriptions.start(account, plan, by=BY)
    for number in range(members):
        meter.accounts.add_user(account, f"u-{number}", by=BY)


@pytest.mark.parametrize("plan", ["free", "soft", "grace"])
def test_the_last_member_fits_and_one_more_does_not(limited: Meter, plan: str) -> None:
    fill(limited, plan, 3)
    with pytest.raises(QuotaExceededError) as caught:
        limited.accounts.add_user("acct-1", "u-3", by=BY)
    assert str(caught.value) == f"3 of 3 members are used on plan '{plan}'"
    assert (caught.value.code, caught.value.quota) == ("QUOTA_EXCEEDED", "members")
    decision = limited.check("acct-1", limit="members", current=3)
    assert (decision.code, decision.message) == (caught.value.code, str(caught.value))
    assert [user.user for user in limited.accounts.users("acct-1")] == ["u-0", "u-1", "u-2"]


def test_who_left_makes_room_and_counts_again_on_return(limited: Meter) -> None:
    fill(limited, "free", 3)
    limited.accounts.remove_user("acct-1", "u-0", by=BY)
    limited.accounts.add_user("acct-1", "u-3", by=BY)
    with pytest.raises(QuotaExceededError):
        limited.accounts.add_user("acct-1", "u-0", by=BY)


@pytest.mark.parametrize("plan", ["open", "unnamed", "watched"])
def test_no_limit_and_one_that_is_only_observed(limited: Meter, plan: str) -> None:
    fill(limited, plan, 5)
    assert len(limited.accounts.users("acct-1")) == 5


def test_a_limit_of_none_and_enforcement_that_is_off(limited: Meter) -> None:
    fill(limited, "none", 0)
    with pytest.raises(QuotaExceededError, match="0 of 0 members are used on plan 'none'"):
        limited.accounts.add_user("acct-1", "u-0", by=BY)
    apply_rows(limited.engine, {"setting": [setting("enforcement", "observe")]})
    limited.accounts.add_user("acct-1", "u-0", by=BY)


def test_a_plan_that_has_ended_gives_no_room(limited: Meter, clock: Clock) -> None:
    fill(limited, "open", 3)
    limited.subscriptions.cancel("acct-1", by=BY)
    limited.accounts.add_user("acct-1", "u-3", by=BY)
    clock.forward(days=31)
    with pytest.raises(QuotaExceededError, match="4 of 3 members are used on plan 'free'"):
        limited.accounts.add_user("acct-1", "u-4", by=BY)


def test_members_who_are_added_at_once_pass_no_limit(limited: Meter) -> None:
    fill(limited, "free", 0)

    def add(number: int) -> bool:
        try:
            limited.accounts.add_user("acct-1", f"u-{number}", by=BY)
        except QuotaExceededError:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(add, range(16))) == 3
    assert len(limited.accounts.users("acct-1")) == 3
