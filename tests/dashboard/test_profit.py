"""The Profit page: its totals are the Overview's, and its tables sum up to them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from dashboard.formats import money, ratio
from dashboard.usage.profit_table import (
    Margin,
    daily_csv,
    each,
    losses,
    margin_csv,
    model_margins,
    plan_margins,
    serve_csv,
    serve_frame,
)
from metering import analytics
from metering.analytics import DayRow, Period, UsageRow
from metering.analytics.profit import Earnings, profit_by_account, profit_by_plan
from schema.database import reading
from schema.money import usd
from tests.dashboard.conftest import OpenApp
from tests.dashboard.seeding import ACCOUNTS, Seeded


@pytest.mark.parametrize(
    "query", [{}, {"range": "7 days", "only_account": ACCOUNTS[0]}, {"only_model": "openai/gpt-4o"}]
)
def test_the_totals_are_the_overviews(seeded: Seeded, open_app: OpenApp, query: dict[str, str]) -> None:
    def shown(page: str) -> dict[str, tuple[str, str]]:
        app = open_app(seeded, page, **query)
        assert not app.exception
        return {metric.label: (metric.value, metric.delta) for metric in app.metric}

    overview, profit = shown("overview"), shown("profit")

    for label in ("Revenue", "Cost", "Profit", "Profit margin"):
        assert profit[label] == overview[label]


def test_the_tables_are_the_databases(seeded: Seeded, open_app: OpenApp) -> None:
    today = datetime.now(UTC).date()
    period = Period.last(30, today)
    with reading(seeded.engine()) as connection:
        totals = analytics.totals(connection, period, today=today)
        plans = profit_by_plan(connection, period, {}, today=today)
        losing = [row for row in profit_by_account(connection, period, {}, today=today) if row.profit_nanos < 0]

    app = open_app(seeded, "profit")

    tables = {next(iter(table.value.columns)): table.value for table in app.dataframe}
    assert {metric.label: metric.value for metric in app.metric}["Charged"] == money(totals.charge_nanos)
    served = tables["Plan"]
    assert list(served["Plan"]) == [row.name for row in plans]
    assert served["Profit"].sum() == pytest.approx(float(usd(totals.profit_nanos - totals.repaid_nanos)))
    assert list(served["Margin"]) == [ratio(row.profit_nanos, row.revenue_nanos) for row in plans]
    if losing:
        assert list(tables["Account"]["Account"]) == [row.name for row in losing]
    else:
        assert any("every account" in line.value for line in app.caption)


def test_nothing_to_show_is_said(seeded: Seeded, open_app: OpenApp) -> None:
    app = open_app(seeded, "profit", only_model="anthropic/claude-3-opus")

    assert [line.value for line in app.subheader] == ["Nothing to show here"]


PLANS = [
    Earnings("pro", 2, 500, 900, 300, 0, 2_000, 2, 1),
    Earnings(None, 1, 70, 0, 0, 0, 0, 1, 0),
    Earnings("free", 0, 0, 0, 0, 0, 0, 0, 0),
]


def test_margins_of_models_are_of_charges_and_of_plans_of_revenue() -> None:
    rows = [UsageRow({"model": "a/b"}, 1, {}, 80, 60, 10), UsageRow({"model": None}, 1, {}, 0, 0, 0)]

    (model,) = model_margins(rows)
    plans = plan_margins(PLANS)

    assert (model.profit_nanos, model.text) == (-20, "-33.3%")
    assert [(row.name, row.text) for row in plans] == [("pro", "78.3%"), ("(no plan)", "no revenue")]
    assert [row.share for row in plans] == [1_800 / 2_300, -1.0]
    assert losses([model, *plans]) == [plans[1], model]
    assert margin_csv("x", [model, Margin("=cmd()", 0, 5)], "model", "charged").text().splitlines() == [
        "model,charged_usd,cost_usd,profit_usd,margin_percent",
        "a/b,0.00000006,0.00000008,-0.00000002,-33.3",
        "'=cmd(),0,0.000000005,-0.000000005,",
    ]


def test_the_cost_to_serve_is_of_one_account_and_the_fee_of_one_subscriber() -> None:
    found = serve_frame(PLANS)

    assert [None if value != value else value for value in found["Fee a subscriber"]] == [2e-6, None, None]
    assert list(found["Cost an account"])[:2] == [2.5e-7, 7e-8]
    assert (each(5, 2), each(5, 0)) == (2, None)
    assert serve_csv(PLANS).text().splitlines()[1] == (
        "pro,2,1,0.000002,0.0000003,0.0000005,0.0000018,0.00000025,0.00000015,0.000002"
    )


def test_the_days_as_csv() -> None:
    day = DayRow(1, 5, 9, 3, 1, 20, datetime(2026, 11, 1, tzinfo=UTC).date())

    assert daily_csv([day]).text().splitlines()[1] == (
        "2026-11-01,0.00000002,0.000000003,0.000000001,0.000000024,0.000000005,0.000000019"
    )
