"""The statements of the hot path: what stands behind the locks, and connections that the server ended."""

from __future__ import annotations

import threading
from datetime import timedelta

import psycopg
import pytest
from sqlalchemy import Engine, text

from metering.errors import UnavailableError
from metering.meter import Meter
from metering.storage import Changes, store_for
from metering.usage import Usage
from metering.wallets.grants import add_grant
from schema.database import reading, writing
from tests.metering.rate_card import NOW

CHARGE = 8_400_000


def usage(event_id: str) -> Usage:
    units = {"input": 1000, "output": 500}
    return Usage(event_id=event_id, account="a", provider="anthropic", model="haiku", units=units)


def test_what_another_transaction_did_while_the_lock_was_awaited_is_seen(meter: Meter, card: Engine) -> None:
    """The lock, the grants and the keys come by one statement, whose snapshot is older than the lock."""
    meter.record(usage("e1"))
    found = []

    def wait_for_the_lock() -> None:
        with writing(card) as connection:
            found.append(store_for(connection).lock([1], [(1, "e2")], 1))

    with writing(card) as connection:
        store_for(connection).lock([1], (), 0)
        waiting = threading.Thread(target=wait_for_the_lock)
        waiting.start()
        _until_it_waits(card)
        add_grant(connection, 1, "promo", 10**9, idempotency_key="late", now=NOW)
        connection.execute(
            text(
                "INSERT INTO event_keys (account_id, event_id, usage_id, content_hash)"
                " SELECT account_id, 'e2', usage_id, content_hash FROM event_keys"
            )
        )
    waiting.join(timeout=30)
    (locked,) = found
    assert locked.states[1].balance_nanos == 10**9 - CHARGE
    assert [grant.remaining_nanos for grant in locked.grants[1]] == [10**9 - CHARGE]
    assert list(locked.known) == [(1, "e2")]


def _until_it_waits(engine: Engine) -> None:
    """SQLite's writers wait by asking again and again, which nobody can see: there it may not have begun yet."""
    if engine.dialect.name != "postgresql":
        return
    query = text("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
    for _ in range(1_000):
        with reading(engine) as connection:
            if connection.execute(query).scalar_one():
                return
        threading.Event().wait(0.01)
    raise AssertionError("nobody waits for the lock")


def test_a_lock_of_an_account_that_does_not_exist_finds_nothing(card: Engine) -> None:
    with writing(card) as connection:
        locked = store_for(connection).lock([77], [(77, "e1")], 1)
    assert (locked.states, dict(locked.grants), locked.known, len(locked.event_ids)) == ({}, {}, {}, 1)


@pytest.mark.parametrize("backend", ["postgresql"])
def test_connections_that_the_server_ended_are_replaced_in_the_middle_of_a_call(meter: Meter, card: Engine) -> None:
    """Also those of the pool that nobody asked yet whether they still work."""
    meter.record(usage("e1"))
    with writing(card) as connection:
        connection.execute(
            text(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        )
    assert meter.record(usage("e2")).balance_nanos == -2 * CHARGE
    assert meter.balance("a").balance_nanos == -2 * CHARGE


@pytest.mark.parametrize("backend", ["postgresql"])
def test_a_server_that_only_reads_is_away_until_another_takes_its_place(meter: Meter, card: Engine) -> None:
    meter.record(usage("e1"))
    turn = "ALTER DATABASE {} SET default_transaction_read_only = {}"
    with writing(card) as connection:
        name = connection.dialect.identifier_preparer.quote(card.url.database or "")
        connection.execute(text(turn.format(name, "on")))
        connection.execute(
            text(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        )
    with pytest.raises(UnavailableError, match="read-only transaction"):
        meter.record(usage("e2"))
    with pytest.raises(UnavailableError, match="read-only transaction"):
        meter.record_many([usage("e2"), usage("e3")])
    with writing(card) as connection:
        connection.execute(text("SET TRANSACTION READ WRITE"))
        connection.execute(text(turn.format(name, "off")))
    assert meter.record(usage("e2")).balance_nanos == -2 * CHARGE


@pytest.mark.parametrize("backend", ["postgresql"])
def test_a_commit_whose_answer_was_lost_bills_once(meter: Meter, monkeypatch: pytest.MonkeyPatch) -> None:
    meter.record(usage("e1"))
    commit = psycopg.Connection.commit
    lost = []

    def lose_the_answer(connection: psycopg.Connection[object]) -> None:
        commit(connection)
        if not lost:
            lost.append(True)
            connection.close()
            raise psycopg.OperationalError("consuming input failed: server closed the connection unexpectedly")

    monkeypatch.setattr(psycopg.Connection, "commit", lose_the_answer)
    receipts = meter.record_many([usage("e2"), usage("e3")])
    assert [(receipt.balance_nanos, receipt.duplicate) for receipt in receipts] == [(-3 * CHARGE, True)] * 2
    assert meter.record(usage("e4")).balance_nanos == -4 * CHARGE


def test_readers_cannot_write_on_a_connection_that_wrote_before(card: Engine) -> None:
    for _ in range(2):
        with writing(card) as connection:
            connection.execute(text("UPDATE releases SET label = 'x'"))
        with pytest.raises(Exception, match=r"readonly|read-only"), reading(card) as connection:
            connection.execute(text("UPDATE releases SET label = 'y'"))


def test_a_debit_within_the_state_row_keeps_its_other_columns(meter: Meter, card: Engine) -> None:
    meter.record(usage("e1"))
    later = NOW + timedelta(days=40)
    with writing(card) as connection:
        connection.execute(text("UPDATE account_state SET held_nanos = 5, minute = 7, minute_requests = 9"))
        locked = store_for(connection).lock([1], (), 0)
        state = locked.states[1]
        assert (state.held_nanos, state.minute, state.minute_requests) == (5, 7, 9)
        state.count(later, {"input": 5, "run_unit": 9})
        store_for(connection).write(Changes(states=[state]))
    with writing(card) as connection:
        state = store_for(connection).lock([1], (), 0).states[1]
    assert (state.held_nanos, state.minute, state.minute_requests) == (5, int(later.timestamp()) // 60, 1)
    assert (state.month_tokens, state.month_run_unit_micros, state.day_requests) == (5, 9, 1)
