from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, Row, select

from metering.analytics import Period, mrr_nanos, totals
from metering.errors import BadEventError, SubscriptionError, UnknownAccountError
from metering.meter import Meter
from metering.subscriptions.subscriptions import Subscription
from metering.usage import Usage
from metering.wallets.ledger import imbalances
from schema.database import reading
from schema.tables import audit_log, grants, usage_events
from tests.metering.rate_card import NOW, Clock, apply_rows, plan_row, setting

CREDIT = 10**10
BY = "Price Desk <prices@example.com>"


def day(month: int, number: int = 1, year: int = 2026) -> datetime:
    return datetime(year, month, number, tzinfo=UTC)


@pytest.fixture(autouse=True)
def plans(card: Engine) -> Iterator[None]:
    """Beside `pro` (20 USD, 200 a year, 14 days of trial, 10 USD of credit): one smaller, one larger, one closed."""
    rows = [
        plan_row("small", monthly_nanos=5 * 10**9, included_nanos=CREDIT // 10),
        plan_row("team", monthly_nanos=50 * 10**9, annual_nanos=500 * 10**9, included_nanos=3 * CREDIT, trial_days=7),
        plan_row("old", monthly_nanos=5 * 10**9, active=False),
    ]
    apply_rows(card, {"plan": rows})
    yield
    with reading(card) as connection:
        assert imbalances(connection) == []


def begin(meter: Meter, plan: str = "pro", account: str = "acct-0001", **values: Any) -> Subscription:
    return meter.subscriptions.start(account, plan, by=BY, **values)


@pytest.fixture
def later(meter: Meter, clock: Clock) -> None:
    """The account subscribed to `pro` a second ago."""
    begin(meter)
    clock.forward(seconds=1)


def log(engine: Engine) -> list[Row[Any]]:
    with reading(engine) as connection:
        return list(connection.execute(select(audit_log).order_by(audit_log.c.id)))


def credit(engine: Engine) -> list[tuple[str, datetime, datetime]]:
    with reading(engine) as connection:
        table = grants.c
        query = select(table.idempotency_key, table.starts_at, table.expires_at).order_by(table.id)
        return [tuple(row) for row in connection.execute(query)]


def available(meter: Meter, account: str = "acct-0001") -> int:
    return meter.balance(account).available_nanos


def planned(one: Subscription) -> tuple[datetime | None, str | None, str | None]:
    return one.cancel_at, one.next_plan, one.next_cycle


def test_a_subscription_starts_with_its_credit_and_is_audited(meter: Meter, card: Engine) -> None:
    one = begin(meter, cycle="annual", reason="signed")
    assert (one.plan, one.status, one.cycle, one.fee_nanos, one.started_at) == (
        "pro",
        "active",
        "annual",
        2 * 10**11,
        NOW,
    )
    assert (meter.balance("acct-0001").plan, available(meter)) == ("pro", CREDIT)
    (entry,) = log(card)
    assert (entry.actor, entry.action, entry.target, entry.at) == (
        BY,
        "subscription.start",
        "account acct-0001",
        NOW,
    )
    assert entry.before is None
    assert entry.after == {
        "id": 1,
        "plan": "pro",
        "status": "active",
        "cycle": "annual",
        "fee_usd": "200",
        "started_at": "2026-06-15T12:00:00Z",
        "trial_until": None,
        "cancel_at": None,
        "ended_at": None,
        "next_plan": None,
        "next_cycle": None,
        "note": None,
        "reason": "signed",
    }


def test_a_subscription_that_began_in_the_past_has_the_credit_of_its_months(
    meter: Meter, card: Engine, clock: Clock
) -> None:
    begin(meter, since=day(4, 20))
    assert [row[0] for row in credit(card)] == ["plan:1:2026-04-20", "plan:1:2026-05-20"]
    # Usage of those months that is told now burns it: 2,500,000 of input at 4 USD a million.
    meter.record(
        Usage(
            event_id="april",
            account="acct-0001",
            provider="openai",
            model="gpt",
            units={"input": 2_500_000},
            occurred_at=day(4, 21),
        )
    )
    with reading(card) as connection:
        event = usage_events.c
        assert connection.execute(select(event.included_nanos, event.owed_nanos)).one() == (CREDIT, 0)
    assert available(meter) == CREDIT


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"plan": "prp"}, "there is no plan 'prp'; did you mean 'pro'?"),
        ({"plan": "old"}, "plan 'old' is not active: nobody can subscribe to it any more"),
        ({"plan": "custom"}, "plan 'custom' has no monthly fee; name the fee that was agreed"),
        ({"plan": "small", "cycle": "annual"}, "plan 'small' has no annual fee; name the fee that was agreed"),
        ({"cycle": "weekly"}, "'weekly' is not a cycle: monthly, annual"),
        ({"plan": "small", "trial": True}, "plan 'small' has no trial"),
        (
            {"since": NOW + timedelta(1)},
            "a subscription cannot start in the future: 2026-06-16T12:00:00+00:00",
        ),
    ],
)
def test_what_cannot_be_started_changes_nothing(
    meter: Meter, card: Engine, values: dict[str, Any], message: str
) -> None:
    with pytest.raises(SubscriptionError) as caught:
        begin(meter, **values)
    assert str(caught.value) == message
    assert (log(card), credit(card)) == ([], [])
    with pytest.raises(UnknownAccountError):
        meter.balance("acct-0001")


def test_who_acts_must_be_readable(meter: Meter, card: Engine) -> None:
    for by in ("", "two\nlines"):
        with pytest.raises(BadEventError):
            meter.subscriptions.start("acct-0001", "pro", by=by)
    assert log(card) == []


def test_accounts_are_not_created_where_settings_refuse_it(meter: Meter, card: Engine) -> None:
    apply_rows(card, {"setting": [setting("unknown_account", "refuse")]}, commit="c" * 40)
    with pytest.raises(UnknownAccountError):
        begin(meter)
    with pytest.raises(UnknownAccountError):
        meter.subscriptions.gift("acct-0001", "pro", 1, by=BY)


def test_a_second_subscription_is_refused_unless_the_first_is_to_the_default_plan(meter: Meter, clock: Clock) -> None:
    begin(meter, "free")
    clock.forward(seconds=1)
    begin(meter, "pro")
    with pytest.raises(SubscriptionError) as caught:
        begin(meter, "team")
    assert str(caught.value) == "acct-0001 is on plan 'pro' already; change or cancel that"


def test_only_active_accounts_subscribe(meter: Meter) -> None:
    meter.accounts.create("acct-0001", by=BY)
    meter.accounts.suspend("acct-0001", by=BY)
    with pytest.raises(SubscriptionError, match=r"^account acct-0001 is suspended$"):
        begin(meter)
    with pytest.raises(SubscriptionError, match=r"^account acct-0001 is suspended$"):
        meter.subscriptions.gift("acct-0001", "pro", 1, by=BY)


def test_a_trial_is_had_once_and_becomes_a_subscription_by_time_alone(meter: Meter, clock: Clock) -> None:
    one = begin(meter, trial=True)
    assert (one.status, one.trial_until) == ("trial", NOW + timedelta(14))
    clock.moment = NOW + timedelta(14)
    meter.record(Usage(event_id="e1", account="acct-0001", provider="openai", model="gpt", units={"input": 1}))
    assert meter.subscriptions.of("acct-0001")[0].status == "active"
    meter.subscriptions.cancel("acct-0001", by=BY, when="now")
    with pytest.raises(SubscriptionError) as caught:
        begin(meter, "team", trial=True)
    assert str(caught.value) == (
        "acct-0001 had its trial, from 2026-06-15T12:00:00Z; give it a gift if it is to have more"
    )


def test_an_upgrade_follows_at_once_and_takes_the_old_credit_away(meter: Meter, card: Engine, clock: Clock) -> None:
    begin(meter)
    clock.moment = day(6, 20)
    one = meter.subscriptions.change("acct-0001", "team", by=BY)
    assert (one.plan, one.fee_nanos, one.started_at, planned(one)) == (
        "team",
        50 * 10**9,
        day(6, 20),
        (None, None, None),
    )
    assert credit(card) == [
        ("plan:1:2026-06-15", NOW, day(6, 20)),
        ("plan:2:2026-06-20", day(6, 20), day(7, 20)),
    ]
    assert available(meter) == 3 * CREDIT
    assert [entry.action for entry in log(card)] == ["subscription.start", "subscription.change"]
    assert (log(card)[1].before["plan"], log(card)[1].after["plan"]) == ("pro", "team")


def test_the_day_of_an_upgrade_is_earned_once_by_the_new_plan(meter: Meter, card: Engine, clock: Clock) -> None:
    clock.moment = day(6)
    begin(meter)
    clock.moment = day(6, 20)
    meter.subscriptions.change("acct-0001", "team", by=BY)
    # 19 of 30 days of 20 USD, 11 of 30 days of 50 USD: 12.666666666 (19/30, rounded down) and 18.333333333.
    with reading(card) as connection:
        earned = totals(connection, Period(day(6).date(), day(7).date()), today=day(8).date()).subscription_nanos
        assert mrr_nanos(connection, day(6, 19).date()) == 20 * 10**9
        assert mrr_nanos(connection, day(6, 20).date()) == 50 * 10**9
    assert earned == 20 * 10**9 * 19 // 30 + 50 * 10**9 * 11 // 30


def test_a_downgrade_waits_for_the_end_of_the_cycle(meter: Meter, card: Engine, clock: Clock) -> None:
    begin(meter, "team", cycle="annual")
    clock.moment = NOW + timedelta(40)
    one = meter.subscriptions.change("acct-0001", "small", cycle="monthly", by=BY)
    end = NOW.replace(year=2027)
    assert (one.plan, planned(one)) == ("team", (end, "small", "monthly"))
    assert meter.balance("acct-0001").plan == "team"
    clock.moment = end - timedelta(microseconds=1)
    meter.accounts.renew()
    assert meter.balance("acct-0001").plan == "team"
    clock.moment = end
    assert meter.accounts.renew().subscriptions_ended == 1
    assert meter.balance("acct-0001").plan == "small"
    assert [(found.plan, found.started_at, found.fee_nanos) for found in meter.subscriptions.of("acct-0001")] == [
        ("team", NOW, 500 * 10**9),
        ("small", end, 5 * 10**9),
    ]
    assert available(meter) == CREDIT // 10


@pytest.mark.parametrize(
    ("plan", "cycle", "when", "moved"),
    [
        ("team", "monthly", None, True),
        ("team", "monthly", "period_end", False),
        ("small", "monthly", None, False),
        ("small", "monthly", "now", True),
        # 200 a year are less than 20 a month: what is paid monthly runs out first.
        ("pro", "annual", None, False),
        ("team", "annual", None, True),
    ],
)
@pytest.mark.usefixtures("later")
def test_dearer_by_the_month_is_now_and_anything_else_later(
    meter: Meter, plan: str, cycle: str, when: Any, moved: bool
) -> None:
    one = meter.subscriptions.change("acct-0001", plan, cycle=cycle, when=when, by=BY)
    if moved:
        assert (one.plan, one.cycle, planned(one)) == (plan, cycle, (None, None, None))
    else:
        assert (one.plan, planned(one)) == ("pro", (NOW.replace(month=7), plan, cycle))


def test_a_trial_goes_on_with_the_dearer_plan_and_is_not_had_twice(meter: Meter, clock: Clock) -> None:
    begin(meter, trial=True)
    clock.moment = NOW + timedelta(3)
    one = meter.subscriptions.change("acct-0001", "team", by=BY)
    assert (one.plan, one.status, one.trial_until) == ("team", "trial", NOW + timedelta(14))
    down = meter.subscriptions.change("acct-0001", "small", by=BY)
    assert planned(down) == (NOW + timedelta(14), "small", "monthly")


@pytest.mark.usefixtures("later")
def test_a_fee_that_is_agreed_begins_at_once(meter: Meter) -> None:
    with pytest.raises(SubscriptionError, match="has no monthly fee"):
        meter.subscriptions.change("acct-0001", "custom", by=BY)
    with pytest.raises(SubscriptionError, match="a fee is agreed when a plan begins"):
        meter.subscriptions.change("acct-0001", "custom", fee_nanos=7, when="period_end", by=BY)
    one = meter.subscriptions.change("acct-0001", "custom", fee_nanos=7, when="now", by=BY)
    assert (one.plan, one.fee_nanos) == ("custom", 7)


def test_what_there_is_already_cannot_be_changed_to(meter: Meter) -> None:
    begin(meter)
    with pytest.raises(SubscriptionError) as caught:
        meter.subscriptions.change("acct-0001", "pro", by=BY)
    assert str(caught.value) == "acct-0001 is on plan 'pro' (monthly) already"


def test_cancelling_waits_for_the_end_and_can_be_taken_back(meter: Meter, clock: Clock) -> None:
    begin(meter)
    end = NOW.replace(month=7)
    assert planned(meter.subscriptions.cancel("acct-0001", by=BY)) == (end, None, None)
    assert planned(meter.subscriptions.keep("acct-0001", by=BY)) == (None, None, None)
    with pytest.raises(SubscriptionError) as caught:
        meter.subscriptions.keep("acct-0001", by=BY)
    assert str(caught.value) == "nothing is planned for the subscription of acct-0001"
    clock.moment = end
    meter.accounts.renew()
    assert meter.balance("acct-0001").plan == "pro"
    meter.subscriptions.cancel("acct-0001", by=BY)
    clock.moment = NOW.replace(month=8)
    meter.accounts.renew()
    assert meter.balance("acct-0001").plan == "free"
    assert available(meter) == 0
    with pytest.raises(SubscriptionError) as caught:
        meter.subscriptions.cancel("acct-0001", by=BY)
    assert str(caught.value) == "acct-0001 has no subscription that runs; start one"


@pytest.mark.parametrize("action", ["keep", "extend", "change", "cancel", "past_due"])
def test_what_has_ended_by_time_is_over_although_nobody_had_looked(meter: Meter, clock: Clock, action: str) -> None:
    begin(meter)
    end = meter.subscriptions.cancel("acct-0001", by=BY).cancel_at
    clock.moment = NOW.replace(month=8)
    words: dict[str, tuple[Any, ...]] = {"extend": (3,), "change": ("team",)}
    with pytest.raises(SubscriptionError, match="acct-0001 has no subscription that runs; start one"):
        getattr(meter.subscriptions, action)("acct-0001", *words.get(action, ()), by=BY)
    begin(meter, "team")
    assert [one.ended_at for one in meter.subscriptions.of("acct-0001")] == [end, None]


def test_a_ban_ends_nothing_later_than_it_was_to_end(meter: Meter, clock: Clock) -> None:
    begin(meter)
    end = meter.subscriptions.cancel("acct-0001", by=BY).cancel_at
    clock.moment = NOW.replace(month=8)
    meter.accounts.ban("acct-0001", by=BY)
    assert [one.ended_at for one in meter.subscriptions.of("acct-0001")] == [end]


def test_cancelling_a_trial_ends_it_unpaid(meter: Meter, card: Engine, clock: Clock) -> None:
    begin(meter, trial=True)
    assert meter.subscriptions.cancel("acct-0001", by=BY).cancel_at == NOW + timedelta(14)
    clock.moment = day(8)
    assert meter.accounts.renew().trials_ended == 0
    (one,) = meter.subscriptions.of("acct-0001")
    assert (one.status, one.ended_at, one.trial_until) == ("cancelled", NOW + timedelta(14), NOW + timedelta(14))
    with reading(card) as connection:
        assert totals(connection, Period(), today=day(9).date()).subscription_nanos == 0


@pytest.mark.parametrize("when", ["now", day(6, 15), NOW + timedelta(3)])
def test_cancelling_at_a_moment(meter: Meter, clock: Clock, when: Any) -> None:
    begin(meter, since=day(6))
    one = meter.subscriptions.cancel("acct-0001", by=BY, when=when)
    moment = NOW if when == "now" else when
    if moment > NOW:
        assert (one.status, one.cancel_at, meter.balance("acct-0001").plan) == ("active", moment, "pro")
    else:
        assert (one.status, one.ended_at, meter.balance("acct-0001").plan) == ("cancelled", moment, "free")
        assert available(meter) == 0
    clock.moment = NOW + timedelta(3)
    meter.accounts.renew()
    assert [found.ended_at for found in meter.subscriptions.of("acct-0001")] == [moment]


def test_a_subscription_cannot_end_before_it_began(meter: Meter) -> None:
    begin(meter)
    with pytest.raises(SubscriptionError) as caught:
        meter.subscriptions.cancel("acct-0001", by=BY, when=day(6))
    assert str(caught.value) == "the subscription began on 2026-06-15T12:00:00Z; it cannot end before"


def test_cancelled_in_the_moment_it_began(meter: Meter) -> None:
    begin(meter)
    one = meter.subscriptions.cancel("acct-0001", by=BY, when="now")
    assert (one.started_at, one.ended_at) == (NOW, NOW)
    assert meter.balance("acct-0001").plan == "free"


def test_trials_and_planned_ends_are_extended(meter: Meter, clock: Clock) -> None:
    begin(meter, trial=True)
    assert meter.subscriptions.extend("acct-0001", 7, by=BY).trial_until == NOW + timedelta(21)
    meter.subscriptions.cancel("acct-0001", by=BY)
    both = meter.subscriptions.extend("acct-0001", 1, by=BY)
    assert (both.trial_until, both.cancel_at) == (NOW + timedelta(22), NOW + timedelta(22))
    meter.subscriptions.keep("acct-0001", by=BY)
    clock.moment = NOW + timedelta(22) - timedelta(microseconds=1)
    assert meter.accounts.renew().trials_ended == 0
    clock.moment = NOW + timedelta(22)
    assert meter.accounts.renew().trials_ended == 1
    with pytest.raises(SubscriptionError) as caught:
        meter.subscriptions.extend("acct-0001", 7, by=BY)
    assert str(caught.value) == "acct-0001 has neither a trial nor a planned end that could be extended"
    for days in (0, 4_000):
        with pytest.raises(SubscriptionError):
            meter.subscriptions.extend("acct-0001", days, by=BY)


def test_a_gift_costs_nothing_and_ends(meter: Meter, card: Engine, clock: Clock) -> None:
    one = meter.subscriptions.gift("acct-0001", "team", 2, by=BY, reason="for the outage")
    assert (one.plan, one.fee_nanos, planned(one), one.note) == (
        "team",
        0,
        (NOW.replace(month=8), None, None),
        "gift: for the outage",
    )
    assert available(meter) == 3 * CREDIT
    for act in (meter.subscriptions.keep, meter.subscriptions.paid):
        with pytest.raises(SubscriptionError):
            act("acct-0001", by=BY)
    assert meter.subscriptions.extend("acct-0001", 1, by=BY).cancel_at == NOW.replace(month=8) + timedelta(1)
    clock.moment = NOW.replace(month=8) + timedelta(1)
    meter.accounts.renew()
    assert meter.balance("acct-0001").plan == "free"
    with reading(card) as connection:
        assert totals(connection, Period(), today=day(9).date()).subscription_nanos == 0
    for months in (0, 121):
        with pytest.raises(SubscriptionError):
            meter.subscriptions.gift("acct-0001", "team", months, by=BY)


def test_what_was_paid_for_goes_on_after_a_gift(meter: Meter, clock: Clock) -> None:
    begin(meter, cycle="annual")
    clock.forward(seconds=1)
    one = meter.subscriptions.gift("acct-0001", "team", 1, by=BY)
    end = NOW.replace(month=7) + timedelta(seconds=1)
    assert planned(one) == (end, "pro", "annual")
    # A plan that is paid for follows the gift, which is not cut short.
    changed = meter.subscriptions.change("acct-0001", "small", cycle="monthly", by=BY)
    assert planned(changed) == (end, "small", "monthly")
    clock.moment = end
    meter.accounts.renew()
    assert [(found.plan, found.fee_nanos) for found in meter.subscriptions.of("acct-0001")] == [
        ("pro", 200 * 10**9),
        ("team", 0),
        ("small", 5 * 10**9),
    ]


def test_a_gift_does_not_lose_a_fee_that_was_agreed(meter: Meter) -> None:
    begin(meter, fee_nanos=7)
    with pytest.raises(SubscriptionError) as caught:
        meter.subscriptions.gift("acct-0001", "team", 1, by=BY)
    assert str(caught.value) == (
        "acct-0001 pays a fee that was agreed, which would be lost after the gift; cancel that subscription first"
    )


def test_a_fee_past_due_keeps_the_plan_and_holds_the_credit_back(meter: Meter, clock: Clock) -> None:
    begin(meter)
    assert meter.subscriptions.past_due("acct-0001", by=BY).status == "past_due"
    clock.moment = NOW.replace(month=7)
    meter.accounts.renew()
    assert (meter.balance("acct-0001").plan, available(meter)) == ("pro", 0)
    with pytest.raises(SubscriptionError) as caught:
        meter.subscriptions.change("acct-0001", "team", by=BY)
    assert str(caught.value) == (
        "the fee of acct-0001 is past due: it is paid, or the subscription is cancelled, first"
    )
    with pytest.raises(SubscriptionError):
        meter.subscriptions.past_due("acct-0001", by=BY)
    assert meter.subscriptions.paid("acct-0001", by=BY).status == "active"
    assert available(meter) == CREDIT
    assert meter.subscriptions.cancel("acct-0001", by=BY).cancel_at == NOW.replace(month=8)


def test_of_many_starts_at_once_one_is_made(meter: Meter) -> None:
    def attempt(_: int) -> bool:
        try:
            begin(meter)
        except SubscriptionError:
            return False
        return True

    with ThreadPoolExecutor(8) as threads:
        assert sum(threads.map(attempt, range(16))) == 1
    assert len(meter.subscriptions.of("acct-0001")) == 1
    assert available(meter) == CREDIT


def test_running_subscriptions_are_listed_by_account(meter: Meter) -> None:
    begin(meter, account="b")
    begin(meter, "team", account="a", trial=True)
    begin(meter, account="c")
    meter.subscriptions.cancel("c", by=BY, when="now")

    def found(**values: Any) -> list[tuple[str, str]]:
        return [(account, one.plan) for account, one in meter.subscriptions.list(**values)]

    assert found() == [("a", "team"), ("b", "pro")]
    assert found(plan="pro") == [("b", "pro")]
    assert found(status="trial") == [("a", "team")]
    assert found(status="past_due") == []
