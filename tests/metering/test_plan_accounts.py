from __future__ import annotations

from sqlalchemy import Engine, update

from metering.analytics.plan_accounts import accounts_above, accounts_by_plan
from schema.database import reading, writing
from schema.tables import account_state, accounts
from tests.metering.analytics_data import Rows, at
from tests.metering.rate_card import NOW


def test_accounts_are_counted_by_the_plan_that_holds_for_them(card: Engine) -> None:
    with writing(card) as connection:
        rows = Rows(connection)
        for name, plan in (("a", "free"), ("b", "pro"), ("c", "free"), ("d", "free")):
            rows.account(name, plan=plan)
        connection.execute(update(accounts).where(accounts.c.account == "d").values(status="deleted"))

    with reading(card) as connection:
        assert accounts_by_plan(connection) == {"free": 2, "pro": 1}


def test_accounts_above_a_limit_are_those_of_the_running_month_or_day(card: Engine) -> None:
    with writing(card) as connection:
        rows = Rows(connection)
        used = {"much": (1_001, 2_000_001, 11), "just": (1_000, 2_000_000, 10)}
        for name, (tokens, micros, requests) in used.items():
            number = rows.account(name, plan="pro")
            counters = {"month_tokens": tokens, "month_run_unit_micros": micros, "day_requests": requests}
            periods = {"month": NOW.date().replace(day=1), "day": NOW.date()}
            changed = update(account_state).where(account_state.c.account_id == number)
            connection.execute(changed.values(**counters, **periods))

    limits = {"tokens_per_month": 1_000, "run_units_per_month": 2, "requests_per_day": 10, "documents": 0}
    with reading(card) as connection:
        everything = {"tokens_per_month": 1, "run_units_per_month": 1, "requests_per_day": 1}
        assert accounts_above(connection, "pro", limits, NOW) == everything
        assert accounts_above(connection, "pro", {"requests_per_day": 9}, NOW) == {"requests_per_day": 2}
        assert accounts_above(connection, "free", limits, NOW) == {}
        assert accounts_above(connection, "pro", limits, at("2030-01-01")) == {}
