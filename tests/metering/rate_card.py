"""A small configuration, written as rows, for the tests of the runtime."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, Engine, insert, update

from metering.meter import Meter
from metering.rating.price import Price
from schema.database import writing
from schema.money import micros, nanos, rate_from_per_million
from schema.tables import CONFIG_TABLES, releases

NOW = datetime(2026, 6, 15, 12, tzinfo=UTC)
JANUARY = datetime(2026, 1, 1, tzinfo=UTC)
JUNE = datetime(2026, 6, 1, tzinfo=UTC)
COMMIT = "0123456789abcdef0123456789abcdef01234567"


def per_million(**usd: str) -> dict[str, int]:
    """Rates from USD per million units."""
    return {unit: rate_from_per_million(Decimal(text)) for unit, text in usd.items()}


def price_row(provider: str, model: str, effective: datetime = JANUARY, **values: Any) -> dict[str, Any]:
    """A row of `prices`: at cost unless `values` say otherwise."""
    charged = {"charge_rates", "credits_micros"} & {name for name, value in values.items() if value is not None}
    row = {
        "provider": provider,
        "model": model,
        "effective": effective,
        "in_force_from": effective,
        "rates": per_million(input="1", output="5"),
        "tiers": [],
        "margin_micros": None if charged else micros(Decimal(1)),
        "plan_margins": {},
        "charge_rates": None,
        "charge_tiers": None,
        "credits_micros": None,
        "source_url": None,
        "source_checked": None,
        "note": None,
    }
    return row | values


def make_price(credit_burn: Mapping[str, Any] | None = None, credits_per_dollar: int = 10_000, **values: Any) -> Price:
    """A compiled price of `anthropic/haiku`."""
    row = price_row("anthropic", "haiku", **values)
    return Price.from_row(row, credit_burn=credit_burn, credits_per_dollar=credits_per_dollar)


def model_row(provider: str, model: str, **values: Any) -> dict[str, Any]:
    """A row of `models`: an active llm."""
    row = {
        "provider": provider,
        "model": model,
        "display_name": model.title(),
        "type": "llm",
        "access": "basic",
        "aliases": [],
        "context_window": None,
        "max_output": None,
        "active": True,
    }
    return row | values


def plan_row(plan: str, **values: Any) -> dict[str, Any]:
    """A row of `plans`: free, blocking, without included credit."""
    row = {
        "plan": plan,
        "name": plan.title(),
        "description": None,
        "active": True,
        "monthly_nanos": 0,
        "annual_nanos": None,
        "currency": "USD",
        "trial_days": 0,
        "access": "basic",
        "included_nanos": 0,
        "overage": "block",
        "limits": {},
        "features": [],
        "litellm": None,
    }
    return row | values


def route_row(provider: str, task: str, *targets: tuple[str, int], fallbacks: tuple[str, ...] = ()) -> dict[str, Any]:
    """A row of `routes`."""
    return {
        "provider": provider,
        "task": task,
        "targets": [{"model": model, "weight": weight} for model, weight in targets],
        "fallbacks": list(fallbacks),
    }


def setting(name: str, value: Any) -> dict[str, Any]:
    """A row of `settings`."""
    return {"setting": name, "value": value}


ROWS: dict[str, list[dict[str, Any]]] = {
    "provider": [
        {"provider": "anthropic", "display_name": "Anthropic"},
        {"provider": "openai", "display_name": "OpenAI"},
    ],
    "model": [
        model_row("anthropic", "haiku", aliases=["small"]),
        model_row("anthropic", "sonnet"),
        model_row("anthropic", "retired", active=False),
        model_row("anthropic", "unpriced"),
        model_row("openai", "gpt"),
        model_row("openai", "burner"),
    ],
    "price": [
        price_row(
            "anthropic",
            "haiku",
            rates=per_million(input="1", output="5", cache_read="0.10", cache_write="1.25"),
            margin_micros=3_000_000,
            plan_margins={"pro": 2_500_000},
        ),
        price_row(
            "anthropic",
            "haiku",
            JUNE,
            rates=per_million(input="0.80", output="4", cache_read="0.08", cache_write="1"),
            margin_micros=3_000_000,
            plan_margins={"pro": 2_500_000},
        ),
        price_row(
            "anthropic",
            "sonnet",
            rates=per_million(input="3", output="15", cache_read="0.30", cache_write="3.75"),
            tiers=[{"from": 200_000, "rates": per_million(input="6", output="22.50")}],
            margin_micros=1_300_000,
        ),
        price_row("anthropic", "retired", margin_micros=2_000_000),
        price_row("openai", "gpt", charge_rates=per_million(input="4", output="12"), margin_micros=None),
        price_row("openai", "burner", credits_micros=500_000, margin_micros=None),
    ],
    "task": [
        {"task": "extraction", "description": None, "billable": True},
        {"task": "routing", "description": None, "billable": False},
    ],
    "route": [
        route_row("anthropic", "_default", ("anthropic/sonnet", 100)),
        route_row("anthropic", "extraction", ("anthropic/haiku", 100)),
        route_row("anthropic", "chat", ("anthropic/sonnet", 90), ("anthropic/haiku", 10), fallbacks=("openai/gpt",)),
        route_row("anthropic", "elsewhere", ("openai/gpt", 100)),
        route_row("anthropic", "inactive", ("anthropic/retired", 100)),
        route_row("anthropic", "unpriced", ("anthropic/unpriced", 100)),
    ],
    "plan": [
        plan_row("free"),
        plan_row(
            "pro",
            monthly_nanos=nanos(Decimal(20)),
            annual_nanos=nanos(Decimal(200)),
            included_nanos=10**10,
            overage="soft",
            trial_days=14,
        ),
        plan_row("watched", overage="observe"),
        plan_row("custom", monthly_nanos=None),
    ],
    "pack": [
        {
            "pack": "Starter",
            "price_nanos": nanos(Decimal(5)),
            "currency": "USD",
            "credits": 50_000,
            "sort_order": 1,
            "badge": None,
            "active": True,
            "stripe_price_id": None,
        },
    ],
    "reasoning": [{"level": "advanced", "multiplier_micros": 1_500_000}],
    "setting": [setting("default_plan", "free"), setting("unknown_account", "create")],
    "policy": [],
}
"""By kind, as an apply writes them."""


def add_release(connection: Connection, applied_at: datetime = NOW, commit: str = COMMIT) -> int:
    """A release; returns its id."""
    values = {
        "commit_sha": commit,
        "config_tree": "b" * 40,
        "title": "Begin",
        "author": "Price Desk <prices@example.com>",
        "authored_at": applied_at,
        "applied_by": "prices@example.com",
        "applied_at": applied_at,
        "fingerprint": "c" * 64,
        "creates": 1,
        "updates": 0,
        "deletes": 0,
    }
    return int(connection.execute(insert(releases).values(values).returning(releases.c.id)).scalar_one())


def apply_rows(engine: Engine, rows: Mapping[str, list[dict[str, Any]]], commit: str = COMMIT) -> int:
    """Write rows as one release; a row of the same key is retired by it."""
    with writing(engine) as connection:
        release = add_release(connection, commit=commit)
        for kind, some in rows.items():
            config = CONFIG_TABLES[kind]
            for row in some:
                same = [config.table.c[name] == row[name] for name in config.key]
                connection.execute(
                    update(config.table)
                    .where(*same, config.table.c.retired_release.is_(None))
                    .values(retired_release=release)
                )
                connection.execute(insert(config.table).values(row | {"introduced_release": release}))
    return release


def apply_card(engine: Engine) -> None:
    """Write `ROWS` as the first release."""
    apply_rows(engine, ROWS)


def change(kind: str, key: Mapping[str, Any], **values: Any) -> dict[str, Any]:
    """A row of `ROWS` with other values."""
    row = next(row for row in ROWS[kind] if all(row[name] == value for name, value in key.items()))
    return row | values


class Clock:
    """A clock that stands still until it is set."""

    def __init__(self, moment: datetime = NOW) -> None:
        self.moment = moment

    def __call__(self) -> datetime:
        return self.moment

    def forward(self, **duration: float) -> None:
        self.moment += timedelta(**duration)


OpenMeter = Callable[..., Meter]
