"""How many accounts a setting decides about."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import Engine, update

from metering.analytics.account_counts import AccountCounts, account_counts
from schema.database import reading, writing
from schema.tables import account_state, accounts
from tests.metering.analytics_data import NOW, Rows


def test_accounts_are_counted_that_began_run_free_or_have_no_credit(card: Engine) -> None:
    with writing(card) as connection:
        rows = Rows(connection)
        numbers = {
            name: rows.account(name, balance, plan)
            for name, balance, plan in (
                ("a", 5, "pro"),
                ("b", 0, "free"),
                ("c", -1, "pro"),
                ("d", 5, "pro"),
                ("e", 0, "free"),
            )
        }
        rows.subscription(numbers["a"], NOW, 0)
        rows.subscription(numbers["c"], NOW, 0, ended_at=NOW)
        held = update(account_state).where(account_state.c.account_id == numbers["d"]).values(held_nanos=5)
        old = update(accounts).where(accounts.c.account == "b").values(created_at=NOW - timedelta(days=40))
        gone = update(accounts).where(accounts.c.account == "e").values(status="deleted")
        for change in (held, old, gone):
            connection.execute(change)

    with reading(card) as connection:
        assert account_counts(connection, NOW - timedelta(days=30)) == AccountCounts(3, 3, {"free": 1, "pro": 2})
        assert account_counts(connection, NOW + timedelta(days=1)).began == 0
