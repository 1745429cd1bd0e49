from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import Engine, select, update

from metering.accounts.accounts import create_account
from metering.errors import BadGrantError, EventConflictError, UnknownAccountError
from metering.meter import Meter
from metering.subscriptions.due import LATE
from metering.usage import Usage
from metering.wallets.grants import PRIORITIES, add_grant, expire_grants
from metering.wallets.ledger import Imbalance, imbalances
from metering.wallets.wallet import Grant
from schema.database import reading, writing
from schema.tables import account_state, grants, ledger_postings
from tests.metering.rate_card import NOW, Clock, apply_rows, setting
from tests.metering.stored import rows

DAY = timedelta(days=1)

pytestmark = pytest.mark.usefixtures("ledger_agrees")


@pytest.fixture
def account(card: Engine) -> int:
    with writing(card) as connection:
        return create_account(connection, "acct-0001", plan="free", now=NOW)


def give(engine: Engine, account: int, kind: str, face: int, key: str, **values: Any) -> Grant:
    with writing(engine) as connection:
        return add_grant(connection, account, kind, face, **({"idempotency_key": key, "now": NOW} | values))


def call(meter: Meter, event_id: str, output: int, at: datetime | None = None) -> None:
    """A call of 10 USD for each 1,000,000 of output, charged to acct-0001."""
    units = {"output": output * 10_000}
    meter.record(
        Usage(event_id=event_id, account="acct-0001", provider="openai", model="gpt", units=units, occurred_at=at)
    )


def test_a_grant_comes_with_its_posting(card: Engine, account: int) -> None:
    end = NOW + 30 * DAY
    one = give(card, account, "purchase", 17_500, "pack", paid_nanos=15_000, expires_at=end, note="July")
    assert (one.id, one.remaining_nanos, one.priority, one.starts_at, one.expires_at) == (1, 17_500, 30, NOW, end)
    (stored,) = rows(card, grants)
    assert (stored.kind, stored.face_nanos, stored.paid_nanos, stored.remaining_nanos) == (
        "purchase",
        17_500,
        15_000,
        17_500,
    )
    assert (stored.priority, stored.starts_at, stored.expires_at, stored.note) == (30, NOW, end, "July")
    (posting,) = rows(card, ledger_postings)
    assert (posting.kind, posting.amount_nanos, posting.balance_nanos, posting.burned) == (
        "purchase",
        17_500,
        17_500,
        [],
    )
    assert (posting.idempotency_key, posting.occurred_at, posting.note) == ("grant:pack", NOW, "July")


@pytest.mark.parametrize("kind", ["plan", "signup", "promo"])
def test_what_is_given_is_posted_as_a_grant(card: Engine, account: int, kind: str) -> None:
    assert give(card, account, kind, 5, "k").priority == PRIORITIES[kind]
    assert give(card, account, kind, 5, "l", priority=3).priority == 3
    assert [(one.kind, one.balance_nanos) for one in rows(card, ledger_postings)] == [("grant", 5), ("grant", 10)]


def test_the_same_key_grants_once(card: Engine, account: int) -> None:
    """Lago 5870: a top-up that was sent twice was credited twice."""
    first = give(card, account, "purchase", 100, "top-up", paid_nanos=90)
    assert give(card, account, "purchase", 100, "top-up", paid_nanos=90, now=NOW + DAY) == first
    assert len(rows(card, ledger_postings)) == 1
    for other in ({"face_nanos": 101}, {"paid_nanos": 91}):
        values = {"face_nanos": 100, "paid_nanos": 90} | other
        with pytest.raises(EventConflictError) as caught:
            give(card, account, "purchase", values["face_nanos"], "top-up", paid_nanos=values["paid_nanos"])
        assert str(caught.value) == "grant top-up exists with another kind or other amounts"


@pytest.mark.parametrize(
    ("kind", "face", "values", "message"),
    [
        ("bonus", 5, {}, "'bonus' is not a kind of grant: plan, signup, promo, purchase"),
        ("promo", 0, {}, "a grant is worth more than nothing, and no less than nothing is paid for it"),
        ("promo", -5, {}, "a grant is worth more than nothing, and no less than nothing is paid for it"),
        (
            "purchase",
            5,
            {"paid_nanos": -1},
            "a grant is worth more than nothing, and no less than nothing is paid for it",
        ),
        ("promo", 5, {"paid_nanos": 1}, "nothing is paid for a promo grant"),
        ("promo", 5, {"priority": -1}, "a priority is from 0, which burns first, to 1000"),
        ("promo", 5, {"priority": 1_001}, "a priority is from 0, which burns first, to 1000"),
        ("promo", 10**18 + 1, {}, "a grant is worth at most a thousand million USD"),
        ("promo", 5, {"expires_at": NOW}, "grant k would expire before it starts"),
    ],
)
def test_grants_that_make_no_sense_are_refused(
    card: Engine, account: int, kind: str, face: int, values: dict[str, Any], message: str
) -> None:
    with pytest.raises(BadGrantError) as caught:
        give(card, account, kind, face, "k", **values)
    assert str(caught.value) == message
    assert rows(card, grants) == []


def test_a_grant_needs_an_account(card: Engine) -> None:
    with pytest.raises(UnknownAccountError):
        give(card, 99, "promo", 5, "k")


def test_what_is_owed_is_repaid_first(meter: Meter, card: Engine, account: int) -> None:
    call(meter, "e1", output=100)  # 12 USD owed
    meter.wallets.grant("acct-0001", "promo", key="gift", usd=Decimal(2))
    assert meter.balance("acct-0001").owed_nanos == 10 * 10**9
    one = meter.wallets.grant("acct-0001", "purchase", key="pack", usd=Decimal(20), paid=Decimal(15))
    assert one.remaining_nanos == 10 * 10**9
    balance = meter.balance("acct-0001")
    assert (balance.balance, balance.available, balance.owed_nanos) == (Decimal(10), Decimal(10), 0)
    gift, pack = rows(card, ledger_postings)[1:]
    assert (gift.burned, gift.revenue_nanos) == ([[1, 2 * 10**9]], 0)
    # The overage was earned with the usage: nothing is earned twice.
    assert (pack.burned, pack.revenue_nanos) == ([[2, 10 * 10**9]], 0)


def test_overdraft_that_a_purchase_repays_is_earned_then(meter: Meter, card: Engine, account: int) -> None:
    apply_rows(card, {"setting": [setting("enforcement", "observe")]})
    call(meter, "e1", output=100)  # 12 USD observed
    apply_rows(card, {"setting": [setting("enforcement", "on")]})
    meter.wallets.grant("acct-0001", "promo", key="gift", usd=Decimal(2))
    meter.wallets.grant("acct-0001", "purchase", key="pack", usd=Decimal(20), paid=Decimal(15))
    assert [one.revenue_nanos for one in rows(card, ledger_postings)] == [0, 0, 7_500_000_000]
    assert meter.balance("acct-0001").overdraft_nanos == 0
    call(meter, "e2", output=100)  # the other 10 USD of the pack, and 2 owed
    with reading(card) as connection:
        state = connection.execute(select(account_state)).one()
    assert (state.balance_nanos, state.owed_nanos) == (-2 * 10**9, 2 * 10**9)


def test_a_plans_grant_repays_nothing(meter: Meter, account: int) -> None:
    call(meter, "e1", output=100)
    one = meter.wallets.grant("acct-0001", "plan", key="june", usd=Decimal(20), expires_at=NOW + DAY)
    assert one.remaining_nanos == 20 * 10**9
    assert (meter.balance("acct-0001").balance, meter.balance("acct-0001").owed_nanos) == (Decimal(8), 12 * 10**9)


def test_a_grant_that_has_not_started_repays_nothing_yet(meter: Meter, account: int) -> None:
    call(meter, "e1", output=100)
    meter.wallets.grant("acct-0001", "promo", key="later", usd=Decimal(20), starts_at=NOW + DAY)
    balance = meter.balance("acct-0001")
    assert (balance.balance, balance.available, balance.owed_nanos) == (Decimal(8), Decimal(-12), 12 * 10**9)


def test_expired_credit_leaves_the_wallet_once(meter: Meter, card: Engine, account: int, clock: Clock) -> None:
    give(card, account, "promo", 100, "a", expires_at=NOW + DAY)
    give(card, account, "promo", 50, "b", expires_at=NOW + DAY)
    give(card, account, "promo", 30, "c", expires_at=NOW + 2 * DAY)
    clock.moment = NOW + DAY
    assert meter.balance("acct-0001").balance_nanos == 180
    assert meter.balance("acct-0001").available_nanos == 30
    for taken in (150, 0):
        with writing(card) as connection:
            assert expire_grants(connection, clock.moment) == taken
    assert meter.balance("acct-0001").balance_nanos == 30
    last = rows(card, ledger_postings)[-1]
    assert (last.kind, last.amount_nanos, last.balance_nanos, last.burned) == ("expiry", -150, 30, [[1, 100], [2, 50]])
    assert (last.occurred_at, last.revenue_nanos) == (clock.moment, 0)
    assert [one.remaining_nanos for one in rows(card, grants)] == [0, 0, 30]


def test_credit_that_expires_meets_what_occurred_before(meter: Meter, card: Engine, account: int, clock: Clock) -> None:
    meter.wallets.grant("acct-0001", "promo", key="june", usd=Decimal(20), expires_at=NOW + DAY)
    clock.moment = NOW + DAY + LATE - timedelta(microseconds=1)
    call(meter, "late", output=10, at=NOW)
    call(meter, "now", output=10)
    balance = meter.balance("acct-0001")
    assert (balance.balance, balance.available, balance.owed_nanos) == (
        Decimal("17.6"),
        Decimal("-1.2"),
        1_200_000_000,
    )


def test_several_accounts_expire_together(card: Engine) -> None:
    with writing(card) as connection:
        for name in "abc":
            number = create_account(connection, name, plan="free", now=NOW, signup_grant_nanos=5)
            add_grant(connection, number, "promo", 7, idempotency_key="k", now=NOW, expires_at=NOW + DAY)
        assert expire_grants(connection, NOW + DAY) == 21
    assert [one.balance_nanos for one in rows(card, ledger_postings) if one.kind == "expiry"] == [5, 5, 5]


def test_edited_tables_are_found(card: Engine, account: int) -> None:
    give(card, account, "promo", 100, "a")
    with writing(card) as connection:
        connection.execute(update(account_state).values(balance_nanos=90))
    with reading(card) as connection:
        assert imbalances(connection) == [Imbalance("acct-0001", 90, 100, 100)]
    with writing(card) as connection:
        connection.execute(update(account_state).values(balance_nanos=100))
        connection.execute(update(grants).values(remaining_nanos=80))
    with reading(card) as connection:
        assert imbalances(connection) == [Imbalance("acct-0001", 100, 100, 80)]
