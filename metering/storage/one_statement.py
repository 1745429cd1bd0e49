"""Writing one call by a single statement on PostgreSQL, provided that its account still is as this process left it.

The statement changes the state row where it is the version that is known and no newer release is in force; everything
else follows from that row. Another transaction that holds the row is waited for, and what it left is compared.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from itertools import count
from operator import itemgetter
from typing import Any

from psycopg.errors import UniqueViolation
from sqlalchemy import Connection, String, Table
from sqlalchemy.dialects import postgresql

from metering.storage.postgresql import PostgresqlStore, remaining
from metering.storage.rows import (
    CHANGED_COLUMNS,
    EVENT_COLUMNS,
    KEY_COLUMNS,
    POSTING_COLUMNS,
    Changes,
    Version,
)
from schema.tables import account_state, event_keys, ledger_postings, usage_events

_DIALECT = postgresql.dialect()  # type: ignore[no-untyped-call]
_EVENT = {"id": "ids.event_id", "posting_id": "ids.posting_id"}
_KEY = {"usage_id": "ids.event_id"}
_POSTING = {"id": "ids.posting_id"}
"""The columns that the database counts up, by table."""


def _given(columns: Sequence[str], counted: dict[str, str]) -> itemgetter[Any]:
    return itemgetter(*(place for place, name in enumerate(columns) if name not in counted))


_given_of_event = _given(EVENT_COLUMNS, _EVENT)
_given_of_key = _given(KEY_COLUMNS, _KEY)
_given_of_posting = _given(POSTING_COLUMNS, _POSTING)


def _type(table: Table, column: str) -> str:
    kind = table.c[column].type
    # A cast to text of bounded length would cut what is too long, where writing it is an error.
    return "text" if isinstance(kind, String) else kind.compile(dialect=_DIALECT)


@cache
def _statement(posting: bool, grants: bool) -> bytes:
    """The statement, whose places are in the order of the values of `OneStatement.write`.

    It yields the version that it left, if it wrote. Values that are selected have no type of their own, so that each is
    given its column's.
    """
    places = count(1)

    def place(table: Table, column: str) -> str:
        return f"${next(places)}::{_type(table, column)}"

    def insert(table: Table, columns: Sequence[str], counted: dict[str, str]) -> str:
        values = [counted.get(name) or place(table, name) for name in columns]
        return f"INSERT INTO {table.name} ({', '.join(columns)}) SELECT {', '.join(values)} FROM ids"  # noqa: S608

    changed = ", ".join([f"{name} = {place(account_state, name)}" for name in CHANGED_COLUMNS])
    account, version, release = place(account_state, "account_id"), f"${next(places)}::xid", f"${next(places)}::bigint"
    posting_id = "nextval('ledger_postings_id_seq')" if posting else "NULL::bigint"
    parts = {
        "changed": f"UPDATE account_state SET {changed} WHERE account_id = {account} AND xmin = {version}"  # noqa: S608 - constants
        f" AND (SELECT max(id) FROM releases) = {release} RETURNING xmin::text AS version",
        "ids": f"SELECT nextval('usage_events_id_seq') AS event_id, {posting_id} AS posting_id FROM changed",  # noqa: S608
        "event": insert(usage_events, EVENT_COLUMNS, _EVENT),
        "key": insert(event_keys, KEY_COLUMNS, _KEY),
    }
    if posting:
        parts["posting"] = insert(ledger_postings, POSTING_COLUMNS, _POSTING)
    if grants:
        burned = f"unnest(${next(places)}::bigint[], ${next(places)}::bigint[]) AS burned (id, remaining_nanos)"
        parts["burning"] = (
            "UPDATE grants SET remaining_nanos = burned.remaining_nanos"  # noqa: S608 - constants
            f" FROM changed, {burned} WHERE grants.id = burned.id"
        )
    written = ", ".join([f"{name} AS ({part})" for name, part in parts.items()])
    return f"WITH {written} SELECT version FROM changed".encode()  # noqa: S608 - constants


class OneStatement(PostgresqlStore):
    """A store that writes one event of an account, or nothing: where the event is known, or where `version` or the
    release are no longer so.

    The database gives the ids of the rows: what the rows hold in their place is not looked at.
    """

    def __init__(self, connection: Connection, version: Version, release_id: int) -> None:
        super().__init__(connection)
        self._version = version
        self._release_id = release_id

    def write(self, changes: Changes) -> bool:
        """As `Store.write`, for one state and one event."""
        (state,), (event,), (key,) = changes.states, changes.events, changes.keys
        values: list[Any] = [getattr(state, name) for name in CHANGED_COLUMNS]
        values += (state.account_id, self._version.number, self._release_id)
        values += _given_of_event(event)
        values += _given_of_key(key)
        for posting in changes.postings:
            values += _given_of_posting(posting)
        if changes.grants:
            values += remaining(changes.grants)
        try:
            rows = list(self._execute(_statement(bool(changes.postings), bool(changes.grants)), values))
        except UniqueViolation:
            return False
        if rows:
            self._left = rows[0][0]
        return bool(rows)


__all__ = ["OneStatement"]
