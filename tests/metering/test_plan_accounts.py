from __future__ import annotations

from sqlalchemy import Engine, update

from metering.analytics.plan_accounts import accounts_by_plan
from schema.database import reading, writing
from schema.tables import accounts
from tests.metering.analytics_data import Rows


def test_accounts_are_counted_by_the_plan_that_holds_for_them(card: Engine) -> None:
    with writing(card) as connection:
        rows = Rows(connection)
        for name, plan in (("a", "free"), ("b", "pro"), ("c", "free"), ("d", "free")):
            rows.account(name, plan=plan)
        connection.execute(update(accounts).where(accounts.c.account == "d").values(status="deleted"))

    with reading(card) as connection:
        assert accounts_by_plan(connection) == {"free": 2, "pro": 1}
