"""The tables, one SQLAlchemy schema for SQLite and PostgreSQL.

`config` holds what git says (closed history: rows are retired, never deleted), `accounts` who is billed, `ledger` the
money, `usage` what was called, `audit` who did what. Times are UTC; columns named `*_nanos` are whole nano-USD,
`*_micros` whole millionths, rates whole pico-USD per unit.
"""

from schema.tables.accounts import account_state, accounts, subscriptions
from schema.tables.audit import audit_log, meta
from schema.tables.base import metadata
from schema.tables.config import CONFIG_TABLES, release_changes, releases
from schema.tables.ledger import grants, ledger_postings
from schema.tables.usage import UNIT_COLUMNS, event_keys, usage_adjustments, usage_events

SCHEMA_VERSION = "0002"
"""The migration that these tables correspond to."""

__all__ = [
    "CONFIG_TABLES",
    "SCHEMA_VERSION",
    "UNIT_COLUMNS",
    "account_state",
    "accounts",
    "audit_log",
    "event_keys",
    "grants",
    "ledger_postings",
    "meta",
    "metadata",
    "release_changes",
    "releases",
    "subscriptions",
    "usage_adjustments",
    "usage_events",
]
