"""The last known rate book on disk, with which a runtime starts while the database is away.

The file is JSON in two lines: a header that says of which database, release and program it is and when it was last
known to be the newest, then the rows of the configuration. It is replaced as a whole and readable for its owner alone:
it holds prices and margins. Who may write it decides what calls are quoted at, so one that others may write is refused.
"""

from __future__ import annotations

import json
import logging
import os
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

from sqlalchemy import Engine

from metering.book.entities import Release
from metering.book.private_file import read_private, replace_private
from metering.book.ratebook import LOADED_KINDS, BookRows, RateBook, Version
from metering.errors import BookFileError
from schema.errors import RatecardError
from schema.tables import CONFIG_TABLES, SCHEMA_VERSION
from schema.tables.base import UtcTime

FORMAT_VERSION = 1
_log = logging.getLogger(__name__)

CONFIRM_EVERY = timedelta(minutes=1)
"""How old the file's word that its book is the newest may grow while it is."""
AHEAD = timedelta(minutes=5)
"""How far the clock that dated the file may have been ahead of ours."""


@dataclass(frozen=True, slots=True)
class KeptBook:
    """A book from the file, and when it was last known to be the newest: never later than it was read."""

    book: RateBook
    confirmed_at: datetime


@dataclass(frozen=True, slots=True)
class _Written:
    version: Version
    release: Release
    body: str
    digest: str


class BookFile:
    """The file at `path` for the book of one database; threads and processes may share it."""

    def __init__(self, path: str | os.PathLike[str], engine: Engine) -> None:
        self.path = Path(path)
        self._database = database_name(engine)
        self._written: _Written | None = None
        self._due_at = datetime.min.replace(tzinfo=UTC) + CONFIRM_EVERY
        self._tried: Version | None = None
        self._lock = threading.Lock()

    def keep(self, version: Version, moment: datetime, read: Callable[[], BookRows]) -> None:
        """Note that the book of `version` is the newest at a moment, if the file does not say so already.

        `read` is called for the rows of another version. Whoever meters is not troubled by what goes wrong: it is
        logged and tried again after `CONFIRM_EVERY`.
        """
        # A due time that lies further away was set by a clock that has been put back since.
        waits = self._due_at - CONFIRM_EVERY <= moment < self._due_at
        if waits and self._tried is not None and version <= self._tried:
            return
        if not self._lock.acquire(blocking=False):
            return
        try:
            # Set first: what fails is not tried again with each call.
            self._due_at, self._tried = moment + CONFIRM_EVERY, version
            written = self._written
            if written is None or written.version < version:
                written = _encoded(read())
            replace_private(self.path, self._text(written, moment))
            self._written = written
        except (OSError, RatecardError) as error:
            _log.warning("the rate book was not kept in %s: %s", self.path, error)
        finally:
            self._lock.release()

    def _text(self, written: _Written, confirmed_at: datetime) -> str:
        release = written.release
        first = {
            "format_version": FORMAT_VERSION,
            "schema_version": SCHEMA_VERSION,
            "database": self._database,
            "confirmed_at": _moment_text(confirmed_at),
            "release": {
                "id": release.id,
                "commit": release.commit,
                "label": release.label,
                "applied_at": _moment_text(release.applied_at),
            },
            "edits": written.version.edits,
            "sha256": written.digest,
        }
        return f"{json.dumps(first)}\n{written.body}\n"

    def read(self, now: datetime) -> KeptBook:
        """The kept book. Raises BookFileError when there is none, or none that may be trusted at a moment.

        One that was dated ahead of our clock counts as confirmed now; by more than `AHEAD`, nobody knows how old it is.
        """
        try:
            first, _, rest = read_private(self.path, "the book file").partition("\n")
        except FileNotFoundError:
            raise BookFileError(f"no book was kept in {self.path} yet") from None
        try:
            kept = self._decode(json.loads(first), rest.removesuffix("\n"))
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError, OverflowError):
            raise BookFileError(f"the book file {self.path} is damaged; remove it") from None
        if kept.confirmed_at > now + AHEAD:
            raise BookFileError(
                f"the book file {self.path} is dated {_moment_text(kept.confirmed_at)}, ahead of this host's clock"
                f" ({_moment_text(now)}), so that nobody can tell its age; set the clock, or remove the file"
            )
        return replace(kept, confirmed_at=min(kept.confirmed_at, now))

    def _decode(self, first: Mapping[str, Any], body: str) -> KeptBook:
        if first["format_version"] != FORMAT_VERSION or first["schema_version"] != SCHEMA_VERSION:
            raise BookFileError(f"the book file {self.path} was written by another version of this program")
        if first["database"] != self._database:
            raise BookFileError(f"the book file {self.path} is of another database: {first['database']}")
        if first["sha256"] != sha256(body.encode()).hexdigest():
            raise BookFileError(f"the book file {self.path} is damaged; remove it")
        rows = _decode_rows(json.loads(body))
        if set(rows) != set(LOADED_KINDS):
            raise BookFileError(f"the book file {self.path} was written by another version of this program")
        named = first["release"]
        release = Release(int(named["id"]), named["commit"], named["label"], _moment(named["applied_at"]))
        confirmed_at = _moment(first["confirmed_at"])
        book = RateBook.build(release, rows, now=confirmed_at, edits=int(first["edits"]))
        return KeptBook(book, confirmed_at)


def database_name(engine: Engine) -> str:
    """Which database an engine is on, without who asks and without any secret."""
    url = engine.url
    if url.get_backend_name() == "sqlite":
        return f"sqlite:///{Path(url.database or ':memory:').resolve()}"
    host = url.query.get("host") or url.host or ""
    return f"postgresql://{host}:{url.port or 5432}/{url.database}"


def _encoded(rows: BookRows) -> _Written:
    body = _encode_rows(rows.rows)
    return _Written(Version(rows.release.id, rows.edits), rows.release, body, sha256(body.encode()).hexdigest())


def _encode_rows(rows: Mapping[str, Any]) -> str:
    return json.dumps(
        {kind: [{name: _plain(value) for name, value in row.items()} for row in some] for kind, some in rows.items()},
        separators=(",", ":"),
    )


def _plain(value: Any) -> Any:
    return _moment_text(value) if isinstance(value, datetime) else value


def _decode_rows(found: Mapping[str, Any]) -> dict[str, list[Mapping[str, Any]]]:
    rows: dict[str, list[Mapping[str, Any]]] = {}
    for kind, some in found.items():
        columns = CONFIG_TABLES[kind].table.columns
        moments = {column.name for column in columns if isinstance(column.type, UtcTime)}
        rows[kind] = [
            {name: _moment(value) if name in moments else value for name, value in row.items()} for row in some
        ]
    return rows


def _moment_text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat()


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


__all__ = ["AHEAD", "CONFIRM_EVERY", "BookFile", "KeptBook", "database_name"]
