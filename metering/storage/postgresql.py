"""The statements of the hot path for PostgreSQL, by psycopg: three of them, because each waits for an answer.

One locks, one reads what stands behind the locks, one writes; large batches are copied. READ COMMITTED is what the
locks rely on: the statement after the lock sees all that earlier holders of the lock committed. One account, by far the
commonest case, has statements of its own: by equality they are planned once, by array each time.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, date, datetime
from functools import cache
from typing import Any, cast

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

COPY_FROM = 10
"""From this many events on, rows are copied."""


def _columns(names: Sequence[str]) -> sql.Composed:
    return sql.SQL(", ").join(map(sql.Identifier, names))


def _insert(table: str, columns: Sequence[str], rows: int) -> sql.Composed:
    row = sql.SQL("({})").format(sql.SQL(", ").join(sql.Placeholder() * len(columns)))
    return sql.SQL("INSERT INTO {} ({}) VALUES {}").format(
        sql.Identifier(table), _columns(columns), sql.SQL(", ").join([row] * rows)
    )


_UNIT_COLUMNS = frozenset(UNIT_COLUMNS.values())
_CHANGED_TYPES = {"month": "date", "day": "date", "last_event_at": "timestamptz"}


def _states(one: bool) -> bytes:
    found = sql.SQL("account_id = %s") if one else sql.SQL("account_id = ANY(%s::bigint[])")
    statement = sql.SQL("SELECT {} FROM account_state WHERE {} ORDER BY account_id FOR UPDATE")
    return statement.format(_columns(STATE_COLUMNS), found).as_bytes()


def _behind(one: bool) -> bytes:
    asked = "JOIN unnest(%s::bigint[], %s::text[]) AS asked (account_id, event_id) USING (account_id, event_id)"
    statement = sql.SQL("""
    SELECT 'next', (SELECT max(id) FROM releases), NULL::bigint, NULL, NULL::bigint, NULL::bigint, NULL::bigint,
        NULL::integer, NULL::timestamptz, NULL::timestamptz, NULL::bytea,
        ARRAY(SELECT nextval('usage_events_id_seq') FROM generate_series(1, %s)),
        ARRAY(SELECT nextval('ledger_postings_id_seq') FROM generate_series(1, %s))
    UNION ALL
    SELECT 'grant', {}, NULL, NULL, NULL FROM grants WHERE account_id = {} AND remaining_nanos > 0
    UNION ALL
    SELECT 'key', usage_id, account_id, event_id, NULL, NULL, NULL, NULL, NULL, NULL, content_hash, NULL, NULL
    FROM event_keys {}""")
    return statement.format(
        _columns(GRANT_COLUMNS),
        sql.SQL("%s" if one else "ANY(%s::bigint[])"),
        sql.SQL("WHERE account_id = %s AND event_id = %s" if one else asked),
    ).as_bytes()


_STATES, _STATES_OF_ONE = _states(False), _states(True)
_BEHIND, _BEHIND_OF_ONE = _behind(False), _behind(True)
_UPDATE_STATE = sql.SQL("UPDATE account_state SET {} WHERE account_id = %s").format(
    sql.SQL(", ").join(sql.SQL("{} = %s").format(sql.Identifier(name)) for name in CHANGED_COLUMNS)
)
_UPDATE_STATES = sql.SQL(
    "UPDATE account_state AS s SET {} FROM unnest({}) AS v (account_id, {}) WHERE s.account_id = v.account_id"
).format(
    sql.SQL(", ").join(
        sql.SQL("{} = v.{}").format(sql.Identifier(name), sql.Identifier(name)) for name in CHANGED_COLUMNS
    ),
    sql.SQL(", ").join(
        sql.SQL("%s::{}[]").format(sql.Identifier(_CHANGED_TYPES.get(name, "int8")))
        for name in ("account_id", *CHANGED_COLUMNS)
    ),
    _columns(CHANGED_COLUMNS),
)
_UPDATE_GRANTS = sql.SQL("""UPDATE grants AS g SET remaining_nanos = v.remaining_nanos
    FROM unnest(%s::bigint[], %s::bigint[]) AS v (id, remaining_nanos) WHERE g.id = v.id""")


@cache
def _write(postings: int, events: int, keys: int, grants: bool, one: bool) -> bytes:
    """One statement that inserts so many rows and updates grants and states; foreign keys are checked at its end."""
    last = _UPDATE_STATE if one else _UPDATE_STATES
    parts = [
        _insert(table, columns, rows)
        for table, columns, rows in (
            ("ledger_postings", POSTING_COLUMNS, postings),
            ("usage_events", EVENT_COLUMNS, events),
            ("event_keys", KEY_COLUMNS, keys),
        )
        if rows
    ]
    if grants:
        parts.append(sql.Composed([_UPDATE_GRANTS]))
    if not parts:
        return last.as_bytes()
    named = [sql.SQL("{} AS ({})").format(sql.Identifier(f"part_{index}"), part) for index, part in enumerate(parts)]
    return sql.SQL("WITH {} {}").format(sql.SQL(", ").join(named), last).as_bytes()


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
        """See `Store.lock`."""
        ids = list(account_ids)
        execute = self._driver.execute
        if len(ids) == 1 and len(keys) <= 1:
            state_rows = execute(_STATES_OF_ONE, ids)
            event_id = keys[0][1] if keys else None
            rows = execute(_BEHIND_OF_ONE, (events, 1, ids[0], ids[0], event_id))
        else:
            state_rows = execute(_STATES, (ids,))
            rows = execute(_BEHIND, (events, len(ids), ids, [key[0] for key in keys], [key[1] for key in keys]))
        states = {row[0]: _state(row) for row in state_rows}
        release_id: int | None = None
        event_ids: list[int] = []
        posting_ids: list[int] = []
        grants: dict[int, list[Grant]] = defaultdict(list)
        known = {}
        for part, *row in rows:
            if part == "grant":
                grants[row[1]].append(Grant(*row[: len(GRANT_COLUMNS)]))
            elif part == "key":
                known[row[1], row[2]] = (row[0], bytes(row[9]))
            else:
                release_id, event_ids, posting_ids = row[0], row[10], row[11]
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
        values: list[Any] = [value for rows in (postings, events, keys) for row in rows for value in row]
        if grants:
            values += [[grant.id for grant in grants], [grant.remaining_nanos for grant in grants]]
        one = len(states) == 1
        if one:
            values += [*(getattr(states[0], name) for name in CHANGED_COLUMNS), states[0].account_id]
        else:
            values.append([state.account_id for state in states])
            values += [[getattr(state, name) for state in states] for name in CHANGED_COLUMNS]
        self._driver.execute(_write(len(postings), len(events), len(keys), bool(grants), one), values)

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
    state.due_at = state.due_at.astimezone(UTC)
    if state.last_event_at is not None:
        state.last_event_at = state.last_event_at.astimezone(UTC)
    return state


__all__ = ["PostgresqlStore"]
