"""The lock under which configuration is written: whoever writes config rows takes it first."""

from __future__ import annotations

from sqlalchemy import Connection, text

from metering.listening import CHANNEL
from schema.tables import CONFIG_TABLES

_LOCK = 0x72617465


def lock_config(connection: Connection) -> None:
    """Let one writer of configuration in at a time, and nobody edit config rows by hand meanwhile.

    SQLite's writers are alone anyway.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
        names = ", ".join(config.table.name for config in CONFIG_TABLES.values())
        connection.execute(text(f"LOCK TABLE {names} IN SHARE ROW EXCLUSIVE MODE"))


def notify_runtimes(connection: Connection, release: int) -> None:
    """Tell whoever listens on PostgreSQL, when the transaction commits. SQLite's readers look for themselves."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_notify(:channel, :release)"), {"channel": CHANNEL, "release": str(release)})


__all__ = ["CHANNEL", "lock_config", "notify_runtimes"]
