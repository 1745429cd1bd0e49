"""The statements of the hot path, written for each driver: lock the accounts, read what a debit needs, write it.

`store_for` gives the store of a connection. Every change of an account's money goes through `lock` and `write`, so two
transactions only ever meet on an account's state row. Nothing here commits.
"""

from __future__ import annotations

from sqlalchemy import Connection

from metering.storage.one_statement import OneStatement
from metering.storage.postgresql import PostgresqlStore, session_of
from metering.storage.rows import EVENT_COLUMNS, Changes, Locked, PostingRow, Store, Version
from metering.storage.sqlite import SqliteStore, UndisturbedSqliteStore


def store_for(connection: Connection) -> Store:
    """The store on a connection; it shares the connection's transaction."""
    if connection.dialect.name == "postgresql":
        return PostgresqlStore(connection)
    return SqliteStore(connection)


def undisturbed_store(connection: Connection, account_id: int, version: Version, release_id: int) -> Store | None:
    """A store that writes one event of an account, provided that the account is still as it was left.

    None where the connection knows that it is not, or does not know the version. On PostgreSQL, where each statement of
    the connection is a transaction of its own, the writing itself finds out; on SQLite nobody else writes meanwhile.
    """
    if connection.dialect.name == "postgresql":
        same = version.session is session_of(connection)
        return OneStatement(connection, version, release_id) if same else None
    store = UndisturbedSqliteStore(connection)
    return store if store.version(account_id) == version else None


__all__ = ["EVENT_COLUMNS", "Changes", "Locked", "PostingRow", "Store", "Version", "store_for", "undisturbed_store"]
