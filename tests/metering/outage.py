"""A database that goes away and comes back: a file that is moved, a PostgreSQL that lets nobody in."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import make_url, text

from schema.database import make_engine


class Server:
    """Takes the database away and brings it back."""

    def __init__(self, url: str) -> None:
        self._url = make_url(url)

    def away(self) -> None:
        if self._url.get_backend_name() == "sqlite":
            path = Path(self._url.database or "")
            path.rename(path.with_suffix(".away"))
            return
        self._execute(f"ALTER DATABASE {self._url.database} ALLOW_CONNECTIONS false")
        self._execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{self._url.database}'")

    def back(self) -> None:
        if self._url.get_backend_name() == "sqlite":
            path = Path(self._url.database or "")
            path.with_suffix(".away").rename(path)
            return
        self._execute(f"ALTER DATABASE {self._url.database} ALLOW_CONNECTIONS true")

    def _execute(self, statement: str) -> None:
        server = make_engine(self._url.set(database="postgres").render_as_string(hide_password=False))
        with server.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text(statement))
        server.dispose()
