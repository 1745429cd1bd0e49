"""The tables, one SQLAlchemy schema for SQLite and PostgreSQL.

`config` holds what git says (closed history: rows are retired, never deleted), `accounts` who is billed, `ledger` the
money, `usage` what was called, `alerts` who came close to a quota, `runtimes` which meters run, `audit` who did what.
Times are UTC; columns named `*_nanos` are whole nano-USD, `*_micros` whole millionths, rates whole pico-USD per unit.
"""

from schema.tables.accounts import account_state, accounts, api_keys, subscriptions, users
from schema.tables.alerts import alerts
from schema.tables.audit import audit_log, meta
from schema.tables.base import metadata
from schema.tables.config import CONFIG_TABLES, release_changes, releases
from schema.tables.ledger import grants, holds, ledger_postings
from schema.tables.runtimes import runtimes
from schema.tables.usage import UNIT_COLUMNS, event_keys, usage_adjustments, usage_events

SCHEMA_VERSION = "0005"
"""The migration that these tables correspond to."""

__all__ = [
    "CONFIG_TABLES",
    "SCHEMA_VERSION",
    "UNIT_COLUMNS",
    "account_state",
    "accounts",
    "alerts",
    "api_keys",
    "audit_log",
    "event_keys",
    "grants",
    "holds",
    "ledger_postings",
    "meta",
    "metadata",
    "release_changes",
    "releases",
    "runtimes",
    "subscriptions",
    "usage_adjustments",
    "usage_events",
    "users",
]
