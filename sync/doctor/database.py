"""Is the database one that Ratecard can trust with money?"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import Connection, Engine, text

from metering.analytics import attention
from metering.analytics.period import utc_day
from schema.database import database_state, reading, require_current, schema_version, shown_url
from schema.errors import DatabaseVersionError
from schema.tables import SCHEMA_VERSION
from sync.current import last_release
from sync.doctor.finding import Check, Reporter

OLDEST_POSTGRESQL = 15
OLDEST_SQLITE = (3, 35, 0)
"""The first with RETURNING."""
CLOCKS_APART = timedelta(seconds=5)

_SAY = Reporter("database")
_CLOCK = Reporter("clock")
_ALERT = Reporter("alerts")


def check_database(engine: Engine, source: str) -> Iterator[Check]:
    """Reachable, of a known kind and version, of our schema, and set up so that a commit survives a crash."""
    where = f"{shown_url(engine.url)} ({source})"
    state = database_state(engine)
    if state == "missing":
        yield _SAY.warn(f"{where} does not exist yet", "ratecard apply")
        return
    yield _SAY.ok(where)
    with reading(engine) as connection:
        yield from (_sqlite(connection) if engine.dialect.name == "sqlite" else _postgresql(connection))
    if state == "empty":
        yield _SAY.warn("it has no tables yet", "ratecard apply")
        return
    if state == "other":
        yield from _other_version(engine)
        return
    yield _SAY.ok(f"schema version {SCHEMA_VERSION}, no migration is pending")
    with reading(engine) as connection:
        release = last_release(connection)
    if release is None:
        yield _SAY.warn("no release has been applied: runtimes refuse every call", "ratecard apply")
    else:
        label = f" ({release.label})" if release.label else ""
        yield _SAY.ok(f"release {release.id}{label} of {release.applied_at:%Y-%m-%d %H:%M}Z, by {release.applied_by}")


def check_clock(connection: Connection, ours: datetime) -> Iterator[Check]:
    """Whether the database's clock and ours tell the same time, and no release lies in the future.

    `ours` is read just before this is called. Prices come into force by the clock of whoever asks.
    """
    if connection.dialect.name == "postgresql":
        theirs: datetime = connection.execute(text("SELECT clock_timestamp()")).scalar_one()
        yield clocks(theirs - ours)
    else:
        yield _CLOCK.ok(f"{ours:%Y-%m-%d %H:%M:%S}Z, the database has no clock of its own")
    release = last_release(connection)
    if release is not None and release.applied_at > ours + CLOCKS_APART:
        message = f"release {release.id} was applied at {release.applied_at:%Y-%m-%d %H:%M:%S}Z, which is yet to come"
        yield _CLOCK.warn(message, "set this machine's clock (NTP)")


def clocks(apart: timedelta) -> Check:
    """What a difference between the two clocks means."""
    seconds = abs(apart.total_seconds())
    if abs(apart) > CLOCKS_APART:
        way = "ahead of" if apart > timedelta() else "behind"
        message = f"the database's clock is {seconds:,.0f} s {way} ours: prices come into force at other moments"
        return _CLOCK.warn(message, "set both clocks (NTP)")
    return _CLOCK.ok(f"the database's clock and ours are {seconds:.1f} s apart")


def check_alerts(connection: Connection, now: datetime) -> Iterator[Check]:
    """What the data itself says needs a person."""
    found = attention(connection, utc_day(now))
    yield from (_ALERT.warn(f"{alert.message} [{alert.code}]", "ratecard dashboard") for alert in found)
    if not found:
        yield _ALERT.ok("none is open")


def _other_version(engine: Engine) -> Iterator[Check]:
    version = schema_version(engine)
    ours = version is not None and version.isdecimal()
    try:
        require_current(engine)
    except DatabaseVersionError as error:
        older = ours and str(version) < SCHEMA_VERSION
        advice = "ratecard db upgrade" if older else "pip install --upgrade ratecard" if ours else "--database URL"
        yield _SAY.fail(str(error), advice)


def _sqlite(connection: Connection) -> Iterator[Check]:
    yield sqlite_version(sqlite3.sqlite_version_info)
    journal = str(connection.exec_driver_sql("PRAGMA journal_mode").scalar_one())
    if journal != "wal":
        advice = "put the file on a local disk: network file systems cannot share it"
        yield _SAY.fail(f"it cannot use a write-ahead log (journal_mode is {journal})", advice)
    else:
        yield _SAY.ok(f"write-ahead log, every commit is synced, {_size(_files(connection.engine))}")


def _files(engine: Engine) -> int:
    file = Path(engine.url.database or "")
    return sum(path.stat().st_size for path in (file, file.with_name(f"{file.name}-wal")) if path.is_file())


def sqlite_version(version: tuple[int, ...]) -> Check:
    """Whether SQLite is new enough."""
    shown = ".".join(map(str, version))
    if version < OLDEST_SQLITE:
        return _SAY.fail(
            f"SQLite {shown} is too old: {'.'.join(map(str, OLDEST_SQLITE))} is needed", "install a newer Python"
        )
    return _SAY.ok(f"SQLite {shown}")


def _postgresql(connection: Connection) -> Iterator[Check]:
    def setting(name: str) -> str:
        return str(connection.execute(text("SELECT current_setting(:name)"), {"name": name}).scalar_one())

    yield postgresql_version(int(setting("server_version_num")), setting("server_version").split()[0])
    for name in ("fsync", "synchronous_commit", "full_page_writes"):
        if setting(name) == "off":
            yield _SAY.warn(
                f"{name} is off: a commit may not survive a power cut", f"turn {name} on in postgresql.conf"
            )
    if setting("server_encoding") != "UTF8":
        yield _SAY.fail(f"its encoding is {setting('server_encoding')}, not UTF8", "CREATE DATABASE … ENCODING 'UTF8'")
    size = int(connection.execute(text("SELECT pg_database_size(current_database())")).scalar_one())
    yield _SAY.ok(f"{_size(size)} on disk")


def postgresql_version(number: int, shown: str) -> Check:
    """Whether PostgreSQL is new enough; `number` is its `server_version_num`, such as 150004."""
    if number < OLDEST_POSTGRESQL * 10_000:
        return _SAY.fail(f"PostgreSQL {shown} is too old: {OLDEST_POSTGRESQL} or later is needed", "upgrade the server")
    return _SAY.ok(f"PostgreSQL {shown}")


def _size(size: int) -> str:
    return f"{size / 1_000_000:,.1f} MB"


__all__ = ["check_alerts", "check_clock", "check_database", "clocks", "postgresql_version", "sqlite_version"]
