from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, event, text

from metering.analytics import Attention, Period, attention, callers_daily, totals, usage_by
from schema.database import reading, writing
from schema.tables import usage_events
from tests.metering.analytics_data import NOW, Rows

OLD = NOW - timedelta(days=30)


def found(engine: Engine) -> list[Attention]:
    with reading(engine) as connection:
        return attention(connection, NOW.date())


def test_nothing_needs_attention_in_an_empty_database(engine: Engine) -> None:
    assert found(engine) == []


def test_unpriced_events_by_model_until_they_are_billed(engine: Engine) -> None:
    with writing(engine) as connection:
        rows = Rows(connection)
        account = rows.account("acct-0001")
        rows.event(account, NOW, status="unpriced", provider="openai", model="o9")
        rows.event(account, NOW, status="unpriced", provider="openai", model="o9")
        billed = rows.event(account, NOW, status="unpriced")
        rows.adjustment(billed, cost_nanos=5, charge_nanos=5, price_id=rows.price())
    message = "2 calls of openai/o9 cannot be billed: add a price, then re-rate"
    assert found(engine) == [Attention("UNPRICED_EVENTS", message, 2, "openai/o9")]


def test_models_sold_below_cost_in_the_last_30_days(engine: Engine) -> None:
    with writing(engine) as connection:
        rows = Rows(connection)
        account = rows.account("acct-0001")
        rows.task("manager_routing", billable=False)
        rows.event(account, NOW, cost_nanos=2_000_000_000, charge_nanos=1_900_000_000, task="chat")
        repaired = rows.event(account, NOW, provider="b", model="fine", cost_nanos=10, charge_nanos=9)
        rows.adjustment(repaired, charge_nanos=1)
        rows.event(account, NOW, provider="b", model="free-task", cost_nanos=10, task="manager_routing")
        rows.event(account, OLD, provider="b", model="long-ago", cost_nanos=10)
        rows.event(account, NOW, provider="b", model="even", cost_nanos=10, charge_nanos=10)
        rows.event(account, OLD + timedelta(days=1), provider="c", model="given", cost_nanos=5_000)
    assert found(engine) == [
        Attention(
            "SOLD_BELOW_COST",
            "anthropic/claude-haiku-4-5 is sold below cost: 1 call in 30 days, cost $2.00, charged $1.90, "
            "a margin of 0.95",
            1,
            "anthropic/claude-haiku-4-5",
        ),
        Attention(
            "SOLD_BELOW_COST",
            "c/given is sold below cost: 1 call in 30 days, cost $0.000005, charged $0.00, a margin of 0",
            1,
            "c/given",
        ),
    ]


def test_accounts_below_zero(engine: Engine) -> None:
    with writing(engine) as connection:
        rows = Rows(connection)
        rows.account("acct-0001", balance_nanos=-1_500_000_000)
        rows.account("acct-0002", balance_nanos=0)
    message = "account acct-0001 is $1.50 below zero"
    assert found(engine) == [Attention("BELOW_ZERO", message, 1, "acct-0001")]
    with writing(engine) as connection:
        Rows(connection).account("acct-0003", balance_nanos=-2_000_000_000)
    message = "2 accounts are $3.50 below zero in all; the deepest is acct-0003 with $2.00"
    assert found(engine) == [Attention("BELOW_ZERO", message, 2, "acct-0003")]


def plans_of(
    connection: Connection, ask: Callable[[Connection], object], table: str, without: Sequence[str] = ("seqscan",)
) -> list[str]:
    """How the database would carry out those statements of a question that read a table.

    With no rows the planner of PostgreSQL would rather read the table: it is asked what it could do without.
    """
    statements: list[tuple[str, Any]] = []

    def keep(_connection: object, _cursor: object, statement: str, parameters: object, *_: object) -> None:
        statements.append((statement, parameters))

    event.listen(connection, "before_cursor_execute", keep)
    ask(connection)
    event.remove(connection, "before_cursor_execute", keep)
    postgresql = connection.dialect.name == "postgresql"
    if postgresql:
        for way in without:
            connection.execute(text(f"SET LOCAL enable_{way} = off"))
    explain = "EXPLAIN" if postgresql else "EXPLAIN QUERY PLAN"
    asked = [(statement, given) for statement, given in statements if f"FROM {table}" in statement]
    return [
        " ".join(str(row) for row in connection.exec_driver_sql(f"{explain} {statement}", given))
        for statement, given in asked
    ]


@pytest.mark.parametrize(
    ("filters", "index"),
    [({}, "ix_usage_events_day"), ({"account": "acct-0001"}, "ix_usage_events_account_id_occurred_at")],
)
def test_a_period_is_read_through_an_index(engine: Engine, filters: dict[str, str], index: str) -> None:
    with writing(engine) as connection:
        Rows(connection).account("acct-0001")
    period = Period.last(30, NOW.date())

    def ask(connection: Connection) -> None:
        usage_by(connection, ["model"], period, filters)
        totals(connection, period, filters)

    with reading(engine) as connection:
        plans = plans_of(connection, ask, "usage_events")
    assert len(plans) == 3
    assert all(index in plan for plan in plans)


def test_what_is_rare_is_read_through_its_own_index(engine: Engine) -> None:
    period = Period.last(30, NOW.date())
    with reading(engine) as connection:
        first, *_ = plans_of(connection, lambda connection: attention(connection, NOW.date()), "usage_events")
        assert "ix_usage_events_unpriced" in first
        earning = plans_of(connection, lambda connection: totals(connection, period), "ledger_postings")
        assert len(earning) == 1
        assert "ix_ledger_postings_earning" in earning[0]


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
def test_processes_that_share_a_count_hash_it_in_different_ways(engine: Engine) -> None:
    """Else the table of the process that gathers is one long collision, which takes minutes where a second is due."""
    with writing(engine) as connection:
        rows = Rows(connection)
        rows.event(rows.account("acct-0001"), NOW)
        others = [column.name for column in usage_events.c if column.name not in ("id", "event_id", "user_id")]
        named = ", ".join(others)
        connection.execute(
            text(
                f"INSERT INTO usage_events (event_id, user_id, {named}) SELECT 'e' || n, 'u' || n % 50, {named}"
                " FROM usage_events, generate_series(1, 20000) AS n"
            )
        )
        connection.execute(text("ANALYZE usage_events"))

    def ask(connection: Connection) -> None:
        for name in ("parallel_setup_cost", "min_parallel_table_scan_size"):
            connection.execute(text(f"SET LOCAL {name} = 0"))
        callers_daily(connection, Period.last(30, NOW.date()), {})

    with reading(engine) as connection:
        (plan,) = plans_of(connection, ask, "usage_events", without=("indexscan", "bitmapscan", "sort"))
    assert "Finalize HashAggregate" in plan
    assert "Partial HashAggregate" in plan
