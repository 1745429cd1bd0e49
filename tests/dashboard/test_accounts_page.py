"""The Accounts page: what it lists and tells is the database's, and what admins do there is done once, or refused."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from streamlit.testing.v1 import AppTest

from dashboard.accounts.calls import call_lines, model_of
from dashboard.accounts.table import table_key
from dashboard.filters import Selection
from dashboard.formats import literal, money
from metering import analytics
from metering.accounts.accounts import account_id, read_balance
from metering.analytics import Period
from metering.analytics.period import midnight
from metering.meter import Meter
from schema.database import reading
from schema.keys import moment_text
from schema.money import usd_text
from schema.tables import accounts, audit_log
from tests.dashboard.conftest import OpenApp
from tests.dashboard.seeding import ACCOUNTS, PERSON, Seeded, git, seed

HOSTILE = ACCOUNTS[1:]
RTL = "\u202eevil\u202c \u05e9\u05dc\u05d5\u05dd"
BY = f"{PERSON[0]} <{PERSON[1]}>"


@pytest.fixture
def own(tmp_path: Path) -> Seeded:
    """A business that the test changes."""
    return seed(tmp_path)


def _metrics(app: AppTest) -> dict[str, str]:
    return {metric.label: metric.value for metric in app.metric}


def _listed(app: AppTest) -> list[str]:
    return list(app.dataframe[0].value["Account"])


def _field(app: AppTest, label: str) -> Any:
    boxes = [*app.text_input, *app.selectbox, *app.checkbox, *app.number_input, *app.radio]
    return next(box for box in boxes if box.label == label)


def _confirm(app: AppTest, **fields: object) -> AppTest:
    """Fill the open dialog and click; names of fields have underscores for blanks."""
    for name, value in ({"Reason": "a test"} | fields).items():
        _field(app, name.replace("_", " ")).set_value(value)
    return app.button(key="act_confirm").click().run()


def _ask(app: AppTest, action: str) -> AppTest:
    return app.button(key=f"ask_{action}_").click().run()


def _audited(seeded: Seeded) -> list[tuple[str, str, str]]:
    with reading(seeded.engine()) as connection:
        query = select(audit_log.c.action, audit_log.c.target, audit_log.c.actor).order_by(audit_log.c.id)
        query = query.where(audit_log.c.action != "apply")
        return [tuple(row) for row in connection.execute(query)]


def _status(seeded: Seeded) -> dict[str, str]:
    with reading(seeded.engine()) as connection:
        rows = connection.execute(select(accounts.c.account, accounts.c.status)).all()
    return {row.account: row.status for row in rows}


def test_the_list_is_the_databases(seeded: Seeded, open_app: OpenApp) -> None:
    app = open_app(seeded, "accounts")
    today = datetime.now(UTC).date()
    rows: dict[str, Any] = {record["Account"]: record for record in app.dataframe[0].value.to_dict("records")}

    assert not app.exception
    assert sorted(rows) == sorted(ACCOUNTS)
    with reading(seeded.engine()) as connection:
        for name in ACCOUNTS:
            month = Period(today.replace(day=1), date(today.year + 1, 1, 1))
            totals = analytics.totals(connection, month, {"account": name}, today=today)
            balance = read_balance(connection, name, now=datetime.now(UTC))
            assert rows[name]["Revenue this month"] == totals.revenue_nanos / 10**9
            assert rows[name]["Balance"] == balance.balance_nanos / 10**9
            tokens = totals.units.get("input", 0) + totals.units.get("output", 0)
            assert rows[name]["Used"].startswith(f"{tokens:,} ")
    assert rows[ACCOUNTS[0]]["Plan"] == "pro"
    assert rows[ACCOUNTS[0]]["Subscription"] == "active"


def test_the_list_is_searched_filtered_and_sorted(seeded: Seeded, open_app: OpenApp) -> None:
    app = open_app(seeded, "accounts", search="SCRIPT")
    assert _listed(app) == [ACCOUNTS[2]]

    app = open_app(seeded, "accounts", on_plan="pro")
    assert _listed(app) == [ACCOUNTS[0]]

    app = open_app(seeded, "accounts", sort="Account", order="Lowest first")
    assert _listed(app) == sorted(ACCOUNTS)
    app.selectbox(key="sort").set_value("Revenue this month").run()
    app.segmented_control(key="order").set_value("Highest first").run()
    assert _listed(app)[0] == ACCOUNTS[0]

    app = open_app(seeded, "accounts", status="Banned")
    assert "No account matches. Search for less, or clear a filter." in [line.value for line in app.caption]


@pytest.mark.parametrize("name", ACCOUNTS)
def test_an_account_has_an_address(seeded: Seeded, open_app: OpenApp, name: str) -> None:
    app = open_app(seeded, "accounts", account=name)
    with reading(seeded.engine()) as connection:
        balance = read_balance(connection, name, now=datetime.now(UTC))

    assert [title.value for title in app.title] == [literal(name)]
    assert name in [line.value for line in app.text]
    assert _metrics(app)["Balance"] == money(balance.balance_nanos)
    assert not app.exception


def test_each_section_shows_what_is_its_own(seeded: Seeded, open_app: OpenApp) -> None:
    for section, headings in (
        ("Overview", ["Profile", "Subscription", "Quota", "Users", "Subscriptions"]),
        ("Wallet", ["Grants", "Ledger"]),
        ("Usage", ["Charge by model", "By model", "Calls"]),
        ("Keys", ["API keys"]),
        ("Activity", ["Activity"]),
    ):
        app = open_app(seeded, "accounts", account=ACCOUNTS[0], section=section)
        assert not app.exception
        assert [line.value for line in app.subheader] == headings

    app = open_app(seeded, "accounts", account=ACCOUNTS[0], section="Usage", range="7 days")
    with reading(seeded.engine()) as connection:
        period = Period.last(7, datetime.now(UTC).date())
        totals = analytics.totals(connection, period, {"account": ACCOUNTS[0]})
    assert _metrics(app)["Cost"] == money(totals.cost_nanos)
    assert _metrics(app)["Usage revenue"] == money(totals.usage_revenue_nanos)


def test_calls_lead_to_their_explanation(seeded: Seeded, open_app: OpenApp) -> None:
    app = open_app(seeded, "accounts", account=HOSTILE[0], section="Usage", range="7 days")
    period = Period.last(7, datetime.now(UTC).date())
    with reading(seeded.engine()) as connection:
        start, end = (midnight(day) for day in period.bounds())
        calls = analytics.history(connection, account_id(connection, HOSTILE[0]), start=start, end=end)

    shown = app.dataframe[1].value
    assert list(shown["Event"]) == [call.event_id for call in calls]
    assert list(shown["Charge"]) == [call.charge_nanos / 10**9 for call in calls]
    assert sum(call.charge_nanos for call in calls) > 0
    line = next(call_lines(calls))
    assert line[:4] == [calls[0].event_id, moment_text(calls[0].occurred_at), calls[0].user, model_of(calls[0])]
    assert line[-2] == usd_text(calls[0].charge_nanos)

    key = Selection(period, compare=True, filters=(("account", HOSTILE[0]),)).key
    app.session_state[f"table_account_calls_{key}_None"] = {"selection": {"rows": [2], "columns": [], "cells": []}}
    app.run()
    query = f"event={calls[2].event_id}&account=%3Dcmd%28%29"
    assert query in [link.proto.query_string for link in app.get("page_link")]


def test_a_debit_leads_to_the_call_that_it_paid(seeded: Seeded, open_app: OpenApp) -> None:
    app = open_app(seeded, "accounts", account=ACCOUNTS[0], section="Wallet")
    keys = list(app.dataframe[1].value["Key"])
    row = next(place for place, key in enumerate(keys) if key.startswith("usage:"))
    app.session_state["table_account_ledger_None_None"] = {"selection": {"rows": [row], "columns": [], "cells": []}}
    app.run()

    (link,) = [link.proto.query_string for link in app.get("page_link")]
    assert link == f"event={keys[row].removeprefix('usage:')}&account={ACCOUNTS[0]}"


def test_an_account_that_is_none_is_told(seeded: Seeded, open_app: OpenApp) -> None:
    app = open_app(seeded, "accounts", account="nobody")
    assert [line.value for line in app.subheader] == ["There is no such account"]


def test_accounts_are_suspended_together_or_not_at_all(own: Seeded, open_app: OpenApp) -> None:
    app = open_app(own, "accounts", sort="Account", order="Lowest first")
    key = table_key(sorted(ACCOUNTS))
    app.session_state[key] = {"selection": {"rows": [0, 1, 2], "columns": [], "cells": []}}
    app.run()
    _ask(app, "suspend")
    assert "**3 accounts**, all of them or none:" in [line.value for line in app.markdown]
    assert app.button(key="act_confirm").label == "Suspend 3 accounts"
    _confirm(app)

    assert app.success[0].value == literal("3 accounts are suspended: calls are refused.")
    assert sorted(_status(own).values()) == ["active", "suspended", "suspended", "suspended"]
    assert {row[2] for row in _audited(own)} == {BY}
    with reading(own.engine()) as connection:
        query = select(audit_log.c.address).where(audit_log.c.action == "account.suspend")
        assert list(connection.execute(query).scalars()) == ["127.0.0.1"] * 3

    before = _audited(own)
    app.session_state[key] = {"selection": {"rows": [0, 3], "columns": [], "cells": []}}
    app.run()
    _confirm(_ask(app, "suspend"))

    assert "is suspended; suspend is for one that is active" in app.error[0].value.replace("\\", "")
    assert _audited(own) == before


def test_a_reason_is_asked_for(own: Seeded, open_app: OpenApp) -> None:
    app = _ask(open_app(own, "accounts", account=ACCOUNTS[0]), "suspend")
    _confirm(app, Reason=" ")

    assert [error.value for error in app.error] == [literal("say why: the reason is kept in the audit log")]
    assert set(_status(own).values()) == {"active"}


def test_deleting_takes_the_name(own: Seeded, open_app: OpenApp) -> None:
    name = HOSTILE[1]
    app = _ask(open_app(own, "accounts", account=name), "delete")
    _field(app, "Type the account's name to confirm").set_value("bold")
    _confirm(app)
    assert "exactly" in app.error[0].value
    _field(app, "Type the account's name to confirm").set_value(name)
    _confirm(app)
    assert "purchased credit" in app.error[0].value
    assert _status(own)[name] == "active"
    _confirm(app, **{"Purchased credit that is left is forfeited": True})

    assert _status(own)[name] == "deleted"
    assert app.success[0].value == literal(f"{name} is deleted.")


def test_credit_is_granted_and_a_purchase_refunded(own: Seeded, open_app: OpenApp) -> None:
    name = HOSTILE[0]
    app = _ask(open_app(own, "accounts", account=name, section="Wallet"), "grant")
    _confirm(app, Amount="twelve")
    assert app.error[0].value == literal("'twelve' is no amount such as 12.50")
    with reading(own.engine()) as connection:
        before = read_balance(connection, name, now=datetime.now(UTC)).balance_nanos
    _confirm(app, Amount="$1,250.50")
    with reading(own.engine()) as connection:
        balance = read_balance(connection, name, now=datetime.now(UTC)).balance_nanos
    assert balance - before == 1_250_500_000_000
    assert _metrics(app)["Balance"] == money(balance)

    app = _ask(app, "refund_purchase")
    _confirm(app, Purchase=f"pack {name}", **{"Credit to take back, USD": "10"})
    assert app.success[0].value == literal("Credit of $10.00 is taken back: pay $7.50 back to the customer.")
    assert [row[:2] for row in _audited(own)][-2:] == [
        ("grant", f"account {name}"),
        ("refund purchase", f"account {name}"),
    ]

    app = _ask(app, "refund_event")
    _confirm(app, Id_of_the_event="call-3-1")
    assert "are given back" in app.success[0].value
    app = _ask(app, "refund_event")
    _confirm(app, Id_of_the_event="nothing")
    assert app.error[0].value == literal("the account has no event 'nothing'")


def test_plans_are_changed_given_and_cancelled(own: Seeded, open_app: OpenApp) -> None:
    name = HOSTILE[2]
    app = _ask(open_app(own, "accounts", account=name), "move")
    _confirm(app, Plan="pro")
    assert app.success[0].value == literal(f"{name} is put on pro.")
    app = _ask(app, "move")
    _confirm(app, Plan="pro")
    assert "already" in app.error[0].value
    app.button(key="act_close").click().run()
    _confirm(_ask(app, "cancel"))
    assert app.success[0].value.startswith("The subscription to pro ends on")
    _confirm(_ask(app, "keep"))
    assert app.success[0].value == literal("The subscription to pro goes on.")
    _confirm(_ask(app, "cancel"), When="Now")
    _confirm(_ask(app, "gift"), Plan="pro", Months=2)
    _confirm(_ask(app, "extend"), Days=3)
    assert app.success[0].value.startswith("It lasts until")
    actions = [action for action, target, _ in _audited(own) if target == f"account {name}"]
    assert actions == [
        "subscription.start",
        "subscription.cancel",
        "subscription.keep",
        "subscription.cancel",
        "subscription.gift",
        "subscription.extend",
    ]


def test_a_key_is_shown_once_and_works(own: Seeded, open_app: OpenApp) -> None:
    app = _ask(open_app(own, "accounts", account=ACCOUNTS[0], section="Keys"), "key_create")
    _confirm(app, Name=RTL)
    assert app.error
    _confirm(app, Name="<b>production</b>")
    secret = app.code[0].value
    with Meter.open(own.url, listen=False) as meter:
        owner = meter.keys.authenticate(secret)
    assert owner is not None
    assert owner.account == ACCOUNTS[0]
    app.button(key="act_close").click().run()
    assert not app.code
    assert list(app.dataframe[0].value["Name"]) == ["<b>production</b>"]

    app.session_state["table_account_keys"] = {"selection": {"rows": [0], "columns": [], "cells": []}}
    app.run()
    app.button(key=f"ask_key_revoke_{owner.key_id}").click().run()
    _confirm(app)
    with Meter.open(own.url, listen=False) as meter:
        assert meter.keys.authenticate(secret) is None
    app.segmented_control(key="section").set_value("Activity").run()
    assert list(app.dataframe[0].value["Action"]) == ["key.revoke", "key.create"]
    app.session_state["table_account_activity_None"] = {"selection": {"rows": [1], "columns": [], "cells": []}}
    (link,) = [link.proto.query_string for link in app.run().get("page_link")]
    with reading(own.engine()) as connection:
        created = connection.execute(select(audit_log.c.id).where(audit_log.c.action == "key.create")).scalar_one()
    assert link == f"entry={created}"


def test_names_change_nothing_but_themselves(own: Seeded, open_app: OpenApp) -> None:
    app = open_app(own, "accounts", account=HOSTILE[1])
    _confirm(_ask(app, "rename"), Name_that_people_see="=1+1 <img src=x>")
    assert app.text[1].value == "=1+1 <img src=x>"
    assert literal("=1+1 <img src=x>") in app.caption[0].value
    _confirm(_ask(app, "rename"), Name_that_people_see=RTL)
    assert app.error[0].value == literal("the name that people see is 1 to 500 printable characters")


def test_users_come_and_go(own: Seeded, open_app: OpenApp) -> None:
    user, name = "=1+1 <b>desk</b>", ACCOUNTS[0]
    app = _ask(open_app(own, "accounts", account=name), "user_add")
    _confirm(app, Id=user, **{"E-mail address": "nowhere"})
    assert "is not an address" in app.error[0].value
    _confirm(app, Id=user, **{"E-mail address": "desk@example.com"})
    users = next(table.value for table in app.dataframe if "User" in table.value.columns)
    assert users.iloc[0][["User", "Address", "Role"]].to_list() == [user, "desk@example.com", "member"]

    app.session_state["table_account_users"] = {"selection": {"rows": [0], "columns": [], "cells": []}}
    app.run()
    app.button(key=f"ask_user_remove_{user}").click().run()
    assert f"{name}\nuser {user}" in [line.value for line in app.text]
    _confirm(app)

    assert "No members are registered." in [line.value for line in app.caption]
    assert _audited(own) == [("user.add", f"account {name}", BY), ("user.remove", f"account {name}", BY)]


@pytest.mark.parametrize("email", ["books@example.com", "HELP@example.com"])
def test_lower_roles_change_nothing(own: Seeded, open_app: OpenApp, email: str) -> None:
    app = _ask(open_app(own, "accounts", account=ACCOUNTS[0]), "suspend")
    git(own.repository, "config", "user.email", email)

    _confirm(app)

    assert "to change an account it must be admin" in app.error[0].value
    assert set(_status(own).values()) == {"active"}
    assert _audited(own) == []
    app = open_app(own, "accounts", account=ACCOUNTS[0])
    asking = [button for button in app.button if (button.key or "").startswith("ask_")]
    assert len(asking) == 15
    assert all(button.disabled for button in asking)
    assert "Activity" not in app.segmented_control(key="section").options
