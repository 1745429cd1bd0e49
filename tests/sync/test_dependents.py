from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import Engine, text

from metering.accounts.accounts import create_account
from metering.book.ratebook import RateBook
from metering.subscriptions.subscriptions import cancel, subscribe
from schema.database import reading, writing
from sync.changes import Change, find_changes
from sync.current import current_rows
from sync.dependents import find_dependents
from tests.small_config import SMALL_CONFIG
from tests.sync.targets import APPLIED, LATER, apply_files, make_target

NO_PRO = SMALL_CONFIG["plans.yaml"].partition("  pro:")[0]


@pytest.fixture(autouse=True)
def _applied(engine: Engine) -> None:
    apply_files(engine, SMALL_CONFIG)


def found(engine: Engine, changes: list[Change]) -> list[tuple[str, str, str]]:
    with reading(engine) as connection:
        return list(find_dependents(connection, changes))


def removal(engine: Engine, kind: str, name: str) -> Change:
    with reading(engine) as connection:
        return Change("delete", kind, name, current_rows(connection)[kind][name], None)


def changes_to(engine: Engine, files: dict[str, str]) -> list[Change]:
    with reading(engine) as connection:
        return list(find_changes(current_rows(connection), make_target(files).rows))


def account_on(engine: Engine, name: str, plan: str) -> int:
    with writing(engine) as connection:
        number = create_account(connection, name, plan="free", now=APPLIED)
        book = RateBook.load(connection, now=APPLIED)
        subscribe(connection, number, book.plans[plan], "monthly", APPLIED, now=APPLIED)
        return number


def test_nothing_depends_on_a_plan_that_nobody_is_on(engine: Engine) -> None:
    changes = changes_to(engine, {**SMALL_CONFIG, "plans.yaml": NO_PRO})
    assert [(change.action, change.key) for change in changes] == [("delete", "plan pro")]
    assert found(engine, changes) == []


def test_accounts_on_a_plan_keep_it(engine: Engine) -> None:
    only = account_on(engine, "acme", "pro")
    changes = changes_to(engine, {**SMALL_CONFIG, "plans.yaml": NO_PRO})
    way_out = "to another plan first, or keep the plan with `active: false`"
    assert found(engine, changes) == [("PLAN_IN_USE", "plan pro", f"1 account is on it (acme): move it {way_out}")]
    for name in ("zeta", "beta", "nova", "omega"):
        account_on(engine, name, "pro")
    message = f"5 accounts are on it (acme, beta, nova and 2 more): move them {way_out}"
    assert found(engine, changes) == [("PLAN_IN_USE", "plan pro", message)]
    with writing(engine) as connection:
        cancel(connection, only, LATER, default_plan="free", now=LATER)
        connection.execute(text("UPDATE accounts SET status = 'deleted' WHERE account = 'beta'"))
    assert "3 accounts are on it (nova, omega, zeta)" in found(engine, changes)[0][2]


def test_a_plan_that_is_to_follow_another_stays(engine: Engine) -> None:
    account_on(engine, "acme", "free")
    changes = changes_to(engine, {**SMALL_CONFIG, "plans.yaml": NO_PRO})
    assert found(engine, changes) == []
    with writing(engine) as connection:
        connection.execute(text("UPDATE subscriptions SET cancel_at = :at, next_plan = 'pro'"), {"at": str(LATER)})
    assert "1 account is on it (acme)" in found(engine, changes)[0][2]


def test_plan_of_new_accounts_stays(engine: Engine) -> None:
    changes = [removal(engine, "plan", "free")]
    message = "new accounts start on it: name another default_plan in the settings first"
    assert found(engine, changes) == [("PLAN_IN_USE", "plan free", message)]
    settings: dict[str, Any] = {"setting": "default_plan", "value": "pro"}
    changes.append(Change("update", "setting", "default_plan", {**settings, "value": "free"}, settings))
    assert found(engine, changes) == []


def test_routes_and_prices_keep_a_model(engine: Engine) -> None:
    model = removal(engine, "model", "openai/gpt-4o")
    advice = "need it: remove or change what needs it in the same commit"
    users = "price openai/gpt-4o@2026-01-01, route anthropic/chat_response, route openai/_default"
    assert found(engine, [model]) == [("MODEL_IN_USE", "model openai/gpt-4o", f"{users} {advice}")]
    price = removal(engine, "price", "openai/gpt-4o@2026-01-01")
    route = removal(engine, "route", "openai/_default")
    one = "route anthropic/chat_response needs it: remove or change what needs it in the same commit"
    assert found(engine, [model, price, route]) == [("MODEL_IN_USE", "model openai/gpt-4o", one)]
    chat = removal(engine, "route", "anthropic/chat_response")
    assert chat.before is not None
    without = Change("update", chat.kind, chat.name, chat.before, {**chat.before, "fallbacks": []})
    assert found(engine, [model, price, route, without]) == []


def test_other_removals_are_free(engine: Engine) -> None:
    assert found(engine, [removal(engine, "pack", "Growth"), removal(engine, "task", "extraction")]) == []
