"""What no caller should give: every such value is refused alike on both databases, and no account is harmed."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pytest
from sqlalchemy import Engine, select

from metering.errors import (
    ApiKeyError,
    BadCorrectionError,
    BadEventError,
    BadGrantError,
    SubscriptionError,
    UnknownAccountError,
    UnknownHoldError,
)
from metering.meter import Meter
from metering.usage import LARGEST_DECIMAL, Usage
from metering.wallets.ledger import imbalances, unmatched_debits
from metering.wallets.proof import flaws
from metering.wallets.wallet import LARGEST_COUNT
from schema.database import reading
from schema.tables import account_state
from tests.metering.rate_card import Clock, apply_rows

BY = "billing@example.com"
BAD_NAMES = ("", " ", "a\x00b", "\ud800", "x" * 201)
EAST = timezone(timedelta(hours=12))
FIRST = datetime.fromisoformat("0001-01-01T00:00:00")
LAST = datetime.fromisoformat("9999-12-31T23:59:59.999999")


def naive(day: str) -> datetime:
    """A time without a zone, as careless callers give it."""
    return datetime.fromisoformat(day)


@pytest.fixture(autouse=True)
def _money_agrees(card: Engine) -> Iterator[None]:
    yield
    with reading(card) as connection:
        assert (imbalances(connection), unmatched_debits(connection), list(flaws(connection))) == ([], [], [])


def call(event_id: str, **values: Any) -> Usage:
    plain = {"account": "a", "provider": "anthropic", "model": "haiku", "units": {"input": 1}}
    return Usage(event_id=event_id, **(plain | values))


def test_credit_without_an_end_in_sight_is_given_and_renewed(meter: Meter, clock: Clock) -> None:
    for number, end in enumerate((LAST.replace(tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC), naive("9999-12-31"))):
        meter.wallets.grant("a", "promo", key=f"forever {number}", usd=1, expires_at=end)
    meter.record(call("1"))
    meter.wallets.refund_usage("a", "1", key="all of it")
    clock.forward(days=60)
    assert meter.accounts.renew().failed == 0
    assert meter.balance("a").available == 3


@pytest.mark.parametrize(
    "values",
    [
        {"starts_at": FIRST.replace(tzinfo=UTC)},
        {"starts_at": FIRST.replace(tzinfo=EAST)},
        {"expires_at": LAST.replace(tzinfo=timezone(timedelta(hours=-12)))},
        {"expires_at": date(2027, 1, 1)},
        {"key": "a\x00b"},
        {"key": "\ud800"},
        {"key": "x" * 201},
        {"note": "a\x00b"},
        {"note": "\ud800"},
    ],
    ids=str,
)
def test_a_grant_that_the_database_would_not_give_back_bricks_no_account(meter: Meter, values: Any) -> None:
    with pytest.raises(BadGrantError):
        meter.wallets.grant("a", "promo", **({"key": "k", "usd": 1} | values))
    meter.wallets.grant("a", "promo", key="k", usd=1)
    assert meter.record(call("1")).balance < 1


@pytest.mark.parametrize("account", BAD_NAMES, ids=ascii)
def test_credit_is_not_given_to_what_no_call_can_name(meter: Meter, account: str) -> None:
    for change in (
        lambda: meter.wallets.grant(account, "promo", key="k", usd=1),
        lambda: meter.wallets.buy(account, "Starter", key="k"),
        lambda: meter.hold(account, "anthropic", "haiku", units={"input": 1}),
        lambda: meter.record(call("1", account=account)),
    ):
        with pytest.raises(BadEventError, match="account"):
            change()
    with pytest.raises((BadEventError, UnknownAccountError)):
        meter.balance(account)
    assert meter.accounts.list() == []


def test_a_balance_cannot_be_raised_beyond_what_the_database_holds(meter: Meter) -> None:
    for number in range(8):
        meter.wallets.grant("a", "purchase", key=f"pack {number}", usd=10**9, paid=10**9)
    with pytest.raises(BadGrantError, match="above eight thousand million USD"):
        meter.wallets.grant("a", "purchase", key="one more", usd=10**9, paid=10**9)
    assert meter.balance("a").balance == 8 * 10**9


def test_holds_cannot_sum_to_more_than_the_database_holds(meter: Meter) -> None:
    meter.subscriptions.start("a", "pro", by=BY)
    # At 15 USD a million output, 1.3 times: 10**12 come to 19.5 million USD; the tier's 22.50 to 29.25 million.
    assert meter.hold("a", "anthropic", "sonnet", units={"output": 10**12}).amount == 19_500_000
    apply = {"unknown_model": {"credits_multiplier": "1000000"}}
    apply_rows(meter.engine, {"setting": [{"setting": name, "value": value} for name, value in apply.items()]})
    with pytest.raises(BadEventError, match="can only be a slip"):
        meter.hold("a", None, "unheard-of", units={"output": 10**12})
    assert meter.balance("a").held_nanos == 19_500_000 * 10**9


@pytest.mark.parametrize("hold_id", BAD_NAMES[1:], ids=ascii)
def test_a_hold_whose_id_cannot_be_stored_is_refused(meter: Meter, hold_id: str) -> None:
    meter.wallets.grant("a", "promo", key="k", usd=1)
    with pytest.raises(BadEventError, match="the id of a hold"):
        meter.hold("a", "anthropic", "haiku", units={"input": 1}, hold_id=hold_id)
    with pytest.raises(UnknownHoldError):
        meter.holds.find("a", hold_id)


def test_run_units_beyond_all_measure_poison_no_counter(meter: Meter, card: Engine) -> None:
    apply_rows(card, {"run_unit": [{"name": "tier/ultra", "value_micros": 3_000_000}]})
    with pytest.raises(BadEventError, match="run_unit is more than"):
        meter.record(call("1", units={"run_unit": LARGEST_DECIMAL + 1}))
    with pytest.raises(BadEventError, match="comes to more than 100000000 run units"):
        meter.record(Usage(event_id="2", account="a", tool="build", tier="ultra", cpu_seconds=LARGEST_DECIMAL))
    meter.record(call("3", units={"run_unit": LARGEST_DECIMAL}))
    state = account_state.c
    with card.begin() as connection:
        connection.execute(account_state.update().values(month_tokens=LARGEST_COUNT, month_run_unit_micros=2**63 - 2))
    meter.record(call("4", units={"run_unit": 1, "input": 1}))
    with reading(card) as connection:
        row = connection.execute(select(state.month_tokens, state.month_run_unit_micros)).one()
    assert tuple(row) == (LARGEST_COUNT, LARGEST_COUNT)


@pytest.mark.parametrize("at", [FIRST, FIRST.replace(tzinfo=EAST), "0001-01-01", "1969-12-31T23:59:59Z"])
def test_a_call_from_before_there_was_metering_is_refused(meter: Meter, at: Any) -> None:
    with pytest.raises(BadEventError, match="occurred_at is"):
        meter.record(call("1", occurred_at=at))
    assert meter.record(call("2", occurred_at=naive("1970-01-01"))).status == "unpriced"


@pytest.mark.parametrize("key", BAD_NAMES, ids=ascii)
def test_a_refund_whose_key_cannot_be_stored_is_refused(meter: Meter, key: str) -> None:
    meter.wallets.grant("a", "purchase", key="p", usd=1, paid=1)
    meter.record(call("1"))
    changes: tuple[Callable[[], object], ...] = (
        lambda: meter.wallets.refund_usage("a", "1", key=key),
        lambda: meter.wallets.refund_purchase("a", "p", key=key),
        lambda: meter.wallets.refund_usage("a", key, key="k"),
        lambda: meter.wallets.refund_purchase("a", key, key="k"),
    )
    for change in changes:
        with pytest.raises(BadCorrectionError):
            change()


@pytest.mark.parametrize("name", BAD_NAMES[1:], ids=ascii)
def test_names_that_cannot_be_stored_are_looked_for_nowhere(meter: Meter, name: str) -> None:
    meter.accounts.create("a", by=BY)
    for give in (
        lambda: meter.wallets.buy("a", name, key="k"),
        lambda: meter.wallets.cohort(name, credits=1),
    ):
        with pytest.raises(BadGrantError):
            give()
    for end in (meter.keys.revoke, meter.keys.rotate):
        with pytest.raises(ApiKeyError, match="there is no such key"):
            end(name, by=BY)


def test_times_of_subscriptions_may_be_naive_and_never_endless(meter: Meter) -> None:
    with pytest.raises(SubscriptionError, match="at most 10 years ago"):
        meter.subscriptions.start("a", "pro", by=BY, since=naive("1999-01-01"))
    assert meter.subscriptions.start("a", "pro", by=BY, since=naive("2026-01-31")).started_at.tzinfo is UTC
    meter.subscriptions.cancel("a", by=BY, when=naive("2027-01-01"))
    with pytest.raises(SubscriptionError, match="at most 100 years ahead"):
        deque((meter.subscriptions.extend("a", 3_650, by=BY) for _ in range(20)), maxlen=0)
    assert meter.accounts.renew().failed == 0


def test_keys_that_never_end_can_be_rotated(meter: Meter, clock: Clock) -> None:
    meter.accounts.create("a", by=BY)
    made = meter.keys.create("meter", account="a", by=BY, expires_at=naive("9999-12-31"))
    clock.forward(days=400)
    with pytest.raises(ApiKeyError, match="an overlap is at most 366 days"):
        meter.keys.rotate(made.key.key_id, by=BY, overlap=timedelta.max)
    made = meter.keys.rotate(made.key.key_id, by=BY)
    clock.forward(days=400)
    assert meter.keys.authenticate(meter.keys.rotate(made.key.key_id, by=BY).text) is not None
