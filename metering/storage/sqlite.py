"""The statements of the hot path for SQLite, by its own driver: `BEGIN IMMEDIATE` is the lock."""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any, cast

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
from metering.storage.settled import Settled
from metering.wallets.wallet import AccountState, Grant
from schema.tables.base import utc_text


def _insert(table: str, columns: Sequence[str]) -> str:
    return f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})"  # noqa: S608 - constants


_STATES = f"SELECT {', '.join(STATE_COLUMNS)} FROM account_state WHERE account_id = ?"  # noqa: S608 - constants
_GRANTS = f"SELECT {', '.join(GRANT_COLUMNS)} FROM grants WHERE account_id = ? AND remaining_nanos > 0"  # noqa: S608
_KEY = "SELECT usage_id, content_hash FROM event_keys WHERE account_id = ? AND event_id = ?"
_NEXT = """SELECT (SELECT max(id) FROM releases), (SELECT coalesce(max(id), 0) FROM usage_events),
    (SELECT coalesce(max(id), 0) FROM ledger_postings)"""
_UPDATE_STATE = f"UPDATE account_state SET {', '.join(f'{name} = ?' for name in CHANGED_COLUMNS)} WHERE account_id = ?"  # noqa: S608
_UPDATE_GRANT = "UPDATE grants SET remaining_nanos = ? WHERE id = ?"
_SETTLED = "ratecard_settled"
_INSERT_POSTING = _insert("ledger_postings", POSTING_COLUMNS)
_INSERT_EVENT = _insert("usage_events", EVENT_COLUMNS)
_INSERT_KEY = _insert("event_keys", KEY_COLUMNS)
_INSERT_NEXT_KEY = """INSERT INTO event_keys (account_id, event_id, content_hash, usage_id)
    VALUES (?, ?, ?, (SELECT coalesce(max(id), 0) + 1 FROM usage_events))"""
_POSTING_ID = EVENT_COLUMNS.index("posting_id")


class SqliteStore:
    """Statements on one connection to SQLite. A statement a row costs microseconds here: there is no network."""

    def __init__(self, connection: Connection) -> None:
        info = connection.info
        if _SETTLED not in info:
            info[_SETTLED] = Settled(cast(sqlite3.Connection, connection.connection.driver_connection).cursor())
        self._settled: Settled = info[_SETTLED]
        self._cursor = self._settled.cursor

    def moment(self, value: datetime) -> str:
        """Text of fixed width, as `schema.tables.base.UtcTime` stores it."""
        return utc_text(value)

    def day(self, value: date) -> str:
        """ISO text."""
        return value.isoformat()

    def version(self, account_id: int) -> Version:
        """At which version an account is, at the beginning of a transaction."""
        return Version(self._settled, self._settled.number(account_id))

    def lock(self, account_ids: Sequence[int], keys: Sequence[tuple[int, str]], events: int) -> Locked:
        """See `Store.lock`: the write transaction excludes all other writers, so reading is enough."""
        execute = self._cursor.execute
        version = self.version(account_ids[0]) if len(account_ids) == 1 else None
        states = {}
        grants: dict[int, list[Grant]] = defaultdict(list)
        for account_id in account_ids:
            for row in execute(_STATES, (account_id,)):
                states[account_id] = _state(row)
            for row in execute(_GRANTS, (account_id,)):
                grants[account_id].append(_grant(row))
        known = {}
        for key in keys:
            found = execute(_KEY, key).fetchone()
            if found is not None:
                known[key] = found
        release_id, last_event, last_posting = execute(_NEXT).fetchone()
        return Locked(
            states,
            grants,
            known,
            release_id,
            range(last_event + 1, last_event + 1 + events),
            range(last_posting + 1, last_posting + 1 + len(account_ids)),
            version,
        )

    def write(self, changes: Changes) -> bool:
        """See `Store.write`."""
        self._many(_INSERT_POSTING, changes.postings)
        self._many(_INSERT_EVENT, changes.events)
        self._many(_INSERT_KEY, changes.keys)
        self._many(_UPDATE_GRANT, [(grant.remaining_nanos, grant.id) for grant in changes.grants])
        self._many(_UPDATE_STATE, [_changed(state) for state in changes.states])
        return True

    def leave(self, account_id: int) -> Version:
        """See `Store.leave`."""
        return Version(self._settled, self._settled.settle(account_id))

    def _many(self, statement: str, rows: Sequence[Sequence[Any]]) -> None:
        if len(rows) == 1:
            self._cursor.execute(statement, rows[0])
        elif rows:
            self._cursor.executemany(statement, rows)


class UndisturbedSqliteStore(SqliteStore):
    """A store that writes one event of an account that is known to be as it was left, or nothing for a known event.

    The database gives the ids of the rows: what the rows hold in their place is not looked at.
    """

    def write(self, changes: Changes) -> bool:
        """As `Store.write`, for one state and one event."""
        ((account_id, event_id, _, content_hash),) = changes.keys
        try:
            self._cursor.execute(_INSERT_NEXT_KEY, (account_id, event_id, content_hash))
        except sqlite3.IntegrityError:
            return False
        (event,) = changes.events
        posting_id = None
        for posting in changes.postings:
            posting_id = self._cursor.execute(_INSERT_POSTING, (None, *posting[1:])).lastrowid
        # SQLite gives a new row the largest id and one more, as the key has it.
        row = (None, *event[1:_POSTING_ID], posting_id, *event[_POSTING_ID + 1 :])
        return super().write(Changes(states=changes.states, grants=changes.grants, events=[row]))


def _changed(state: AccountState) -> tuple[Any, ...]:
    return (
        state.balance_nanos,
        state.owed_nanos,
        state.overdraft_nanos,
        state.month.isoformat(),
        state.month_tokens,
        state.month_run_unit_micros,
        state.day.isoformat(),
        state.day_requests,
        None if state.last_event_at is None else utc_text(state.last_event_at),
        state.held_nanos,
        state.minute,
        state.minute_requests,
        state.account_id,
    )


def _state(row: Sequence[Any]) -> AccountState:
    state = AccountState(*row)
    state.plan_since = _moment(row[5])
    state.month = date.fromisoformat(row[6])
    state.day = date.fromisoformat(row[9])
    state.last_event_at = None if row[11] is None else _moment(row[11])
    state.due_at = _moment(row[15])
    return state


def _grant(row: Sequence[Any]) -> Grant:
    grant = Grant(*row)
    grant.starts_at = _moment(row[7])
    grant.expires_at = None if row[8] is None else _moment(row[8])
    return grant


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


__all__ = ["SqliteStore", "UndisturbedSqliteStore"]
