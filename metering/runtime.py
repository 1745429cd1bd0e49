"""What everything that a meter does stands on: the engine, the clock, the rate book, and guarded transactions.

The book is looked after here: a newer release, or an edit in the database (`ratecard disable`), is taken up when
PostgreSQL tells of it, when the book is older than `max_age`, and within every transaction that asks for the newest
one. While the database is away the last book serves as long as its policy says; with a book file also after a start.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError, InternalError, OperationalError, SQLAlchemyError

from metering.book.file import BookFile, KeptBook
from metering.book.listening import Listener
from metering.book.ratebook import RateBook, newest_version, read_rows
from metering.book.standing import Status
from metering.errors import BookFileError, UnavailableError
from schema.database import database_state, reading, require_current, shown_url
from schema.driver import Writer
from schema.errors import DatabaseUnreachableError, DatabaseVersionError, RatecardError

MAX_AGE = timedelta(seconds=5)
"""How old a rate book may be before a newer one is looked for."""

_LONG_AGO = datetime.min.replace(tzinfo=UTC)
_log = logging.getLogger(__name__)
_RETRIED = frozenset({"40001", "40P01"})
_READ_ONLY = "25006"
"""What a standby answers to writes, as a primary does that another has taken the place of."""
_ATTEMPTS = 5
Result = TypeVar("Result")

Clock = Callable[[], datetime]
utc_now: Clock = partial(datetime.now, UTC)
"""The clock of a runtime that is given none."""


class Runtime:
    """One database with its rate book, shared by threads. Raises UnavailableError without a database or a release.

    With a `book_file` it also starts without the database, as long as the policy of the book in it says. `listen` says
    whether it hears of releases at once, which takes a thread and a connection; only PostgreSQL tells of them.
    """

    def __init__(
        self,
        engine: Engine,
        *,
        now: Clock = utc_now,
        max_age: timedelta = MAX_AGE,
        book_file: BookFile | None = None,
        listen: bool = True,
    ) -> None:
        self.engine = engine
        self.clock = now
        self.max_age = max_age
        self._book_file = book_file
        self._writer = Writer(engine)
        self.news = threading.Event()
        """Set when a newer book was taken up; who waits for it clears it."""
        self._away: str | None = None
        self._looking = threading.Lock()
        self._from_file = False
        moment = now()
        try:
            self.last_book, self._confirmed_at = self._load(moment), moment
            """The book as it was kept last, of whatever age."""
        except UnavailableError as error:
            kept = self._kept(error, moment)
            self.last_book, self._confirmed_at, self._from_file = kept.book, kept.confirmed_at, True
            self._away = str(error)
            _log.warning("started with the rate book of %s: %s", kept.confirmed_at.isoformat(), error)
        self.check_at = moment + max_age
        """From when on the book is looked after before it is used."""
        self._keep_on_disk(moment)
        self._listener = Listener(engine, self._hear) if listen and engine.dialect.name == "postgresql" else None

    def close(self) -> None:
        """Close the connections."""
        if self._listener is not None:
            self._listener.close()
        self._writer.close()
        self.engine.dispose()

    def now(self) -> datetime:
        """The moment by the clock, in UTC."""
        return self.clock().astimezone(UTC)

    def book(self, moment: datetime) -> RateBook:
        """The book, not older than `max_age` unless the database is away and the policy lets it serve.

        Raises UnavailableError.
        """
        if moment < self.check_at:
            return self.last_book
        # Where the last book may serve, one caller looks, and while the database is away nobody waits for that.
        serving = self._may_serve(moment)
        if serving and not self._looking.acquire(blocking=self._away is None):
            return self.last_book
        try:
            if moment >= self.check_at:
                self._look(moment)
        finally:
            if serving:
                self._looking.release()
        return self.last_book

    def status(self, moment: datetime) -> Status:
        """What is served from at a moment."""
        book = self.last_book
        listener = self._listener
        return Status(
            release=book.release,
            edits=book.edits,
            confirmed_at=self._confirmed_at,
            age=max(moment - self._confirmed_at, timedelta()),
            away=self._away,
            from_file=self._from_file,
            listening=listener is not None and listener.connected,
            serves_until=_serves_until(book, self._confirmed_at),
        )

    def reload(self) -> RateBook:
        """Load the newest release now. Raises UnavailableError."""
        moment = self.now()
        self.keep(self._load(moment), moment)
        return self.last_book

    def newest(self, connection: Connection, moment: datetime) -> RateBook:
        """The book of the newest release that a connection sees."""
        book = self.last_book
        return book if newest_version(connection) == book.version else RateBook.load(connection, now=moment)

    def keep(self, book: RateBook, moment: datetime, check_at: datetime | None = None) -> None:
        """Keep a book that was the newest at a moment, and look after it again at `check_at` (`max_age` later)."""
        # Another thread may have seen a later state meanwhile; versions rise with time.
        known = self.last_book
        if book is not known and book.version >= known.version:
            self.last_book = book
            if book.version > known.version:
                self.news.set()
        self._confirmed_at = moment
        self._away = None
        self._from_file = False
        self.check_at = check_at or moment + self.max_age
        self._keep_on_disk(moment)

    def read(self, operation: Callable[[Connection], Result]) -> Result:
        """Run an operation in a transaction that only reads. Raises UnavailableError."""

        def attempt() -> Result:
            with reading(self.engine) as connection:
                return operation(connection)

        return self._guarded(attempt)

    def write(self, operation: Callable[[Connection], Result]) -> Result:
        """Run an operation in a transaction; again from the start when the database broke a deadlock.

        Raises UnavailableError.
        """

        def attempt() -> Result:
            with self._writer.transaction() as connection:
                return operation(connection)

        return self._guarded(attempt)

    def write_at_once(
        self, attempt: Callable[[Connection], Result | None], operation: Callable[[Connection], Result]
    ) -> Result:
        """As `write`, but first by an attempt that yields None when it wrote nothing.

        On PostgreSQL each statement of the attempt is a transaction, on SQLite both share one. Raises UnavailableError.
        """
        if self.engine.dialect.name == "sqlite":
            return self.write(lambda connection: attempt(connection) or operation(connection))

        def alone() -> Result | None:
            with self._writer.statements() as connection:
                return attempt(connection)

        return self._guarded(alone) or self.write(operation)

    def change(self, operation: Callable[[Connection, RateBook, datetime], Result]) -> Result:
        """As `write`, with the newest book and the moment. Raises UnavailableError."""
        moment = self.now()
        return self.write(lambda connection: operation(connection, self.newest(connection, moment), moment))

    def _load(self, moment: datetime) -> RateBook:
        return self.read(lambda connection: RateBook.load(connection, now=moment))

    def _look(self, moment: datetime) -> None:
        """Take up a newer book, or let the last one serve on. Raises UnavailableError when it may not."""
        try:
            self.keep(self.read(lambda connection: self.newest(connection, moment)), moment)
        except UnavailableError as error:
            if not is_away(error):
                raise
            self._away = str(error)
            if not self._may_serve(moment):
                raise
            # From now on: the try itself may have taken longer than a book may be old.
            self.check_at = self.now() + self.max_age

    def _hear(self) -> None:
        """Take up what was just told of; what fails is looked for by whoever uses the book next."""
        moment = self.now()
        try:
            self.keep(self.read(lambda connection: self.newest(connection, moment)), moment)
        except (RatecardError, SQLAlchemyError) as error:
            self.check_at = _LONG_AGO
            _log.warning("a release was told of, but not read: %s", error)

    def _may_serve(self, moment: datetime) -> bool:
        until = _serves_until(self.last_book, self._confirmed_at)
        return until is not None and moment <= until

    def _kept(self, error: UnavailableError, moment: datetime) -> KeptBook:
        """The book on disk, when it may serve in the place of a database that is away; else the error that says so."""
        if self._book_file is None or not is_away(error):
            raise error
        try:
            kept = self._book_file.read(moment)
        except BookFileError as fault:
            raise UnavailableError(f"{error}; {fault}") from error
        until = _serves_until(kept.book, kept.confirmed_at)
        if until is None:
            raise UnavailableError(f"{error}; the policy lets no kept book serve without it") from error
        if moment > until:
            since = kept.confirmed_at.isoformat()
            raise UnavailableError(f"{error}; the kept book is of {since}, older than the policy allows") from error
        return kept

    def _keep_on_disk(self, moment: datetime) -> None:
        if self._book_file is not None and not self._from_file:
            self._book_file.keep(self.last_book.version, moment, lambda: self.read(read_rows))

    def _check_version(self) -> None:
        """After a start without the database, nothing is done on it before its schema is known to fit."""
        try:
            require_current(self.engine)
        except DatabaseUnreachableError as error:
            raise UnavailableError(str(error)) from error
        except DatabaseVersionError as error:
            # What answers is believed, and no kept book serves in its place; a file that is missing does not answer.
            missing = database_state(self.engine) == "missing"
            raise UnavailableError(str(error)) from (error if missing else None)

    def _guarded(self, operation: Callable[[], Result]) -> Result:
        if self._from_file:
            self._check_version()
        driver = self.engine.dialect.loaded_dbapi
        for last in (*[False] * (_ATTEMPTS - 1), True):
            try:
                return operation()
            except DatabaseUnreachableError as error:
                raise UnavailableError(str(error)) from error
            except (OperationalError, InternalError, driver.OperationalError, driver.InternalError) as error:
                cause = error.orig if isinstance(error, DBAPIError) else error
                state = getattr(cause, "sqlstate", None)
                if isinstance(cause, driver.InternalError) and state != _READ_ONLY:
                    raise
                if not last and state in _RETRIED:
                    continue
                if not last and self._lost(cause, state):
                    # Every connection of the pool may be as dead. What is run is idempotent by its keys, so that it may
                    # run again even when the answer to a commit was lost.
                    self.engine.dispose()
                    continue
                where = shown_url(self.engine.url)
                reason = (str(cause).strip().splitlines() or ["no reason given"])[0]
                raise UnavailableError(f"the database {where} failed: {reason}") from error
        raise AssertionError("the last attempt returns or raises")

    def _lost(self, cause: BaseException | None, state: str | None) -> bool:
        """Whether an error says that another connection may do better: the server ended this one, or only reads."""
        if self.engine.dialect.name != "postgresql":
            return False
        return state is None or state[:2] == "08" or state[:3] == "57P" or state == _READ_ONLY


def _serves_until(book: RateBook, confirmed_at: datetime) -> datetime | None:
    """Until when a book serves without the database by its own policy; None when it does not."""
    away = book.policy.get("database_away")
    if not away or not away.get("serve", True):
        return None
    return confirmed_at + timedelta(minutes=int(away.get("max_age_minutes", 60)))


def is_away(error: UnavailableError) -> bool:
    """Whether the database itself failed: it has a cause then. One that answers that it has no release has none."""
    return error.__cause__ is not None


__all__ = ["MAX_AGE", "Clock", "Runtime", "is_away", "utc_now"]
