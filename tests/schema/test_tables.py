"""The tables keep what code alone could break."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from sqlalchemy import BigInteger, Float, Numeric, insert
from sqlalchemy.exc import IntegrityError

from schema.database import writing
from schema.keys import KINDS
from schema.tables import CONFIG_TABLES, UNIT_COLUMNS, metadata
from schema.tables.base import utc_text
from schema.units import UNITS

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def _insert(connection, name_of_table, **values):
    return connection.execute(insert(metadata.tables[name_of_table]).values(**values)).inserted_primary_key[0]


@pytest.fixture
def release(engine):
    with writing(engine) as connection:
        return _insert(
            connection,
            "releases",
            commit_sha="a" * 40,
            config_tree="b" * 40,
            author="Price Desk <prices@example.com>",
            authored_at=NOON,
            applied_by="ci",
            applied_at=NOON,
            fingerprint="c" * 64,
            creates=1,
            updates=0,
            deletes=0,
        )


@pytest.fixture
def account(engine):
    with writing(engine) as connection:
        return _insert(connection, "accounts", account="acct-0007", created_at=NOON)


def _refused(engine, name_of_table, **values):
    with pytest.raises(IntegrityError) as raised, writing(engine) as connection:
        _insert(connection, name_of_table, **values)
    return str(raised.value.orig)


def test_every_kind_has_a_table_in_the_order_of_kinds():
    assert tuple(CONFIG_TABLES) == KINDS


def test_what_is_compared_is_every_column_but_the_computed_ones():
    for config in CONFIG_TABLES.values():
        named = {*config.key, *config.values, "id", "introduced_release", "retired_release"}
        rest = {column.name for column in config.table.columns} - named
        assert rest == ({"in_force_from"} if config.kind == "price" else set())


def test_every_unit_has_a_column():
    assert list(UNIT_COLUMNS) == list(UNITS)
    assert set(UNIT_COLUMNS.values()) <= set(metadata.tables["usage_events"].c.keys())


def test_money_is_whole():
    for table in metadata.tables.values():
        for column in table.columns:
            assert not isinstance(column.type, Float | Numeric), f"{table.name}.{column.name}"
            if column.name.endswith(("_nanos", "_micros", "_pico")):
                assert isinstance(column.type, BigInteger), f"{table.name}.{column.name}"


def test_one_current_row_a_key(engine, release):
    row = {"task": "extraction", "billable": True, "introduced_release": release}
    with writing(engine) as connection:
        _insert(connection, "tasks", **row, retired_release=release)
        _insert(connection, "tasks", **row, retired_release=release)
        _insert(connection, "tasks", **row)
    assert "task" in _refused(engine, "tasks", **row)


def test_a_price_has_one_way_to_charge(engine, release):
    row = {
        "provider": "p",
        "model": "m",
        "effective": NOON,
        "in_force_from": NOON,
        "rates": {"input": 1},
        "tiers": [],
        "plan_margins": {},
        "introduced_release": release,
    }
    assert "one_charge" in _refused(engine, "prices", **row)
    assert "one_charge" in _refused(engine, "prices", **row, margin_micros=1, credits_micros=1)
    assert "one_charge" in _refused(engine, "prices", **row, margin_micros=1, charge_rates={"input": 1})
    assert "not_negative" in _refused(engine, "prices", **row, margin_micros=-1)
    with writing(engine) as connection:
        _insert(connection, "prices", **row, margin_micros=1_300_000)


def test_the_parts_of_a_charge_sum_up(engine, release, account):
    row = {
        "account_id": account,
        "event_id": "e-1",
        "occurred_at": NOON,
        "recorded_at": NOON,
        "day": date(2026, 3, 1),
        "provider": "p",
        "model": "m",
        "plan": "free",
        "status": "priced",
        "release_id": release,
        "cost_nanos": 1,
        "charge_nanos": 10,
        "included_nanos": 1,
        "promotional_nanos": 2,
        "purchased_nanos": 3,
        "owed_nanos": 4,
        "overdraft_nanos": 0,
        "revenue_nanos": 7,
    }
    assert "charge_is_met" in _refused(engine, "usage_events", **row | {"overdraft_nanos": 1})
    assert "not_negative" in _refused(engine, "usage_events", **row, input_units=-1)
    assert "status" in _refused(engine, "usage_events", **row | {"status": "free"})
    with writing(engine) as connection:
        _insert(connection, "usage_events", **row)


def test_a_grant_burns_down_to_nothing_and_no_further(engine, account):
    row = {
        "account_id": account,
        "kind": "purchase",
        "face_nanos": 10,
        "paid_nanos": 9,
        "priority": 1,
        "starts_at": NOON,
        "created_at": NOON,
    }
    assert "remaining" in _refused(engine, "grants", **row, remaining_nanos=-1, idempotency_key="a")
    assert "remaining" in _refused(engine, "grants", **row, remaining_nanos=11, idempotency_key="a")
    assert "order" in _refused(engine, "grants", **row, remaining_nanos=1, expires_at=NOON, idempotency_key="a")
    with writing(engine) as connection:
        _insert(connection, "grants", **row, remaining_nanos=0, idempotency_key="a")
    assert "idempotency_key" in _refused(engine, "grants", **row, remaining_nanos=10, idempotency_key="a")


def test_an_account_has_one_running_subscription(engine, account):
    row = {"account_id": account, "plan": "pro", "status": "active", "cycle": "monthly", "fee_nanos": 1}
    with writing(engine) as connection:
        _insert(connection, "subscriptions", **row, started_at=NOON, ended_at=NOON)
        _insert(connection, "subscriptions", **row, started_at=NOON)
    _refused(engine, "subscriptions", **row, started_at=NOON)


def test_what_a_row_refers_to_exists(engine):
    assert "foreign key" in _refused(engine, "tasks", task="t", billable=True, introduced_release=99).lower()


def test_times_on_sqlite_have_one_width():
    assert utc_text(NOON) == "2026-03-01 12:00:00.000000"
    assert utc_text(NOON.replace(microsecond=5)) == "2026-03-01 12:00:00.000005"


@pytest.mark.parametrize("kind", ["grant", "purchase", "refund", "adjustment", "expiry"])
def test_the_key_of_a_posting_is_taken_once(engine, account, kind):
    posting = {
        "account_id": account,
        "kind": kind,
        "amount_nanos": 1,
        "balance_nanos": 1,
        "burned": [],
        "idempotency_key": "grant:welcome",
        "occurred_at": NOON,
        "recorded_at": NOON,
    }
    with writing(engine) as connection:
        _insert(connection, "ledger_postings", **posting)
    assert "idempotency_key" in _refused(engine, "ledger_postings", **posting)
