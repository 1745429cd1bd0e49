"""Calls of an account that nobody else wrote to: what they leave is what those leave that take the lock and read."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from sqlalchemy import Engine, Table, event, select, text

from metering.errors import EventConflictError
from metering.meter import Meter
from metering.recording.left import KEPT, Left, LeftAccounts
from metering.storage import Changes, Version
from metering.storage.one_statement import OneStatement
from metering.usage import Usage
from metering.wallets.wallet import AccountState
from schema.database import reading, writing
from schema.tables import account_state, alerts, event_keys, grants, ledger_postings, usage_events
from tests.metering.rate_card import NOW, ROWS, Clock, add_release, apply_rows, change

pytestmark = [pytest.mark.usefixtures("ledger_agrees")]

CHARGE = 8_400_000
"""Of `call`, in nano-USD."""


def call(event_id: str, account: str = "alone", **given: Any) -> Usage:
    values = {"provider": "anthropic", "model": "haiku", "units": {"input": 1_000, "output": 500}} | given
    return Usage(event_id=event_id, account=account, **values)


VARIOUS: list[dict[str, Any]] = [
    {},
    {"user": "u-1", "task": "extraction", "latency_ms": 120, "metadata": {"a": [1, "x"]}},
    {"task": "routing"},
    {"model": "unpriced"},
    {"reasoning_level": "advanced", "units": {"input": 10, "reasoning": 7, "cache_read": 5}},
    {"provider": "openai", "model": "gpt", "units": {"output": 900_000}},
    {"occurred_at": NOW - timedelta(days=40)},
    {"provider": None, "model": "", "tool": "search", "cpu_seconds": "0.25", "units": {"run_unit": "0.5"}},
    {"units": {}},
    {"user": "نص <b>", "units": {"output": 2_000_000}},
    {},
]


def test_they_leave_what_calls_leave_that_take_the_lock(meter: Meter, card: Engine, clock: Clock) -> None:
    for account in ("alone", "locked"):
        meter.accounts.create(account, by="desk")
        meter.wallets.grant(account, "promo", key="g", usd="0.01")
        meter.wallets.buy(account, "Starter", key="p")
    for number, given in enumerate(VARIOUS):
        clock.forward(seconds=50)
        receipt = meter.record(call(f"e{number}", **given))
        # Two calls at once are not one statement.
        (other, _) = meter.record_many([call(f"e{number}", "locked", **given), call(f"e{number}", "beside")])
        assert receipt == other
    with reading(card) as connection:
        for table in (usage_events, ledger_postings, grants, account_state, event_keys):
            hidden = {"id", "account_id", "posting_id", "burned", "usage_id"}
            alone, locked = (
                [
                    {name: value for name, value in row.items() if name not in hidden}
                    for row in connection.execute(_rows_of(table, account)).mappings()
                ]
                for account in (1, 2)
            )
            assert alone == locked
            assert alone
        # Each event that was charged points to the debit that is named after it.
        called, posting = usage_events.c, ledger_postings.c
        pairs = select(called.event_id, posting.idempotency_key).join(usage_events, called.posting_id == posting.id)
        of_alone = connection.execute(pairs.where(called.account_id == 1).order_by(called.id)).all()
        assert [name for name, _ in of_alone] == ["e0", "e1", "e4", "e5", "e6", "e9", "e10"]
        assert all(key == f"usage:{name}" for name, key in of_alone)


def _rows_of(table: Table, account: int) -> Any:
    order = [table.c.id] if "id" in table.c else [table.c.account_id]
    return select(table).where(table.c.account_id == account).order_by(*order)


@pytest.mark.parametrize("backend", ["postgresql"])
def test_each_call_after_the_first_is_one_statement(meter: Meter, card: Engine) -> None:
    """The server counts how often a session carried out what it prepared."""
    for number in range(20):
        meter.record(call(f"e{number}"))
    connection = meter.engine.raw_connection()
    try:
        cursor = connection.cursor()
        cursor.execute("SELECT left(statement, 12), generic_plans + custom_plans FROM pg_prepared_statements")
        counted = dict(cursor.fetchall())
    finally:
        connection.close()
    # psycopg prepares what it is asked for the sixth time.
    assert counted.pop("WITH changed") == 14
    assert not [count for statement, count in counted.items() if statement == "WITH locked "]


@pytest.mark.parametrize("backend", ["sqlite"])
def test_on_sqlite_no_call_after_the_first_reads_what_it_left(meter: Meter) -> None:
    statements: list[str] = []
    meter.engine.dispose()
    event.listen(meter.engine, "connect", lambda driver, _: driver.set_trace_callback(statements.append))
    meter.record(call("e0"))
    assert [statement for statement in statements if "FROM account_state" in statement]
    for number in range(1, 5):
        statements.clear()
        meter.record(call(f"e{number}"))
        assert [statement.split()[0] for statement in statements] == [
            *("BEGIN", "PRAGMA", "INSERT", "INSERT", "INSERT", "UPDATE", "COMMIT"),
        ]


def _record(meter: Meter, _: Engine) -> None:
    meter.record(call("other"))


def _grant(meter: Meter, _: Engine) -> None:
    meter.wallets.grant("alone", "promo", key="late", usd=1)


def _buy(meter: Meter, _: Engine) -> None:
    meter.wallets.buy("alone", "Starter", key="late")


def _refund(meter: Meter, _: Engine) -> None:
    meter.wallets.refund_usage("alone", "e1", key="late", usd="0.001")


def _hold(meter: Meter, _: Engine) -> None:
    meter.wallets.grant("alone", "promo", key="late", usd=1)
    meter.hold("alone", "anthropic", "haiku", input=10, max_output=10)


def _subscribe(meter: Meter, _: Engine) -> None:
    meter.subscriptions.start("alone", "pro", by="desk")


def _release(_: Meter, engine: Engine) -> None:
    with writing(engine) as connection:
        add_release(connection, NOW, "f" * 40)


@pytest.mark.parametrize("elsewhere", [True, False])
@pytest.mark.parametrize("between", [_record, _grant, _buy, _refund, _hold, _subscribe, _release])
def test_what_was_written_in_between_counts(
    meter: Meter,
    card: Engine,
    migrated_url: str,
    clock: Clock,
    between: Callable[[Meter, Engine], None],
    elsewhere: bool,
) -> None:
    for number in range(3):
        meter.record(call(f"e{number}"))
    with Meter.open(migrated_url, now=clock, listen=False) as other:
        between(other if elsewhere else meter, card)
        for number in range(3, 6):
            receipt = meter.record(call(f"e{number}"))
            assert receipt.balance_nanos == other.balance("alone").balance_nanos
    with reading(card) as connection:
        state = connection.execute(select(account_state)).mappings().one()
        charged = connection.execute(select(usage_events.c.charge_nanos, usage_events.c.plan)).all()
        newest = connection.execute(select(usage_events.c.release_id).order_by(usage_events.c.id.desc())).scalar()
    assert state["day_requests"] == len(charged) == (7 if between is _record else 6)
    assert charged[-1].plan == state["plan"] == ("pro" if between is _subscribe else "free")
    assert newest == (2 if between is _release else 1)
    assert (state["held_nanos"] > 0) == (between is _hold)


def test_what_falls_due_happens_before_the_next_call(meter: Meter, clock: Clock) -> None:
    meter.accounts.create("alone", by="desk")
    meter.subscriptions.start("alone", "pro", by="desk")
    for number in range(3):
        meter.record(call(f"e{number}"))
    assert len(meter.wallets.grants("alone")) == 1
    clock.forward(days=31)
    meter.record(call("e3"))
    granted = meter.wallets.grants("alone", unspent=True)
    # Haiku at USD 0.80 and 4 a million, sold to `pro` at 2.5 times that.
    assert [10**10 - grant.remaining_nanos for grant in granted] == [7_000_000]


def test_a_late_call_is_charged_by_the_plan_of_its_time(meter: Meter, card: Engine, clock: Clock) -> None:
    meter.record(call("e0"))
    clock.forward(days=2)
    meter.subscriptions.start("alone", "pro", by="desk")
    for number in range(1, 4):
        meter.record(call(f"e{number}"))
    meter.record(call("late", occurred_at=NOW + timedelta(days=1)))
    with reading(card) as connection:
        plans = connection.execute(select(usage_events.c.plan).order_by(usage_events.c.id)).scalars().all()
    assert plans == ["free", "pro", "pro", "pro", "free"]


def test_the_same_call_again_is_charged_once(meter: Meter) -> None:
    first = meter.record(call("e1"))
    meter.record(call("e2"))
    assert meter.record(call("e1")) == first.again()
    with pytest.raises(EventConflictError):
        meter.record(call("e2", units={"input": 1}))
    assert meter.record(call("e3")).balance_nanos == -3 * CHARGE


def test_a_threshold_is_told_in_the_transaction_of_the_call_that_reached_it(card: Engine, migrated_url: str) -> None:
    plan = change("plan", {"plan": "free"}, limits={"tokens_per_month": 10_000})
    apply_rows(card, ROWS | {"plan": [plan, *ROWS["plan"][1:]]})
    with Meter.open(migrated_url, now=Clock(), listen=False) as meter:
        for number in range(7):
            meter.record(call(f"e{number}"))
    with reading(card) as connection:
        told = connection.execute(select(alerts.c.percent, alerts.c.used).order_by(alerts.c.percent)).all()
    assert told == [(80, 9_000), (95, 10_500), (100, 10_500)]


@pytest.mark.parametrize("backend", ["postgresql"])
def test_a_statement_whose_answer_was_lost_bills_once(meter: Meter, monkeypatch: pytest.MonkeyPatch) -> None:
    meter.record(call("e1"))
    write, lost = OneStatement.write, 0

    def lose_the_answer(store: OneStatement, changes: Changes) -> bool:
        nonlocal lost
        assert write(store, changes)
        lost += 1
        store._driver.close()
        raise psycopg.OperationalError("consuming input failed: server closed the connection unexpectedly")

    with monkeypatch.context() as patched:
        patched.setattr(OneStatement, "write", lose_the_answer)
        receipt = meter.record(call("e2"))
    assert lost == 1
    assert (receipt.balance_nanos, receipt.duplicate) == (-2 * CHARGE, True)
    assert [meter.record(call(name)).balance_nanos for name in ("e3", "e4")] == [-3 * CHARGE, -4 * CHARGE]


@pytest.mark.parametrize("backend", ["postgresql"])
def test_a_version_of_another_session_is_not_trusted(meter: Meter, card: Engine) -> None:
    """After a failover that lost transactions, their numbers are given again."""
    meter.record(call("e1"))
    with writing(card) as connection:
        connection.execute(
            text(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        )
    left = meter._recorder._left.look(1)
    assert left is not None
    # As it would be if the number stood for another row.
    left.state.balance_nanos = 10**12
    assert meter.record(call("e2")).balance_nanos == -2 * CHARGE


def _left(number: int, *, found: str, left: str) -> Left:
    session = object()
    day = NOW.date()
    state = AccountState(number, 0, 0, 0, "free", NOW, day, 0, 0, day, 0, None)
    return Left(state, [], Version(session, left), found=Version(session, found))


def test_an_account_that_others_write_to_takes_the_lock_until_they_stop() -> None:
    kept = LeftAccounts()
    kept.keep(_left(1, found="10", left="11"))
    first = kept.take(1)
    assert first is not None
    assert first.calm
    first.calm = False
    kept.put_back(first)
    calm = []
    for found, left in (("15", "16"), ("20", "21"), ("21", "25"), ("25", "26")):
        kept.keep(_left(1, found=found, left=left))
        now_kept = kept.look(1)
        assert now_kept is not None
        calm.append(now_kept.calm)
    assert calm == [False, False, True, True]


def test_no_more_accounts_are_kept_than_fit() -> None:
    kept = LeftAccounts()
    for number in range(KEPT + 5):
        kept.keep(_left(number, found="1", left="2"))
    assert [number for number in (0, 4, 5, KEPT + 4) if kept.look(number) is None] == [0, 4]
