"""Who is billed: accounts, their users, keys and subscriptions, and one state row each."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Date,
    ForeignKey,
    Index,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from schema.tables.base import Identity, Nanos, UtcTime, at_least_zero, identity, metadata, one_of

KEY_SCOPES = ("read", "meter", "admin")

accounts = Table(
    "accounts",
    metadata,
    identity(),
    Column("account", Text, nullable=False, unique=True, comment="the name that calls use"),
    Column("name", Text, comment="the name that people see"),
    Column("status", String(9), nullable=False, server_default="active"),
    Column("created_at", UtcTime, nullable=False),
    CheckConstraint(one_of("status", ("active", "suspended", "banned", "deleted")), name="status"),
)

subscriptions = Table(
    "subscriptions",
    metadata,
    identity(),
    Column("account_id", Identity, ForeignKey("accounts.id"), nullable=False),
    Column("plan", Text, nullable=False),
    Column("status", String(9), nullable=False),
    Column("cycle", String(7), nullable=False),
    Column("fee_nanos", Nanos, nullable=False, comment="per cycle, as agreed when it began"),
    Column("started_at", UtcTime, nullable=False),
    Column("trial_until", UtcTime, comment="no fee accrues before"),
    Column("ended_at", UtcTime, comment="half-open; NULL while it runs"),
    Column("cancel_at", UtcTime, comment="when it is to end, or to be followed by next_plan"),
    Column("next_plan", Text, comment="the plan that follows at cancel_at; NULL for the default plan"),
    Column("next_cycle", String(7), comment="the cycle of next_plan"),
    Column("note", Text, comment="why it began, such as a gift"),
    CheckConstraint(one_of("status", ("trial", "active", "past_due", "cancelled")), name="status"),
    CheckConstraint(one_of("cycle", ("monthly", "annual")), name="cycle"),
    CheckConstraint(at_least_zero("fee_nanos"), name="not_negative"),
    CheckConstraint("ended_at IS NULL OR ended_at >= started_at", name="order"),
    Index("ix_subscriptions_account_id_started_at", "account_id", "started_at"),
)
Index(
    "uq_subscriptions_running",
    subscriptions.c.account_id,
    unique=True,
    sqlite_where=subscriptions.c.ended_at.is_(None),
    postgresql_where=subscriptions.c.ended_at.is_(None),
)

account_state = Table(
    "account_state",
    metadata,
    Column("account_id", Identity, ForeignKey("accounts.id"), primary_key=True, autoincrement=False),
    Column("balance_nanos", Nanos, nullable=False, server_default="0", comment="the sum of the account's postings"),
    Column("owed_nanos", Nanos, nullable=False, server_default="0", comment="overage not yet met by a grant"),
    Column("overdraft_nanos", Nanos, nullable=False, server_default="0", comment="observed, not yet met by a grant"),
    Column("plan", Text, nullable=False),
    Column("plan_since", UtcTime, nullable=False),
    Column("month", Date, nullable=False, comment="first day of the month that the next counters count"),
    Column("month_tokens", BigInteger, nullable=False, server_default="0"),
    Column("month_run_unit_micros", BigInteger, nullable=False, server_default="0"),
    Column("day", Date, nullable=False, comment="the day that the next counter counts"),
    Column("day_requests", BigInteger, nullable=False, server_default="0"),
    Column("last_event_at", UtcTime),
    Column("held_nanos", Nanos, nullable=False, server_default="0", comment="the sum of the account's open holds"),
    Column(
        "minute",
        BigInteger,
        nullable=False,
        server_default="0",
        comment="the minute that the next counter counts, since 1970",
    ),
    Column("minute_requests", BigInteger, nullable=False, server_default="0"),
    Column(
        "due_at",
        UtcTime,
        nullable=False,
        server_default="1970-01-01 00:00:00.000000",
        comment="when the next change by time falls due: a period's credit, the end of a trial or subscription",
    ),
    CheckConstraint(at_least_zero("owed_nanos", "overdraft_nanos"), name="not_negative"),
    CheckConstraint(at_least_zero("held_nanos"), name="held"),
    comment="one row an account: what the hot path locks, reads and writes",
)

SOMETHING_DUE = "due_at < '9999-12-31 00:00:00+00'"
"""Of a state row: something falls due some day. The index is for queries that repeat it word by word."""
Index(
    "ix_account_state_due",
    account_state.c.due_at,
    account_state.c.account_id,
    sqlite_where=text(SOMETHING_DUE),
    postgresql_where=text(SOMETHING_DUE),
)

users = Table(
    "users",
    metadata,
    identity(),
    Column("account_id", Identity, ForeignKey("accounts.id"), nullable=False),
    Column("user_id", Text, nullable=False, comment="as calls name it"),
    Column("name", Text),
    Column("email", Text),
    Column("role", String(20), nullable=False, server_default="member"),
    Column("created_at", UtcTime, nullable=False),
    Column("removed_at", UtcTime),
    UniqueConstraint("account_id", "user_id"),
    comment="the members of accounts; calls may name others, too",
)

api_keys = Table(
    "api_keys",
    metadata,
    identity(),
    Column("key_id", String(20), nullable=False, unique=True, comment="the public part of the key"),
    Column("secret_hash", String(64), nullable=False, comment="SHA-256 of the secret part, hexadecimal"),
    Column("account_id", Identity, ForeignKey("accounts.id"), comment="NULL for the keys of administrators"),
    Column("scope", String(5), nullable=False),
    Column("name", Text),
    Column("created_at", UtcTime, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("expires_at", UtcTime),
    Column("revoked_at", UtcTime),
    Column("last_used_at", UtcTime, comment="to the minute"),
    CheckConstraint(one_of("scope", KEY_SCOPES), name="scope"),
    CheckConstraint("(scope = 'admin') = (account_id IS NULL)", name="owner"),
    Index("ix_api_keys_account_id", "account_id"),
)
