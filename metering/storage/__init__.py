"""The statements of the hot path, written for each driver: lock the accounts, read what a debit needs, write it.

`store_for` gives the store of a connection. Every change of an account's money goes through `lock` and `write`, so two
transactions only ever meet on an account's state row. Nothing here commits.
"""

from __future__ import annotations

from sqlalchemy import Connection

from metering.storage.postgresql import PostgresqlStore
from metering.storage.rows import EVENT_COLUMNS, Locked, PostingRow, Store, Version
from metering.storage.sqlite import SqliteStore


def store_for(connection: Connection) -> Store:
    """The store on a connection; it shares the connection's transaction."""
    if connection.dialect.name == "postgresql":
        return PostgresqlStore(connection)
    return SqliteStore(connection)


__all__ = ["EVENT_COLUMNS", "Locked", "PostingRow", "Store", "Version", "store_for"]
