"""Alerts: that an account came close to a quota, and whether somebody was told.

One for each threshold of a limit in a period: on a greater limit, after an upgrade, the thresholds are reached anew.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, String, Table, Text, UniqueConstraint

from schema.tables.base import Identity, UtcTime, identity, metadata

alerts = Table(
    "alerts",
    metadata,
    identity(),
    Column("account_id", Identity, ForeignKey("accounts.id"), nullable=False),
    Column("quota", String(40), nullable=False, comment="such as tokens_per_month"),
    Column("period", String(20), nullable=False, comment="such as 2026-11 or 2026-11-21"),
    Column("percent", Integer, nullable=False, comment="the threshold that was reached: 80, 95 or 100"),
    Column("used", BigInteger, nullable=False, comment="in stored parts"),
    Column("allowed", BigInteger, nullable=False, comment="the limit, in stored parts"),
    Column("plan", Text, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("try_at", UtcTime, comment="when to tell next; NULL when told, or given up"),
    Column("told_at", UtcTime),
    Column("fault", Text, comment="why the last attempt failed"),
    UniqueConstraint("account_id", "quota", "period", "percent", "allowed"),
)
Index(
    "ix_alerts_untold",
    alerts.c.try_at,
    sqlite_where=alerts.c.try_at.is_not(None),
    postgresql_where=alerts.c.try_at.is_not(None),
)
