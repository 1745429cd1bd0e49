"""Engines, transactions and schema versions.

`make_engine` opens SQLite or PostgreSQL; `reading` and `writing` are the only two kinds of transaction;
`require_current` refuses a database of another version; `upgrade` and `downgrade` run the migrations. No message of
these functions shows a password.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, sleep
from typing import TYPE_CHECKING, Any, Literal

from sqlalchemy import Connection, Engine, create_engine, event, inspect, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, DisconnectionError, NoSuchModuleError, OperationalError

from schema.errors import DatabaseError, DatabaseUnreachableError, DatabaseVersionError
from schema.tables import SCHEMA_VERSION

if TYPE_CHECKING:
    from alembic.config import Config

KEPT_CONNECTIONS = 20
"""Connections that an engine keeps open once they were needed; on SQLite a few more open and close under load.

Not on PostgreSQL: its hundred are shared by all processes, and whoever finds none left is refused.
"""
_LIMITS = {
    "connect_timeout": 5,
    "tcp_user_timeout": 10_000,
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
}
"""How long a PostgreSQL server that went without a word is waited for, in libpq's terms; a URL may say otherwise."""

MODE = "ratecard_mode"
"""The execution option that says what a transaction is for: `read`, `write`, or that it has `BEGUN` already."""
BEGUN = "begun"
BUSY_SECONDS = 30
"""How long a writer on SQLite waits for others."""
_WAL_RETRY_SECONDS = 0.01

DatabaseState = Literal["missing", "empty", "current", "other"]

_QUERY_ONLY = "ratecard_query_only"
_RESTED = "ratecard_rested"
_REST_SECONDS = 1
_VERSION_TABLE = "alembic_version"
_UPGRADE_LOCK = 0x72617465
"""The advisory lock that upgrades of a PostgreSQL database take: `rate` in ASCII."""
_SECRETS = frozenset({"password", "passfile", "sslpassword", "sslkey"})
_HIDDEN = "***"


def parse_url(url: str) -> URL:
    """A database URL with its driver filled in; raises DatabaseError when it is neither SQLite nor PostgreSQL."""
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        raise DatabaseError("the database URL cannot be read; write sqlite:///FILE or postgresql://…") from None
    if parsed.drivername in ("postgres", "postgresql", "postgresql+psycopg"):
        return parsed.set(drivername="postgresql+psycopg")
    if parsed.drivername in ("sqlite", "sqlite+pysqlite"):
        if (parsed.database or "").startswith("file:"):
            raise DatabaseError("name the SQLite file by its path, not by a file: URI; write sqlite:///FILE")
        return parsed
    name = parsed.drivername
    raise DatabaseError(f"'{name}' is not a database of Ratecard's; write sqlite:///FILE or postgresql://…")


def shown_url(url: str | URL) -> str:
    """The URL without its password, for people."""
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        return "(unreadable URL)"
    hidden = {name: _HIDDEN for name in parsed.query if name in _SECRETS}
    return parsed.update_query_dict(hidden).render_as_string(hide_password=True)


def make_engine(url: str, *, create: bool = True) -> Engine:
    """An engine for `url`; nothing connects yet. With `create=False` a missing SQLite file is not made."""
    parsed = parse_url(url)
    try:
        if parsed.get_backend_name() == "postgresql":
            return _postgresql_engine(parsed)
        return _sqlite_engine(parsed, create)
    except NoSuchModuleError as error:
        raise DatabaseError(f"the driver for {shown_url(parsed)} is not installed: {error}") from None


def _postgresql_engine(url: URL) -> Engine:
    limits = {name: value for name, value in _LIMITS.items() if name not in url.query}
    # The connection that was used last has its caches warm, and its rest is the shortest.
    engine = create_engine(url, pool_size=KEPT_CONNECTIONS, max_overflow=0, pool_use_lifo=True, connect_args=limits)
    event.listen(engine, "checkin", _rest)
    event.listen(engine, "checkout", lambda connection, record, _: _wake(engine, connection, record))
    return engine


def _rest(connection: Any, record: Any) -> None:
    record.info[_RESTED] = monotonic()


def _wake(engine: Engine, connection: Any, record: Any) -> None:
    """Ask a connection that rested whether it still is one; in the pool's terms, so that it takes another."""
    # Each asking is a round trip: one that worked a moment ago is trusted.
    if monotonic() - record.info.get(_RESTED, monotonic()) <= _REST_SECONDS and not connection.closed:
        return
    try:
        engine.dialect.do_ping(connection)
    except engine.dialect.loaded_dbapi.Error as error:
        raise DisconnectionError("the server closed the connection") from error


def _sqlite_engine(url: URL, create: bool) -> Engine:
    file = url.database
    if file and file != ":memory:":
        path = Path(file)
        if path.is_dir():
            raise DatabaseError(
                f"{file} is a folder; name a file in it, such as sqlite:///{file.rstrip('/')}/ratecard.db"
            )
        if create:
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise DatabaseError(f"cannot make the folder of {file}: {error.strerror}") from None
            engine = create_engine(url, pool_size=KEPT_CONNECTIONS, connect_args={"timeout": BUSY_SECONDS})
        else:
            uri = f"{path.resolve().as_uri()}?mode=rw"
            engine = create_engine(url, pool_size=KEPT_CONNECTIONS, creator=lambda: _connect_sqlite(uri))
    else:
        engine = create_engine(url)
    event.listen(engine, "connect", _set_pragmas)
    event.listen(engine, "begin", _begin)
    return engine


def _connect_sqlite(uri: str) -> sqlite3.Connection:
    # As SQLAlchemy's own connections: the pool hands one to one thread at a time, not always the same thread.
    return sqlite3.connect(uri, uri=True, timeout=BUSY_SECONDS, check_same_thread=False)


def _set_pragmas(connection: Any, _: object) -> None:
    connection.isolation_level = None
    _set_wal(connection)
    for pragma in ("foreign_keys=ON", "synchronous=FULL", "temp_store=MEMORY"):
        connection.execute(f"PRAGMA {pragma}")


def _set_wal(connection: sqlite3.Connection) -> None:
    """Keep a log of writes ahead; of those who open a new file at once, one makes it so and the others find it."""
    # This one pragma does not wait for a lock as long as the connection would.
    last = monotonic() + BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or monotonic() > last:
                raise
            sleep(_WAL_RETRY_SECONDS)


def _begin(connection: Connection) -> None:
    mode = connection.get_execution_options().get(MODE)
    if mode != BEGUN:
        begin_sqlite(connection.connection.driver_connection, connection.info, mode)


def begin_sqlite(driver: Any, info: dict[Any, Any], mode: str | None) -> None:
    """Begin a transaction on SQLite; only one whose mode is `write` can write, and it takes the lock at once."""
    # By the driver itself: half of what an empty transaction costs is SQLAlchemy's way around these statements.
    only = "ON" if mode == "read" else "OFF"
    # A deferred transaction that reads first and writes later can fail as busy in its middle; writers lock at once.
    statement = "BEGIN IMMEDIATE" if mode == "write" else "BEGIN"
    try:
        # Only when it changes: the pragma makes SQLite prepare every cached statement again.
        if info.get(_QUERY_ONLY, "OFF") != only:
            driver.execute(f"PRAGMA query_only={only}")
            info[_QUERY_ONLY] = only
        driver.execute(statement)
    except sqlite3.OperationalError as error:
        raise OperationalError(statement, None, error) from error


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """A connection in a transaction that can only read: one consistent view, no write lock."""
    with _connect(engine) as connection:
        connection = connection.execution_options(**{MODE: "read"})
        if engine.dialect.name == "postgresql":
            connection = connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        with connection.begin():
            yield connection


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """A connection in a transaction that writes; it commits at the end of the block, or not at all."""
    with _connect(engine) as connection:
        connection = connection.execution_options(**{MODE: "write"})
        with connection.begin():
            yield connection


@contextmanager
def _connect(engine: Engine) -> Iterator[Connection]:
    try:
        connection = engine.connect()
    except DBAPIError as error:
        raise unreachable(engine, error.orig) from None
    with connection:
        yield connection


def unreachable(engine: Engine, cause: BaseException | None) -> DatabaseUnreachableError:
    """The error that says why no connection could be made; `cause` is the driver's."""
    if _missing_file(engine):
        return DatabaseUnreachableError(f"there is no database {shown_url(engine.url)}; run `ratecard apply` first")
    lines = str(cause).strip().splitlines()
    reason = lines[0] if lines else "no reason given"
    return DatabaseUnreachableError(f"cannot reach the database {shown_url(engine.url)}: {reason}")


def _missing_file(engine: Engine) -> bool:
    file = engine.url.database
    return bool(engine.dialect.name == "sqlite" and file and file != ":memory:" and not Path(file).exists())


def database_state(engine: Engine) -> DatabaseState:
    """What stands behind an engine. Reads only; a missing SQLite file is not made."""
    if _missing_file(engine):
        return "missing"
    with _connect(engine) as connection:
        version = _version(connection)
        if version is not None:
            return "current" if version == SCHEMA_VERSION else "other"
        return "other" if _foreign_tables(connection) else "empty"


def schema_version(engine: Engine) -> str | None:
    """The migration that the database is at, or None when it has none."""
    with _connect(engine) as connection:
        return _version(connection)


def _version(connection: Connection) -> str | None:
    if not inspect(connection).has_table(_VERSION_TABLE):
        return None
    found = connection.execute(text("SELECT max(version_num) FROM alembic_version")).scalar_one()
    return None if found is None else str(found)


def _foreign_tables(connection: Connection) -> bool:
    return any(name != _VERSION_TABLE for name in inspect(connection).get_table_names())


def require_current(engine: Engine) -> None:
    """Raise DatabaseVersionError unless the database has exactly this program's schema."""
    state = database_state(engine)
    where = shown_url(engine.url)
    if state in ("missing", "empty"):
        raise DatabaseVersionError(f"the database {where} is {state}; run `ratecard apply` first")
    if state == "other":
        with _connect(engine) as connection:
            _require_ours(connection, where)
            version = _version(connection)
        raise DatabaseVersionError(
            f"the database {where} has schema version {version}, this program needs {SCHEMA_VERSION};"
            " run `ratecard db upgrade`"
        )


def _require_ours(connection: Connection, where: str) -> None:
    """Raise DatabaseVersionError when the tables are another program's, or a newer Ratecard's."""
    version = _version(connection)
    if version is None and not _foreign_tables(connection):
        return
    # Migrations are numbered with four digits: anything else was not made by any Ratecard.
    ours = version is not None and len(version) == len(SCHEMA_VERSION) and version.isdecimal()
    if not ours or not inspect(connection).has_table("release_changes"):
        raise DatabaseVersionError(f"the database {where} holds tables that are not Ratecard's; name another one")
    if version is not None and version > SCHEMA_VERSION:
        raise DatabaseVersionError(
            f"the database {where} has schema version {version}, this program needs {SCHEMA_VERSION};"
            " upgrade the ratecard package"
        )


def upgrade(engine: Engine, target: str = "head") -> None:
    """Bring the schema to `target`, in one transaction; raises DatabaseVersionError on another program's tables."""
    from alembic import command

    with writing(engine) as connection:
        _lock_schema(connection)
        _require_ours(connection, shown_url(engine.url))
        command.upgrade(_alembic(connection), target)


def downgrade(engine: Engine, target: str) -> None:
    """Take the schema back to `target` (`base` removes everything), in one transaction."""
    from alembic import command

    with writing(engine) as connection:
        _lock_schema(connection)
        _require_ours(connection, shown_url(engine.url))
        command.downgrade(_alembic(connection), target)


def _lock_schema(connection: Connection) -> None:
    # Two upgrades at once would both find no tables; SQLite's writers wait for each other anyway.
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _UPGRADE_LOCK})


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
