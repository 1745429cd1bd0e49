"""Rows as people read them: in the shape of the YAML, with USD and factors as decimal text."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from schema.findings import printable
from schema.keys import moment_text
from schema.money import multiplier_text, per_million_text, per_unit_text, usd_text
from schema.units import TOKEN_UNITS
from sync.desired import Row

_PER_MILLION_UNITS = (*TOKEN_UNITS, "character")


def present(kind: str, row: Row | None) -> dict[str, Any] | None:
    """A row of a kind for people; None stays None. Parts that say nothing are left out."""
    return None if row is None else _SHAPES[kind](row)


def _written(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None and value != {} and value != []}


def _provider(row: Row) -> dict[str, Any]:
    return {"display_name": row["display_name"]}


def _model(row: Row) -> dict[str, Any]:
    fields = ("display_name", "type", "access", "aliases", "context_window", "max_output", "active")
    return _written({name: row[name] for name in fields})


def _price(row: Row) -> dict[str, Any]:
    charge = row["charge_rates"]
    shown = {
        "effective": moment_text(row["effective"]),
        **_rates(row["rates"]),
        "above_input": _tiers(row["tiers"]),
        "margin": _margin(row["margin_micros"], row["plan_margins"]),
        "charge": None if charge is None else {**_rates(charge), **_charge_tiers(row)},
        "credits": _credits(row["credits_micros"]),
        "source": _written({"url": row["source_url"], "checked": row["source_checked"]}),
        "note": row["note"],
    }
    return _written(shown)


def _charge_tiers(row: Row) -> dict[str, Any]:
    return _written({"above_input": _tiers(row["charge_tiers"] or [])})


def _rates(rates: Mapping[str, int]) -> dict[str, dict[str, str]]:
    per_million = {unit: per_million_text(rate) for unit, rate in rates.items() if unit in _PER_MILLION_UNITS}
    per_unit = {unit: per_unit_text(rate) for unit, rate in rates.items() if unit not in _PER_MILLION_UNITS}
    return _written({"per_million": per_million, "per_unit": per_unit})


def _tiers(tiers: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{"from": tier["from"], **_rates(tier["rates"])} for tier in tiers]


def _margin(default: int | None, plans: Mapping[str, int] | None) -> str | dict[str, Any] | None:
    if default is None:
        return None
    if not plans:
        return multiplier_text(default)
    return {
        "default": multiplier_text(default),
        "plans": {plan: multiplier_text(margin) for plan, margin in plans.items()},
    }


def _credits(multiplier: int | None) -> dict[str, str] | None:
    return None if multiplier is None else {"multiplier": multiplier_text(multiplier)}


def _task(row: Row) -> dict[str, Any]:
    return _written({"description": row["description"], "billable": row["billable"]})


def _route(row: Row) -> dict[str, Any]:
    targets = row["targets"]
    if len(targets) == 1:
        target: dict[str, Any] = {"model": targets[0]["model"]}
    else:
        target = {"split": targets}
    return _written({**target, "fallbacks": row["fallbacks"]})


def _plan(row: Row) -> dict[str, Any]:
    monthly, annual = row["monthly_nanos"], row["annual_nanos"]
    price: Any = "custom"
    if monthly is not None:
        price = _written({"monthly": usd_text(monthly), "annual": None if annual is None else usd_text(annual)})
    limits = {name: "unlimited" if limit is None else limit for name, limit in row["limits"].items()}
    shown = {
        "name": row["name"],
        "description": row["description"],
        "active": row["active"],
        "price": price,
        "currency": row["currency"],
        "trial_days": row["trial_days"],
        "access": row["access"],
        "included_credit": usd_text(row["included_nanos"]),
        "overage": row["overage"],
        "limits": limits,
        "features": row["features"],
        "litellm": row["litellm"],
    }
    return _written(shown)


def _pack(row: Row) -> dict[str, Any]:
    shown = {
        "price": usd_text(row["price_nanos"]),
        "currency": row["currency"],
        "credits": row["credits"],
        "order": row["sort_order"],
        "badge": row["badge"],
        "active": row["active"],
        "stripe_price_id": row["stripe_price_id"],
    }
    return _written(shown)


def _feature(row: Row) -> dict[str, Any]:
    overrides = {plan: _override(parts) for plan, parts in row["plan_overrides"].items()}
    shown = {
        "display_name": row["display_name"],
        "description": row["description"],
        "cost_type": row["cost_type"],
        "amount": per_unit_text(row["amount_pico"]),
        "multiplier": multiplier_text(row["multiplier_micros"]),
        "plans": overrides,
        "billable": row["billable"],
        "mode": row["mode"],
    }
    return _written(shown)


def _override(parts: Mapping[str, int | None]) -> dict[str, str]:
    amount, multiplier = parts.get("amount_pico"), parts.get("multiplier_micros")
    shown = {
        "amount": None if amount is None else per_unit_text(amount),
        "multiplier": None if multiplier is None else multiplier_text(multiplier),
    }
    return _written(shown)


def _run_unit(row: Row) -> dict[str, Any]:
    return {"value": multiplier_text(row["value_micros"])}


def _reasoning(row: Row) -> dict[str, Any]:
    return {"multiplier": multiplier_text(row["multiplier_micros"])}


def _rate(row: Row) -> dict[str, Any]:
    source = {"url": row["source_url"]} if row["source_url"] else None
    rate = multiplier_text(row["rate_micros"])
    return _written({"effective": moment_text(row["effective"]), "rate": rate, "source": source})


def _value(row: Row) -> dict[str, Any]:
    return {"value": row["value"]}


def _access(row: Row) -> dict[str, Any]:
    return {"role": row["role"]}


def leaves(shown: Mapping[str, Any] | None) -> dict[str, Any]:
    """A presented row by dotted fields, as `--set` names them: `per_million.input` is `0.8`."""
    found: dict[str, Any] = {}
    if shown is not None:
        _collect("", shown, found)
    return found


def _collect(prefix: str, value: Any, found: dict[str, Any]) -> None:
    if isinstance(value, Mapping) and value:
        for name, part in value.items():
            _collect(f"{prefix}.{name}" if prefix else str(name), part, found)
    elif isinstance(value, list) and value and all(isinstance(part, Mapping) for part in value):
        for index, part in enumerate(value):
            _collect(f"{prefix}.{index}", part, found)
    else:
        found[prefix] = value


def value_text(value: Any) -> str:
    """One value in one line."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return f"[{', '.join(value_text(part) for part in value)}]"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{name}: {value_text(part)}" for name, part in value.items()) + "}"
    # A text may hold anything; what moves a cursor is not for a terminal.
    return printable(str(value))


_SHAPES: dict[str, Callable[[Row], dict[str, Any]]] = {
    "provider": _provider,
    "model": _model,
    "price": _price,
    "task": _task,
    "route": _route,
    "plan": _plan,
    "pack": _pack,
    "feature": _feature,
    "run_unit": _run_unit,
    "reasoning": _reasoning,
    "rate": _rate,
    "setting": _value,
    "access": _access,
    "policy": _value,
}

__all__ = ["leaves", "present", "value_text"]
