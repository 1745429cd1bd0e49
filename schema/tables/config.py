"""Releases, and what they say: a typed table for each kind of entity.

Every config table has its natural key, `introduced_release` and `retired_release`. One row a key is current
(`retired_release` is NULL, kept by a partial unique index); earlier rows stay as history.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import BigInteger, Boolean, CheckConstraint, Column, ForeignKey, Index, Integer, String, Table, Text
from sqlalchemy.schema import SchemaItem

from schema.tables.base import Identity, Json, Nanos, UtcTime, identity, metadata

releases = Table(
    "releases",
    metadata,
    identity(),
    Column("commit_sha", String(64), nullable=False),
    Column("config_tree", String(64), nullable=False, comment="git's hash of the config folder"),
    Column("label", Text),
    Column("title", Text, nullable=False, server_default=""),
    Column("author", Text, nullable=False, comment="of the commit: name and address"),
    Column("authored_at", UtcTime, nullable=False),
    Column("applied_by", Text, nullable=False),
    Column("applied_at", UtcTime, nullable=False),
    Column("base_release", Identity, ForeignKey("releases.id")),
    Column("fingerprint", String(64), nullable=False, comment="of the plan that was applied"),
    Column("creates", Integer, nullable=False),
    Column("updates", Integer, nullable=False),
    Column("deletes", Integer, nullable=False),
    comment="one row for each successful apply",
)

release_changes = Table(
    "release_changes",
    metadata,
    identity(),
    Column("release_id", Identity, ForeignKey("releases.id"), nullable=False),
    Column("kind", String(20), nullable=False),
    Column("key", Text, nullable=False),
    Column("action", String(6), nullable=False),
    Column("after", Json, comment="the entity as this release left it; NULL when it was deleted"),
    CheckConstraint("action IN ('create', 'update', 'delete')", name="action"),
    Index("ix_release_changes_kind_key_release_id", "kind", "key", "release_id"),
    Index("ix_release_changes_release_id", "release_id"),
    comment="append-only journal: folded over all releases it is the state that the last release left",
)


@dataclass(frozen=True, slots=True)
class ConfigTable:
    """A kind of entity and where it is stored. `key` names the natural key, `values` the compared columns."""

    kind: str
    table: Table
    key: tuple[str, ...]
    values: tuple[str, ...]


CONFIG_TABLES: dict[str, ConfigTable] = {}
"""By kind, in the order of `schema.keys.KINDS`."""


def _config(kind: str, name: str, key: list[Column[object]], values: list[Column[object]], *more: SchemaItem) -> Table:
    key_names = tuple(column.name for column in key)
    current = Column("retired_release", Identity, ForeignKey("releases.id"))
    table = Table(
        name,
        metadata,
        identity(),
        *key,
        *values,
        Column("introduced_release", Identity, ForeignKey("releases.id"), nullable=False),
        current,
        *more,
    )
    Index(
        f"uq_{name}_current",
        *(table.c[column] for column in key_names),
        unique=True,
        sqlite_where=current.is_(None),
        postgresql_where=current.is_(None),
    )
    compared = tuple(column.name for column in values if column.name != "in_force_from")
    CONFIG_TABLES[kind] = ConfigTable(kind, table, key_names, compared)
    return table


def _text(name: str, *, null: bool = False) -> Column[object]:
    return Column(name, Text, nullable=null)


def _flag(name: str) -> Column[object]:
    return Column(name, Boolean, nullable=False)


def _number(name: str, *, null: bool = False) -> Column[object]:
    return Column(name, BigInteger, nullable=null)


def _json(name: str, *, null: bool = False) -> Column[object]:
    return Column(name, Json, nullable=null)


providers = _config("provider", "providers", [_text("provider")], [_text("display_name")])

models = _config(
    "model",
    "models",
    [_text("provider"), _text("model")],
    [
        _text("display_name"),
        _text("type"),
        _text("access"),
        _json("aliases"),
        _number("context_window", null=True),
        _number("max_output", null=True),
        _flag("active"),
    ],
    CheckConstraint("type IN ('llm', 'embedding', 'image', 'audio', 'video', 'rerank')", name="type"),
)

prices = _config(
    "price",
    "prices",
    [_text("provider"), _text("model"), Column("effective", UtcTime, nullable=False)],
    [
        Column("in_force_from", UtcTime, nullable=False, comment="the effective moment, or that of apply when later"),
        Column("rates", Json, nullable=False, comment="cost: unit to pico-USD per unit"),
        Column("tiers", Json, nullable=False, comment="cost above an input: [{from, rates}]"),
        Column("margin_micros", BigInteger),
        Column("plan_margins", Json, nullable=False, comment="plan to margin in millionths"),
        Column("charge_rates", Json, comment="list price: unit to pico-USD per unit"),
        Column("charge_tiers", Json, comment="list price above an input: [{from, rates}]"),
        Column("credits_micros", BigInteger, comment="multiplier of credit burn in millionths"),
        _text("source_url", null=True),
        _text("source_checked", null=True),
        _text("note", null=True),
    ],
    CheckConstraint(
        "(margin_micros IS NOT NULL AND charge_rates IS NULL AND credits_micros IS NULL)"
        " OR (margin_micros IS NULL AND charge_rates IS NOT NULL AND credits_micros IS NULL)"
        " OR (margin_micros IS NULL AND charge_rates IS NULL AND credits_micros IS NOT NULL)",
        name="one_charge",
    ),
    CheckConstraint("margin_micros >= 0 AND credits_micros >= 0", name="not_negative"),
)

tasks = _config("task", "tasks", [_text("task")], [_text("description", null=True), _flag("billable")])

routes = _config(
    "route",
    "routes",
    [_text("provider"), _text("task")],
    [
        Column("targets", Json, nullable=False, comment="[{model: provider/model, weight: percent}]"),
        Column("fallbacks", Json, nullable=False, comment="[provider/model]"),
    ],
)

plans = _config(
    "plan",
    "plans",
    [_text("plan")],
    [
        _text("name"),
        _text("description", null=True),
        _flag("active"),
        Column("monthly_nanos", Nanos, comment="NULL for a custom price"),
        Column("annual_nanos", Nanos),
        _text("currency"),
        _number("trial_days"),
        _text("access"),
        Column("included_nanos", Nanos, nullable=False, comment="credit that each period includes"),
        _text("overage"),
        Column("limits", Json, nullable=False, comment="limit to whole number; null is unlimited"),
        _json("features"),
        _json("litellm", null=True),
    ],
    CheckConstraint("overage IN ('block', 'soft', 'grace', 'observe')", name="overage"),
    CheckConstraint("monthly_nanos >= 0 AND annual_nanos >= 0 AND included_nanos >= 0", name="not_negative"),
)

credit_packs = _config(
    "pack",
    "credit_packs",
    [_text("pack")],
    [
        Column("price_nanos", Nanos, nullable=False),
        _text("currency"),
        _number("credits"),
        _number("sort_order"),
        _text("badge", null=True),
        _flag("active"),
        _text("stripe_price_id", null=True),
    ],
    CheckConstraint("price_nanos >= 0 AND credits >= 0", name="not_negative"),
)

features = _config(
    "feature",
    "features",
    [_text("feature")],
    [
        _text("display_name", null=True),
        _text("description", null=True),
        _text("cost_type"),
        Column("amount_pico", BigInteger, nullable=False, comment="pico-USD per token, use or image"),
        _number("multiplier_micros"),
        Column("plan_overrides", Json, nullable=False, comment="plan to {amount_pico, multiplier_micros}"),
        _flag("billable"),
        _text("mode"),
    ],
    CheckConstraint("cost_type IN ('per_token', 'per_use', 'per_image')", name="cost_type"),
    CheckConstraint("mode IN ('add', 'replace')", name="mode"),
)

run_units = _config(
    "run_unit",
    "run_units",
    [_text("name")],
    [Column("value_micros", BigInteger, nullable=False, comment="names: minimum, decimals, tier/NAME, tool/NAME")],
)

reasoning_levels = _config("reasoning", "reasoning_levels", [_text("level")], [_number("multiplier_micros")])

exchange_rates = _config(
    "rate",
    "exchange_rates",
    [_text("base"), _text("quote"), Column("effective", UtcTime, nullable=False)],
    [Column("rate_micros", BigInteger, nullable=False, comment="quote per base"), _text("source_url", null=True)],
    CheckConstraint("rate_micros > 0", name="positive"),
)

settings = _config("setting", "settings", [_text("setting")], [_json("value", null=True)])

access = _config(
    "access",
    "access",
    [_text("person")],
    [_text("role")],
    CheckConstraint("role IN ('admin', 'analyst', 'viewer')", name="role"),
)

policy = _config("policy", "policy", [_text("policy")], [_json("value", null=True)])
