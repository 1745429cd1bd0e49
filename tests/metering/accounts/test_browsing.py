"""Accounts as people browse them: sorted, counted and cut into pages by the database, with what they earn."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from sqlalchemy import Connection, Engine

from metering import analytics
from metering.accounts.accounts import account_id, create_account
from metering.accounts.browsing import (
    SORTS,
    AccountTotals,
    Choice,
    Order,
    browse_accounts,
    count_statuses,
    sum_accounts,
)
from metering.analytics import Period
from metering.analytics.earnings import revenue_by_account
from metering.errors import AccountError
from metering.meter import Meter
from metering.usage import Usage
from schema.database import reading, writing
from tests.metering.rate_card import NOW, Clock

BY = "prices@example.com"
JUNE = Period(date(2026, 6, 1), date(2026, 6, 16))
NAMES = ("acct-1", "acct-2", "acct-3", "=cmd()", "<script>")


@pytest.fixture
def business(meter: Meter, clock: Clock) -> Meter:
    """Five accounts: two subscribers, one of them upgraded; bought credit, overdraft repaid, a refund, a suspension."""
    clock.moment = datetime(2026, 5, 20, 9, tzinfo=UTC)
    for name in NAMES:
        meter.accounts.create(name, by=BY)
    meter.subscriptions.start("acct-1", "pro", by=BY)
    meter.wallets.grant("acct-2", "purchase", key="pack", usd=20, paid=15)
    clock.moment = datetime(2026, 6, 3, 9, tzinfo=UTC)
    meter.subscriptions.start("acct-3", "pro", by=BY, trial=True)
    for number, name in enumerate(NAMES[:4]):
        for call in range(number + 1):
            meter.record(
                Usage(
                    event_id=f"call-{call}",
                    account=name,
                    model="anthropic/haiku",
                    units={"input": 100_000 * (number + 1), "output": 1_000},
                    occurred_at=clock.moment - timedelta(days=10 * (call % 2)),
                )
            )
        clock.forward(minutes=1)
    meter.wallets.refund_usage("acct-2", "call-1", key="sorry")
    meter.accounts.suspend("=cmd()", by=BY)
    clock.moment = NOW
    return meter


def _names(connection: Connection, order: Order, choice: Choice | None = None, **page: int) -> list[str]:
    return [row.info.account for row in browse_accounts(connection, choice or Choice(), order, now=NOW, **page)]


def test_earnings_by_account_are_the_totals_of_each(business: Meter) -> None:
    with reading(business.engine) as connection:
        earned = revenue_by_account(connection, JUNE, today=NOW.date())
        numbers = {name: account_id(connection, name) for name in NAMES}
        some = revenue_by_account(connection, JUNE, today=NOW.date(), account_ids=[numbers["acct-1"]])
        for name, number in numbers.items():
            totals = analytics.totals(connection, JUNE, {"account": name}, today=NOW.date())
            assert earned.get(number, 0) == totals.revenue_nanos, name
        whole = analytics.totals(connection, JUNE, today=NOW.date())
    assert sum(earned.values()) == whole.revenue_nanos > 0
    assert some == {numbers["acct-1"]: earned[numbers["acct-1"]]}
    assert revenue_by_account_of_nobody(business) == {}


def revenue_by_account_of_nobody(meter: Meter) -> dict[int, int]:
    with reading(meter.engine) as connection:
        return revenue_by_account(connection, JUNE, today=NOW.date(), account_ids=[])


def test_lists_are_sorted_by_the_database(business: Meter) -> None:
    quotas = {"free": ("requests_per_day", 10), "pro": ("tokens_per_month", 1_000_000)}
    with reading(business.engine) as connection:
        earned = revenue_by_account(connection, JUNE, today=NOW.date())
        balance = {name: business.balance(name).balance_nanos for name in NAMES}
        for by in SORTS:
            order = Order(by, quotas=quotas, revenue=earned)
            assert sorted(_names(connection, order)) == sorted(NAMES)
        assert _names(connection, Order("account", descending=True)) == sorted(NAMES, reverse=True)
        assert _names(connection, Order("balance")) == sorted(NAMES, key=lambda name: (balance[name], name))
        assert _names(connection, Order("last_active", descending=True))[0] == "=cmd()"
        assert _names(connection, Order("last_active"))[0] == "<script>"
        assert _names(connection, Order("usage", True, quotas))[:2] == ["acct-3", "acct-1"]
        rows = browse_accounts(connection, Choice(), Order("revenue", True, revenue=earned), now=NOW)
        amounts = [earned.get(row.id, 0) for row in rows]
        assert amounts == sorted(amounts, reverse=True)
        assert amounts[0] > 0


def test_what_was_used_counts_in_the_periods_that_run(business: Meter) -> None:
    with reading(business.engine) as connection:
        of = {row.info.account: row.used for row in browse_accounts(connection, Choice(), Order(), now=NOW)}
        later = datetime(2026, 7, 1, tzinfo=UTC)
        then = browse_accounts(connection, Choice(search="acct-3"), Order(), now=later)
    # The call of ten days before was in May, and today is another day than that of the calls.
    assert of["acct-3"] == {"tokens_per_month": 602_000, "run_units_per_month": 0, "requests_per_day": 0}
    assert then[0].used == {"tokens_per_month": 0, "run_units_per_month": 0, "requests_per_day": 0}


def test_lists_are_filtered_counted_and_paged(business: Meter) -> None:
    with reading(business.engine) as connection:
        assert _names(connection, Order(), offset=1, limit=2) == ["=cmd()", "acct-1"]
        assert _names(connection, Order(), offset=9, limit=2) == []
        assert _names(connection, Order(), Choice(plan="pro")) == ["acct-1", "acct-3"]
        assert _names(connection, Order(), Choice(subscription="trial")) == ["acct-3"]
        assert _names(connection, Order(), Choice(subscription="none", search="ACCT")) == ["acct-2"]
        assert _names(connection, Order(), Choice(status="suspended")) == ["=cmd()"]
        assert count_statuses(connection) == {"active": 4, "suspended": 1}
        whole = sum(business.balance(name).balance_nanos for name in NAMES)
        assert sum_accounts(connection, Choice()).balance_nanos == whole
        assert sum_accounts(connection, Choice(search="nobody")) == AccountTotals(0, 0, 0)
        for wrong in (Choice(status="asleep"), Choice(subscription="asleep")):
            with pytest.raises(AccountError):
                sum_accounts(connection, wrong)
        with pytest.raises(AccountError):
            _names(connection, Order("height"))
        with pytest.raises(AccountError):
            _names(connection, Order(), limit=0)


def test_many_accounts_are_paged_in_order(engine: Engine) -> None:
    with writing(engine) as connection:
        ids = [create_account(connection, f"acct-{number:04}", plan="free", now=NOW) for number in range(300)]
        earned = {number: place % 7 for place, number in enumerate(ids)}
        order = Order("revenue", True, revenue=earned)
        pages = [_names(connection, order, offset=offset, limit=100) for offset in range(0, 300, 100)]
    found = [name for page in pages for name in page]
    assert len(set(found)) == 300
    places = [int(name.removeprefix("acct-")) for name in found]
    assert places == sorted(range(300), key=lambda place: (-(place % 7), place))


def test_a_balance_is_what_the_wallet_says(business: Meter) -> None:
    with reading(business.engine) as connection:
        (row,) = browse_accounts(connection, Choice(search="acct-2"), Order(), now=NOW)
    assert Decimal(row.info.balance_nanos).scaleb(-9) == business.balance("acct-2").balance
