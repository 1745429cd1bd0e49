"""What everything that a meter does stands on: the engine, the clock, the rate book, and guarded transactions.

The book is looked after here: a newer release, or an edit in the database (`ratecard disable`), is taken up when the
book is older than `max_age`, and within every transaction that asks for the newest one.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError, OperationalError

from metering.errors import UnavailableError
from metering.ratebook import RateBook, newest_version
from schema.database import reading, shown_url, writing
from schema.errors import DatabaseUnreachableError

MAX_AGE = timedelta(seconds=5)
"""How old a rate book may be before a newer one is looked for."""

_RETRIED = frozenset({"40001", "40P01"})
_ATTEMPTS = 5
Result = TypeVar("Result")

Clock = Callable[[], datetime]
utc_now: Clock = partial(datetime.now, UTC)
"""The clock of a runtime that is given none."""


class Runtime:
    """One database with its rate book, shared by threads. Raises UnavailableError without a database or a release."""

    def __init__(self, engine: Engine, *, now: Clock = utc_now, max_age: timedelta = MAX_AGE) -> None:
        self.engine = engine
        self.clock = now
        self._max_age = max_age
        moment = now()
        self.last_book = self._load(moment)
        """The book as it was kept last, of whatever age."""
        self._confirmed_at = moment
        self.check_at = moment + max_age
        """From when on the book is looked after before it is used."""

    def close(self) -> None:
        """Close the connections."""
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
        try:
            self.keep(self.read(lambda connection: self.newest(connection, moment)), moment)
        except UnavailableError:
            away = self.last_book.policy.get("database_away")
            if not away or not away.get("serve", True):
                raise
            if moment - self._confirmed_at > timedelta(minutes=int(away.get("max_age_minutes", 60))):
                raise
            self.check_at = moment + self._max_age
        return self.last_book

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
        if book.version >= self.last_book.version:
            self.last_book = book
        self._confirmed_at = moment
        self.check_at = check_at or moment + self._max_age

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
            with writing(self.engine) as connection:
                return operation(connection)

        return self._guarded(attempt)

    def change(self, operation: Callable[[Connection, RateBook, datetime], Result]) -> Result:
        """As `write`, with the newest book and the moment. Raises UnavailableError."""
        moment = self.now()
        return self.write(lambda connection: operation(connection, self.newest(connection, moment), moment))

    def _load(self, moment: datetime) -> RateBook:
        return self.read(lambda connection: RateBook.load(connection, now=moment))

    def _guarded(self, operation: Callable[[], Result]) -> Result:
        driver_error = self.engine.dialect.loaded_dbapi.OperationalError
        for last in (*[False] * (_ATTEMPTS - 1), True):
            try:
                return operation()
            except DatabaseUnreachableError as error:
                raise UnavailableError(str(error)) from error
            except (OperationalError, driver_error) as error:
                cause = error.orig if isinstance(error, DBAPIError) else error
                state = getattr(cause, "sqlstate", None)
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
        """Whether an error says that the server ended the connection, and not that it refused a statement."""
        return self.engine.dialect.name == "postgresql" and (state is None or state[:2] == "08" or state[:3] == "57P")


__all__ = ["MAX_AGE", "Clock", "Runtime", "utc_now"]
