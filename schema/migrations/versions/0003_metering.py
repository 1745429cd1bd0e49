"""What metering in full needs: holds, quotas by the minute, refunds, users, API keys, alerts.

The tables as they were at this step, frozen: later steps alter them, this one stays as it is.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

from schema.tables.base import Identity, Json, UtcTime

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

frozen = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)
# Only what foreign keys point to.
sa.Table("accounts", frozen, sa.Column("id", Identity, primary_key=True))
sa.Table("releases", frozen, sa.Column("id", Identity, primary_key=True))


def upgrade() -> None:
    """Add columns, then tables."""
    for table, columns in _added().items():
        for column in columns:
            op.add_column(table, column)
    _add_held()
    frozen.create_all(op.get_bind(), tables=NEW, checkfirst=False)
    _reverses().create(op.get_bind())
    _due().create(op.get_bind())
    # The unique key begins with the account, too, and a grant that burns need not touch it.
    _open_grants().drop(op.get_bind())


def downgrade() -> None:
    """Drop what was added."""
    _open_grants().create(op.get_bind())
    _due().drop(op.get_bind())
    _reverses().drop(op.get_bind())
    frozen.drop_all(op.get_bind(), tables=NEW, checkfirst=False)
    for table, columns in reversed(_added().items()):
        for column in reversed(columns):
            op.drop_column(table, column.name)
    op.drop_column("account_state", "held_nanos")


def _added() -> dict[str, list[sa.Column[Any]]]:
    return {
        "account_state": [
            sa.Column(
                "minute",
                sa.BigInteger,
                nullable=False,
                server_default="0",
                comment="the minute that the next counter counts, since 1970",
            ),
            sa.Column("minute_requests", sa.BigInteger, nullable=False, server_default="0"),
            sa.Column(
                "due_at",
                UtcTime,
                nullable=False,
                server_default="1970-01-01 00:00:00.000000",
                comment="when the next change by time falls due: a period's credit, the end of a trial or subscription",
            ),
        ],
        "subscriptions": [
            _time("cancel_at", null=True, comment="when it is to end, or to be followed by next_plan"),
            _text("next_plan", null=True, comment="the plan that follows at cancel_at; NULL for the default plan"),
            sa.Column("next_cycle", sa.String(7), comment="the cycle of next_plan"),
            _text("note", null=True, comment="why it began, such as a gift"),
        ],
        "ledger_postings": [
            sa.Column("reverses", Identity, comment="the posting that this one unwinds, wholly or in part"),
        ],
        "usage_adjustments": [
            _change("included_nanos", "change of what plan grants meet"),
            _change("promotional_nanos", "of what promotional ones meet"),
            _change("purchased_nanos", "of what purchased credit meets"),
            _change("owed_nanos", "of what is owed"),
            _change("overdraft_nanos", "of what is only observed"),
            sa.Column(
                "reason",
                sa.String(10),
                nullable=False,
                server_default="rerate",
                comment="rerate, refund or correction",
            ),
        ],
    }


def _add_held() -> None:
    # With its check on the column: SQLite adds no constraint to a table that exists.
    op.execute(
        "ALTER TABLE account_state ADD COLUMN held_nanos BIGINT DEFAULT '0' NOT NULL"
        " CONSTRAINT ck_account_state_held CHECK (held_nanos >= 0)"
    )
    if op.get_bind().dialect.name == "postgresql":
        op.execute("COMMENT ON COLUMN account_state.held_nanos IS 'the sum of the account''s open holds'")


def _reverses() -> sa.Index:
    table = sa.Table("ledger_postings", sa.MetaData(), sa.Column("reverses", Identity))
    where = table.c.reverses.is_not(None)
    return sa.Index("ix_ledger_postings_reverses", table.c.reverses, sqlite_where=where, postgresql_where=where)


def _due() -> sa.Index:
    table = sa.Table("account_state", sa.MetaData(), sa.Column("due_at", UtcTime), sa.Column("account_id", Identity))
    where = sa.text("due_at < '9999-12-31 00:00:00+00'")
    return sa.Index(
        "ix_account_state_due", table.c.due_at, table.c.account_id, sqlite_where=where, postgresql_where=where
    )


def _open_grants() -> sa.Index:
    table = sa.Table(
        "grants", sa.MetaData(), sa.Column("account_id", Identity), sa.Column("remaining_nanos", sa.BigInteger)
    )
    where = table.c.remaining_nanos > 0
    return sa.Index("ix_grants_open", table.c.account_id, sqlite_where=where, postgresql_where=where)


def _identity() -> sa.Column[Any]:
    return sa.Column("id", Identity, primary_key=True, autoincrement=True)


def _account(*, null: bool = False, **options: Any) -> sa.Column[Any]:
    return sa.Column("account_id", Identity, sa.ForeignKey("accounts.id"), nullable=null, **options)


def _text(name: str, *, null: bool = False, **options: Any) -> sa.Column[Any]:
    return sa.Column(name, sa.Text, nullable=null, **options)


def _time(name: str, *, null: bool = False, **options: Any) -> sa.Column[Any]:
    return sa.Column(name, UtcTime, nullable=null, **options)


def _change(name: str, comment: str) -> sa.Column[Any]:
    return sa.Column(name, sa.BigInteger, nullable=False, server_default="0", comment=comment)


holds = sa.Table(
    "holds",
    frozen,
    _identity(),
    _account(),
    _text("hold_id", comment="unique in its account; the same again is the same hold"),
    sa.Column("amount_nanos", sa.BigInteger, nullable=False),
    sa.Column("status", sa.String(8), nullable=False, server_default="open"),
    _text("provider"),
    _text("model"),
    _text("plan"),
    _text("task", null=True),
    sa.Column("units", Json, nullable=False, comment="the estimate, in stored parts"),
    sa.Column(
        "tokens", sa.BigInteger, nullable=False, server_default="0", comment="of the estimate, as quotas count them"
    ),
    sa.Column("run_unit_micros", sa.BigInteger, nullable=False, server_default="0", comment="of the estimate"),
    sa.Column("release_id", Identity, sa.ForeignKey("releases.id"), nullable=False),
    _time("created_at"),
    _time("expires_at"),
    _time("settled_at", null=True),
    _text("event_id", null=True, comment="the event that captured it"),
    sa.CheckConstraint("status IN ('open', 'captured', 'released', 'expired')", name="status"),
    sa.CheckConstraint("amount_nanos >= 0", name="not_negative"),
    sa.UniqueConstraint("account_id", "hold_id"),
)
sa.Index(
    "ix_holds_open",
    holds.c.account_id,
    holds.c.expires_at,
    sqlite_where=holds.c.status == "open",
    postgresql_where=holds.c.status == "open",
)
users = sa.Table(
    "users",
    frozen,
    _identity(),
    _account(),
    _text("user_id", comment="as calls name it"),
    _text("name", null=True),
    _text("email", null=True),
    sa.Column("role", sa.String(20), nullable=False, server_default="member"),
    _time("created_at"),
    _time("removed_at", null=True),
    sa.UniqueConstraint("account_id", "user_id"),
    comment="the members of accounts; calls may name others, too",
)
api_keys = sa.Table(
    "api_keys",
    frozen,
    _identity(),
    sa.Column("key_id", sa.String(20), nullable=False, unique=True, comment="the public part of the key"),
    sa.Column("secret_hash", sa.String(64), nullable=False, comment="SHA-256 of the secret part, hexadecimal"),
    _account(null=True, comment="NULL for the keys of administrators"),
    sa.Column("scope", sa.String(5), nullable=False),
    _text("name", null=True),
    _time("created_at"),
    _text("created_by"),
    _time("expires_at", null=True),
    _time("revoked_at", null=True),
    _time("last_used_at", null=True, comment="to the minute"),
    sa.CheckConstraint("scope IN ('read', 'meter', 'admin')", name="scope"),
    sa.CheckConstraint("(scope = 'admin') = (account_id IS NULL)", name="owner"),
    sa.Index("ix_api_keys_account_id", "account_id"),
)
alerts = sa.Table(
    "alerts",
    frozen,
    _identity(),
    _account(),
    sa.Column("quota", sa.String(40), nullable=False, comment="such as tokens_per_month"),
    sa.Column("period", sa.String(20), nullable=False, comment="such as 2026-11 or 2026-11-21"),
    sa.Column("percent", sa.Integer, nullable=False, comment="the threshold that was reached: 80, 95 or 100"),
    sa.Column("used", sa.BigInteger, nullable=False, comment="in stored parts"),
    sa.Column("allowed", sa.BigInteger, nullable=False, comment="the limit, in stored parts"),
    _text("plan"),
    _time("created_at"),
    sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
    _time("try_at", null=True, comment="when to tell next; NULL when told, or given up"),
    _time("told_at", null=True),
    _text("fault", null=True, comment="why the last attempt failed"),
    sa.UniqueConstraint("account_id", "quota", "period", "percent", "allowed"),
)
sa.Index(
    "ix_alerts_untold",
    alerts.c.try_at,
    sqlite_where=alerts.c.try_at.is_not(None),
    postgresql_where=alerts.c.try_at.is_not(None),
)
NEW = [holds, users, api_keys, alerts]
