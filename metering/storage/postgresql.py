"""The statements of the hot path for PostgreSQL, by psycopg: each of them waits for an answer, so there are few.

One locks, one reads what stands behind the locks, one writes; large batches are copied. READ COMMITTED is what the
locks rely on: the statement after the lock sees all that earlier holders of the lock committed. One account, by far the
commonest case, is locked and read by one statement; what another transaction changed meanwhile is read again.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from functools import cache
from itertools import count
from typing import Any, cast

import psycopg
from psycopg import sql
from psycopg.types.numeric import Int8Dumper
from sqlalchemy import Connection

from metering.storage.rows import (
    CHANGED_COLUMNS,
    EVENT_COLUMNS,
    GRANT_COLUMNS,
    KEY_COLUMNS,
    POSTING_COLUMNS,
    STATE_COLUMNS,
    Changes,
    Locked,
    Version,
)
from metering.wallets.wallet import AccountState, Grant
from schema.tables import UNIT_COLUMNS

COPY_FROM = 10
"""From this many events on, rows are copied."""


_CURSOR = "ratecard_cursor"


def _numbered(statement: sql.Composed) -> bytes:
    """A statement with its places as PostgreSQL numbers them: psycopg need not look for them on each call."""
    numbers = count(1)
    return re.sub(rb"%s", lambda _: b"$%d" % next(numbers), statement.as_bytes())


def _columns(names: Sequence[str]) -> sql.Composed:
    return sql.SQL(", ").join(map(sql.Identifier, names))


def _insert(table: str, columns: Sequence[str], rows: int) -> sql.Composed:
    row = sql.SQL("({})").format(sql.SQL(", ").join(sql.Placeholder() * len(columns)))
    return sql.SQL("INSERT INTO {} ({}) VALUES {}").format(
        sql.Identifier(table), _columns(columns), sql.SQL(", ").join([row] * rows)
    )


_UNIT_COLUMNS = frozenset(UNIT_COLUMNS.values())
_CHANGED_TYPES = {"month": "date", "day": "date", "last_event_at": "timestamptz"}


_STATES = _numbered(
    sql.SQL("SELECT {} FROM account_state WHERE account_id = ANY(%s::bigint[]) ORDER BY account_id FOR UPDATE").format(
        _columns(STATE_COLUMNS)
    )
)


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
    return _numbered(
        statement.format(
            _columns(GRANT_COLUMNS),
            sql.SQL("%s" if one else "ANY(%s::bigint[])"),
            sql.SQL("WHERE account_id = %s AND event_id = %s" if one else asked),
        )
    )


_ONE_COLUMNS = (
    *(f"n{place} bigint" for place in range(1, 11)),
    *("t1 text", "m1 timestamptz", "m2 timestamptz", "m3 timestamptz", "d1 date", "d2 date", "b1 bytea"),
    *("ids1 bigint[]", "ids2 bigint[]"),
)
"""What the rows of `_ONE` share: numbers, a text, moments, days, bytes, lists of ids."""
_ONE_STATE = (
    *("account_id", "balance_nanos", "owed_nanos", "overdraft_nanos", "month_tokens", "month_run_unit_micros"),
    *("day_requests", "held_nanos", "minute", "minute_requests", "plan", "plan_since", "last_event_at", "due_at"),
    *("month", "day"),
)
_ONE_GRANT = {1: "id", 2: "account_id", 3: "face_nanos", 4: "paid_nanos", 5: "remaining_nanos", 6: "priority"} | {
    11: "kind",
    12: "starts_at",
    13: "expires_at",
}


def _one() -> bytes:
    """All that a debit of one account needs, by one statement.

    The state row comes as it is behind the lock, the rest as it was when the statement began. These agree unless
    another transaction changed the account in between: then the row is another version than the one that was seen, and
    the rest is read again.
    """

    def row(part: str, found: dict[int, str], rest: str) -> str:
        values = [
            found.get(place) or f"NULL::{column.split()[1]}" for place, column in enumerate(_ONE_COLUMNS, start=1)
        ]
        return f"SELECT '{part}', {', '.join(values)} {rest}"

    state = {place: f"locked.{name}" for place, name in enumerate(_ONE_STATE, start=1)} | {17: "locked.version"}
    seen = "(SELECT xmin::text::bytea FROM account_state WHERE account_id = $1)"
    ids = {
        name: f"ARRAY(SELECT nextval('{name}_id_seq') FROM generate_series(1, {number}))"  # noqa: S608 - constants
        for name, number in (("usage_events", "$3"), ("ledger_postings", "1"))
    }
    parts = (
        row("state", state, "FROM locked"),
        row(
            "next",
            {1: "(SELECT max(id) FROM releases)", 17: seen, 18: ids["usage_events"], 19: ids["ledger_postings"]},
            "",
        ),
        row("grant", _ONE_GRANT, "FROM grants WHERE account_id = $1 AND remaining_nanos > 0"),
        row(
            "key",
            {1: "usage_id", 2: "account_id", 11: "event_id", 17: "content_hash"},
            "FROM event_keys WHERE account_id = $1 AND event_id = $2",
        ),
    )
    locked = f"SELECT {', '.join(_ONE_STATE)}, xmin::text::bytea AS version FROM account_state"  # noqa: S608 - constants
    locked = f"{locked} WHERE account_id = $1 FOR UPDATE"
    return f"WITH locked AS MATERIALIZED ({locked}) {' UNION ALL '.join(parts)}".encode()


_BEHIND, _BEHIND_OF_ONE = _behind(False), _behind(True)
_ONE = _one()
_UPDATE_STATE = sql.SQL("UPDATE account_state SET {} WHERE account_id = %s RETURNING xmin::text").format(
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
        return _numbered(last)
    named = [sql.SQL("{} AS ({})").format(sql.Identifier(f"part_{index}"), part) for index, part in enumerate(parts)]
    return _numbered(sql.SQL("WITH {} {}").format(sql.SQL(", ").join(named), last))


def session_of(connection: Connection) -> psycopg.RawCursor[Any]:
    """The cursor that all stores of a connection share: it tells this session with the server from every other."""
    info = connection.info
    if _CURSOR not in info:
        info[_CURSOR] = psycopg.RawCursor(cast("psycopg.Connection[Any]", connection.connection.driver_connection))
        # Of one type whatever their size: a statement is prepared once for each combination of types.
        info[_CURSOR].adapters.register_dumper(int, Int8Dumper)
    return cast("psycopg.RawCursor[Any]", info[_CURSOR])


class PostgresqlStore:
    """Statements on one connection to PostgreSQL."""

    def __init__(self, connection: Connection) -> None:
        self._driver = cast("psycopg.Connection[Any]", connection.connection.driver_connection)
        self._session = session_of(connection)
        self._left = ""
        self._execute: Callable[..., Iterable[Sequence[Any]]] = self._session.execute

    def moment(self, value: datetime) -> datetime:
        """As it is."""
        return value

    def day(self, value: date) -> date:
        """As it is."""
        return value

    def lock(self, account_ids: Sequence[int], keys: Sequence[tuple[int, str]], events: int) -> Locked:
        """See `Store.lock`."""
        ids = list(account_ids)
        if len(ids) == 1 and len(keys) <= 1:
            return self._lock_one(ids[0], keys[0][1] if keys else None, events)
        states = {row[0]: _state(AccountState(*row)) for row in self._execute(_STATES, (ids,))}
        rows = self._execute(_BEHIND, (events, len(ids), ids, [key[0] for key in keys], [key[1] for key in keys]))
        return _behind_locks(states, rows)

    def _lock_one(self, account_id: int, event_id: str | None, events: int) -> Locked:
        found = Locked({}, {}, {}, None, (), ())
        version = seen = b""
        for part, *row in self._execute(_ONE, (account_id, event_id, events)):
            if part == "state":
                state = AccountState(**dict(zip(_ONE_STATE, row, strict=False)))
                found.states[account_id] = _state(state)
                version = row[16]
            elif part == "grant":
                grant = Grant(**{name: row[place - 1] for place, name in _ONE_GRANT.items()})
                found.grants.setdefault(account_id, []).append(grant)
            elif part == "key":
                found.known[account_id, row[10]] = (row[0], bytes(row[16]))
            else:
                seen = row[16]
                found = replace(found, release_id=row[0], event_ids=row[17], posting_ids=row[18])
        if version != seen:
            rows = self._execute(_BEHIND_OF_ONE, (events, 1, account_id, account_id, event_id))
            found = _behind_locks(found.states, rows)
        return replace(found, version=Version(self._session, version.decode()))

    def write(self, changes: Changes) -> bool:
        """See `Store.write`."""
        states, grants = changes.states, changes.grants
        postings, events, keys = changes.postings, changes.events, changes.keys
        if len(events) >= COPY_FROM:
            self._copy("ledger_postings", POSTING_COLUMNS, postings)
            self._copy("usage_events", EVENT_COLUMNS, events)
            self._copy("event_keys", KEY_COLUMNS, keys)
            postings, events, keys = (), (), ()
        values: list[Any] = [value for rows in (postings, events, keys) for row in rows for value in row]
        if grants:
            values += remaining(grants)
        one = len(states) == 1
        if one:
            values += [*(getattr(states[0], name) for name in CHANGED_COLUMNS), states[0].account_id]
        else:
            values.append([state.account_id for state in states])
            values += [[getattr(state, name) for state in states] for name in CHANGED_COLUMNS]
        rows = self._execute(_write(len(postings), len(events), len(keys), bool(grants), one), values)
        self._left = next(iter(rows))[0] if one else ""
        return True

    def leave(self, account_id: int) -> Version:
        """See `Store.leave`."""
        return Version(self._session, self._left)

    def _copy(self, table: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        # Columns that hold nothing but their default in all rows stay out: most calls count few of the units.
        used = [index for index, name in enumerate(columns) if _used(name, [row[index] for row in rows])]
        names = _columns([columns[index] for index in used])
        statement = sql.SQL("COPY {} ({}) FROM STDIN").format(sql.Identifier(table), names)
        with self._driver.cursor() as cursor, cursor.copy(statement) as copy:
            for row in rows:
                copy.write_row([row[index] for index in used])


def remaining(grants: Sequence[Grant]) -> tuple[list[int], list[int]]:
    """What grants have left, as the arrays of ids and amounts that the statements unnest."""
    return [grant.id for grant in grants], [grant.remaining_nanos for grant in grants]


def _used(column: str, values: Sequence[Any]) -> bool:
    if column in _UNIT_COLUMNS:
        return any(values)
    return any(value is not None for value in values)


def _behind_locks(states: dict[int, AccountState], rows: Iterable[Sequence[Any]]) -> Locked:
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


def _state(state: AccountState) -> AccountState:
    state.plan_since = state.plan_since.astimezone(UTC)
    state.due_at = state.due_at.astimezone(UTC)
    if state.last_event_at is not None:
        state.last_event_at = state.last_event_at.astimezone(UTC)
    return state


__all__ = ["PostgresqlStore", "session_of"]
