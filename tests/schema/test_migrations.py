"""Migrations, up and down, on both databases, and the views that they make."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, event, inspect, text
from sqlalchemy.exc import DBAPIError

import schema
from schema.database import (
    database_state,
    downgrade,
    make_engine,
    reading,
    require_current,
    schema_version,
    upgrade,
    writing,
)
from schema.errors import DatabaseVersionError
from schema.tables import CONFIG_TABLES, SCHEMA_VERSION, metadata

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def empty_engine(database_url):
    engine = make_engine(database_url)
    yield engine
    engine.dispose()


def _names(engine):
    with reading(engine) as connection:
        inspector = inspect(connection)
        return sorted(inspector.get_table_names()), sorted(inspector.get_view_names())


def test_the_migrated_tables_are_the_declared_ones(engine):
    with reading(engine) as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []


def test_the_migrated_tables_have_the_declared_defaults_and_checks(engine, databases, tmp_path):
    declared_url = databases.fresh(tmp_path, migrated=False)
    declared = make_engine(declared_url)
    try:
        with writing(declared) as connection:
            metadata.create_all(connection)
        assert _details(engine) == _details(declared)
    finally:
        declared.dispose()
        databases.drop(declared_url)


def _details(engine):
    with reading(engine) as connection:
        inspector = inspect(connection)
        return {
            table: {
                "columns": {
                    column["name"]: (str(column["type"]), column["nullable"], column["default"], column.get("comment"))
                    for column in inspector.get_columns(table)
                },
                "checks": sorted((check["name"], check["sqltext"]) for check in inspector.get_check_constraints(table)),
                "indexes": sorted(_described(index) for index in inspector.get_indexes(table)),
                "uniques": sorted(_described(unique) for unique in inspector.get_unique_constraints(table)),
                "keys": sorted(_described(key) for key in inspector.get_foreign_keys(table)),
                "primary": inspector.get_pk_constraint(table),
                "options": inspector.get_table_options(table),
            }
            for table in inspector.get_table_names()
            if table != "alembic_version"
        }


def _described(reflected):
    options = {name: str(value) for name, value in reflected.get("dialect_options", {}).items()}
    return repr({**reflected, "dialect_options": options})


def test_the_version_in_the_code_is_the_last_migration():
    config = Config()
    config.set_main_option("script_location", f"{schema.__path__[0]}/migrations")
    assert ScriptDirectory.from_config(config).get_heads() == [SCHEMA_VERSION]


def test_down_leaves_nothing_and_up_brings_everything_back(engine):
    full = _names(engine)
    downgrade(engine, "base")
    assert _names(engine) == (["alembic_version"], [])
    assert schema_version(engine) is None
    assert database_state(engine) == "empty"
    upgrade(engine)
    assert _names(engine) == full
    assert database_state(engine) == "current"


def test_every_step_goes_down_and_up_with_rows_in_place(engine):
    with writing(engine) as connection:
        _fill(connection)
    downgrade(engine, "0001")
    assert database_state(engine) == "other"
    assert _names(engine)[1] == []
    with pytest.raises(DatabaseVersionError, match=r"schema version 0001, .* needs 0005; run `ratecard db upgrade`"):
        require_current(engine)
    upgrade(engine)
    require_current(engine)
    with reading(engine) as connection:
        assert connection.execute(text("SELECT count(*) FROM usage_usd")).scalar_one() == 1
    downgrade(engine, "base")
    assert _names(engine) == (["alembic_version"], [])


def test_a_failed_upgrade_leaves_the_database_as_it_was(empty_engine):
    upgrade(empty_engine, "0001")
    with writing(empty_engine) as connection:
        # The last view of the migration meets a table of the same name.
        connection.execute(text("CREATE TABLE usage_usd (a INTEGER)"))
    before = _names(empty_engine)
    with pytest.raises(DBAPIError, match="usage_usd"):
        upgrade(empty_engine)
    assert _names(empty_engine) == before
    assert schema_version(empty_engine) == "0001"


def test_an_interrupted_upgrade_leaves_nothing(empty_engine):
    @event.listens_for(empty_engine, "before_cursor_execute")
    def interrupt(connection, cursor, statement, parameters, context, executemany):
        if "VIEW plans_usd" in statement:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        upgrade(empty_engine)
    assert _names(empty_engine) == ([], [])


def test_a_second_upgrade_changes_nothing(engine):
    before = _details(engine)
    upgrade(engine)
    assert _details(engine) == before


def test_event_keys_need_no_second_tree_on_sqlite(tmp_path, sqlite_databases):
    engine = create_engine(sqlite_databases.fresh(tmp_path, migrated=True))
    with engine.connect() as connection:
        sql = connection.execute(text("SELECT sql FROM sqlite_master WHERE name = 'event_keys'")).scalar_one()
    engine.dispose()
    assert sql.rstrip().endswith("WITHOUT ROWID")


def _insert(connection, table_name, **values):
    table = metadata.tables[table_name]
    return connection.execute(table.insert().values(**values)).inserted_primary_key[0]


def _release(connection):
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


def _fill(connection):
    release = _release(connection)
    _insert(
        connection,
        "models",
        provider="anthropic",
        model="claude-haiku-4-5",
        display_name="Claude Haiku 4.5",
        type="llm",
        access="basic",
        aliases=[],
        active=True,
        introduced_release=release,
    )
    price = {
        "provider": "anthropic",
        "model": "claude-haiku-4-5",
        "effective": NOON,
        "in_force_from": NOON,
        "rates": {"input": 1_000_000, "output": 5_000_001, "image": 40_000_000_000},
        "tiers": [],
        "margin_micros": 1_300_000,
        "plan_margins": {},
        "introduced_release": release,
    }
    _insert(connection, "prices", **price | {"rates": {"input": 9}, "retired_release": release})
    price_id = _insert(connection, "prices", **price)
    account = _insert(connection, "accounts", account="acct-0007", name="Harbour Clinic", created_at=NOON)
    _insert(
        connection,
        "account_state",
        account_id=account,
        balance_nanos=-1,
        plan="free",
        plan_since=NOON,
        month=date(2026, 3, 1),
        day=date(2026, 3, 1),
    )
    _insert(
        connection,
        "ledger_postings",
        account_id=account,
        kind="debit",
        amount_nanos=-123_456_789_012_345_678,
        balance_nanos=0,
        burned=[],
        idempotency_key="d",
        occurred_at=NOON,
        recorded_at=NOON,
    )
    event_row = _insert(
        connection,
        "usage_events",
        account_id=account,
        event_id="e-1",
        occurred_at=NOON,
        recorded_at=NOON,
        day=date(2026, 3, 1),
        provider="anthropic",
        model="claude-haiku-4-5",
        plan="free",
        input_units=1000,
        run_unit_units=1_500_000,
        status="priced",
        price_id=price_id,
        release_id=release,
        cost_nanos=1_000_000,
        charge_nanos=1_300_000,
        included_nanos=0,
        promotional_nanos=0,
        purchased_nanos=1_300_000,
        owed_nanos=0,
        overdraft_nanos=0,
        revenue_nanos=1_114_285,
    )
    for key, change in (("r1", 5), ("r2", -500_000)):
        _insert(
            connection,
            "usage_adjustments",
            usage_id=event_row,
            account_id=account,
            day=date(2026, 3, 1),
            release_id=release,
            cost_nanos=change,
            charge_nanos=0,
            revenue_nanos=0,
            idempotency_key=key,
            recorded_at=NOON,
        )


def test_usd_views_give_dollars(engine):
    with writing(engine) as connection:
        _fill(connection)

    def one(query):
        with reading(engine) as connection:
            row = connection.execute(text(query)).mappings().one()
            return {name: round(Decimal(str(value)), 12) for name, value in row.items()}

    assert one("SELECT input_per_million, output_per_million, per_image, margin FROM prices_usd") == {
        "input_per_million": 1,
        "output_per_million": Decimal("5.000001"),
        "per_image": Decimal("0.04"),
        "margin": Decimal("1.3"),
    }
    assert one("SELECT cost_usd, charge_usd, revenue_usd, run_unit_units FROM usage_usd") == {
        "cost_usd": Decimal("0.000500005"),
        "charge_usd": Decimal("0.0013"),
        "revenue_usd": Decimal("0.001114285"),
        "run_unit_units": Decimal("1.5"),
    }
    assert one("SELECT balance_usd FROM accounts_usd") == {"balance_usd": Decimal("-0.000000001")}
    assert round(one("SELECT amount_usd FROM postings_usd")["amount_usd"], 6) == Decimal("-123456789.012346")


def test_usd_views_are_exact_on_postgresql(tmp_path, postgresql_databases):
    url = postgresql_databases.fresh(tmp_path, migrated=True)
    engine = make_engine(url)
    try:
        with writing(engine) as connection:
            _fill(connection)
        with reading(engine) as connection:
            amount = connection.execute(text("SELECT amount_usd FROM postings_usd")).scalar_one()
            assert amount == Decimal("-123456789.012345678")
    finally:
        engine.dispose()
        postgresql_databases.drop(url)


def test_current_views_hide_retired_rows(engine):
    with writing(engine) as connection:
        _fill(connection)
    with reading(engine) as connection:
        assert connection.execute(text("SELECT count(*) FROM prices")).scalar_one() == 2
        assert connection.execute(text("SELECT count(*) FROM current_prices")).scalar_one() == 1


def test_every_config_table_has_a_current_view_with_all_its_columns(engine):
    with reading(engine) as connection:
        inspector = inspect(connection)
        for config in CONFIG_TABLES.values():
            columns = [column["name"] for column in inspector.get_columns(f"current_{config.table.name}")]
            assert columns == [column.name for column in config.table.columns]


@pytest.mark.parametrize("backend", ["postgresql"])
def test_postgresql_knows_how_many_groups_usage_has(engine, backend):
    sql = """SELECT string_agg(a.attname, ' ' ORDER BY a.attnum) FROM pg_statistic_ext AS s
        JOIN pg_attribute AS a ON a.attrelid = s.stxrelid AND a.attnum = ANY (s.stxkeys)
        WHERE s.stxrelid = 'usage_events'::regclass AND s.stxkind = '{d}'"""
    with reading(engine) as connection:
        assert connection.execute(text(sql)).scalar_one() == "account_id day provider model plan"
    downgrade(engine, "0003")
    with reading(engine) as connection:
        assert connection.execute(text(sql)).scalar_one() is None
