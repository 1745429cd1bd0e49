"""Write transactions that mostly speak with the driver: they spare what SQLAlchemy does around each statement."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from typing import TYPE_CHECKING, Any, cast

from sqlalchemy import Connection, Engine, PoolProxiedConnection
from sqlalchemy.exc import OperationalError

if TYPE_CHECKING:
    import psycopg

from schema.database import BEGUN, BUSY_SECONDS, MODE, begin_sqlite, unreachable


class Writer:
    """Write transactions on one engine; threads may share it.

    On SQLite, which takes one writer at a time, they take turns on one connection: whoever waits is woken at once,
    where SQLite's own waiting looks again every now and then.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._sqlite = engine.dialect.name == "sqlite"
        self._turn = Lock()
        self._kept: PoolProxiedConnection | None = None

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """A connection in a transaction that commits at the end of the block, or not at all.

        It begins to be one of SQLAlchemy's when it is first asked for more than its driver. Raises
        DatabaseUnreachableError.
        """
        if not self._sqlite:
            pooled = self._connect()
            try:
                with _Transaction(self._engine, pooled) as transaction:
                    yield cast(Connection, transaction)
            finally:
                pooled.close()
            return
        if not self._turn.acquire(timeout=BUSY_SECONDS):
            raise _busy()
        try:
            kept = self._kept = self._kept or self._connect()
            begin_sqlite(kept.driver_connection, kept.info, "write")
            with _Transaction(self._engine, kept) as transaction:
                yield cast(Connection, transaction)
        finally:
            if self._kept is not None and cast(sqlite3.Connection, self._kept.driver_connection).in_transaction:
                # It could not be rolled back: the next writer takes another.
                self._drop()
            self._turn.release()

    @contextmanager
    def statements(self) -> Iterator[Connection]:
        """A connection to PostgreSQL whose driver makes a transaction of each statement.

        Raises DatabaseUnreachableError.
        """
        pooled = self._connect()
        driver = cast("psycopg.Connection[Any]", pooled.driver_connection)
        try:
            driver.autocommit = True
            yield cast(Connection, _Transaction(self._engine, pooled))
            driver.autocommit = False
        except BaseException:
            # Whatever it is in the middle of, it is nobody's to go on with.
            pooled.invalidate()
            raise
        finally:
            pooled.close()

    def close(self) -> None:
        """Close the connection that is kept, when nobody writes any more."""
        with self._turn:
            self._drop()

    def _drop(self) -> None:
        kept, self._kept = self._kept, None
        if kept is not None:
            kept.invalidate()

    def _connect(self) -> PoolProxiedConnection:
        try:
            return self._engine.raw_connection()
        except self._engine.dialect.loaded_dbapi.Error as error:
            raise unreachable(self._engine, error) from None


class _Transaction:
    """A pooled connection in a transaction that has begun, and a SQLAlchemy connection on it when one is wanted."""

    def __init__(self, engine: Engine, pooled: PoolProxiedConnection) -> None:
        self.connection = pooled
        self.dialect = engine.dialect
        self.info = pooled.info
        self._engine = engine
        self._full: Connection | None = None

    def __getattr__(self, name: str) -> Any:
        if self._full is None:
            self._full = Connection(self._engine, self.connection).execution_options(**{MODE: BEGUN})
        return getattr(self._full, name)

    def __enter__(self) -> _Transaction:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        ended = self._full or self.connection
        if kind is None:
            try:
                ended.commit()
            except BaseException:
                ended.rollback()
                raise
        else:
            ended.rollback()


def _busy() -> OperationalError:
    return OperationalError("BEGIN IMMEDIATE", None, sqlite3.OperationalError("database is locked"))


__all__ = ["Writer"]
