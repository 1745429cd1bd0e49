"""Many recorders on one database: sums are right, nothing is billed twice, nothing locks up."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import Engine, func, select, text
from sqlalchemy.exc import DBAPIError

from metering.meter import Meter
from metering.usage import Usage
from metering.wallets.grants import add_grant
from metering.wallets.ledger import imbalances
from schema.database import reading, writing
from schema.tables import account_state, accounts, event_keys, grants, ledger_postings, usage_events
from tests.metering.rate_card import NOW, apply_rows, setting

ROOT = Path(__file__).parents[2]
CHARGE = 8_400_000


def usage(event_id: str, account: str) -> Usage:
    units = {"input": 1000, "output": 500}
    return Usage(event_id=event_id, account=account, provider="anthropic", model="haiku", units=units)


@pytest.fixture(autouse=True)
def _ledger_agrees(card: Engine) -> Iterator[None]:
    yield
    with reading(card) as connection:
        assert imbalances(connection) == []
        (events,) = connection.execute(select(func.count()).select_from(usage_events)).one()
        (keys,) = connection.execute(select(func.count()).select_from(event_keys)).one()
        assert events == keys


def balances(engine: Engine) -> dict[str, int]:
    with reading(engine) as connection:
        query = select(accounts.c.account, account_state.c.balance_nanos).join_from(accounts, account_state)
        return {row.account: row.balance_nanos for row in connection.execute(query)}


def in_threads(works: list[Callable[[], object]]) -> None:
    with ThreadPoolExecutor(len(works)) as pool:
        for future in [pool.submit(work) for work in works]:
            future.result(timeout=120)


def test_one_wallet_loses_no_debit(meter: Meter, card: Engine) -> None:
    meter.wallets.grant("shared", "purchase", key="pack", usd=Decimal(1), paid=Decimal("0.5"))

    def work(thread: int) -> Callable[[], object]:
        return lambda: [meter.record(usage(f"{thread}-{number}", "shared")) for number in range(20)]

    in_threads([work(thread) for thread in range(8)])
    assert balances(card) == {"shared": 10**9 - 160 * CHARGE}
    with reading(card) as connection:
        met = connection.execute(
            select(
                func.sum(usage_events.c.purchased_nanos),
                func.sum(usage_events.c.owed_nanos),
                func.sum(usage_events.c.revenue_nanos),
            )
        ).one()
    assert tuple(map(int, met)) == (10**9, 160 * CHARGE - 10**9, 160 * CHARGE - 10**9 + 5 * 10**8)


def test_batches_over_the_same_accounts_in_any_order_do_not_lock_up(meter: Meter, card: Engine) -> None:
    """LiteLLM 33872, 35531, 34887: spend in a buffer was lost when writers locked each other up."""
    names = [f"acct-{number:04}" for number in range(12)]

    def work(thread: int) -> Callable[[], object]:
        def record() -> None:
            order = random.Random(thread)
            for turn in range(6):
                order.shuffle(names_of := list(names))
                meter.record_many(usage(f"{thread}-{turn}", name) for name in names_of)

        return record

    in_threads([work(thread) for thread in range(6)])
    assert balances(card) == dict.fromkeys(names, -36 * CHARGE)


def test_first_calls_of_an_unknown_account_create_it_once(meter: Meter, card: Engine) -> None:
    """LiteLLM 40095: the first calls of an unknown customer passed beside the budget."""
    apply_rows(card, {"setting": [setting("signup_grant_credits", 1000)]})

    def work(thread: int) -> Callable[[], object]:
        return lambda: meter.record_many([usage(f"{thread}-{name}", f"new-{name}") for name in range(5)])

    in_threads([work(thread) for thread in range(8)])
    assert balances(card) == {f"new-{name}": 10**8 - 8 * CHARGE for name in range(5)}


def test_the_same_batch_sent_five_times_at_once_bills_once(meter: Meter, card: Engine) -> None:
    batch = [usage(f"e{number}", f"acct-{number % 3}") for number in range(90)]
    in_threads([lambda: meter.record_many(batch)] * 5)
    assert balances(card) == {f"acct-{number}": -30 * CHARGE for number in range(3)}


def test_the_same_calls_told_by_many_at_once_bill_once(meter: Meter, card: Engine) -> None:
    """What one of them decided of a call that was known already is not what the next call finds."""

    def work(thread: int) -> Callable[[], object]:
        order = random.Random(thread).sample(range(30), 30)
        return lambda: [meter.record(usage(f"e{number}", "a")) for number in order]

    in_threads([work(thread) for thread in range(8)])
    assert balances(card) == {"a": -30 * CHARGE}


def test_the_same_grant_given_at_once_is_given_once(meter: Meter, card: Engine) -> None:
    meter.record(usage("e1", "a"))
    in_threads([lambda: meter.wallets.grant("a", "promo", key="gift", usd=Decimal(1))] * 6)
    assert balances(card) == {"a": 10**9 - CHARGE}


@pytest.mark.parametrize("size", [1, 60])
@pytest.mark.parametrize(
    ("table", "change"),
    [
        (ledger_postings, "INSERT"),
        (usage_events, "INSERT"),
        (event_keys, "INSERT"),
        (grants, "UPDATE"),
        (account_state, "UPDATE"),
    ],
    ids=lambda value: str(value),
)
def test_a_fault_between_statements_leaves_nothing(
    meter: Meter, card: Engine, table: object, change: str, size: int
) -> None:
    """LiteLLM 33872, 35531, 34887: spend in a buffer was lost when its commit failed. Here the caller is told, and what
    is sent again is billed."""
    meter.wallets.grant("a", "promo", key="gift", usd=Decimal(1))
    with writing(card) as connection:
        if card.dialect.name == "sqlite":
            stop = f"CREATE TRIGGER stop AFTER {change} ON {table} BEGIN SELECT RAISE(ABORT, 'stopped'); END"
            connection.exec_driver_sql(stop)
        else:
            connection.execute(
                text("CREATE FUNCTION stop() RETURNS trigger AS 'BEGIN RAISE ''stopped''; END' LANGUAGE plpgsql")
            )
            connection.execute(
                text(f"CREATE TRIGGER stop AFTER {change} ON {table} FOR EACH ROW EXECUTE FUNCTION stop()")
            )
    batch = [usage(f"e{number}", "ab"[number % 2]) for number in range(size)]
    with pytest.raises((sqlite3.Error, psycopg.Error, DBAPIError), match="stopped"):
        meter.record_many(batch)
    with reading(card) as connection:
        left = [
            connection.execute(select(func.count()).select_from(one)).scalar()
            for one in (accounts, usage_events, event_keys, ledger_postings)
        ]
    assert left == [1, 0, 0, 1]
    assert balances(card) == {"a": 10**9}
    with writing(card) as connection:
        where = "" if card.dialect.name == "sqlite" else f" ON {table}"
        connection.execute(text(f"DROP TRIGGER stop{where}"))
    assert sum(one.charge_nanos for one in meter.record_many(batch)) == size * CHARGE


def test_a_debit_waits_for_a_grant_in_progress(meter: Meter, card: Engine) -> None:
    """A grant that is being added is burned by the debit that waited for it."""
    meter.record(usage("e1", "a"))
    with ThreadPoolExecutor(1) as pool:
        with writing(card) as connection:
            add_grant(connection, 1, "promo", 10**9, idempotency_key="gift", now=NOW)
            waiting = pool.submit(meter.record, usage("e2", "a"))
        assert waiting.result(timeout=60).balance_nanos == 10**9 - 2 * CHARGE
    with reading(card) as connection:
        assert connection.execute(select(grants.c.remaining_nanos)).scalar_one() == 10**9 - 2 * CHARGE
