"""The lock under which configuration is written: whoever writes config rows takes it first."""

from __future__ import annotations

import logging
from datetime import UTC

from sqlalchemy import Connection, text

from metering.book.listening import CHANNEL
from schema.findings import printable
from schema.tables import CONFIG_TABLES

LONGEST_NAME = 63
"""Bytes of a name that PostgreSQL keeps for a connection."""

_LOCK = 0x72617465
_log = logging.getLogger(__name__)


def lock_config(connection: Connection, holder: str) -> None:
    """Let one writer of configuration in at a time, and nobody edit config rows by hand meanwhile.

    `holder` says what is done and by whom: another who waits is told. SQLite's writers are alone anyway.
    """
    if connection.dialect.name == "postgresql":
        name = f"ratecard: {holder}".encode("ascii", "replace")[:LONGEST_NAME].decode()
        connection.execute(text("SELECT set_config('application_name', :name, true)"), {"name": name})
        if not connection.execute(text("SELECT pg_try_advisory_xact_lock(:lock)"), {"lock": _LOCK}).scalar_one():
            _log.warning("waiting for %s", _holder(connection))
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
        names = ", ".join(config.table.name for config in CONFIG_TABLES.values())
        connection.execute(text(f"LOCK TABLE {names} IN SHARE ROW EXCLUSIVE MODE"))


def _holder(connection: Connection) -> str:
    """Who has the lock now, and since when."""
    found = connection.execute(
        text(
            "SELECT application_name, xact_start FROM pg_locks JOIN pg_stat_activity USING (pid)"
            " WHERE locktype = 'advisory' AND granted AND classid = 0 AND objid = :lock"
            " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
        ),
        {"lock": _LOCK},
    ).first()
    if found is None or found.xact_start is None:
        return "another who writes the configuration"
    name = printable(found.application_name.removeprefix("ratecard: "))
    return f"{name}, at it since {found.xact_start.astimezone(UTC):%H:%M:%S} UTC"


def notify_runtimes(connection: Connection, release: int) -> None:
    """Tell whoever listens on PostgreSQL, when the transaction commits. SQLite's readers look for themselves."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_notify(:channel, :release)"), {"channel": CHANNEL, "release": str(release)})


__all__ = ["CHANNEL", "lock_config", "notify_runtimes"]
