"""`ratecard db upgrade` and `ratecard db version`."""

from __future__ import annotations

import json

import pytest
from sqlalchemy import text

from schema.database import database_state, downgrade, make_engine, shown_url, writing
from schema.tables import SCHEMA_VERSION


def _execute(url, *statements):
    engine = make_engine(url)
    with writing(engine) as connection:
        for statement in statements:
            connection.execute(text(statement))
    engine.dispose()


def _state(url):
    engine = make_engine(url, create=False)
    try:
        return database_state(engine)
    finally:
        engine.dispose()


@pytest.fixture
def old_url(migrated_url):
    engine = make_engine(migrated_url)
    downgrade(engine, "0001")
    engine.dispose()
    return migrated_url


def test_an_older_database_is_upgraded(run_ratecard, old_url):
    before = run_ratecard("db", "version", "--database", old_url)
    assert before.stdout == f"{shown_url(old_url)}: schema version 0001, which is not this program's\n"
    done = run_ratecard("db", "upgrade", "--database", old_url)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"{shown_url(old_url)}: upgraded from 0001 to {SCHEMA_VERSION}\n"
    assert _state(old_url) == "current"
    again = run_ratecard("db", "upgrade", env={"RATECARD_DATABASE_URL": old_url})
    assert again.stdout == f"{shown_url(old_url)}: it is current\n"


def test_json(run_ratecard, old_url):
    def told(action):
        return json.loads(run_ratecard("db", action, "--database", old_url, "--format", "json").stdout)

    common = {"format_version": 1, "database": shown_url(old_url), "needed": SCHEMA_VERSION}
    assert told("version") == common | {"state": "other", "version": "0001"}
    assert told("upgrade") == common | {"from": "0001", "upgraded": True}
    assert told("upgrade") == common | {"from": SCHEMA_VERSION, "upgraded": False}
    assert told("version") == common | {"state": "current", "version": SCHEMA_VERSION}


def test_a_foreign_database_is_refused_and_left_alone(run_ratecard, database_url):
    _execute(database_url, "CREATE TABLE parcels (id INTEGER)")
    done = run_ratecard("db", "upgrade", "--database", database_url)
    assert done.returncode == 1
    assert done.stderr == (
        f"ratecard: the database {shown_url(database_url)} holds tables that are not Ratecard's; name another one\n"
    )
    version = run_ratecard("db", "version", "--database", database_url)
    assert version.stdout == f"{shown_url(database_url)}: tables of another program\n"


def test_a_newer_database_is_refused(run_ratecard, migrated_url):
    _execute(migrated_url, "UPDATE alembic_version SET version_num = '9999'")
    done = run_ratecard("db", "upgrade", "--database", migrated_url)
    assert done.returncode == 1
    assert done.stderr == (
        f"ratecard: the database {shown_url(migrated_url)} has schema version 9999, this program needs"
        f" {SCHEMA_VERSION}; upgrade the ratecard package\n"
    )


def test_an_empty_postgresql_database_gets_its_tables(run_ratecard, postgresql_databases, tmp_path):
    url = postgresql_databases.fresh(tmp_path, migrated=False)
    assert run_ratecard("db", "version", "--database", url).stdout.endswith(": it is empty\n")
    assert run_ratecard("db", "upgrade", "--database", url).returncode == 0
    assert _state(url) == "current"
    postgresql_databases.drop(url)


def test_a_missing_file_is_not_made(run_ratecard, tmp_path):
    url = f"sqlite:///{tmp_path}/no.db"
    assert run_ratecard("db", "version", "--database", url).stdout == f"{url}: it is not there\n"
    done = run_ratecard("db", "upgrade", "--database", url)
    assert done.returncode == 1
    assert done.stderr == f"ratecard: there is no database {url}; run `ratecard apply` to make it\n"
    assert list(tmp_path.iterdir()) == []
