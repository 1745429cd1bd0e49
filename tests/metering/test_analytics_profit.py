"""Profit by plan and by account: the rows sum up to the totals."""

from __future__ import annotations

from datetime import date

import pytest
from sqlalchemy import Engine

from metering.analytics import Period, totals, usage_by
from metering.analytics.profit import Earnings, profit_by_account, profit_by_plan
from schema.database import reading, writing
from tests.metering.analytics_data import Rows, at

DAYS = Period(date(2026, 6, 1), date(2026, 6, 5))
TODAY = date(2026, 6, 3)


def fill(engine: Engine) -> None:
    """An account on pro that pays a fee, one on free that costs more than it pays, and one that only repays."""
    with writing(engine) as connection:
        rows = Rows(connection)
        first, second, third = (rows.account(f"acct-000{number}") for number in (1, 2, 3))
        owed = {"overdraft_nanos": 0, "owed_nanos": 30, "revenue_nanos": 30, "charge_nanos": 30}
        rows.event(first, at("2026-06-01 10:00"), input_units=5, output_units=7, cost_nanos=100, **owed)
        again = rows.event(first, at("2026-06-02 10:00"), cost_nanos=100, model="claude-opus-4-1", **owed)
        rows.event(second, at("2026-06-02 11:00"), cost_nanos=900, charge_nanos=1_000, plan="free")
        rows.event(second, at("2026-06-05 00:00"), cost_nanos=10**9, plan="free")
        rows.adjustment(again, cost_nanos=-10, charge_nanos=-5, revenue_nanos=-5)
        rows.subscription(first, at("2026-06-02 09:00"), 30_000)
        rows.subscription(third, at("2026-06-04 09:00"), 30_000)
        rows.posting(third, at("2026-06-03 13:00"), 11)


def test_plans_with_their_callers_and_payers(engine: Engine) -> None:
    fill(engine)
    with reading(engine) as connection:
        assert profit_by_plan(connection, DAYS, {}, today=TODAY) == [
            Earnings("pro", 2, 190, 55, 55, 0, 2_000, 1, 1),
            Earnings("free", 1, 900, 1_000, 0, 0, 0, 1, 0),
        ]
        (free,) = profit_by_plan(connection, DAYS, {"plan": "free"}, today=TODAY)
    assert free.profit_nanos == -900


def test_accounts_with_the_largest_loss_first(engine: Engine) -> None:
    fill(engine)
    with reading(engine) as connection:
        assert profit_by_account(connection, DAYS, {}, today=TODAY) == [
            Earnings("acct-0002", 1, 900, 1_000, 0, 0, 0, 1, 0),
            Earnings("acct-0003", 0, 0, 0, 0, 11, 0, 0, 0),
            Earnings("acct-0001", 2, 190, 55, 55, 0, 2_000, 1, 1),
        ]


@pytest.mark.parametrize(
    "filters", [{}, {"account": "acct-0001"}, {"plan": "pro"}, {"model": "anthropic/claude-opus-4-1"}]
)
def test_the_rows_sum_up_to_the_totals(engine: Engine, filters: dict[str, str | None]) -> None:
    fill(engine)
    with reading(engine) as connection:
        whole = totals(connection, DAYS, filters, today=TODAY)
        plans = profit_by_plan(connection, DAYS, filters, today=TODAY)
        found = profit_by_account(connection, DAYS, filters, today=TODAY)
    assert sum(row.profit_nanos for row in plans) + whole.repaid_nanos == whole.profit_nanos
    assert sum(row.profit_nanos for row in found) == whole.profit_nanos
    assert sum(row.revenue_nanos for row in found) == whole.revenue_nanos


def test_usage_of_some_names_and_some_units(engine: Engine) -> None:
    fill(engine)
    with reading(engine) as connection:
        some = usage_by(connection, ("account",), DAYS, among=("account", ["acct-0001", "nobody"]), units=("input",))
        models = usage_by(connection, ("model",), DAYS, among=("model", ["anthropic/claude-opus-4-1", None]), units=())
        nothing = usage_by(connection, ("model",), DAYS, among=("model", []))
    assert [(row.keys["account"], row.requests, row.units, row.cost_nanos) for row in some] == [
        ("acct-0001", 2, {"input": 5}, 190)
    ]
    assert [(row.keys["model"], row.cost_nanos, row.units) for row in models] == [("anthropic/claude-opus-4-1", 90, {})]
    assert nothing == []
