"""Who did what, and facts about this database."""

from __future__ import annotations

from sqlalchemy import Column, Index, String, Table, Text

from schema.tables.base import Json, UtcTime, identity, metadata

audit_log = Table(
    "audit_log",
    metadata,
    identity(),
    Column("at", UtcTime, nullable=False),
    Column("actor", Text, nullable=False),
    Column("action", String(50), nullable=False),
    Column("target", Text, nullable=False),
    Column("before", Json),
    Column("after", Json),
    Column("address", Text),
    Index("ix_audit_log_at", "at"),
    comment="append-only",
)

meta = Table(
    "meta",
    metadata,
    Column("key", String(50), primary_key=True),
    Column("value", Text, nullable=False),
    comment="facts about this database, such as the day that the demo is anchored at",
)
