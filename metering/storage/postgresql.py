"""The statements of the hot path for PostgreSQL, by psycopg: sent in pipelines, so that few of them wait for an answer.

Small writes are statements in a pipeline, large ones COPY. READ COMMITTED is what the locks rely on: a statement after
the lock sees all that earlier holders of the lock committed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any, LiteralString, cast

import psycopg
from psycopg import sql
from sqlalchemy import Connection

from metering.storage.rows import (
    CHANGED_COLUMNS,
    EVENT_COLUMNS,
    GRANT_COLUMNS,
    KEY_COLUMNS,
    POSTING_COLUMNS,
    STATE_COLUMNS,
    Locked,
    PostingRow,
)
from metering.wallet import AccountState, Grant
from schema.tables import UNIT_COLUMNS

COPY_FROM = 50
"""From this many events on, rows are copied."""


def _columns(names: Sequence[str]) -> sql.Composed:
    return sql.SQL(", ").join(map(sql.Identifier, names))


def _insert(table: str, columns: Sequence[str]) -> bytes:
    statement = sql.SQL("INSERT INTO {} ({}) VALUES ({})").format(
        sql.Identifier(table), _columns(columns), sql.SQL(", ").join(sql.Placeholder() * len(columns))
    )
    return statement.as_bytes()


def _select(statement: LiteralString, columns: Sequence[str]) -> bytes:
    return sql.SQL(statement).format(_columns(columns)).as_bytes()


_UNIT_COLUMNS = frozenset(UNIT_COLUMNS.values())
_CHANGED_TYPES = {"month": "date", "day": "date", "last_event_at": "timestamptz"}

_STATES = _select(
    "SELECT {} FROM account_state WHERE account_id = ANY(%s::bigint[]) ORDER BY account_id FOR UPDATE", STATE_COLUMNS
)
_GRANTS = _select(
    "SELECT {} FROM grants WHERE account_id = ANY(%s::bigint[]) AND remaining_nanos > 0 ORDER BY id", GRANT_COLUMNS
)
_KEYS = b"""SELECT account_id, event_id, usage_id, content_hash FROM event_keys
    JOIN unnest(%s::bigint[], %s::text[]) AS asked (account_id, event_id) USING (account_id, event_id)"""
_NEXT = b"""SELECT (SELECT max(id) FROM releases),
    ARRAY(SELECT nextval('usage_events_id_seq') FROM generate_series(1, %s)),
    ARRAY(SELECT nextval('ledger_postings_id_seq') FROM generate_series(1, %s))"""
_UPDATE_STATES = (
    sql.SQL("UPDATE account_state AS s SET {} FROM unnest({}) AS v (account_id, {}) WHERE s.account_id = v.account_id")
    .format(
        sql.SQL(", ").join(
            sql.SQL("{} = v.{}").format(sql.Identifier(name), sql.Identifier(name)) for name in CHANGED_COLUMNS
        ),
        sql.SQL(", ").join(
            sql.SQL("%s::{}[]").format(sql.Identifier(_CHANGED_TYPES.get(name, "int8")))
            for name in ("account_id", *CHANGED_COLUMNS)
        ),
        _columns(CHANGED_COLUMNS),
    )
    .as_bytes()
)
_UPDATE_GRANTS = b"""UPDATE grants AS g SET remaining_nanos = v.remaining_nanos
    FROM unnest(%s::bigint[], %s::bigint[]) AS v (id, remaining_nanos) WHERE g.id = v.id"""
_INSERT_POSTING = _insert("ledger_postings", POSTING_COLUMNS)
_INSERT_EVENT = _insert("usage_events", EVENT_COLUMNS)
_INSERT_KEY = _insert("event_keys", KEY_COLUMNS)


class PostgresqlStore:
    """Statements on one connection to PostgreSQL."""

    def __init__(self, connection: Connection) -> None:
        self._driver = cast("psycopg.Connection[Any]", connection.connection.driver_connection)

    def moment(self, value: datetime) -> datetime:
        """As it is."""
        return value

    def day(self, value: date) -> date:
        """As it is."""
        return value

    def lock(self, account_ids: Sequence[int], keys: Sequence[tuple[int, str]], events: int) -> Locked:
        """See `Store.lock`. The statements after the first run when the locks are held."""
        ids = list(account_ids)
        with self._driver.pipeline():
            execute = self._driver.execute
            state_rows = execute(_STATES, (ids,))
            grant_rows = execute(_GRANTS, (ids,))
            key_rows = execute(_KEYS, ([key[0] for key in keys], [key[1] for key in keys])) if keys else ()
            next_row = execute(_NEXT, (events, len(ids)))
            states = {row[0]: _state(row) for row in state_rows}
            grants: dict[int, list[Grant]] = defaultdict(list)
            for row in grant_rows:
                grants[row[1]].append(_grant(row))
            known = {(row[0], row[1]): (row[2], bytes(row[3])) for row in key_rows}
            release_id, event_ids, posting_ids = next_row.fetchone() or (None, [], [])
        return Locked(states, grants, known, release_id, event_ids, posting_ids)

    def write(
        self,
        *,
        states: Sequence[AccountState],
        grants: Sequence[Grant] = (),
        postings: Sequence[PostingRow] = (),
        events: Sequence[Sequence[Any]] = (),
        keys: Sequence[tuple[int, str, int, bytes]] = (),
    ) -> None:
        """See `Store.write`."""
        if len(events) >= COPY_FROM:
            self._copy("ledger_postings", POSTING_COLUMNS, postings)
            self._copy("usage_events", EVENT_COLUMNS, events)
            self._copy("event_keys", KEY_COLUMNS, keys)
            postings, events, keys = (), (), ()
        with self._driver.pipeline():
            execute = self._driver.execute
            for statement, rows in ((_INSERT_POSTING, postings), (_INSERT_EVENT, events), (_INSERT_KEY, keys)):
                for row in rows:
                    execute(statement, row)
            if grants:
                execute(_UPDATE_GRANTS, ([g.id for g in grants], [g.remaining_nanos for g in grants]))
            changed = [[getattr(state, name) for state in states] for name in CHANGED_COLUMNS]
            execute(_UPDATE_STATES, ([state.account_id for state in states], *changed))

    def _copy(self, table: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        # Columns that hold nothing but their default in all rows stay out: most calls count few of the units.
        used = [index for index, name in enumerate(columns) if _used(name, [row[index] for row in rows])]
        names = _columns([columns[index] for index in used])
        statement = sql.SQL("COPY {} ({}) FROM STDIN").format(sql.Identifier(table), names)
        with self._driver.cursor() as cursor, cursor.copy(statement) as copy:
            for row in rows:
                copy.write_row([row[index] for index in used])


def _used(column: str, values: Sequence[Any]) -> bool:
    if column in _UNIT_COLUMNS:
        return any(values)
    return any(value is not None for value in values)


def _state(row: Sequence[Any]) -> AccountState:
    state = AccountState(*row)
    state.plan_since = state.plan_since.astimezone(UTC)
    if state.last_event_at is not None:
        state.last_event_at = state.last_event_at.astimezone(UTC)
    return state


def _grant(row: Sequence[Any]) -> Grant:
    return Grant(*row)


__all__ = ["PostgresqlStore"]
