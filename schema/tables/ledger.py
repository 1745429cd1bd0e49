"""The money: grants of credit and append-only postings."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    Text,
    UniqueConstraint,
    literal_column,
)

from schema.tables.base import Identity, Json, Nanos, UtcTime, identity, metadata, one_of

GRANT_KINDS = ("plan", "signup", "promo", "purchase")
POSTING_KINDS = ("grant", "debit", "purchase", "refund", "adjustment", "expiry")

grants = Table(
    "grants",
    metadata,
    identity(),
    Column("account_id", Identity, ForeignKey("accounts.id"), nullable=False),
    Column("kind", String(8), nullable=False),
    Column("face_nanos", Nanos, nullable=False, comment="the usage it is worth"),
    Column("paid_nanos", Nanos, nullable=False, comment="what was paid for it"),
    Column("remaining_nanos", Nanos, nullable=False),
    Column("priority", Integer, nullable=False, comment="lower burns first"),
    Column("starts_at", UtcTime, nullable=False),
    Column("expires_at", UtcTime, comment="half-open; NULL never"),
    Column("idempotency_key", Text, nullable=False),
    Column("note", Text),
    Column("created_at", UtcTime, nullable=False),
    CheckConstraint(one_of("kind", GRANT_KINDS), name="kind"),
    CheckConstraint("remaining_nanos >= 0 AND remaining_nanos <= face_nanos", name="remaining"),
    CheckConstraint("face_nanos > 0 AND paid_nanos >= 0", name="amounts"),
    CheckConstraint("expires_at IS NULL OR expires_at > starts_at", name="order"),
    UniqueConstraint("account_id", "idempotency_key"),
)

ledger_postings = Table(
    "ledger_postings",
    metadata,
    identity(),
    Column("account_id", Identity, ForeignKey("accounts.id"), nullable=False),
    Column("kind", String(10), nullable=False),
    Column("amount_nanos", Nanos, nullable=False, comment="positive into the wallet, negative out of it"),
    Column("balance_nanos", Nanos, nullable=False, comment="of the account after it"),
    Column("revenue_nanos", Nanos, nullable=False, server_default="0", comment="earned by the posting itself"),
    Column("burned", Json, nullable=False, comment="[[grant id, nanos]] in the order burned or repaid"),
    Column("idempotency_key", Text, nullable=False),
    Column("occurred_at", UtcTime, nullable=False),
    Column("recorded_at", UtcTime, nullable=False),
    Column("note", Text),
    Column("reverses", Identity, comment="the posting that this one unwinds, wholly or in part"),
    CheckConstraint(one_of("kind", POSTING_KINDS), name="kind"),
    Index("ix_ledger_postings_account_id_id", "account_id", "id"),
    comment="append-only",
)

NO_DEBIT = ledger_postings.c.kind != literal_column("'debit'")
"""Of a posting: its key is its own. The index is for queries that repeat it word by word.

A debit is named after its first event, which `event_keys` knows once: every call would pay for an index here.
"""
Index(
    "uq_ledger_postings_keys",
    ledger_postings.c.account_id,
    ledger_postings.c.idempotency_key,
    unique=True,
    sqlite_where=NO_DEBIT,
    postgresql_where=NO_DEBIT,
)
Index(
    "ix_ledger_postings_earning",
    ledger_postings.c.occurred_at,
    sqlite_where=ledger_postings.c.revenue_nanos != 0,
    postgresql_where=ledger_postings.c.revenue_nanos != 0,
)
Index(
    "ix_ledger_postings_reverses",
    ledger_postings.c.reverses,
    sqlite_where=ledger_postings.c.reverses.is_not(None),
    postgresql_where=ledger_postings.c.reverses.is_not(None),
)

HOLD_STATUSES = ("open", "captured", "released", "expired")

holds = Table(
    "holds",
    metadata,
    identity(),
    Column("account_id", Identity, ForeignKey("accounts.id"), nullable=False),
    Column("hold_id", Text, nullable=False, comment="unique in its account; the same again is the same hold"),
    Column("amount_nanos", Nanos, nullable=False),
    Column("status", String(8), nullable=False, server_default="open"),
    Column("provider", Text, nullable=False),
    Column("model", Text, nullable=False),
    Column("plan", Text, nullable=False),
    Column("task", Text),
    Column("units", Json, nullable=False, comment="the estimate, in stored parts"),
    Column("tokens", BigInteger, nullable=False, server_default="0", comment="of the estimate, as quotas count them"),
    Column("run_unit_micros", BigInteger, nullable=False, server_default="0", comment="of the estimate"),
    Column("release_id", Identity, ForeignKey("releases.id"), nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("expires_at", UtcTime, nullable=False),
    Column("settled_at", UtcTime),
    Column("event_id", Text, comment="the event that captured it"),
    CheckConstraint(one_of("status", HOLD_STATUSES), name="status"),
    CheckConstraint("amount_nanos >= 0", name="not_negative"),
    UniqueConstraint("account_id", "hold_id"),
)
Index(
    "ix_holds_open",
    holds.c.account_id,
    holds.c.expires_at,
    sqlite_where=holds.c.status == "open",
    postgresql_where=holds.c.status == "open",
)
