"""The first schema: releases and what they say, accounts, the ledger, usage, the audit log.

The tables as they were at this step, frozen: later steps alter them, this one stays as it is.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

from schema.tables.base import Identity, Json, UtcTime

revision = "0001"
down_revision = None
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


def upgrade() -> None:
    """Create every table."""
    frozen.create_all(op.get_bind(), checkfirst=False)


def downgrade() -> None:
    """Drop every table."""
    frozen.drop_all(op.get_bind(), checkfirst=False)


def _identity() -> sa.Column[Any]:
    return sa.Column("id", Identity, primary_key=True, autoincrement=True)


def _text(name: str, *, null: bool = False, **options: Any) -> sa.Column[Any]:
    return sa.Column(name, sa.Text, nullable=null, **options)


def _code(name: str, length: int, **options: Any) -> sa.Column[Any]:
    return sa.Column(name, sa.String(length), nullable=False, **options)


def _time(name: str, *, null: bool = False, **options: Any) -> sa.Column[Any]:
    return sa.Column(name, UtcTime, nullable=null, **options)


def _day(name: str, **options: Any) -> sa.Column[Any]:
    return sa.Column(name, sa.Date, nullable=False, **options)


def _flag(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.Boolean, nullable=False)


def _small(name: str, **options: Any) -> sa.Column[Any]:
    return sa.Column(name, sa.Integer, nullable=False, **options)


def _whole(name: str, *, null: bool = False, **options: Any) -> sa.Column[Any]:
    return sa.Column(name, sa.BigInteger, nullable=null, **options)


def _json(name: str, *, null: bool = False, **options: Any) -> sa.Column[Any]:
    return sa.Column(name, Json, nullable=null, **options)


def _refers(name: str, table: str, *, null: bool = False, **options: Any) -> sa.Column[Any]:
    return sa.Column(name, Identity, sa.ForeignKey(f"{table}.id"), nullable=null, **options)


def _check(name: str, condition: str) -> sa.CheckConstraint:
    return sa.CheckConstraint(condition, name=name)


def _partial(name: str, *columns: str, where: str, unique: bool = False) -> sa.Index:
    return sa.Index(name, *columns, unique=unique, sqlite_where=sa.text(where), postgresql_where=sa.text(where))


# ---- releases, and what they say

sa.Table(
    "releases",
    frozen,
    _identity(),
    _code("commit_sha", 64),
    _code("config_tree", 64, comment="git's hash of the config folder"),
    _text("label", null=True),
    _text("title", server_default=""),
    _text("author", comment="of the commit: name and address"),
    _time("authored_at"),
    _text("applied_by"),
    _time("applied_at"),
    _refers("base_release", "releases", null=True),
    _code("fingerprint", 64, comment="of the plan that was applied"),
    _small("creates"),
    _small("updates"),
    _small("deletes"),
    comment="one row for each successful apply",
)

sa.Table(
    "release_changes",
    frozen,
    _identity(),
    _refers("release_id", "releases"),
    _code("kind", 20),
    _text("key"),
    _code("action", 6),
    _json("after", null=True, comment="the entity as this release left it; NULL when it was deleted"),
    _check("action", "action IN ('create', 'update', 'delete')"),
    sa.Index("ix_release_changes_kind_key_release_id", "kind", "key", "release_id"),
    sa.Index("ix_release_changes_release_id", "release_id"),
    comment="append-only journal: folded over all releases it is the state that the last release left",
)


def _config(name: str, key: tuple[sa.Column[Any], ...], *values: sa.Column[Any] | sa.CheckConstraint) -> None:
    sa.Table(
        name,
        frozen,
        _identity(),
        *key,
        *values,
        _refers("introduced_release", "releases"),
        _refers("retired_release", "releases", null=True),
        _partial(
            f"uq_{name}_current",
            *(column.name for column in key),
            where="retired_release IS NULL",
            unique=True,
        ),
    )


_config("providers", (_text("provider"),), _text("display_name"))

_config(
    "models",
    (_text("provider"), _text("model")),
    _text("display_name"),
    _text("type"),
    _text("access"),
    _json("aliases"),
    _whole("context_window", null=True),
    _whole("max_output", null=True),
    _flag("active"),
    _check("type", "type IN ('llm', 'embedding', 'image', 'audio', 'video', 'rerank')"),
)

_config(
    "prices",
    (_text("provider"), _text("model"), _time("effective")),
    _time("in_force_from", comment="the effective moment, or that of apply when later"),
    _json("rates", comment="cost: unit to pico-USD per unit"),
    _json("tiers", comment="cost above an input: [{from, rates}]"),
    _whole("margin_micros", null=True),
    _json("plan_margins", comment="plan to margin in millionths"),
    _json("charge_rates", null=True, comment="list price: unit to pico-USD per unit"),
    _json("charge_tiers", null=True, comment="list price above an input: [{from, rates}]"),
    _whole("credits_micros", null=True, comment="multiplier of credit burn in millionths"),
    _text("source_url", null=True),
    _text("source_checked", null=True),
    _text("note", null=True),
    _check(
        "one_charge",
        "(margin_micros IS NOT NULL AND charge_rates IS NULL AND credits_micros IS NULL)"
        " OR (margin_micros IS NULL AND charge_rates IS NOT NULL AND credits_micros IS NULL)"
        " OR (margin_micros IS NULL AND charge_rates IS NULL AND credits_micros IS NOT NULL)",
    ),
    _check("not_negative", "margin_micros >= 0 AND credits_micros >= 0"),
)

_config("tasks", (_text("task"),), _text("description", null=True), _flag("billable"))

_config(
    "routes",
    (_text("provider"), _text("task")),
    _json("targets", comment="[{model: provider/model, weight: percent}]"),
    _json("fallbacks", comment="[provider/model]"),
)

_config(
    "plans",
    (_text("plan"),),
    _text("name"),
    _text("description", null=True),
    _flag("active"),
    _whole("monthly_nanos", null=True, comment="NULL for a custom price"),
    _whole("annual_nanos", null=True),
    _text("currency"),
    _whole("trial_days"),
    _text("access"),
    _whole("included_nanos", comment="credit that each period includes"),
    _text("overage"),
    _json("limits", comment="limit to whole number; null is unlimited"),
    _json("features"),
    _json("litellm", null=True),
    _check("overage", "overage IN ('block', 'soft', 'grace', 'observe')"),
    _check("not_negative", "monthly_nanos >= 0 AND annual_nanos >= 0 AND included_nanos >= 0"),
)

_config(
    "credit_packs",
    (_text("pack"),),
    _whole("price_nanos"),
    _text("currency"),
    _whole("credits"),
    _whole("sort_order"),
    _text("badge", null=True),
    _flag("active"),
    _text("stripe_price_id", null=True),
    _check("not_negative", "price_nanos >= 0 AND credits >= 0"),
)

_config(
    "features",
    (_text("feature"),),
    _text("display_name", null=True),
    _text("description", null=True),
    _text("cost_type"),
    _whole("amount_pico", comment="pico-USD per token, use or image"),
    _whole("multiplier_micros"),
    _json("plan_overrides", comment="plan to {amount_pico, multiplier_micros}"),
    _flag("billable"),
    _text("mode"),
    _check("cost_type", "cost_type IN ('per_token', 'per_use', 'per_image')"),
    _check("mode", "mode IN ('add', 'replace')"),
)

_config(
    "run_units",
    (_text("name"),),
    _whole("value_micros", comment="names: minimum, decimals, tier/NAME, tool/NAME"),
)

_config("reasoning_levels", (_text("level"),), _whole("multiplier_micros"))

_config(
    "exchange_rates",
    (_text("base"), _text("quote"), _time("effective")),
    _whole("rate_micros", comment="quote per base"),
    _text("source_url", null=True),
    _check("positive", "rate_micros > 0"),
)

_config("settings", (_text("setting"),), _json("value", null=True))

_config(
    "access",
    (_text("person"),),
    _text("role"),
    _check("role", "role IN ('admin', 'analyst', 'viewer')"),
)

_config("policy", (_text("policy"),), _json("value", null=True))


# ---- who is billed

sa.Table(
    "accounts",
    frozen,
    _identity(),
    sa.Column("account", sa.Text, nullable=False, unique=True, comment="the name that calls use"),
    _text("name", null=True, comment="the name that people see"),
    _code("status", 9, server_default="active"),
    _time("created_at"),
    _check("status", "status IN ('active', 'suspended', 'banned', 'deleted')"),
)

sa.Table(
    "subscriptions",
    frozen,
    _identity(),
    _refers("account_id", "accounts"),
    _text("plan"),
    _code("status", 9),
    _code("cycle", 7),
    _whole("fee_nanos", comment="per cycle, as agreed when it began"),
    _time("started_at"),
    _time("trial_until", null=True, comment="no fee accrues before"),
    _time("ended_at", null=True, comment="half-open; NULL while it runs"),
    _check("status", "status IN ('trial', 'active', 'past_due', 'cancelled')"),
    _check("cycle", "cycle IN ('monthly', 'annual')"),
    _check("not_negative", "fee_nanos >= 0"),
    _check("order", "ended_at IS NULL OR ended_at >= started_at"),
    sa.Index("ix_subscriptions_account_id_started_at", "account_id", "started_at"),
    _partial("uq_subscriptions_running", "account_id", where="ended_at IS NULL", unique=True),
)

sa.Table(
    "account_state",
    frozen,
    sa.Column("account_id", Identity, sa.ForeignKey("accounts.id"), primary_key=True, autoincrement=False),
    _whole("balance_nanos", server_default="0", comment="the sum of the account's postings"),
    _whole("owed_nanos", server_default="0", comment="overage not yet met by a grant"),
    _whole("overdraft_nanos", server_default="0", comment="observed, not yet met by a grant"),
    _text("plan"),
    _time("plan_since"),
    _day("month", comment="first day of the month that the next counters count"),
    _whole("month_tokens", server_default="0"),
    _whole("month_run_unit_micros", server_default="0"),
    _day("day", comment="the day that the next counter counts"),
    _whole("day_requests", server_default="0"),
    _time("last_event_at", null=True),
    _check("not_negative", "owed_nanos >= 0 AND overdraft_nanos >= 0"),
    comment="one row an account: what the hot path locks, reads and writes",
)


# ---- the money

sa.Table(
    "grants",
    frozen,
    _identity(),
    _refers("account_id", "accounts"),
    _code("kind", 8),
    _whole("face_nanos", comment="the usage it is worth"),
    _whole("paid_nanos", comment="what was paid for it"),
    _whole("remaining_nanos"),
    _small("priority", comment="lower burns first"),
    _time("starts_at"),
    _time("expires_at", null=True, comment="half-open; NULL never"),
    _text("idempotency_key"),
    _text("note", null=True),
    _time("created_at"),
    _check("kind", "kind IN ('plan', 'signup', 'promo', 'purchase')"),
    _check("remaining", "remaining_nanos >= 0 AND remaining_nanos <= face_nanos"),
    _check("amounts", "face_nanos > 0 AND paid_nanos >= 0"),
    _check("order", "expires_at IS NULL OR expires_at > starts_at"),
    sa.UniqueConstraint("account_id", "idempotency_key"),
    _partial("ix_grants_open", "account_id", where="remaining_nanos > 0"),
)

sa.Table(
    "ledger_postings",
    frozen,
    _identity(),
    _refers("account_id", "accounts"),
    _code("kind", 10),
    _whole("amount_nanos", comment="positive into the wallet, negative out of it"),
    _whole("balance_nanos", comment="of the account after it"),
    _whole("revenue_nanos", server_default="0", comment="earned by the posting itself"),
    _json("burned", comment="[[grant id, nanos]] in the order burned or repaid"),
    _text("idempotency_key"),
    _time("occurred_at"),
    _time("recorded_at"),
    _text("note", null=True),
    _check("kind", "kind IN ('grant', 'debit', 'purchase', 'refund', 'adjustment', 'expiry')"),
    sa.Index("ix_ledger_postings_account_id_id", "account_id", "id"),
    _partial("uq_ledger_postings_keys", "account_id", "idempotency_key", where="kind != 'debit'", unique=True),
    _partial("ix_ledger_postings_earning", "occurred_at", where="revenue_nanos != 0"),
    comment="append-only",
)


# ---- what was called

_UNITS = (
    "input_units",
    "output_units",
    "cache_read_units",
    "cache_write_units",
    "cache_write_1h_units",
    "reasoning_units",
    "audio_input_units",
    "audio_output_units",
    "image_units",
    "request_units",
    "character_units",
    "page_units",
    "video_second_units",
    "audio_minute_units",
    "run_unit_units",
)

sa.Table(
    "usage_events",
    frozen,
    _identity(),
    _refers("account_id", "accounts"),
    _text("event_id"),
    _time("occurred_at"),
    _time("recorded_at"),
    _day("day", comment="UTC day of occurred_at"),
    _text("user_id", null=True),
    _text("provider"),
    _text("model"),
    _text("plan", comment="of the account when it occurred"),
    _text("task", null=True),
    _text("feature", null=True),
    _text("tool", null=True),
    _text("tier", null=True),
    _text("reasoning_level", null=True),
    *(_whole(name, server_default="0") for name in _UNITS),
    _whole("cpu_seconds_micros", null=True),
    _whole("gpu_seconds_micros", null=True),
    _whole("latency_ms", null=True),
    _json("details", null=True, comment="the caller's metadata"),
    _code("status", 8),
    _refers("price_id", "prices", null=True, comment="the entry that priced it"),
    _refers("release_id", "releases", comment="in force when it was recorded"),
    _refers("posting_id", "ledger_postings", null=True, comment="the debit that it is part of"),
    _whole("cost_nanos"),
    _whole("charge_nanos"),
    _whole("included_nanos", comment="of the charge: met by plan grants"),
    _whole("promotional_nanos", comment="of the charge: met by signup and promotional grants"),
    _whole("purchased_nanos", comment="of the charge: met by purchased credit"),
    _whole("owed_nanos", comment="of the charge: overage that the account owes"),
    _whole("overdraft_nanos", comment="of the charge: beyond the credit while only observing"),
    _whole("revenue_nanos", comment="purchased credit at what was paid for it, and overage"),
    _check("status", "status IN ('priced', 'unpriced')"),
    _check(
        "charge_is_met",
        "charge_nanos = included_nanos + promotional_nanos + purchased_nanos + owed_nanos + overdraft_nanos",
    ),
    _check("not_negative", " AND ".join(f"{name} >= 0" for name in ("cost_nanos", "charge_nanos", *_UNITS))),
    sa.Index("ix_usage_events_day", "day"),
    sa.Index("ix_usage_events_account_id_occurred_at", "account_id", "occurred_at"),
    _partial("ix_usage_events_unpriced", "day", where="status = 'unpriced'"),
)

sa.Table(
    "event_keys",
    frozen,
    sa.Column("account_id", Identity, sa.ForeignKey("accounts.id"), primary_key=True, autoincrement=False),
    sa.Column("event_id", sa.Text, primary_key=True),
    sa.Column("usage_id", Identity, nullable=False, comment="the event's row"),
    sa.Column("content_hash", sa.LargeBinary(16), nullable=False, comment="tells a repeat from a clash"),
    sqlite_with_rowid=False,
    comment="uniqueness of events, apart from them so that events can be partitioned",
)

sa.Table(
    "usage_adjustments",
    frozen,
    _identity(),
    sa.Column("usage_id", Identity, nullable=False),
    _refers("account_id", "accounts"),
    _day("day", comment="of the event"),
    _refers("release_id", "releases"),
    _refers("price_id", "prices", null=True),
    _refers("posting_id", "ledger_postings", null=True),
    _whole("cost_nanos", comment="change of the cost"),
    _whole("charge_nanos", comment="change of the charge"),
    _whole("revenue_nanos", comment="change of the revenue"),
    _text("idempotency_key"),
    _time("recorded_at"),
    sa.UniqueConstraint("usage_id", "idempotency_key"),
    sa.Index("ix_usage_adjustments_day", "day"),
    comment="append-only: what re-rating changed of an event",
)


# ---- who did what, and facts about this database

sa.Table(
    "audit_log",
    frozen,
    _identity(),
    _time("at"),
    _text("actor"),
    _code("action", 50),
    _text("target"),
    _json("before", null=True),
    _json("after", null=True),
    _text("address", null=True),
    sa.Index("ix_audit_log_at", "at"),
    comment="append-only",
)

sa.Table(
    "meta",
    frozen,
    sa.Column("key", sa.String(50), primary_key=True),
    _text("value"),
    comment="facts about this database, such as the day that the demo is anchored at",
)
