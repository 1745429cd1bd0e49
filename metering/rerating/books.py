"""The books by which events are re-rated: dated kinds of the newest release, undated ones of the event's own."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select

from metering.book.ratebook import LOADED_KINDS, BookRows, RateBook, read_rows
from metering.rerating.events import Rated
from schema.tables import CONFIG_TABLES

UNDATED_KINDS = tuple(kind for kind in ("task", "feature", "run_unit", "reasoning", "setting") if kind in LOADED_KINDS)
"""What decides about a charge and has no date of its own."""

_Rows = list[Mapping[str, Any]]


class Books:
    """The newest book, and for any release the one whose undated kinds are those of that release."""

    def __init__(self, current: BookRows, undated: Mapping[str, _Rows], *, now: datetime) -> None:
        self.newest = RateBook.build(current.release, current.rows, now=now, edits=current.edits)
        self._current = current
        self._undated = undated
        self._now = now
        self._of_release: dict[int, RateBook] = {}
        self._of_rows: dict[tuple[int, ...], RateBook] = {
            _ids({kind: current.rows[kind] for kind in UNDATED_KINDS}): self.newest
        }

    @classmethod
    def load(cls, connection: Connection, *, now: datetime) -> Books:
        """The books that a connection sees. Raises UnavailableError without a release."""
        undated: dict[str, _Rows] = {}
        for kind in UNDATED_KINDS:
            table = CONFIG_TABLES[kind].table
            undated[kind] = [dict(row) for row in connection.execute(select(table).order_by(table.c.id)).mappings()]
        return cls(read_rows(connection), undated, now=now)

    def for_event(self, event: Rated, *, undated_now: bool) -> RateBook:
        """The book by which an event is re-rated: the newest one, too, when no price covered the event so far."""
        return self.newest if undated_now or not event.billed else self.of(event.release_id)

    def of(self, release_id: int) -> RateBook:
        """The book for what was recorded at a release. Most releases leave the undated kinds alone, and share one."""
        book = self._of_release.get(release_id)
        if book is None:
            rows = {kind: [row for row in some if _held(row, release_id)] for kind, some in self._undated.items()}
            ids = _ids(rows)
            book = self._of_rows.get(ids)
            if book is None:
                current = self._current
                book = RateBook.build(current.release, {**current.rows, **rows}, now=self._now, edits=current.edits)
                self._of_rows[ids] = book
            self._of_release[release_id] = book
        return book


def _held(row: Mapping[str, Any], release_id: int) -> bool:
    """Whether a row was current at a release."""
    retired = row["retired_release"]
    return bool(row["introduced_release"] <= release_id and (retired is None or retired > release_id))


def _ids(rows: Mapping[str, _Rows]) -> tuple[int, ...]:
    return tuple(row["id"] for kind in UNDATED_KINDS for row in rows[kind])


__all__ = ["UNDATED_KINDS", "Books"]
