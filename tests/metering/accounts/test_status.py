from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import Engine, select

from metering.errors import AccountError, UnknownAccountError
from metering.meter import Meter
from metering.usage import Usage
from metering.wallets.ledger import imbalances
from schema.database import reading
from schema.tables import audit_log, users
from tests.metering.rate_card import NOW, Clock, apply_rows, plan_row, setting

BY = "Price Desk <prices@example.com>"


@pytest.fixture(autouse=True)
def _ledger_agrees(card: Engine) -> Iterator[None]:
    yield
    with reading(card) as connection:
        assert imbalances(connection) == []


def actions(engine: Engine) -> list[tuple[str, str, Any, Any]]:
    with reading(engine) as connection:
        log = audit_log.c
        query = select(log.action, log.target, log.before, log.after).order_by(log.id)
        return [tuple(row) for row in connection.execute(query)]


def test_an_account_is_opened_on_the_default_plan_with_its_credit(meter: Meter, card: Engine) -> None:
    rows = {
        "plan": [plan_row("free", included_nanos=10**9)],
        "setting": [setting("signup_grant_credits", 50_000), setting("credits_per_dollar", 10_000)],
    }
    apply_rows(card, rows, commit="c" * 40)
    info = meter.accounts.create("acct-0001", name="First", by=BY)
    assert (info.account, info.name, info.status, info.plan, info.subscription) == (
        "acct-0001",
        "First",
        "active",
        "free",
        None,
    )
    assert meter.balance("acct-0001").available == Decimal(6)
    assert actions(card) == [("account.create", "account acct-0001", None, {"plan": "free"})]
    with pytest.raises(AccountError) as caught:
        meter.accounts.create("acct-0001", by=BY)
    assert str(caught.value) == "account acct-0001 exists already"


@pytest.mark.parametrize("account", ["", " x", "x" * 201, "a\nb", "a\x00b"])
def test_names_that_no_call_could_use_are_refused(meter: Meter, account: str) -> None:
    with pytest.raises(AccountError) as caught:
        meter.accounts.create(account, by=BY)
    assert str(caught.value) == "the name of an account is 1 to 200 printable characters, as calls use it"


@pytest.mark.parametrize("name", ["", " ", "x" * 501, "a\nb"])
def test_names_that_nobody_could_read_are_refused(meter: Meter, name: str) -> None:
    with pytest.raises(AccountError) as caught:
        meter.accounts.create("acct-0001", name=name, by=BY)
    assert str(caught.value) == "the name that people see is 1 to 500 printable characters"
    assert meter.accounts.list() == []


def test_suspended_accounts_come_back(meter: Meter, card: Engine) -> None:
    meter.accounts.create("acct-0001", by=BY)
    meter.accounts.suspend("acct-0001", by=BY, reason="chargeback")
    assert meter.accounts.show("acct-0001").status == "suspended"
    with pytest.raises(AccountError) as caught:
        meter.accounts.suspend("acct-0001", by=BY)
    assert str(caught.value) == "account acct-0001 is suspended; suspend is for one that is active"
    meter.accounts.unsuspend("acct-0001", by=BY)
    assert meter.accounts.show("acct-0001").status == "active"
    assert actions(card)[1:] == [
        (
            "account.suspend",
            "account acct-0001",
            {"status": "active"},
            {"status": "suspended", "reason": "chargeback"},
        ),
        ("account.unsuspend", "account acct-0001", {"status": "suspended"}, {"status": "active"}),
    ]


def test_several_accounts_are_suspended_or_none(meter: Meter) -> None:
    for name in ("a", "b", "c"):
        meter.accounts.create(name, by=BY)
    meter.accounts.suspend("c", by=BY)
    with pytest.raises(AccountError):
        meter.accounts.suspend("a", "b", "c", by=BY)
    with pytest.raises(UnknownAccountError):
        meter.accounts.suspend("a", "nobody", by=BY)
    assert [(one.account, one.status) for one in meter.accounts.list()] == [
        ("a", "active"),
        ("b", "active"),
        ("c", "suspended"),
    ]
    meter.accounts.suspend("b", "a", "b", by=BY)
    assert {one.status for one in meter.accounts.list()} == {"suspended"}


def test_credit_stops_while_an_account_is_suspended(meter: Meter, clock: Clock) -> None:
    meter.subscriptions.start("acct-0001", "pro", by=BY)
    meter.accounts.suspend("acct-0001", by=BY)
    clock.moment = NOW.replace(month=7)
    meter.accounts.renew()
    assert meter.balance("acct-0001").available_nanos == 0
    meter.accounts.unsuspend("acct-0001", by=BY)
    assert meter.balance("acct-0001").available_nanos == 10**10


def test_a_ban_ends_the_subscription(meter: Meter, clock: Clock) -> None:
    meter.subscriptions.start("acct-0001", "pro", by=BY)
    clock.forward(seconds=1)
    meter.accounts.ban("acct-0001", by=BY)
    info = meter.accounts.show("acct-0001")
    assert (info.status, info.plan, info.subscription) == ("banned", "free", None)
    assert meter.balance("acct-0001").available_nanos == 0
    assert meter.subscriptions.of("acct-0001")[0].status == "cancelled"
    meter.accounts.unsuspend("acct-0001", by=BY)
    assert meter.accounts.show("acct-0001").plan == "free"


def test_a_deleted_account_forgets_its_people_and_keeps_its_bill(meter: Meter, card: Engine) -> None:
    meter.accounts.create("acct-0001", name="First", by=BY)
    meter.accounts.add_user("acct-0001", "user-1", name="Someone", email="someone@example.com", by=BY)
    meter.record(Usage(event_id="e1", account="acct-0001", provider="openai", model="gpt", units={"input": 1_000}))
    made = meter.keys.create("read", account="acct-0001", by=BY)
    meter.accounts.delete("acct-0001", by=BY, reason="asked for it")
    assert meter.keys.authenticate(made.text) is None
    info = meter.accounts.show("acct-0001")
    assert (info.status, info.name, info.users) == ("deleted", None, 0)
    assert info.balance_nanos == -4_000_000
    with reading(card) as connection:
        row = connection.execute(select(users)).one()
        logged = " ".join(str(one) for one in connection.execute(select(audit_log)))
    assert (row.user_id, row.name, row.email, row.removed_at) == ("user-1", None, None, NOW)
    assert "example.com" not in logged.replace("prices@example.com", "")
    assert meter.accounts.list() == []
    assert [one.account for one in meter.accounts.list(status="deleted")] == ["acct-0001"]
    for act, message in (
        (lambda: meter.accounts.create("acct-0001", by=BY), "account acct-0001 was deleted, and its name is not used"),
        (lambda: meter.accounts.unsuspend("acct-0001", by=BY), "account acct-0001 is deleted; unsuspend is for one"),
        (lambda: meter.accounts.delete("acct-0001", by=BY), "account acct-0001 is deleted; delete is for one that"),
        (lambda: meter.accounts.add_user("acct-0001", "user-2", by=BY), "account acct-0001 is deleted"),
        (lambda: meter.accounts.rename("acct-0001", "First", by=BY), "account acct-0001 is deleted"),
    ):
        with pytest.raises(AccountError, match=message):
            act()


def test_purchased_credit_is_not_deleted_by_accident(meter: Meter) -> None:
    meter.wallets.grant("acct-0001", "purchase", key="pack", usd="17.50", paid=15)
    with pytest.raises(AccountError) as caught:
        meter.accounts.delete("acct-0001", by=BY)
    assert str(caught.value) == (
        "account acct-0001 has purchased credit of 17.5 USD left: refund it, or say that it is forfeited"
    )
    assert meter.accounts.show("acct-0001").status == "active"
    meter.accounts.delete("acct-0001", by=BY, forfeit=True)
    assert meter.accounts.show("acct-0001").status == "deleted"


def test_accounts_are_searched_filtered_and_paged(meter: Meter) -> None:
    for name, shown in (
        ("acct-1", "Alder Works"),
        ("acct-2", "Basalt Labs"),
        ("acct_3", None),
        ("other", "100% Alder"),
    ):
        meter.accounts.create(name, name=shown, by=BY)
    meter.accounts.add_user("acct-2", "u-7", email="desk@example.com", by=BY)
    meter.subscriptions.start("acct-2", "pro", by=BY)
    meter.accounts.suspend("acct-1", by=BY)

    def found(**values: Any) -> list[str]:
        return [one.account for one in meter.accounts.list(**values)]

    assert found() == ["acct-1", "acct-2", "acct_3", "other"]
    assert found(search="ALDER") == ["acct-1", "other"]
    assert found(search="t_") == ["acct_3"]
    assert found(search="0%") == ["other"]
    assert found(search="desk@") == ["acct-2"]
    meter.accounts.remove_user("acct-2", "u-7", by=BY)
    assert found(search="u-7") == []
    assert found(plan="pro") == ["acct-2"]
    assert found(status="suspended") == ["acct-1"]
    assert found(limit=2) == ["acct-1", "acct-2"]
    assert found(after="acct-2", limit=2) == ["acct_3", "other"]
    for values in ({"status": "asleep"}, {"limit": 0}, {"limit": 10_001}):
        with pytest.raises(AccountError):
            found(**values)
    with pytest.raises(UnknownAccountError):
        meter.accounts.show("nobody")


def test_an_account_as_people_see_it(meter: Meter, clock: Clock) -> None:
    meter.subscriptions.start("acct-0001", "pro", by=BY)
    meter.subscriptions.cancel("acct-0001", by=BY)
    meter.accounts.add_user("acct-0001", "u-1", by=BY)
    at = datetime(2026, 6, 15, 12, 30, tzinfo=UTC)
    clock.moment = at
    meter.record(Usage(event_id="e1", account="acct-0001", provider="openai", model="gpt", units={"input": 1_000}))
    assert meter.accounts.show("acct-0001").as_json() == {
        "account": "acct-0001",
        "name": None,
        "status": "active",
        "plan": "pro",
        "plan_since": "2026-06-15T12:00:00Z",
        "subscription": "active",
        "cancel_at": "2026-07-15T12:00:00Z",
        "balance_usd": "9.996",
        "owed_usd": "0",
        "held_usd": "0",
        "users": 1,
        "created_at": "2026-06-15T12:00:00Z",
        "last_event_at": "2026-06-15T12:30:00Z",
    }
