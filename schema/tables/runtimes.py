"""The meters that run, each as it tells of itself; see `metering.runtimes`. Nothing here is money: rows come and go."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, String, Table, Text

from schema.tables.base import Identity, UtcTime, metadata

runtimes = Table(
    "runtimes",
    metadata,
    Column("runtime_id", String(32), primary_key=True, comment="random, of one meter in one process"),
    Column("program", Text, nullable=False),
    Column("host", Text, nullable=False),
    Column("process_id", BigInteger, nullable=False),
    Column("version", Text, nullable=False, comment="of Ratecard"),
    Column("release_id", Identity, nullable=False, comment="the release that its rate book is of"),
    Column("edits", BigInteger, nullable=False, comment="of the database past any release, as its book knows them"),
    Column("max_age_seconds", BigInteger, nullable=False, comment="how old its book may be"),
    Column("confirmed_at", UtcTime, nullable=False, comment="when its book was known to be the newest, by its clock"),
    Column("started_at", UtcTime, nullable=False, comment="by its clock"),
    Column("clock_at", UtcTime, nullable=False, comment="what its clock said at seen_at"),
    Column("seen_at", UtcTime, nullable=False, comment="by the database's clock, where that has one"),
    comment="meters that run, as they tell of themselves; rows may be removed",
)
