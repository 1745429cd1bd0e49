"""Engines, transactions and schema versions.

`make_engine` opens SQLite or PostgreSQL; `reading` and `writing` are the only two kinds of transaction;
`require_current` refuses a database of another version; `upgrade` and `downgrade` run the migrations.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from sqlalchemy import Connection, Engine, create_engine, event, inspect, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, OperationalError

from schema.errors import DatabaseError, DatabaseUnreachableError, DatabaseVersionError
from schema.tables import SCHEMA_VERSION

if TYPE_CHECKING:
    from alembic.config import Config

DatabaseState = Literal["missing", "empty", "current", "other"]

_WRITE = "ratecard_write"
_BUSY_SECONDS = 30
_UPGRADE = "run `ratecard db upgrade`"


def parse_url(url: str) -> URL:
    """A database URL with its driver filled in; raises DatabaseError when it is neither SQLite nor PostgreSQL."""
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise DatabaseError("the database URL cannot be read; write sqlite:///FILE or postgresql://…") from None
    if parsed.drivername in ("postgres", "postgresql", "postgresql+psycopg"):
        return parsed.set(drivername="postgresql+psycopg")
    if parsed.drivername in ("sqlite", "sqlite+pysqlite"):
        return parsed
    name = parsed.drivername
    raise DatabaseError(f"'{name}' is not a database of Ratecard's; write sqlite:///FILE or postgresql://…")


def shown_url(url: str | URL) -> str:
    """The URL without its password, for people."""
    return make_url(url).render_as_string(hide_password=True)


def make_engine(url: str, *, create: bool = True) -> Engine:
    """An engine for `url`; nothing connects yet. With `create=False` a missing SQLite file is not made."""
    parsed = parse_url(url)
    try:
        if parsed.get_backend_name() == "postgresql":
            return create_engine(parsed, pool_pre_ping=True, connect_args={"connect_timeout": 5})
        return _sqlite_engine(parsed, create)
    except NoSuchModuleError as error:
        raise DatabaseError(f"the driver for {shown_url(parsed)} is not installed: {error}") from None


def _sqlite_engine(url: URL, create: bool) -> Engine:
    file = url.database
    if file and file != ":memory:":
        path = Path(file)
        if create:
            path.parent.mkdir(parents=True, exist_ok=True)
            engine = create_engine(url, connect_args={"timeout": _BUSY_SECONDS})
        else:
            uri = f"{path.resolve().as_uri()}?mode=rw"
            engine = create_engine(url, creator=lambda: sqlite3.connect(uri, uri=True, timeout=_BUSY_SECONDS))
    else:
        engine = create_engine(url)
    event.listen(engine, "connect", _set_pragmas)
    event.listen(engine, "begin", _begin)
    return engine


def _set_pragmas(connection: Any, _: object) -> None:
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in ("foreign_keys=ON", "journal_mode=WAL", "synchronous=FULL", "temp_store=MEMORY"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin(connection: Connection) -> None:
    # A deferred transaction that reads first and writes later can fail as busy in its middle; writers lock at once.
    immediate = connection.get_execution_options().get(_WRITE, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """A connection in a transaction that only reads: one consistent view, no write lock."""
    with _connect(engine) as connection:
        if engine.dialect.name == "postgresql":
            connection = connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        with connection.begin():
            yield connection


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """A connection in a transaction that writes; it commits at the end of the block, or not at all."""
    with _connect(engine) as connection:
        connection = connection.execution_options(**{_WRITE: True})
        with connection.begin():
            yield connection


@contextmanager
def _connect(engine: Engine) -> Iterator[Connection]:
    try:
        connection = engine.connect()
    except OperationalError as error:
        raise _unreachable(engine, error) from None
    with connection:
        yield connection


def _unreachable(engine: Engine, error: DBAPIError) -> DatabaseUnreachableError:
    lines = str(error.orig).strip().splitlines()
    reason = lines[0] if lines else "no reason given"
    return DatabaseUnreachableError(f"cannot reach the database {shown_url(engine.url)}: {reason}")


def database_state(engine: Engine) -> DatabaseState:
    """What stands behind an engine. Reads only; a missing SQLite file is not made."""
    file = engine.url.database
    sqlite = engine.dialect.name == "sqlite"
    if sqlite and file and file != ":memory:" and not Path(file).exists():
        return "missing"
    version = schema_version(engine)
    if version is not None:
        return "current" if version == SCHEMA_VERSION else "other"
    with _connect(engine) as connection:
        return "other" if inspect(connection).get_table_names() else "empty"


def schema_version(engine: Engine) -> str | None:
    """The migration that the database is at, or None when it has none."""
    with _connect(engine) as connection:
        try:
            if not inspect(connection).has_table("alembic_version"):
                return None
            found = connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one_or_none()
        except DBAPIError as error:
            raise _unreachable(engine, error) from None
    return None if found is None else str(found)


def require_current(engine: Engine) -> None:
    """Raise DatabaseVersionError unless the database has exactly this program's schema."""
    state = database_state(engine)
    where = shown_url(engine.url)
    if state in ("missing", "empty"):
        raise DatabaseVersionError(f"the database {where} is {state}; run `ratecard apply` first")
    if state == "other":
        version = schema_version(engine)
        if version is None:
            raise DatabaseVersionError(f"the database {where} holds tables that are not Ratecard's; name another one")
        newer = version > SCHEMA_VERSION
        advice = "upgrade the ratecard package" if newer else _UPGRADE
        raise DatabaseVersionError(
            f"the database {where} has schema version {version}, this program needs {SCHEMA_VERSION}; {advice}"
        )


def upgrade(engine: Engine, target: str = "head") -> None:
    """Bring the schema to `target`, in one transaction."""
    from alembic import command

    with writing(engine) as connection:
        command.upgrade(_alembic(connection), target)


def downgrade(engine: Engine, target: str) -> None:
    """Take the schema back to `target` (`base` removes everything), in one transaction."""
    from alembic import command

    with writing(engine) as connection:
        command.downgrade(_alembic(connection), target)


def _alembic(connection: Connection) -> Config:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    return config


__all__ = [
    "DatabaseState",
    "database_state",
    "downgrade",
    "make_engine",
    "parse_url",
    "reading",
    "require_current",
    "schema_version",
    "shown_url",
    "upgrade",
    "writing",
]
