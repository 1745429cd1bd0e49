"""The Revenue page: its numbers are the database's, and lead to the lists behind them."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from sqlalchemy import insert
from streamlit.testing.v1 import AppTest

from dashboard.exports import Csv
from dashboard.formats import count, money
from dashboard.revenue.charts import WORDS, month_text
from dashboard.revenue.outstanding import balances_csv
from dashboard.revenue.tables import month_key, movement_csv, mrr_csv, plan_csv
from metering.accounts.accounts import account_id
from metering.analytics import Period, mrr_nanos
from metering.analytics.credit import credit_months, outstanding
from metering.analytics.movements import calendar, months_back
from metering.analytics.outstanding import credit_balances
from metering.analytics.period import midnight
from metering.analytics.recurring import movements, recurring_months, subscribers
from metering.meter import Meter
from schema.database import reading, writing
from schema.money import usd
from schema.tables import subscriptions
from tests.dashboard.conftest import OpenApp
from tests.dashboard.seeding import ACCOUNTS, Seeded, seed

DAY = timedelta(days=1)
USD = 10**9
FORMULA, MARKUP = ACCOUNTS[1], ACCOUNTS[2]


def today() -> date:
    return datetime.now(UTC).date()


def month(back: int) -> date:
    """The first day of a month, so many before this one."""
    return months_back(today(), back + 1)


def bounds(back: int) -> tuple[date, date]:
    """The days of a month that have begun."""
    return calendar(month(back), today() + DAY)[0]


@pytest.fixture(scope="module")
def sold(tmp_path_factory: pytest.TempPathFactory) -> Seeded:
    """The small business with more subscriptions: one that was cancelled, and an annual one after a trial."""
    seeded = seed(tmp_path_factory.mktemp("sold"))
    with writing(seeded.engine()) as connection:
        common = {"plan": "pro", "status": "active", "cycle": "monthly", "fee_nanos": 20 * USD}
        cancelled = common | {
            "account_id": account_id(connection, FORMULA),
            "status": "cancelled",
            "started_at": midnight(month(3) + 4 * DAY),
            "ended_at": midnight(month(1) + 9 * DAY),
        }
        tried = common | {
            "account_id": account_id(connection, MARKUP),
            "plan": "premium",
            "cycle": "annual",
            "fee_nanos": 190 * USD,
            "started_at": midnight(month(2) + 2 * DAY),
            "trial_until": midnight(month(2) + 16 * DAY),
        }
        trying = common | {
            "account_id": account_id(connection, FORMULA),
            "status": "trial",
            "started_at": midnight(today()),
            "trial_until": midnight(today() + 14 * DAY),
        }
        for row in (cancelled, tried, trying):
            connection.execute(insert(subscriptions).values(**row))
    with Meter.open(seeded.url, listen=False) as meter:
        meter.wallets.grant(MARKUP, "promo", key="gift", usd=Decimal(7))
    return seeded


def shown(app: AppTest) -> dict[str, str]:
    return {metric.label: metric.value for metric in app.metric}


def table(app: AppTest, first: str, second: str) -> pd.DataFrame:
    """The table that begins with two columns."""
    return next(found.value for found in app.dataframe if list(found.value.columns[:2]) == [first, second])


def read(file: Csv) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(file.text())))


def test_the_cards_equal_the_database(sold: Seeded, open_app: OpenApp) -> None:
    app = open_app(sold, "revenue")
    with reading(sold.engine()) as connection:
        recurring = mrr_nanos(connection, today())
        plans = subscribers(connection, [today()])

    assert not app.exception
    assert recurring == 20 * USD + 15_833_333_333
    assert shown(app)["MRR"] == money(recurring) == "$35.83"
    assert shown(app)["ARR"] == money(sum(row.twelfths for row in plans)) == "$430.00"
    assert shown(app)["Paying accounts"] == count(2)
    assert shown(app)["ARPU"] == "$17.92"
    assert shown(app)["Trial conversion"] == "100.0%"


def test_the_balances_of_the_table_are_brought_forward(sold: Seeded, open_app: OpenApp) -> None:
    app = open_app(sold, "revenue", months="6 months")
    with reading(sold.engine()) as connection:
        rows = recurring_months(connection, month(5), today())
        expected = [float(usd(mrr_nanos(connection, row.end - DAY))) for row in reversed(rows)]

    found = table(app, "Month", "Starting")
    assert list(found["Month"]) == [month_text(month(back)) for back in range(6)]
    assert list(found["Ending"]) == expected
    assert list(found["Starting"])[:-1] == expected[1:]
    moved = found[["New", "Reactivation", "Expansion", "Contraction", "Churn"]].astype(float).fillna(0).sum(axis=1)
    assert list(found["Starting"] + moved) == pytest.approx(expected)


def test_a_month_in_the_address_lists_what_is_behind_it(sold: Seeded, open_app: OpenApp) -> None:
    app = open_app(sold, "revenue", month=month_key(month(1)))
    with reading(sold.engine()) as connection:
        expected = movements(connection, Period(*bounds(1)))

    found = table(app, "Account", "Day")
    assert f"Behind {month_text(month(1))}" in [line.value for line in app.subheader]
    assert list(found["Account"]) == [one.account for one in expected]
    assert list(found["Change"]) == [float(usd(one.nanos)) for one in expected]
    lost = found[found["Movement"] == "Churn"].iloc[0]
    assert (lost["Account"], lost["From"], lost["Change"]) == (FORMULA, "pro", -20.0)


def test_movements_are_narrowed_to_a_kind(sold: Seeded, open_app: OpenApp) -> None:
    app = open_app(sold, "revenue", month=month_key(month(1)))

    app.session_state["movement"] = "Churn (1)"
    app.run()

    assert set(table(app, "Account", "Day")["Movement"]) == {"Churn"}


def test_trials_are_listed_by_the_month_in_which_they_ended(sold: Seeded, open_app: OpenApp) -> None:
    app = open_app(sold, "revenue", month=month_key(month(2)))

    found = table(app, "Month", "Ended")
    assert list(found["Ended"])[:4] == [0, 0, 1, 0]
    assert list(found["Became paying"])[:4] == [0, 0, 1, 0]
    assert list(table(app, "Account", "Ended").iloc[0][["Account", "Tried", "Pays"]]) == [MARKUP, "premium", "premium"]


def test_a_row_leads_to_the_account(sold: Seeded, open_app: OpenApp) -> None:
    app = open_app(sold, "revenue", month=month_key(month(1)))
    accounts = list(table(app, "Account", "Day")["Account"])
    chosen: dict[str, Any] = {"selection": {"rows": [accounts.index(FORMULA)], "columns": [], "cells": []}}
    app.session_state["table_movements"] = chosen
    app.run()

    links = app.get("page_link")
    assert [(link.proto.page, link.proto.query_string) for link in links] == [
        ("accounts", "account=%3Dcmd%28%29"),
        ("usage", "only_account=%3Dcmd%28%29"),
        ("profit", "only_account=%3Dcmd%28%29"),
        ("accounts", "subscription=Trial"),
    ]
    assert links[-1].proto.label == "Trial: 1"


def test_credit_equals_the_database(sold: Seeded, open_app: OpenApp) -> None:
    app = open_app(sold, "revenue", revenue="Credit")
    with reading(sold.engine()) as connection:
        standing = outstanding(connection, datetime.now(UTC))
        rows = credit_months(connection, calendar(month(11), today() + DAY))

    assert standing.deferred_nanos > 0
    assert shown(app)["Deferred revenue"] == money(standing.deferred_nanos)
    assert shown(app)["Unspent credit"] == money(standing.face_nanos)
    assert [line.value for line in app.subheader][:2] == ["Credit sold and earned", "Outstanding credit"]
    assert shown(app)[f"Sold, {month_text(month(0))}"] == money(rows[-1].paid_nanos)
    assert shown(app)[f"Earned, {month_text(month(0))}"] == money(rows[-1].earned_nanos)
    found = table(app, "Month", "Purchases")
    assert found["Purchases"].sum() == sum(row.purchases for row in rows) == len(ACCOUNTS)
    assert found["Earned"].astype(float).sum() == pytest.approx(float(usd(sum(row.earned_nanos for row in rows))))
    holders = table(app, "Account", "Credit")
    assert sorted(holders["Account"]) == sorted(ACCOUNTS)
    assert holders["Deferred"].sum() == pytest.approx(float(usd(standing.deferred_nanos)))


def test_credit_that_was_given_is_listed_by_account_too(sold: Seeded, open_app: OpenApp) -> None:
    app = open_app(sold, "revenue", revenue="Credit", credit_of="Promotional")

    held = table(app, "Account", "Credit")
    assert [list(row) for row in held.itertuples(index=False)] == [[MARKUP, 7.0]]
    assert shown(app)["Promotional credit"] == "$7.00"


def test_purchases_are_listed_by_month(sold: Seeded, open_app: OpenApp) -> None:
    with reading(sold.engine()) as connection:
        rows = credit_months(connection, calendar(month(11), today() + DAY))
    (bought,) = (row for row in rows if row.purchases)

    app = open_app(sold, "revenue", revenue="Credit", month=month_key(bought.month))
    found = table(app, "Account", "Bought")
    assert sorted(found["Account"]) == sorted(ACCOUNTS)
    assert (found["Paid"].sum(), found["Face"].sum()) == (60.0, 80.0)

    for other in ("Expired", "Refunded", "Usage refunds"):
        app.session_state["credit_list"] = other
        app.run()
        assert not app.exception
        assert "in this month." in "".join(line.value for line in app.caption)


def test_outstanding_credit_ends_with_what_stands_now(sold: Seeded) -> None:
    now = datetime.now(UTC)
    with reading(sold.engine()) as connection:
        rows = credit_balances(connection, calendar(month(5), today() + DAY), now)
        standing = outstanding(connection, now)

    lines = read(balances_csv(rows))
    assert [line["month"] for line in lines] == [month_key(month(back)) for back in range(5, -1, -1)]
    assert lines[0]["credit_face_usd"] == "0"
    assert Decimal(lines[-1]["credit_face_usd"]) == usd(standing.face_nanos)
    assert Decimal(lines[-1]["deferred_revenue_usd"]) == usd(standing.deferred_nanos) > 0


def test_outstanding_credit_of_three_months_is_by_day(sold: Seeded, open_app: OpenApp) -> None:
    now = datetime.now(UTC)
    days = [(day, day + DAY) for day in Period(month(2), today() + DAY).days()]
    with reading(sold.engine()) as connection:
        rows = credit_balances(connection, days, now)
        months = credit_balances(connection, calendar(month(2), today() + DAY), now)

    lines = read(balances_csv(rows, "Day"))
    assert [line["day"] for line in lines] == [str(day) for day, _ in days]
    assert len(lines) <= 92
    at_ends = {line["day"]: Decimal(line["deferred_revenue_usd"]) for line in lines}
    for back, row in zip((2, 1, 0), months, strict=True):
        assert at_ends[str(bounds(back)[1] - DAY)] == usd(row.deferred_nanos)

    def bars(app: AppTest) -> list[str]:
        found: list[str] = json.loads(app.get("vega_lite_chart")[1].proto.spec)["layer"][0]["encoding"]["x"]["scale"][
            "domain"
        ]
        return found

    assert bars(open_app(sold, "revenue", revenue="Credit", months="3 months")) == [str(day) for day, _ in days]
    assert len(bars(open_app(sold, "revenue", revenue="Credit", months="6 months"))) == 6


def test_movements_are_compared_with_the_months_before(sold: Seeded, open_app: OpenApp) -> None:
    until = min((month(2) - DAY).replace(day=1) + (today() - month(0)), month(2) - DAY)
    with reading(sold.engine()) as connection:
        rows = recurring_months(connection, month(2), today())
        before = recurring_months(connection, month(5), until)

    app = open_app(sold, "revenue", months="3 months")
    found = {metric.label: (metric.value, metric.delta) for metric in app.metric}
    for kind, word in WORDS.items():
        total, past = (sum(row.nanos[kind] for row in some) for some in (rows, before))
        step = f"{'+' if total > past else ''}{money(total - past)}"
        assert found[word] == (money(total), step)
    assert found["New"][0] == "$35.83"
    assert found["Churn"] == ("-$20.00", "-$20.00")
    assert [row.last_day for row in before][-1] == until

    app.toggle(key="compare").set_value(False).run()
    assert not any(metric.delta for metric in app.metric)


def test_files_are_exact_and_harmless(sold: Seeded) -> None:
    with reading(sold.engine()) as connection:
        rows = recurring_months(connection, month(11), today())
        found = movements(connection, Period(*bounds(1)))
        plans = subscribers(connection, [row.end - DAY for row in rows])

    for line in read(mrr_csv(rows)):
        moved = sum(Decimal(line[f"{kind}_usd"]) for kind in ("new", "reactivation", "expansion"))
        lost = sum(Decimal(line[f"{kind}_usd"]) for kind in ("contraction", "churn"))
        assert Decimal(line["starting_usd"]) + moved + lost == Decimal(line["ending_usd"])
    listed = read(movement_csv(found, month(1)))
    assert sum(Decimal(line["change_usd"]) for line in listed) == usd(rows[-2].ending_nanos - rows[-2].starting_nanos)
    assert "'=cmd()" in [line["account"] for line in listed]
    assert {"pro", "premium"} <= {line["plan"] for line in read(plan_csv(plans))}


def test_without_subscriptions_the_page_says_so(tmp_path: Path, open_app: OpenApp) -> None:
    seeded = seed(tmp_path)
    with writing(seeded.engine()) as connection:
        connection.execute(subscriptions.delete())

    app = open_app(seeded, "revenue")

    assert [line.value for line in app.subheader] == ["No subscriptions yet"]


def test_both_halves_are_drawn_on_both_databases(database_url: str, tmp_path: Path, open_app: OpenApp) -> None:
    seeded = seed(tmp_path, url=database_url)

    for half, label in (("Subscriptions", "MRR"), ("Credit", "Deferred revenue")):
        app = open_app(seeded, "revenue", revenue=half)
        assert not app.exception
        assert "Something went wrong" not in [line.value for line in app.subheader]
        assert shown(app)[label].startswith("$")
