"""Burning grants, against numbers worked out by hand and against a plain model in fractions."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from metering.wallets.wallet import AccountState, Grant, Met, Repaid, Wallet, burn_order, repayment
from tests.metering.rate_card import NOW


def state(**values: Any) -> AccountState:
    row = {
        "account_id": 1,
        "balance_nanos": 0,
        "owed_nanos": 0,
        "overdraft_nanos": 0,
        "plan": "free",
        "plan_since": NOW,
        "month": date(2026, 6, 1),
        "month_tokens": 0,
        "month_run_unit_micros": 0,
        "day": date(2026, 6, 15),
        "day_requests": 0,
        "last_event_at": None,
    }
    return AccountState(**(row | values))


def grant(number: int, kind: str, face: int, paid: int = 0, **values: Any) -> Grant:
    row = {
        "id": number,
        "account_id": 1,
        "kind": kind,
        "face_nanos": face,
        "paid_nanos": paid,
        "remaining_nanos": face,
        "priority": 20,
        "starts_at": NOW,
        "expires_at": None,
    }
    return Grant(**(row | values))


def test_grants_burn_by_priority_then_expiry_then_age() -> None:
    soon, later = NOW + timedelta(days=1), NOW + timedelta(days=2)
    grants = [
        grant(1, "purchase", 5, priority=30),
        grant(2, "promo", 5),
        grant(3, "promo", 5, expires_at=later),
        grant(4, "promo", 5, expires_at=soon),
        grant(5, "promo", 5, expires_at=soon),
        grant(6, "plan", 5, priority=10),
    ]
    assert [one.id for one in sorted(grants, key=burn_order)] == [6, 4, 5, 3, 2, 1]
    wallet = Wallet(state(balance_nanos=30), grants)
    assert wallet.debit(27, NOW, observe=False) == Met(5, 20, 2, 0, 0, 0)
    assert wallet.burned == {6: 5, 4: 5, 5: 5, 3: 5, 2: 5, 1: 2}
    assert wallet.state.balance_nanos == 3


def test_a_grant_is_open_from_its_start_until_its_end() -> None:
    end = NOW + timedelta(days=1)
    for moment, promotional in (
        (NOW - timedelta(microseconds=1), 0),
        (NOW, 4),
        (end - timedelta(microseconds=1), 4),
        (end, 0),
    ):
        wallet = Wallet(state(), [grant(1, "signup", 10, expires_at=end)])
        met = wallet.debit(4, moment, observe=False)
        assert (met.promotional_nanos, met.owed_nanos) == (promotional, 4 - promotional)


def test_purchased_credit_earns_what_was_paid_for_it() -> None:
    """$15 for credits worth $17.50: each charge earns 15/17.50 of it, and all of them together $15."""
    wallet = Wallet(state(), [grant(1, "purchase", 17_500_000_000, 15_000_000_000)])
    assert wallet.debit(7_000_000_000, NOW, observe=False) == Met(0, 0, 7_000_000_000, 0, 0, 6_000_000_000)
    assert wallet.debit(1, NOW, observe=False).revenue_nanos == 0
    assert wallet.debit(10_499_999_999, NOW, observe=False).revenue_nanos == 9_000_000_000


def test_what_no_grant_meets_is_owed_or_overdraft() -> None:
    wallet = Wallet(state(balance_nanos=3), [grant(1, "plan", 3)])
    assert wallet.debit(5, NOW, observe=False) == Met(3, 0, 0, 2, 0, 2)
    assert wallet.debit(5, NOW, observe=True) == Met(0, 0, 0, 0, 5, 0)
    after = wallet.state
    assert (after.balance_nanos, after.owed_nanos, after.overdraft_nanos) == (-7, 2, 5)


def test_a_new_grant_repays_what_is_owed_and_then_the_overdraft() -> None:
    owing = state(owed_nanos=30, overdraft_nanos=50)
    assert repayment(owing, 20, 20) == Repaid(20, 0, 0)
    assert repayment(owing, 60, 30) == Repaid(30, 30, 15)
    assert repayment(owing, 100, 50) == Repaid(30, 50, 25)
    assert repayment(state(), 100, 50) == Repaid(0, 0, 0)


def test_events_are_counted_in_their_month_and_day() -> None:
    counted = state()
    counted.count(datetime(2026, 6, 15, 1, tzinfo=UTC), {"input": 10, "output": 5, "image": 2})
    counted.count(datetime(2026, 6, 3, tzinfo=UTC), {"input": 1, "run_unit": 1_500_000})
    counted.count(datetime(2026, 5, 31, 23, tzinfo=UTC), {"input": 100})
    assert (counted.month_tokens, counted.month_run_unit_micros, counted.day_requests) == (16, 1_500_000, 1)
    counted.count(datetime(2026, 7, 1, tzinfo=UTC), {"cache_read": 7})
    assert (counted.month, counted.month_tokens, counted.month_run_unit_micros) == (date(2026, 7, 1), 7, 0)
    assert (counted.day, counted.day_requests) == (date(2026, 7, 1), 1)
    assert counted.last_event_at == datetime(2026, 7, 1, tzinfo=UTC)


AMOUNT = st.integers(1, 10**12)
GRANTS = st.lists(
    st.tuples(st.sampled_from(["plan", "signup", "promo", "purchase"]), AMOUNT, AMOUNT, st.integers(0, 3)), max_size=5
)


@given(grants=GRANTS, charges=st.lists(st.tuples(st.integers(0, 10**12), st.booleans()), max_size=12))
def test_debits_agree_with_a_plain_model(
    grants: list[tuple[str, int, int, int]], charges: list[tuple[int, bool]]
) -> None:
    made = [
        grant(number, kind, face, paid if kind == "purchase" else 0, priority=priority)
        for number, (kind, face, paid, priority) in enumerate(grants)
    ]
    faces = {one.id: one.face_nanos for one in made}
    wallet = Wallet(state(balance_nanos=sum(faces.values())), made)
    earned = 0
    for charge, observe in charges:
        met = wallet.debit(charge, NOW, observe=observe)
        assert sum(met[:5]) == charge
        earned += met.revenue_nanos
    left = {one.id: one.remaining_nanos for one in wallet.grants}
    final = wallet.state
    assert final.balance_nanos == sum(left.values()) - final.owed_nanos - final.overdraft_nanos
    assert {number: faces[number] - rest for number, rest in left.items() if rest < faces[number]} == wallet.burned
    assert sum(charge for charge, _ in charges) == sum(wallet.burned.values()) + (
        final.owed_nanos + final.overdraft_nanos
    )
    if final.owed_nanos or final.overdraft_nanos:
        assert not any(left.values())
    exact = final.owed_nanos + sum(
        (Fraction(one.paid_nanos * (faces[one.id] - one.remaining_nanos), faces[one.id]) for one in made), Fraction(0)
    )
    # Each purchase is rounded down once, however many charges it meets.
    assert 0 <= exact - earned < max(1, len(made))
