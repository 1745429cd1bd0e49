"""Hearing of releases: PostgreSQL tells a runtime, on a connection of its own, as soon as one is committed.

The word itself is never trusted with contents: whoever hears it looks for the newest configuration. So it is also said
once after each connecting, for what was missed until then.
"""

from __future__ import annotations

import logging
import selectors
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from sqlalchemy import Engine

if TYPE_CHECKING:
    from psycopg import Connection

CHANNEL = "ratecard_release"
"""What LISTEN hears when the configuration has changed; the payload is the id of the newest release."""

FIRST_PAUSE_SECONDS = 0.25
LONGEST_PAUSE_SECONDS = 15.0
"""Between two attempts to connect; doubled each time from the first to the longest."""

_KEEPALIVES = {"keepalives_idle": 30, "keepalives_interval": 10, "keepalives_count": 3}
"""A silent connection whose other end has gone is noticed after a minute."""

_log = logging.getLogger(__name__)


class Listener:
    """Calls `heard` on a thread of its own: after each connecting, and after each word. Ends with `close`."""

    def __init__(self, engine: Engine, heard: Callable[[], None]) -> None:
        self._engine = engine
        self._heard = heard
        self._connected = False
        # A byte to the one wakes whoever waits at the other: closing waits for nothing.
        self._waking, self._woken = socket.socketpair()
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, name="ratecard-listener", daemon=True)
        self._thread.start()

    @property
    def connected(self) -> bool:
        """Whether a release would be heard of now, and those before have been looked for."""
        return self._connected

    def close(self) -> None:
        """End the thread; it is not waited for while it still tries to connect."""
        if self._closed.is_set():
            return
        self._closed.set()
        with suppress(OSError):  # the thread may have ended by itself meanwhile
            self._waking.send(b".")
        if threading.current_thread() is not self._thread:
            self._thread.join(timeout=1)
        self._waking.close()

    def _run(self) -> None:
        from psycopg import Error

        pause = FIRST_PAUSE_SECONDS
        told = False
        while not self._closed.is_set():
            try:
                with self._connect() as connection:
                    pause, told = FIRST_PAUSE_SECONDS, False
                    self._listen(connection)
            except (Error, OSError) as error:
                if not (told or self._closed.is_set()):
                    # Once an outage; the attempts go on.
                    told = True
                    _log.warning("not listening for releases: %s", _first(error))
            finally:
                self._connected = False
            self._closed.wait(pause)
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
        self._woken.close()

    def _connect(self) -> Connection[Any]:
        from psycopg import connect

        arguments, options = self._engine.dialect.create_connect_args(self._engine.url)
        return connect(*arguments, **{"connect_timeout": 5, **_KEEPALIVES, **options}, autocommit=True)

    def _listen(self, connection: Connection[Any]) -> None:
        connection.execute(f"LISTEN {CHANNEL}")
        self._heard()
        self._connected = True
        with selectors.DefaultSelector() as selector:
            selector.register(connection, selectors.EVENT_READ)
            selector.register(self._woken, selectors.EVENT_READ)
            while not self._closed.is_set():
                # Several words at once need one look.
                if list(connection.notifies(timeout=0)):
                    self._heard()
                # Nothing that came until here is left unread, and what comes from here on ends the wait.
                selector.select()


def _first(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


__all__ = ["CHANNEL", "Listener"]
