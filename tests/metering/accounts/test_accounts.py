from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
from sqlalchemy import Engine, select

from metering.accounts.accounts import account_id, create_account, ensure_accounts, find_accounts, read_balance
from metering.book.settings import read_settings
from metering.errors import BadEventError, UnknownAccountError
from schema.database import reading, writing
from schema.tables import account_state, accounts
from tests.metering.rate_card import NOW


def test_an_account_has_a_state_row(engine: Engine) -> None:
    with writing(engine) as connection:
        number = create_account(connection, "acct-0001", plan="free", now=NOW, name="First")
    with reading(engine) as connection:
        account = connection.execute(select(accounts)).one()
        state = connection.execute(select(account_state)).one()
    assert (account.id, account.account, account.name, account.status) == (number, "acct-0001", "First", "active")
    assert (state.account_id, state.balance_nanos, state.plan, state.plan_since) == (number, 0, "free", NOW)
    assert (state.month, state.day) == (date(2026, 6, 1), date(2026, 6, 15))


def test_an_account_is_created_once(engine: Engine) -> None:
    with writing(engine) as connection:
        first = create_account(connection, "acct-0001", plan="free", now=NOW, signup_grant_nanos=500)
        again = create_account(connection, "acct-0001", plan="pro", now=NOW, signup_grant_nanos=500)
        assert first == again
        assert read_balance(connection, "acct-0001", now=NOW).balance == Decimal("0.0000005")
        assert read_balance(connection, "acct-0001", now=NOW).plan == "free"


def test_accounts_are_found_by_name(engine: Engine) -> None:
    with writing(engine) as connection:
        ids = {name: create_account(connection, name, plan="free", now=NOW) for name in ("a", "b")}
        assert find_accounts(connection, ["a", "b", "c"]) == ids
        assert find_accounts(connection, []) == {}
        assert account_id(connection, "b") == ids["b"]
        with pytest.raises(UnknownAccountError) as caught:
            account_id(connection, "c")
        assert str(caught.value) == "there is no account 'c'"
        with pytest.raises(UnknownAccountError):
            read_balance(connection, "c", now=NOW)
        with pytest.raises(BadEventError):
            read_balance(connection, "", now=NOW)


def test_settings_decide_whether_accounts_come_into_being(engine: Engine) -> None:
    with writing(engine) as connection:
        refuse = read_settings({"unknown_account": "refuse"})
        assert ensure_accounts(connection, ["a"], refuse, now=NOW) == {}
        create = read_settings({"unknown_account": "create", "default_plan": "pro", "signup_grant_credits": 10})
        assert ensure_accounts(connection, ["b", "a"], create, now=NOW).keys() == {"a", "b"}
        assert read_balance(connection, "a", now=NOW).balance == Decimal("0.001")
        assert read_balance(connection, "a", now=NOW).plan == "pro"
