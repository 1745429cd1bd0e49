"""What one connection to SQLite knows to be as it left it, while it holds the write lock."""

from __future__ import annotations

import sqlite3

MOST = 10_000
"""Accounts that are known at once."""


class Settled:
    """The accounts that are as this connection left them, each by a number of that moment.

    Every change counts: those of others by SQLite's `data_version`, those of the connection itself by the rows that it
    changed. After one that `settle` did not tell of, nothing is known any more.
    """

    def __init__(self, cursor: sqlite3.Cursor) -> None:
        self.cursor = cursor
        self._numbers: dict[int, str] = {}
        self._count = 0
        self._others = 0
        self._seen = (0, 0)

    def number(self, account_id: int) -> str:
        """The number of an account at the beginning of a write transaction; empty when it may have changed."""
        (self._others,) = self.cursor.execute("PRAGMA data_version").fetchone()
        if self._state() != self._seen:
            self._numbers.clear()
        return self._numbers.get(account_id, "")

    def settle(self, account_id: int) -> str:
        """Say, at the end of a transaction that `number` was asked in, that it changed this account and no other."""
        if len(self._numbers) >= MOST:
            self._numbers.clear()
        self._count += 1
        number = self._numbers[account_id] = str(self._count)
        self._seen = self._state()
        return number

    def _state(self) -> tuple[int, int]:
        return self._others, self.cursor.connection.total_changes


__all__ = ["MOST", "Settled"]
