"""How a meter tells of itself: a thread of its own writes one row, now and then; no call waits for it.

What goes wrong with it is logged, once an outage, and disturbs no metering.
"""

from __future__ import annotations

import atexit
import logging
import os
import socket
import sys
import threading
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from secrets import token_hex
from typing import Any

from sqlalchemy import Connection, delete, insert, update

from metering.given import LONGEST_NAME
from metering.runtime import Runtime
from metering.runtimes.listing import EVERY_SECONDS, FORGOTTEN_AFTER, database_clock
from schema.tables import runtimes

FIRST_SECONDS = 1.0
"""How long a meter lives before it tells of itself: what is done sooner leaves no trace."""
_CLOSING_SECONDS = 2.0
_log = logging.getLogger(__name__)


class Telling:
    """Tells what a runtime serves: after `first_seconds`, whenever it takes up another book, and every half minute.

    A book that nobody asks for is looked after, too, so that it is not told as old. Ends with `close` or the program,
    and takes its row along; who is killed leaves it to fall silent.
    """

    def __init__(self, runtime: Runtime, name: str | None = None, *, first_seconds: float = FIRST_SECONDS) -> None:
        self._runtime = runtime
        self._first_seconds = first_seconds
        self._id = token_hex(16)
        self._itself: dict[str, Any] = {
            "program": storable(name or program_name(sys.argv[0])),
            "host": storable(socket.gethostname()),
            "process_id": os.getpid(),
            "started_at": runtime.now(),
        }
        self._told = False
        self._failed = False
        self._closed = threading.Event()
        self._turn = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="ratecard-telling", daemon=True)
        self._thread.start()
        atexit.register(self.close)

    def close(self) -> None:
        """Take the row away and end; a database that does not answer is not waited for."""
        atexit.unregister(self.close)
        self._closed.set()
        self._runtime.news.set()
        self._thread.join(_CLOSING_SECONDS)

    def once(self) -> bool:
        """Tell now; False when that failed, which the log tells of. A book that it takes up wakes the thread, too."""
        runtime = self._runtime
        try:
            with self._turn:
                runtime.book(runtime.clock())
                runtime.write(self._write)
        except Exception as error:
            if not self._failed:
                _log.warning("not told in the database what this meter serves: %s", error)
            self._failed = True
            return False
        self._told, self._failed = True, False
        return True

    def _run(self) -> None:
        news, pause = self._runtime.news, self._first_seconds
        while True:
            news.wait(pause)
            # Before the look at what it may mean: what happens from here on wakes it again.
            news.clear()
            if self._closed.is_set():
                break
            self.once()
            pause = EVERY_SECONDS
        if self._told:
            with suppress(Exception):
                self._runtime.write(lambda connection: connection.execute(delete(runtimes).where(self._own)))

    def _write(self, connection: Connection) -> None:
        runtime = self._runtime
        ours = runtime.now()
        at = database_clock(connection, ours)
        status = runtime.status(ours)
        told = {
            "release_id": status.release.id,
            "edits": status.edits,
            "max_age_seconds": int(runtime.max_age.total_seconds()),
            "confirmed_at": status.confirmed_at,
            "clock_at": ours,
            "seen_at": at,
        }
        connection.execute(delete(runtimes).where(runtimes.c.seen_at < at - FORGOTTEN_AFTER))
        if not connection.execute(update(runtimes).where(self._own).values(told)).rowcount:
            itself = {"runtime_id": self._id, "version": version("ratecard"), **self._itself}
            connection.execute(insert(runtimes).values(itself | told))

    @property
    def _own(self) -> Any:
        return runtimes.c.runtime_id == self._id


def program_name(argument: str) -> str:
    """The program by the first word of its command line: a file's name, of `python -m package` the package's."""
    path = Path(argument)
    name = path.parent.name if path.name == "__main__.py" else path.name
    return "python" if name in ("", "-c", "-m") else name


def storable(text: str) -> str:
    """A name as every database stores it."""
    return text.encode("utf-8", "replace").decode().replace("\x00", "?")[:LONGEST_NAME]


__all__ = ["Telling", "program_name", "storable"]
