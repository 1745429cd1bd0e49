"""What was called: immutable events, their keys, and adjustments by re-rating."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Date,
    ForeignKey,
    Index,
    LargeBinary,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from schema.tables.base import Identity, Json, Nanos, UtcTime, at_least_zero, identity, metadata
from schema.units import UNITS

UNIT_COLUMNS = {unit: f"{unit}_units" for unit in UNITS}
"""The column of each unit; decimal units are stored as whole millionths."""

usage_events = Table(
    "usage_events",
    metadata,
    identity(),
    Column("account_id", Identity, ForeignKey("accounts.id"), nullable=False),
    Column("event_id", Text, nullable=False),
    Column("occurred_at", UtcTime, nullable=False),
    Column("recorded_at", UtcTime, nullable=False),
    Column("day", Date, nullable=False, comment="UTC day of occurred_at"),
    Column("user_id", Text),
    Column("provider", Text, nullable=False),
    Column("model", Text, nullable=False),
    Column("plan", Text, nullable=False, comment="of the account when it occurred"),
    Column("task", Text),
    Column("feature", Text),
    Column("tool", Text),
    Column("tier", Text),
    Column("reasoning_level", Text),
    *(Column(name, BigInteger, nullable=False, server_default="0") for name in UNIT_COLUMNS.values()),
    Column("cpu_seconds_micros", BigInteger),
    Column("gpu_seconds_micros", BigInteger),
    Column("latency_ms", BigInteger),
    Column("details", Json, comment="the caller's metadata"),
    Column("status", String(8), nullable=False),
    Column("price_id", Identity, ForeignKey("prices.id"), comment="the entry that priced it"),
    Column("release_id", Identity, ForeignKey("releases.id"), nullable=False, comment="in force when it was recorded"),
    Column("posting_id", Identity, ForeignKey("ledger_postings.id"), comment="the debit that it is part of"),
    Column("cost_nanos", Nanos, nullable=False),
    Column("charge_nanos", Nanos, nullable=False),
    Column("included_nanos", Nanos, nullable=False, comment="of the charge: met by plan grants"),
    Column("promotional_nanos", Nanos, nullable=False, comment="of the charge: met by signup and promotional grants"),
    Column("purchased_nanos", Nanos, nullable=False, comment="of the charge: met by purchased credit"),
    Column("owed_nanos", Nanos, nullable=False, comment="of the charge: overage that the account owes"),
    Column("overdraft_nanos", Nanos, nullable=False, comment="of the charge: beyond the credit while only observing"),
    Column("revenue_nanos", Nanos, nullable=False, comment="purchased credit at what was paid for it, and overage"),
    CheckConstraint("status IN ('priced', 'unpriced')", name="status"),
    CheckConstraint(
        "charge_nanos = included_nanos + promotional_nanos + purchased_nanos + owed_nanos + overdraft_nanos",
        name="charge_is_met",
    ),
    CheckConstraint(at_least_zero("cost_nanos", "charge_nanos", *UNIT_COLUMNS.values()), name="not_negative"),
    Index("ix_usage_events_day", "day"),
    Index("ix_usage_events_account_id_occurred_at", "account_id", "occurred_at"),
)
Index(
    "ix_usage_events_unpriced",
    usage_events.c.day,
    sqlite_where=usage_events.c.status == "unpriced",
    postgresql_where=usage_events.c.status == "unpriced",
)

event_keys = Table(
    "event_keys",
    metadata,
    Column("account_id", Identity, ForeignKey("accounts.id"), primary_key=True, autoincrement=False),
    Column("event_id", Text, primary_key=True),
    Column("usage_id", Identity, nullable=False, comment="the event's row"),
    Column("content_hash", LargeBinary(16), nullable=False, comment="tells a repeat from a clash"),
    sqlite_with_rowid=False,
    comment="uniqueness of events, apart from them so that events can be partitioned",
)

usage_adjustments = Table(
    "usage_adjustments",
    metadata,
    identity(),
    Column("usage_id", Identity, nullable=False),
    Column("account_id", Identity, ForeignKey("accounts.id"), nullable=False),
    Column("day", Date, nullable=False, comment="of the event"),
    Column("release_id", Identity, ForeignKey("releases.id"), nullable=False),
    Column("price_id", Identity, ForeignKey("prices.id")),
    Column("posting_id", Identity, ForeignKey("ledger_postings.id")),
    Column("cost_nanos", Nanos, nullable=False, comment="change of the cost"),
    Column("charge_nanos", Nanos, nullable=False, comment="change of the charge"),
    Column("revenue_nanos", Nanos, nullable=False, comment="change of the revenue"),
    Column("included_nanos", Nanos, nullable=False, server_default="0", comment="change of what plan grants meet"),
    Column("promotional_nanos", Nanos, nullable=False, server_default="0", comment="of what promotional ones meet"),
    Column("purchased_nanos", Nanos, nullable=False, server_default="0", comment="of what purchased credit meets"),
    Column("owed_nanos", Nanos, nullable=False, server_default="0", comment="of what is owed"),
    Column("overdraft_nanos", Nanos, nullable=False, server_default="0", comment="of what is only observed"),
    Column("reason", String(10), nullable=False, server_default="rerate", comment="rerate, refund or correction"),
    Column("idempotency_key", Text, nullable=False),
    Column("recorded_at", UtcTime, nullable=False),
    UniqueConstraint("usage_id", "idempotency_key"),
    Index("ix_usage_adjustments_day", "day"),
    comment="append-only: what re-rating changed of an event",
)
