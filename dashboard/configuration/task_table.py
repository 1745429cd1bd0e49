"""The tasks as a table, and where the calls of one go by the provider that they ask. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dashboard.configuration.rate_card import Row
from dashboard.configuration.route_table import targets_words
from dashboard.formats import short_commit
from metering.analytics import UsageRow
from schema.documents.routing import DEFAULT_TASK

COLUMNS = ("Task", "Charged", "Calls", "Cost", "Charge", "Own routes", "About", "Commit")
ROUTES = ("Callers ask for", "Goes to", "By the line", "Fallbacks")


@dataclass(frozen=True, slots=True)
class TaskUsage:
    """The calls of a task in the last days; amounts in nano-USD."""

    calls: int = 0
    cost_nanos: int = 0
    charge_nanos: int = 0


def usage_of_tasks(rows: Iterable[UsageRow]) -> dict[str, TaskUsage]:
    """Calls by the task that they named, most first."""
    named = (row for row in rows if row.keys["task"] is not None)
    found = [(row.keys["task"], TaskUsage(row.requests, row.cost_nanos, row.charge_nanos)) for row in named]
    return dict(sorted(found, key=lambda one: (-one[1].calls, one[0])))


def own_routes(routes: Sequence[Row], task: str) -> list[str]:
    """The providers whose routing tables have a line for a task."""
    return [row["provider"] for row in routes if row["task"] == task]


def task_record(row: Row, routes: Sequence[Row], used: Mapping[str, TaskUsage]) -> tuple[Any, ...]:
    """A task in a line of the table; amounts in nano-USD."""
    usage = used.get(row["task"], TaskUsage())
    return (
        row["task"],
        row["billable"],
        usage.calls,
        usage.cost_nanos,
        usage.charge_nanos,
        ", ".join(own_routes(routes, row["task"])),
        row["description"],
        short_commit(row["origin"].commit),
    )


def route_rows(routes: Sequence[Row], task: str) -> list[tuple[str, str, str, str]]:
    """Where the calls of a task go, for each provider that has a routing table."""
    lines = {(row["provider"], row["task"]): row for row in routes}
    found = []
    for provider in sorted({provider for provider, _ in lines}):
        row = lines.get((provider, task)) or lines.get((provider, DEFAULT_TASK))
        if row is None:
            found.append((provider, "nowhere: calls are refused", "", ""))
        else:
            found.append((provider, targets_words(row["targets"]), row["task"], ", ".join(row["fallbacks"])))
    return found


__all__ = ["COLUMNS", "ROUTES", "TaskUsage", "own_routes", "route_rows", "task_record", "usage_of_tasks"]
