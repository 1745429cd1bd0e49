"""An independent reader: what accepted documents say, by PyYAML's own parser in Python and `Decimal`, as rows.

It shares no code with `schema` or `sync`: a document that they accept must mean the same here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any

import yaml

_NULLS = ("", "~", "null", "Null", "NULL")
_MOMENT = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?(Z|[+-]\d\d(?::?\d\d)?)?)?", re.ASCII
)


class DuplicateKeyError(Exception):
    """A key stands twice in one mapping."""


@lru_cache(maxsize=2_000)
def read(data: bytes) -> Any:
    """Plain data of a document: text, None, lists and dicts. Raises on a key that stands twice."""
    text = data.decode("utf-8-sig")
    try:
        return _plain(yaml.compose(text, yaml.BaseLoader))
    except yaml.YAMLError:
        # The parser in Python refuses a little more, such as a tab at the end of a line, where YAML allows it.
        return _plain(yaml.compose(text, yaml.CBaseLoader))


def _plain(node: yaml.Node | None) -> Any:
    if isinstance(node, yaml.MappingNode):
        mapping: dict[str, Any] = {}
        for key, value in node.value:
            if key.value in mapping:
                raise DuplicateKeyError(key.value)
            mapping[key.value] = _plain(value)
        return mapping
    if isinstance(node, yaml.SequenceNode):
        return [_plain(child) for child in node.value]
    assert isinstance(node, yaml.ScalarNode)
    if not node.style and node.value in _NULLS:
        return None
    return node.value


def _agrees_with_yaml(text: str) -> None:
    """What YAML 1.1 resolves to a whole number must be that number to us, too, or no number."""
    if not re.fullmatch(r"[-+]?[0-9][0-9_]*", text):
        return
    value = yaml.safe_load(text)
    if isinstance(value, int):
        assert value == int(text), f"YAML reads {text} as {value}"


@lru_cache(maxsize=10_000)
def number(text: str) -> Decimal:
    """A number as it is written."""
    assert text.isascii(), text
    _agrees_with_yaml(text)
    return Decimal(text.replace("_", ""))


def whole(text: str, power: int = 0) -> int:
    """A number times a power of ten, which must be whole."""
    scaled = number(text) * 10**power
    assert scaled == int(scaled), text
    return int(scaled)


def moment(text: str) -> datetime:
    """A date or a timestamp in UTC."""
    found = _MOMENT.fullmatch(text.strip())
    assert found is not None, text
    year, month, day, hour, minute, second, fraction, zone = found.groups(default="")
    micros = int((fraction + "000000")[:6])
    naive = datetime(int(year), int(month), int(day), int(hour or 0), int(minute or 0), int(second or 0), micros, UTC)
    if zone in ("", "Z"):
        return naive
    digits = zone[1:].replace(":", "").ljust(4, "0")
    seconds = int(digits[:2]) * 3600 + int(digits[2:]) * 60
    return datetime.fromtimestamp(naive.timestamp() - (seconds if zone[0] == "+" else -seconds), UTC)


def day(text: str) -> str:
    """A day, in the one way to write it."""
    return date(int(text[:4]), int(text[5:7]), int(text[8:10])).isoformat()


def kind_of(path: str) -> str:
    """The kind of a document by its path."""
    return path.split("/")[0].rsplit(".", 1)[0] if "/" not in path else path.split("/")[0]


def rates(part: dict[str, Any]) -> dict[str, int]:
    """Pico-USD by unit."""
    found = {unit: whole(text, 6) for unit, text in part.get("per_million", {}).items()}
    return found | {unit: whole(text, 12) for unit, text in part.get("per_unit", {}).items()}


def tiers(part: dict[str, Any]) -> list[dict[str, Any]]:
    """Context tiers as rows hold them."""
    return [{"from": whole(tier["from"]), "rates": rates(tier)} for tier in part.get("above_input", [])]


def amounts(path: str, document: dict[str, Any]) -> Iterator[tuple[str, Any, dict[str, Any]]]:
    """Kind, key columns and expected columns of every entity of money in a document."""
    match kind_of(path):
        case "registry":
            for model, entry in document.get("models", {}).items():
                yield "model", (document["provider"], model), _model(entry)
        case "pricing":
            default = (document.get("defaults") or {}).get("margin")
            for model, entries in document.get("prices", {}).items():
                for entry in entries:
                    key = (document["provider"], model, moment(entry["effective"]))
                    yield "price", key, _price(entry, default)
        case "routing":
            for task, route in document.get("routes", {}).items():
                yield "route", (document["provider"], task), _route(route)
        case "plans":
            for plan, entry in document.get("plans", {}).items():
                yield "plan", (plan,), _plan(entry)
        case "credit_packs":
            for pack, entry in document.get("packs", {}).items():
                yield "pack", (pack,), {"price_nanos": whole(entry["price"], 9), "credits": whole(entry["credits"])}
        case "features":
            for feature, entry in document.get("features", {}).items():
                yield "feature", (feature,), _feature(entry)
        case "run_units":
            for name in ("minimum", "decimals"):
                if name in document:
                    yield "run_unit", (name,), {"value_micros": whole(document[name], 6)}
            for prefix, container in (("tier", "tiers"), ("tool", "overheads")):
                for name, text in document.get(container, {}).items():
                    yield "run_unit", (f"{prefix}/{name}",), {"value_micros": whole(text, 6)}
        case "reasoning":
            for level, text in document.get("levels", {}).items():
                yield "reasoning", (level,), {"multiplier_micros": whole(text, 6)}
        case "exchange_rates":
            for pair, dated in document.get("rates", {}).items():
                for entry in dated:
                    yield (
                        "rate",
                        (*pair.split("/"), moment(entry["effective"])),
                        {"rate_micros": whole(entry["rate"], 6)},
                    )


def _model(entry: dict[str, Any]) -> dict[str, Any]:
    return {
        "display_name": entry["display_name"].strip(),
        "type": entry["type"],
        "access": entry.get("access", "standard"),
        "aliases": entry.get("aliases", []),
        "active": {"true": True, "false": False}[entry.get("active", "true")],
    }


def _margins(margin: Any) -> tuple[int | None, dict[str, int]]:
    if margin is None:
        return None, {}
    if isinstance(margin, str):
        return whole(margin, 6), {}
    return whole(margin["default"], 6), {plan: whole(text, 6) for plan, text in margin.get("plans", {}).items()}


def _price(entry: dict[str, Any], default: Any) -> dict[str, Any]:
    # An empty value may not quietly stand for another way to charge.
    assert not any(name in entry and entry[name] is None for name in ("margin", "charge", "credits"))
    charge, burn = entry.get("charge"), entry.get("credits")
    margin = None if charge or burn else (entry.get("margin") or default)
    margin_micros, plan_margins = _margins(margin)
    return {
        "rates": rates(entry),
        "tiers": tiers(entry),
        "margin_micros": margin_micros,
        "plan_margins": plan_margins,
        "charge_rates": None if charge is None else rates(charge),
        "charge_tiers": None if charge is None else tiers(charge),
        "credits_micros": None if burn is None else whole(burn["multiplier"], 6),
        "source_checked": day(entry["source"]["checked"]) if (entry.get("source") or {}).get("checked") else None,
    }


def _route(route: Any) -> dict[str, Any]:
    """Models as they are written, without their provider."""
    if isinstance(route, str):
        return {"targets": [(route, 100)], "fallbacks": []}
    split = [(part["model"], whole(part["weight"])) for part in route.get("split", [])]
    return {"targets": split or [(route["model"], 100)], "fallbacks": route.get("fallbacks", [])}


def _plan(entry: dict[str, Any]) -> dict[str, Any]:
    price = entry["price"]
    custom = price == "custom"
    return {
        "monthly_nanos": None if custom else whole(price["monthly"], 9),
        "annual_nanos": None if custom or price.get("annual") is None else whole(price["annual"], 9),
        "included_nanos": whole(entry.get("included_credit", "0"), 9),
        "currency": entry.get("currency", "USD"),
        "trial_days": whole(entry.get("trial_days", "0")),
        "access": entry.get("access", "standard"),
        "overage": entry.get("overage", "block"),
        "limits": {
            name: None if limit == "unlimited" else whole(limit) for name, limit in entry.get("limits", {}).items()
        },
    }


def _feature(entry: dict[str, Any]) -> dict[str, Any]:
    return {
        "amount_pico": whole(entry.get("amount", "0"), 12),
        "multiplier_micros": whole(entry.get("multiplier", "1"), 6),
        "plan_overrides": {
            plan: {
                "amount_pico": None if change.get("amount") is None else whole(change["amount"], 12),
                "multiplier_micros": None if change.get("multiplier") is None else whole(change["multiplier"], 6),
            }
            for plan, change in entry.get("plans", {}).items()
        },
        "billable": {"true": True, "false": False}[entry.get("billable", "true")],
        "mode": entry.get("mode", "add"),
    }
