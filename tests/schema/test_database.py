"""Engines, transactions, versions, and the faults of a database, each as one line without a password."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor, wait
from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy import insert, select, text
from sqlalchemy.exc import DBAPIError, OperationalError, StatementError

from schema.database import (
    database_state,
    make_engine,
    parse_url,
    reading,
    require_current,
    schema_version,
    shown_url,
    upgrade,
    writing,
)
from schema.errors import DatabaseError, DatabaseUnreachableError, DatabaseVersionError
from schema.tables import SCHEMA_VERSION, audit_log, meta


@pytest.fixture
def engine_of():
    """Makes engines that are disposed when the test ends."""
    engines = []

    def make(url, **options):
        engines.append(make_engine(url, **options))
        return engines[-1]

    yield make
    for engine in engines:
        engine.dispose()


# ---- URLs


@pytest.mark.parametrize(
    ("url", "driver"),
    [
        ("postgres://h/d", "postgresql+psycopg"),
        ("postgresql://h/d", "postgresql+psycopg"),
        ("postgresql+psycopg://h/d", "postgresql+psycopg"),
        ("sqlite:///a.db", "sqlite"),
        ("sqlite+pysqlite:///a.db", "sqlite+pysqlite"),
        ("sqlite://", "sqlite"),
    ],
)
def test_urls_get_their_driver(url, driver):
    assert parse_url(url).drivername == driver


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("", "the database URL cannot be read; write sqlite:///FILE or postgresql://…"),
        ("ratecard.db", "the database URL cannot be read; write sqlite:///FILE or postgresql://…"),
        ("postgresql://u:secret@h:port/d", "the database URL cannot be read; write sqlite:///FILE or postgresql://…"),
        ("mysql://u:secret@h/d", "'mysql' is not a database of Ratecard's; write sqlite:///FILE or postgresql://…"),
        ("sqlite:///file:a.db?uri=true", "name the SQLite file by its path, not by a file: URI; write sqlite:///FILE"),
    ],
)
def test_urls_of_nothing_that_is_ours(url, message):
    with pytest.raises(DatabaseError) as raised:
        make_engine(url)
    assert str(raised.value) == message


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://u:secret@h:5432/d", "postgresql://u:***@h:5432/d"),
        ("postgresql://h/d?user=u&password=secret", "postgresql://h/d?password=%2A%2A%2A&user=u"),
        ("postgresql://u:secret@h:port/d", "(unreadable URL)"),
        ("sqlite:///a.db", "sqlite:///a.db"),
    ],
)
def test_no_password_is_shown(url, shown):
    assert shown_url(url) == shown


# ---- what cannot be reached


def test_a_server_that_refuses_is_one_line_without_the_password(engine_of):
    engine = engine_of("postgresql://desk:secret@127.0.0.1:1/prices")
    for use in (database_state, schema_version, require_current, upgrade):
        with pytest.raises(DatabaseUnreachableError) as raised:
            use(engine)
        message = str(raised.value)
        assert message.startswith("cannot reach the database postgresql+psycopg://desk:***@127.0.0.1:1/prices: ")
        assert "refused" in message
        assert "secret" not in message
        assert "\n" not in message


def test_a_database_that_the_server_does_not_have(engine_of, tmp_path, postgresql_databases):
    url = postgresql_databases.fresh(tmp_path, migrated=False)
    postgresql_databases.drop(url)
    with pytest.raises(DatabaseUnreachableError, match="does not exist"):
        database_state(engine_of(url))


def test_reading_makes_no_file(engine_of, tmp_path):
    path = tmp_path / "new" / "ratecard.db"
    engine = engine_of(f"sqlite:///{path}", create=False)
    assert database_state(engine) == "missing"
    with pytest.raises(DatabaseVersionError, match=r"ratecard\.db is missing; run `ratecard apply` first$"):
        require_current(engine)
    with pytest.raises(
        DatabaseUnreachableError, match=r"^there is no database sqlite:///.*; run `ratecard apply` first"
    ):
        schema_version(engine)
    assert list(tmp_path.iterdir()) == []


def test_writing_makes_the_folder_and_the_file(engine_of, tmp_path):
    path = tmp_path / "new" / "ratecard.db"
    engine = engine_of(f"sqlite:///{path}")
    upgrade(engine)
    assert database_state(engine) == "current"
    assert path.is_file()


def test_a_folder_in_place_of_the_file(tmp_path):
    with pytest.raises(DatabaseError) as raised:
        make_engine(f"sqlite:///{tmp_path}")
    message = f"{tmp_path} is a folder; name a file in it, such as sqlite:///{tmp_path}/ratecard.db"
    assert str(raised.value) == message


def test_a_file_in_place_of_the_folder(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DatabaseError, match=r"^cannot make the folder of "):
        make_engine(f"sqlite:///{tmp_path}/file/ratecard.db")


def test_a_file_that_is_no_database(engine_of, tmp_path):
    (tmp_path / "notes.txt").write_text("not a database, but longer than the header of one\n" * 20)
    with pytest.raises(DatabaseUnreachableError, match="file is not a database"):
        database_state(engine_of(f"sqlite:///{tmp_path}/notes.txt"))


def test_odd_characters_in_a_path(engine_of, tmp_path):
    path = tmp_path / "a b#é.db"
    upgrade(engine_of(f"sqlite:///{path}"))
    assert path.is_file()
    assert database_state(engine_of(f"sqlite:///{path}", create=False)) == "current"


def test_a_database_in_memory(engine_of):
    engine = engine_of("sqlite://")
    assert database_state(engine) == "empty"
    upgrade(engine)
    assert database_state(engine) == "current"


# ---- versions


def test_foreign_tables_are_refused(engine_of, database_url):
    engine = engine_of(database_url)
    with writing(engine) as connection:
        connection.execute(text("CREATE TABLE parcels (id INTEGER)"))
    assert database_state(engine) == "other"
    for use in (require_current, upgrade):
        with pytest.raises(DatabaseVersionError, match=r"holds tables that are not Ratecard's; name another one$"):
            use(engine)


@pytest.mark.parametrize("version", ["ae1027a6acf2", "0001", "0002x"])
def test_another_programs_migrations_are_refused(engine_of, database_url, version):
    engine = engine_of(database_url)
    with writing(engine) as connection:
        connection.execute(text("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)"))
        connection.execute(text("INSERT INTO alembic_version VALUES (:version)"), {"version": version})
        connection.execute(text("CREATE TABLE releases (id INTEGER)"))
    for use in (require_current, upgrade):
        with pytest.raises(DatabaseVersionError, match="not Ratecard's"):
            use(engine)


def test_a_newer_schema_is_refused(engine):
    with writing(engine) as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    for use in (require_current, upgrade):
        with pytest.raises(DatabaseVersionError, match=r"has schema version 9999, .*; upgrade the ratecard package$"):
            use(engine)


def test_an_empty_database_is_told(engine_of, database_url):
    engine = engine_of(database_url)
    with writing(engine):
        pass
    with pytest.raises(DatabaseVersionError, match=r"is empty; run `ratecard apply` first$"):
        require_current(engine)


def test_a_current_database_passes(engine):
    require_current(engine)
    assert schema_version(engine) == SCHEMA_VERSION


def test_two_upgrades_at_once_do_it_once(engine_of, database_url):
    faults = []

    def run(engine):
        try:
            upgrade(engine)
        except Exception as error:
            faults.append(error)

    engines = [engine_of(database_url) for _ in range(4)]
    threads = [threading.Thread(target=run, args=(engine,)) for engine in engines]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []
    require_current(engines[0])


def test_a_new_file_is_opened_by_many_at_once(tmp_path):
    def read(engine, together):
        together.wait()
        with reading(engine) as connection:
            return connection.execute(text("SELECT 1")).scalar_one()

    with ThreadPoolExecutor(8) as pool:
        for number in range(40):
            engines = [make_engine(f"sqlite:///{tmp_path}/{number}.db") for _ in range(8)]
            together = threading.Barrier(8)
            assert list(pool.map(read, engines, [together] * 8)) == [1] * 8
            for engine in engines:
                engine.dispose()


# ---- transactions


def _keys(engine):
    with reading(engine) as connection:
        return connection.execute(select(meta.c.key).order_by(meta.c.key)).scalars().all()


def test_writing_is_all_or_nothing(engine):
    with writing(engine) as connection:
        connection.execute(insert(meta).values(key="a", value="1"))

    def fail():
        with writing(engine) as connection:
            connection.execute(insert(meta).values(key="b", value="1"))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert _keys(engine) == ["a"]


def test_reading_cannot_write(engine):
    for statement in ("INSERT INTO meta (key, value) VALUES ('a', 'b')", "CREATE TABLE more (id INTEGER)"):
        with pytest.raises(DBAPIError, match=r"read-?only"), reading(engine) as connection:
            connection.execute(text(statement))
    with writing(engine) as connection:
        connection.execute(insert(meta).values(key="after", value="1"))
    assert _keys(engine) == ["after"]


def test_reading_is_one_view_while_others_write(engine):
    with reading(engine) as connection:
        query = text("SELECT count(*) FROM meta")
        assert connection.execute(query).scalar_one() == 0
        with writing(engine) as other:
            other.execute(insert(meta).values(key="a", value="1"))
        assert connection.execute(query).scalar_one() == 0
    assert _keys(engine) == ["a"]


def test_sqlite_settings(sqlite_databases, engine_of, tmp_path):
    engine = engine_of(sqlite_databases.fresh(tmp_path, migrated=True))
    with reading(engine) as connection:
        told = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar_one()
            for name in ("foreign_keys", "journal_mode", "synchronous", "query_only")
        }
    assert told == {"foreign_keys": 1, "journal_mode": "wal", "synchronous": 2, "query_only": 1}


def test_a_second_writer_on_sqlite_waits_at_the_begin(sqlite_databases, engine_of, tmp_path):
    engine = engine_of(sqlite_databases.fresh(tmp_path, migrated=True))
    with writing(engine), engine.connect() as other:
        other.exec_driver_sql("PRAGMA busy_timeout=0")
        other.rollback()
        with pytest.raises(OperationalError, match="locked"):
            other.execution_options(ratecard_mode="write").begin()


# ---- moments


@pytest.mark.parametrize(
    "moment",
    [
        datetime(2026, 1, 1, tzinfo=UTC),
        datetime(2026, 1, 1, 0, 0, 0, 1, tzinfo=UTC),
        datetime(1970, 1, 1, tzinfo=UTC),
        datetime(2026, 7, 1, 12, tzinfo=timezone(timedelta(hours=5, minutes=30))),
    ],
)
def test_moments_come_back_in_utc(engine, moment):
    with writing(engine) as connection:
        connection.execute(insert(audit_log).values(at=moment, actor="a", action="b", target="c"))
    with reading(engine) as connection:
        found = connection.execute(select(audit_log.c.at)).scalar_one()
        same = connection.execute(select(audit_log.c.id).where(audit_log.c.at == moment)).scalars().all()
    assert found == moment
    assert found.utcoffset() == timedelta(0)
    assert len(same) == 1


def test_moments_sort_and_compare(engine):
    zone = timezone(timedelta(hours=-8))
    moments = [
        datetime(2026, 1, 1, 23, 59, 59, tzinfo=zone),
        datetime(2026, 1, 1, tzinfo=UTC),
        datetime(2026, 1, 2, tzinfo=UTC),
    ]
    with writing(engine) as connection:
        for moment in moments:
            connection.execute(insert(audit_log).values(at=moment, actor="a", action="b", target="c"))
    with reading(engine) as connection:
        found = connection.execute(select(audit_log.c.at).order_by(audit_log.c.at)).scalars().all()
        late = connection.execute(select(audit_log.c.at).where(audit_log.c.at >= moments[2])).scalars().all()
    assert found == sorted(moments)
    assert sorted(late) == [moments[2], moments[0]]


def test_a_moment_without_a_zone_is_refused(engine):
    with pytest.raises(StatementError, match="has no time zone"), writing(engine) as connection:
        connection.execute(insert(audit_log).values(at=datetime(2026, 1, 1), actor="a", action="b", target="c"))  # noqa: DTZ001


def test_no_moment_is_none(engine):
    with reading(engine) as connection:
        assert connection.execute(select(audit_log.c.at)).first() is None
    assert audit_log.c.at.type.process_bind_param(None, engine.dialect) is None
    assert audit_log.c.at.type.process_result_value(None, engine.dialect) is None


# ---- PostgreSQL's connections


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
def test_a_server_that_is_gone_without_a_word_is_noticed(migrated_url, engine_of):
    """Else a call would wait for minutes, until the system gives the connection up."""

    def told(url):
        with engine_of(url).connect() as connection:
            return connection.connection.driver_connection.info.get_parameters()

    assert {"connect_timeout": "5", "tcp_user_timeout": "10000", "keepalives_idle": "30"}.items() <= told(
        migrated_url
    ).items()
    patient = f"{migrated_url}{'&' if '?' in migrated_url else '?'}connect_timeout=60&tcp_user_timeout=0"
    assert {"connect_timeout": "60", "tcp_user_timeout": "0"}.items() <= told(patient).items()


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
def test_a_process_takes_no_more_connections_than_it_keeps(migrated_url, engine_of):
    """Four processes of any number of threads fit into the hundred connections of a server."""
    engine = engine_of(migrated_url)
    taken = [engine.connect() for _ in range(20)]
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(lambda: engine.connect().close())
        assert not wait([waiting], timeout=0.05).done
        assert engine.pool.checkedout() == 20
        taken.pop().close()
        waiting.result(timeout=20)
    for connection in taken:
        connection.close()
