"""What must hold of every validation, and of every tree that it accepts."""

from __future__ import annotations

import json
import re
from pathlib import PurePosixPath
from typing import Any

from metering.book.settings import read_settings
from metering.rating.price import Price
from metering.rating.rating import rate
from schema.units import stored_per_unit
from sync.checks import Validation
from sync.checks.codes import CODES
from sync.desired import desired_rows
from sync.render.findings import findings_github, findings_json, findings_text
from sync.render.style import Style
from tests.fuzz import reading
from tests.fuzz.trees import ADMINS, NOW, Files

REQUIRED = {"llm": {"input", "output"}, "embedding": {"input"}}
MOST = 2**63 - 1
LINE_END = re.compile(rb"\r\n|\r|\n|\xc2\x85|\xe2\x80[\xa8\xa9]")

Rows = dict[str, dict[str, dict[str, Any]]]


def check_findings(validation: Validation, files: Files) -> None:
    """Every finding has a code that is documented, a place that exists, and a message of one line."""
    for severity, findings in (("error", validation.errors), ("warning", validation.warnings)):
        for finding in findings:
            assert finding.code in CODES, finding
            assert finding.severity == severity, finding
            assert finding.message, finding
            assert finding.message == finding.message.strip(), finding
            place = finding.place
            assert place.line >= 1 <= place.column, finding
            data = files.get(place.file.removeprefix("config/"), b"")
            assert place.line <= max(1, len(LINE_END.split(data.rstrip()))), finding
    told = [*findings_text(validation, Style()), *findings_github(validation), findings_json(validation)]
    assert not any("\n" in line for line in told[:-1])
    "\n".join(told).encode()


def check_acceptance(validation: Validation, files: Files) -> None:
    """An accepted tree has rows, and they say what an independent reader reads."""
    rows = desired_rows(validation.catalogue)
    json.dumps(rows, default=str).encode()
    settings = read_settings({name: row["value"] for name, row in rows["setting"].items()})
    _check_numbers(rows)
    _check_models_and_routes(rows)
    _check_prices(rows, settings.credit_burn)
    _check_references(rows)
    _check_meaning(rows, files)


def _check_numbers(value: Any) -> None:
    """No float, no negative number and none that a column could not hold, anywhere in the rows of money."""
    if isinstance(value, dict):
        for name, part in value.items():
            assert isinstance(name, str)
            if name not in ("setting", "policy"):
                _check_numbers(part)
    elif isinstance(value, list):
        for part in value:
            _check_numbers(part)
    elif not isinstance(value, bool | str | None):
        assert not isinstance(value, float)
        if isinstance(value, int):
            assert 0 <= value <= MOST


def _check_models_and_routes(rows: Rows) -> None:
    models, routes = rows["model"], rows["route"]
    seen: dict[str, str] = {}
    for name, model in models.items():
        for alias in model["aliases"]:
            assert seen.setdefault(alias, name) == name
            assert alias not in {row["model"] for row in models.values()}
    for route in routes.values():
        assert sum(target["weight"] for target in route["targets"]) == 100
        assert f"{route['provider']}/_default" in routes
        for model in [*(target["model"] for target in route["targets"]), *route["fallbacks"]]:
            assert models[model]["active"], model


def _check_prices(rows: Rows, burn: Any) -> None:
    """Every active model is priced now, and now and on every later date for what its type needs; every price rates."""
    histories: dict[str, list[dict[str, Any]]] = {}
    for row in rows["price"].values():
        histories.setdefault(f"{row['provider']}/{row['model']}", []).append(row)
    for name, model in rows["model"].items():
        if model["active"]:
            assert any(row["effective"] <= NOW for row in histories[name]), name
    for name, history in histories.items():
        for row in history:
            assert row["rates"], name
            assert row["rates"].keys() >= REQUIRED.get(rows["model"][name]["type"], set()), name
            price = Price.compile(row, burn)
            sizes = {
                0,
                *(tier["from"] + 1 for tier in row["tiers"]),
                *(tier["from"] + 1 for tier in row["charge_tiers"] or ()),
            }
            for size in sizes:
                for unit in row["rates"]:
                    rated = rate(
                        price, {"input": size, unit: 3 * stored_per_unit(unit)} if size else {unit: 3}, plan="pro"
                    )
                    assert rated.cost_nanos >= 0 <= rated.charge_nanos
    routed = {
        model
        for route in rows["route"].values()
        for model in [*(target["model"] for target in route["targets"]), *route["fallbacks"]]
    }
    for name in routed:
        history = sorted(histories[name], key=lambda row: row["effective"])
        begun = sum(row["effective"] <= NOW for row in history)
        for before, after in zip(history[max(begun - 2, 0) :], history[max(begun - 1, 1) :], strict=False):
            lost = before["rates"].keys() - after["rates"].keys()
            assert not lost & {"image", "request", "character", "page", "video_second", "audio_minute", "run_unit"}, (
                name
            )


def _check_references(rows: Rows) -> None:
    plans = rows["plan"]
    for row in rows["price"].values():
        assert row["plan_margins"].keys() <= plans.keys()
        ways = [row["margin_micros"] is not None, row["charge_rates"] is not None, row["credits_micros"] is not None]
        assert sum(ways) == 1
        assert f"{row['provider']}/{row['model']}" in rows["model"]
    for row in rows["feature"].values():
        assert row["plan_overrides"].keys() <= plans.keys()
    default = rows["setting"].get("default_plan")
    assert default is None or default["value"] in plans
    roles = {person: row["role"] for person, row in rows["access"].items()}
    assert all(roles.get(admin, "admin") == "admin" for admin in ADMINS)


def _check_meaning(rows: Rows, files: Files) -> None:
    """Key by key and column by column what an independent reader finds, nothing left out and nothing added."""
    expected: dict[tuple[str, Any], dict[str, Any]] = {}
    for path, data in files.items():
        pure = PurePosixPath(path)
        if pure.suffix.lower() in (".yaml", ".yml") and not any(part.startswith(".") for part in pure.parts):
            for kind, key, columns in reading.amounts(path, reading.read(data)):
                assert (kind, key) not in expected, key
                expected[kind, key] = columns
    found = {(kind, _key(kind, name, row)): row for kind in _KINDS for name, row in rows[kind].items()}
    assert found.keys() == expected.keys()
    providers = {row["provider"] for row in rows["provider"].values()}
    for key, columns in expected.items():
        row = found[key]
        if key[0] == "route":
            provider = row["provider"]
            columns = {
                "targets": [
                    {"model": _full(rows, providers, provider, model), "weight": weight}
                    for model, weight in columns["targets"]
                ],
                "fallbacks": [_full(rows, providers, provider, model) for model in columns["fallbacks"]],
            }
        assert {name: row[name] for name in columns} == columns, key


_KINDS = ("model", "price", "route", "plan", "pack", "feature", "run_unit", "reasoning", "rate")


def _key(kind: str, name: str, row: dict[str, Any]) -> Any:
    match kind:
        case "model":
            return row["provider"], row["model"]
        case "price":
            return row["provider"], row["model"], row["effective"]
        case "route":
            return row["provider"], row["task"]
        case "rate":
            return row["base"], row["quote"], row["effective"]
        case _:
            return (name,)


def _full(rows: Rows, providers: set[str], provider: str, text: str) -> str:
    own = f"{provider}/{text}"
    foreign = own not in rows["model"] and text.split("/")[0] in providers and "/" in text
    return text if foreign else own
