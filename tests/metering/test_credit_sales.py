"""Credit by month: a story told by the real meter, with every number by hand."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine

from metering.analytics import Period, totals
from metering.analytics.credit import Holder, Outstanding, credit_months, holders, outstanding, to_earn
from metering.analytics.credit_sales import purchases, usage_refunds, withdrawals, worth
from metering.analytics.movements import calendar
from metering.analytics.outstanding import CreditBalance, credit_balances
from metering.meter import Meter
from metering.usage import Usage
from schema.database import reading
from tests.metering.rate_card import Clock

USD = 10**9
JULY, AUGUST, SEPTEMBER = date(2026, 7, 1), date(2026, 8, 1), date(2026, 9, 1)
MONTHS = calendar(JULY, date(2026, 9, 16))
ALL = Period(JULY, date(2026, 10, 1))

pytestmark = pytest.mark.usefixtures("ledger_agrees")


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def use(meter: Meter, account: str, event_id: str, dollars: int) -> None:
    """A call that is charged so many USD, of which the provider takes five twelfths."""
    units = {"output": dollars * 250_000}
    meter.record(Usage(event_id=event_id, account=account, provider="openai", model="gpt", units=units))


@pytest.fixture
def story(meter: Meter, clock: Clock) -> datetime:
    """Four accounts over three months; returns when it ends."""
    clock.moment = moment("2026-07-31 23:59:59")
    meter.wallets.grant("acct-1", "purchase", key="pack-a", usd=24, paid=18, note="pack Starter")
    meter.wallets.grant("acct-1", "promo", key="thanks", usd=3)
    clock.moment = moment("2026-08-01 00:00:00")
    meter.wallets.grant(
        "acct-2", "purchase", key="pack-b", usd=12, paid=12, expires_at=moment("2026-08-31 00:00"), note="short"
    )
    clock.moment = moment("2026-08-10 12:00")
    # Twelve: three of the gift, nine of the purchase.
    use(meter, "acct-1", "call-1", 4)
    use(meter, "acct-2", "call-2", 1)
    clock.moment = moment("2026-08-20 12:00")
    meter.wallets.refund_purchase("acct-1", "pack-a", key="back", usd=6)
    clock.moment = moment("2026-09-01 01:00")
    meter.accounts.renew()
    # The refund is of September, the call that it corrects of August.
    meter.wallets.refund_usage("acct-1", "call-1", key="ticket", usd=4)
    use(meter, "acct-3", "call-3", 1)
    clock.moment = moment("2026-09-05 00:00")
    meter.wallets.grant("acct-3", "purchase", key="pack-c", usd=8, paid=4, expires_at=moment("2027-01-01 00:00"))
    meter.wallets.grant("acct-4", "purchase", key="pack-d", usd=5, paid=5)
    meter.accounts.delete("acct-4", by="desk@example.com", forfeit=True)
    clock.forward(days=10)
    return clock.moment


def test_months_by_hand(card: Engine, story: datetime) -> None:
    with reading(card) as connection:
        july, august, september = credit_months(connection, MONTHS)
        assert credit_months(connection, []) == []

    assert (july.purchases, july.paid_nanos, july.face_nanos) == (1, 18 * USD, 24 * USD)
    assert (july.used_nanos, july.earned_nanos, july.expired_nanos, july.refunded_nanos) == (0, 0, 0, 0)
    assert (august.purchases, august.paid_nanos, august.face_nanos) == (1, 12 * USD, 12 * USD)
    # 9 of pack A and 3 of pack B, less the 4 that were given back later.
    assert (august.used_nanos, august.earned_nanos) == (8 * USD, (9 - 4) * USD * 3 // 4 + 3 * USD)
    assert (august.refunded_nanos, august.refunded_paid_nanos) == (6 * USD, 4_500_000_000)
    assert (august.expired_nanos, august.usage_refunded_nanos) == (0, 0)
    assert (september.purchases, september.paid_nanos, september.face_nanos) == (2, 9 * USD, 13 * USD)
    assert (september.expired_nanos, september.expired_paid_nanos) == (9 * USD, 9 * USD)
    assert (september.usage_refunded_nanos, september.refunded_nanos) == (4 * USD, 0)
    assert september.repaid_nanos == 3 * USD


def test_what_is_outstanding(card: Engine, story: datetime) -> None:
    with reading(card) as connection:
        found = outstanding(connection, story)
        held = holders(connection, story)
        assert holders(connection, story, limit=1) == held[:1]
        assert holders(connection, story, kinds=("signup", "promo")) == []

    # Of pack A: 24 - 9 - 6 + 4 at three quarters; of pack C: 8 less the 3 that it repaid, at a half.
    assert found == Outstanding(18 * USD, 9_750_000_000 + 2_500_000_000, 2, 2, 0, 0)
    assert held == [
        Holder("acct-1", 13 * USD, 9_750_000_000, None),
        Holder("acct-3", 5 * USD, 2_500_000_000, moment("2027-01-01 00:00")),
    ]


def test_the_balances_at_the_ends_of_months(card: Engine, story: datetime) -> None:
    with reading(card) as connection:
        found = credit_balances(connection, MONTHS, story)
        until_august = credit_balances(connection, MONTHS[:2], story)
        now = outstanding(connection, story)

    # In July pack A was whole; in August 9 of it were used and 6 refunded, and pack B had just expired.
    # In September 4 came back to pack A; 3 of pack C repaid; pack D went with its account.
    assert found == [
        CreditBalance(JULY, 24 * USD, 18 * USD),
        CreditBalance(AUGUST, 9 * USD, 6_750_000_000),
        CreditBalance(SEPTEMBER, 18 * USD, 12_250_000_000),
    ]
    assert until_august == found[:2]
    assert (found[-1].face_nanos, found[-1].deferred_nanos) == (now.face_nanos, now.deferred_nanos)


def test_the_balances_at_the_ends_of_days(card: Engine, story: datetime) -> None:
    days = [(day, day + timedelta(days=1)) for day in Period(JULY, date(2026, 9, 16)).days()]
    with reading(card) as connection:
        found = credit_balances(connection, days, story)
        months = credit_balances(connection, MONTHS, story)

    assert [row.first for row in found] == [day for day, _ in days]
    balances = [(row.face_nanos, row.deferred_nanos) for row in found]
    changed = [place for place in range(1, len(days)) if balances[place] != balances[place - 1]]
    # Pack A, pack B, 9 and 3 of them used, 6 of A taken back, the rest of B gone as its last day begins, 4 given back,
    # and what pack C did not repay.
    assert [(found[place].first, *(nanos / USD for nanos in balances[place])) for place in changed] == [
        (date(2026, 7, 31), 24, 18),
        (AUGUST, 36, 30),
        (date(2026, 8, 10), 24, 20.25),
        (date(2026, 8, 20), 18, 15.75),
        (date(2026, 8, 30), 9, 6.75),
        (SEPTEMBER, 13, 9.75),
        (date(2026, 9, 5), 18, 12.25),
    ]
    ends = {end: balance for (_, end), balance in zip(days, balances, strict=True)}
    assert [(row.face_nanos, row.deferred_nanos) for row in months] == [ends[end] for _, end in MONTHS]


def test_all_that_was_bought_is_somewhere(card: Engine, story: datetime) -> None:
    with reading(card) as connection:
        months = credit_months(connection, MONTHS)
        left = outstanding(connection, story)
        forfeited = 5 * USD

        gone = sum(row.used_nanos + row.repaid_nanos + row.expired_nanos + row.refunded_nanos for row in months)
        assert sum(row.face_nanos for row in months) == gone + left.face_nanos + forfeited
        usage = sum(row.earned_nanos for row in months)
        assert usage == totals(connection, ALL).revenue_nanos - 3 * USD, "all revenue but what acct-3 owed"


def test_the_lists_behind_the_months(card: Engine, story: datetime) -> None:
    with reading(card) as connection:
        bought = purchases(connection, ALL)
        assert purchases(connection, ALL, limit=2) == bought[:2]
        gone = withdrawals(connection, ALL)
        back = usage_refunds(connection, Period(SEPTEMBER, date(2026, 10, 1)))
        assert usage_refunds(connection, Period(AUGUST, SEPTEMBER)) == []
        only_september = withdrawals(connection, Period(SEPTEMBER, date(2026, 10, 1)))

    assert [(one.key, one.at.day, one.paid_nanos // USD, one.remaining_nanos // USD) for one in bought] == [
        ("pack-d", 5, 5, 5),
        ("pack-c", 5, 4, 5),
        ("pack-b", 1, 12, 0),
        ("pack-a", 31, 18, 13),
    ]
    assert [(one.kind, one.account, one.key, one.at.day, one.face_nanos, one.paid_nanos) for one in gone] == [
        ("expired", "acct-2", "pack-b", 1, 9 * USD, 9 * USD),
        ("refunded", "acct-1", "pack-a", 20, 6 * USD, 4_500_000_000),
    ]
    assert only_september == gone[:1]
    assert [(one.account, one.event_id, one.charge_nanos, one.revenue_nanos) for one in back] == [
        ("acct-1", "call-1", 4 * USD, 3 * USD)
    ]


def test_the_money_of_a_refund_is_what_the_refund_said(meter: Meter, card: Engine, clock: Clock) -> None:
    clock.moment = moment("2026-08-02 00:00")
    meter.wallets.grant("acct-1", "purchase", key="pack", usd=Decimal("17.5"), paid=15)
    first = meter.wallets.refund_purchase("acct-1", "pack", key="one", usd=Decimal("3.333333333"))
    clock.forward(days=1)
    second = meter.wallets.refund_purchase("acct-1", "pack", key="two")
    with reading(card) as connection:
        found = withdrawals(connection, Period(AUGUST, SEPTEMBER))
        later = withdrawals(connection, Period(date(2026, 8, 3), SEPTEMBER))
    assert [one.paid_nanos for one in found] == [second.money_nanos, first.money_nanos]
    assert sum(one.paid_nanos for one in found) == 15 * USD
    assert later == found[:1]


def test_credit_that_has_ended_is_not_outstanding(meter: Meter, card: Engine, clock: Clock) -> None:
    ends = clock.moment + timedelta(days=1)
    meter.wallets.grant("acct-1", "purchase", key="pack", usd=10, paid=10, expires_at=ends)
    meter.wallets.grant("acct-1", "signup", key="welcome", usd=2, expires_at=ends)
    with reading(card) as connection:
        before = outstanding(connection, ends - timedelta(microseconds=1))
        after = outstanding(connection, ends)
    assert (before.face_nanos, before.deferred_nanos, before.promotional_nanos) == (10 * USD, 10 * USD, 2 * USD)
    assert (after.face_nanos, after.holders, after.promotional_nanos) == (0, 0, 0)


@given(
    face=st.integers(1, 10**12),
    paid=st.integers(0, 10**12),
    cuts=st.lists(st.integers(0, 10**12), max_size=6),
)
def test_parts_from_the_end_come_to_what_was_paid(face: int, paid: int, cuts: list[int]) -> None:
    taken = told = 0
    for cut in cuts:
        part = min(cut, face - taken)
        told += worth(face, paid, taken, part)
        taken += part
    assert told == to_earn(face, paid, taken)
    assert told + worth(face, paid, taken, face - taken) == paid


def test_what_a_purchase_repaid_and_got_back_is_no_repayment(meter: Meter, card: Engine, clock: Clock) -> None:
    clock.moment = moment("2026-08-02 00:00")
    use(meter, "acct-1", "call-1", 1)
    clock.forward(hours=1)
    meter.wallets.grant("acct-1", "purchase", key="pack", usd=8, paid=4)
    with reading(card) as connection:
        assert credit_months(connection, MONTHS)[1].repaid_nanos == 3 * USD
    meter.wallets.refund_usage("acct-1", "call-1", key="ticket", usd=2)
    with reading(card) as connection:
        august = credit_months(connection, MONTHS)[1]
        assert (august.repaid_nanos, august.used_nanos, august.earned_nanos) == (1 * USD, 0, 0)
        assert outstanding(connection, clock.moment).face_nanos == 7 * USD
