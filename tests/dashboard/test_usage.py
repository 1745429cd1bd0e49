"""The Usage page: totals equal the raw sum, by every group."""

from __future__ import annotations

import csv
import io
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from sqlalchemy import func, select

from dashboard.formats import count, money
from dashboard.usage.table import GROUPS, frame, name_of, tokens, top_names, usage_csv
from metering import analytics
from metering.analytics import Period, UsageRow
from schema.database import reading
from schema.money import usd
from schema.tables import usage_events
from tests.dashboard.conftest import OpenApp
from tests.dashboard.seeding import ACCOUNTS, Seeded


def _raw(seeded: Seeded, since: date) -> tuple[int, int, int, int]:
    event = usage_events.c
    sums = (func.count(), func.sum(event.cost_nanos), func.sum(event.charge_nanos), func.sum(event.revenue_nanos))
    with reading(seeded.engine()) as connection:
        requests, cost, charge, revenue = connection.execute(select(*sums).where(event.day >= since)).one()
    return int(requests), int(cost), int(charge), int(revenue)


@pytest.mark.parametrize("label", GROUPS)
def test_totals_equal_the_raw_sum(seeded: Seeded, open_app: OpenApp, label: str) -> None:
    since = Period.last(30, datetime.now(UTC).date()).bounds()[0]
    requests, cost, charge, revenue = _raw(seeded, since)

    app = open_app(seeded, "usage", by=label)

    shown = {metric.label: metric.value for metric in app.metric}
    assert not app.exception
    assert shown["Requests"] == count(requests)
    assert shown["Cost"] == money(cost)
    assert shown["Charge"] == money(charge)
    assert shown["Usage revenue"] == money(revenue)
    table = app.dataframe[0].value
    assert table["Requests"].sum() == requests
    assert table["Cost"].sum() == pytest.approx(float(usd(cost)))


def test_the_table_goes_by_what_is_measured(seeded: Seeded, open_app: OpenApp) -> None:
    with reading(seeded.engine()) as connection:
        rows = analytics.usage_by(connection, ("model",), Period.last(30, datetime.now(UTC).date()))
    ordered = sorted(rows, key=tokens, reverse=True)
    total = sum(map(tokens, rows))

    table = open_app(seeded, "usage", metric="Tokens").dataframe[0].value

    assert list(table["Model"]) == [name_of(row, "model") for row in ordered]
    assert list(table["Share of tokens"]) == [100 * tokens(row) / total for row in ordered]


def test_days_without_calls_before_are_said(seeded: Seeded, open_app: OpenApp) -> None:
    app = open_app(seeded, "usage", range="90 days")

    assert any("to compare with" in line.value for line in app.caption)
    assert not any(metric.delta for metric in app.metric)


def test_a_filter_in_the_url_holds(seeded: Seeded, open_app: OpenApp) -> None:
    today = datetime.now(UTC).date()
    with reading(seeded.engine()) as connection:
        wanted = {"model": "openai/gpt-4o", "account": ACCOUNTS[1]}
        (expected,) = analytics.usage_by(connection, (), Period.last(30, today), wanted)

    app = open_app(seeded, "usage", only_model="openai/gpt-4o", only_account=ACCOUNTS[1])

    assert {metric.label: metric.value for metric in app.metric}["Cost"] == money(expected.cost_nanos)


def test_a_subgroup_has_a_column_and_the_same_sums(seeded: Seeded, open_app: OpenApp) -> None:
    today = datetime.now(UTC).date()
    with reading(seeded.engine()) as connection:
        rows = analytics.usage_by(connection, ("account", "model"), Period.last(30, today))

    app = open_app(seeded, "usage", by="Account", within="Model", per="Month", cumulative="true", top="5")

    table = app.dataframe[0].value
    assert list(zip(table["Account"], table["Model"], table["Requests"], strict=True)) == [
        (row.keys["account"], row.keys["model"], row.requests) for row in rows
    ]
    assert {metric.label: metric.value for metric in app.metric}["Cost"] == money(sum(row.cost_nanos for row in rows))
    assert len(app.get("vega_lite_chart")) == 2
    assert [line.value for line in app.subheader][:2] == [
        "Cost by account and model, cumulative",
        "Cost by model within account",
    ]


def test_no_calls_is_said(seeded: Seeded, open_app: OpenApp) -> None:
    app = open_app(seeded, "usage", only_model="anthropic/claude-3-opus")

    assert [line.value for line in app.subheader] == ["No calls here"]


def test_the_csv_is_exact_and_harmless(seeded: Seeded) -> None:
    with reading(seeded.engine()) as connection:
        rows = analytics.usage_by(connection, ("account",), Period())

    written = list(csv.DictReader(io.StringIO(usage_csv(rows, "account").text())))

    assert sum(Decimal(line["cost_usd"]) for line in written) == usd(sum(row.cost_nanos for row in rows))
    assert sum(Decimal(line["profit_usd"]) for line in written) == usd(sum(row.profit_nanos for row in rows))
    assert "'=cmd()" in [line["account"] for line in written]


ROWS = [
    UsageRow({"task": "b"}, 2, {"input": 10, "video_second": 1_500_000}, 3_000, 4_000, 1_000),
    UsageRow({"task": None}, 1, {"output": 5}, 1_000, 9_000, 0),
]


def test_usage_without_a_name_is_called_so() -> None:
    assert [name_of(row, "task") for row in ROWS] == ["b", "(no task)"]
    assert top_names(ROWS, "task", lambda row: row.charge_nanos, 1) == ["(no task)"]
    assert [tokens(row) for row in ROWS] == [10, 5]


def test_decimal_units_are_shown_as_decimals() -> None:
    assert list(frame(ROWS, "task")["video_second"]) == [1.5, 0.0]
    assert usage_csv(ROWS, "task").text().splitlines() == [
        "task,requests,input,output,video_second,cost_usd,charge_usd,revenue_usd,profit_usd",
        "b,2,10,0,1.5,0.000003,0.000004,0.000001,-0.000002",
        "(no task),1,0,5,0,0.000001,0.000009,0,-0.000001",
    ]
