"""Where calls of a task went, beside where its route sends them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from dashboard.formats import dollars, ratio
from metering.analytics import UsageRow
from metering.rating.routing import Route
from schema.money import usd_text

CSV_HEADER = ("model", "wanted", "calls", "share", "cost_usd", "charge_usd")
Amounts = tuple[int, int, int]
"""Calls, cost and charge in nano-USD."""


def traffic(rows: Sequence[UsageRow], task: str | None, own_lines: Collection[str]) -> dict[str, Amounts]:
    """The calls of a task by model, most first; without a task those of all that have no line of their own.

    `rows` are sums by task and model; uses of a feature or tool alone name no model, and no route serves them.
    """
    found: dict[str, Amounts] = {}
    for row in rows:
        named, model = row.keys["task"], row.keys["model"]
        if model is None or ((named != task) if task is not None else (named in own_lines)):
            continue
        calls, cost, charge = found.get(model, (0, 0, 0))
        found[model] = (calls + row.requests, cost + row.cost_nanos, charge + row.charge_nanos)
    return dict(sorted(found.items(), key=lambda item: (-item[1][0], item[0])))


def traffic_rows(found: Mapping[str, Amounts], route: Route | None) -> list[dict[str, Any]]:
    """A line for each model that was called or that the route names, with the share that each should have."""
    wanted: dict[str, int] = {}
    for model, weight in route.targets if route else ():
        wanted[model] = wanted.get(model, 0) + weight
    total = sum(calls for calls, _, _ in found.values())
    rows = []
    for model in dict.fromkeys([*wanted, *found]):
        calls, cost, charge = found.get(model, (0, 0, 0))
        rows.append(
            {
                "Model": model,
                "Wanted": f"{wanted[model]}%" if model in wanted else _standing(model, route),
                "Share": 100 * calls / total if total else None,
                "Calls": calls,
                "Cost": dollars(cost),
                "Charge": dollars(charge),
            }
        )
    return rows


def _standing(model: str, route: Route | None) -> str:
    return "fallback" if route and model in route.fallbacks else "no"


def csv_rows(found: Mapping[str, Amounts], route: Route | None) -> list[tuple[object, ...]]:
    """The same lines with exact amounts."""
    total = sum(calls for calls, _, _ in found.values())
    rows: list[tuple[object, ...]] = []
    for row in traffic_rows(found, route):
        calls, cost, charge = found.get(row["Model"], (0, 0, 0))
        rows.append(
            (row["Model"], row["Wanted"], calls, ratio(calls, total) if total else "", usd_text(cost), usd_text(charge))
        )
    return rows


def calls_by_task(rows: Sequence[UsageRow]) -> dict[str, Amounts]:
    """The calls by the task that they named, most first."""
    found: dict[str, Amounts] = {}
    for row in rows:
        task = row.keys["task"]
        if task is not None and row.keys["model"] is not None and row.requests:
            calls, cost, charge = found.get(task, (0, 0, 0))
            found[task] = (calls + row.requests, cost + row.cost_nanos, charge + row.charge_nanos)
    return dict(sorted(found.items(), key=lambda item: (-item[1][0], item[0])))


def task_rows(found: Mapping[str, Amounts]) -> list[dict[str, Any]]:
    """A line for each task, with its share of the calls."""
    total = sum(calls for calls, _, _ in found.values())
    return [
        {"Task": task, "Share": 100 * calls / total, "Calls": calls, "Cost": dollars(cost), "Charge": dollars(charge)}
        for task, (calls, cost, charge) in found.items()
    ]


def task_csv_rows(found: Mapping[str, Amounts]) -> list[tuple[object, ...]]:
    """The same lines with exact amounts."""
    total = sum(calls for calls, _, _ in found.values())
    return [
        (task, calls, ratio(calls, total), usd_text(cost), usd_text(charge))
        for task, (calls, cost, charge) in found.items()
    ]


__all__ = ["CSV_HEADER", "calls_by_task", "csv_rows", "task_csv_rows", "task_rows", "traffic", "traffic_rows"]
