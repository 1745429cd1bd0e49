"""Write transactions that mostly speak with the driver: all or nothing, in turns, and usable after any fault."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, insert, select
from sqlalchemy.exc import IntegrityError, OperationalError

from schema import driver
from schema.database import make_engine, reading, writing
from schema.driver import Writer
from schema.errors import DatabaseUnreachableError
from schema.tables import meta

INSERT = "INSERT INTO meta (key, value) VALUES ('{}', '1')"
COUNT_UP = "UPDATE meta SET value = CAST(CAST(value AS integer) + 1 AS text) WHERE key = 'w'"


@pytest.fixture
def writer(engine: Engine) -> Iterator[Writer]:
    writing_by_driver = Writer(engine)
    yield writing_by_driver
    writing_by_driver.close()


def by_driver(connection: Connection, statement: str) -> Any:
    driver: Any = connection.connection.driver_connection
    return driver.execute(statement)


def keys(engine: Engine) -> set[str]:
    with reading(engine) as connection:
        return set(connection.scalars(select(meta.c.key).where(meta.c.key.like("w%"))))


def test_the_driver_and_sqlalchemy_write_in_one_transaction(engine: Engine, writer: Writer) -> None:
    with writer.transaction() as connection:
        by_driver(connection, INSERT.format("w1"))
        connection.execute(insert(meta), {"key": "w2", "value": "1"})
        assert keys(engine) == set()
    assert keys(engine) == {"w1", "w2"}


@pytest.mark.parametrize("through_sqlalchemy", [False, True])
def test_an_error_takes_all_back_and_the_next_one_writes(
    engine: Engine, writer: Writer, through_sqlalchemy: bool
) -> None:
    def fail() -> None:
        with writer.transaction() as connection:
            by_driver(connection, INSERT.format("w1"))
            if through_sqlalchemy:
                connection.execute(insert(meta), {"key": "w1", "value": "1"})
            raise ZeroDivisionError

    with pytest.raises(IntegrityError if through_sqlalchemy else ZeroDivisionError):
        fail()
    with writer.transaction() as connection:
        by_driver(connection, INSERT.format("w2"))
    assert keys(engine) == {"w2"}


def test_threads_take_turns(engine: Engine, writer: Writer) -> None:
    """Each reads what the one before it wrote: none is lost, none fails as busy."""

    def count_up() -> None:
        for _ in range(20):
            with writer.transaction() as connection:
                by_driver(
                    connection, "UPDATE meta SET value = CAST(CAST(value AS integer) + 1 AS text) WHERE key = 'w'"
                )

    with writing(engine) as connection:
        connection.execute(insert(meta), {"key": "w", "value": "0"})
    threads = [threading.Thread(target=count_up) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with reading(engine) as connection:
        assert connection.scalar(select(meta.c.value).where(meta.c.key == "w")) == "160"


def test_what_was_closed_connects_anew(engine: Engine, writer: Writer) -> None:
    with writer.transaction() as connection:
        by_driver(connection, INSERT.format("w1"))
    writer.close()
    writer.close()
    with writer.transaction() as connection:
        by_driver(connection, INSERT.format("w2"))
    assert keys(engine) == {"w1", "w2"}


def test_who_waits_too_long_is_told(engine: Engine, writer: Writer, monkeypatch: pytest.MonkeyPatch) -> None:
    if engine.dialect.name != "sqlite":
        with writer.transaction(), writer.transaction() as connection:
            by_driver(connection, INSERT.format("w1"))
        assert keys(engine) == {"w1"}
        return
    monkeypatch.setattr(driver, "BUSY_SECONDS", 0.01)
    with (
        writer.transaction(),
        pytest.raises(OperationalError, match="database is locked"),
        writer.transaction(),
    ):
        raise AssertionError("two write at once")
    with writer.transaction() as connection:
        by_driver(connection, INSERT.format("w1"))
    assert keys(engine) == {"w1"}


def test_a_connection_that_could_not_roll_back_is_not_used_again(tmp_path: Path) -> None:
    engine = make_engine(f"sqlite:///{tmp_path / 'one.db'}")
    writer = Writer(engine)
    with writer.transaction() as connection:
        by_driver(connection, "CREATE TABLE meta (key TEXT)")
    with writer.transaction() as connection:
        # What ends the block leaves another transaction open, as a rollback that fails would.
        by_driver(connection, "COMMIT")
        by_driver(connection, "BEGIN")
        connection.connection.commit = lambda: None  # type: ignore[method-assign]
    with writer.transaction() as connection:
        by_driver(connection, "INSERT INTO meta VALUES ('w')")
        assert by_driver(connection, "SELECT count(*) FROM meta").fetchone() == (1,)
    writer.close()
    engine.dispose()


def test_a_database_that_is_not_there_is_named(tmp_path: Path) -> None:
    writer = Writer(make_engine(f"sqlite:///{tmp_path / 'none.db'}", create=False))
    for _ in range(2):
        with pytest.raises(DatabaseUnreachableError, match=r"there is no database sqlite:///.*none\.db"):
            writer.transaction().__enter__()
