"""The routes of a provider as a table: where each task goes, and what an example call of it comes to. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from dashboard.configuration.example_cost import INPUT_TOKENS, OUTPUT_TOKENS, Example, blended, example
from dashboard.configuration.rate_card import Row
from dashboard.formats import short_commit
from metering.book.ratebook import RateBook
from schema.documents.routing import DEFAULT_TASK

COLUMNS = ("Task", "Goes to", "Fallbacks", "Example cost", "Example charge", "Commit", "About")
_UNITS = {"input": INPUT_TOKENS, "output": OUTPUT_TOKENS}


def targets_words(targets: Sequence[Mapping[str, Any]]) -> str:
    """Targets in words: `openai/gpt-4o`, or each with its share."""
    if len(targets) == 1:
        return str(targets[0]["model"])
    return ", ".join(f"{target['weight']}% {target['model']}" for target in targets)


def blend(parts: Sequence[tuple[str, int]], book: RateBook, now: datetime) -> Example | None:
    """The example call of a split, the mean by the shares; None when a model has no price for it."""

    def one(model: str) -> Example | None:
        price = book.price_at(None, model, now)
        needed = {unit: parts for unit, parts in _UNITS.items() if price and unit in price.costs}
        return example(price, needed)

    return blended([(one(model), share) for model, share in parts])


def tasks_in_order(routes: Sequence[Row], tasks: Sequence[Row]) -> list[str]:
    """`_default`, the tasks with a line of their own, and those that are only described."""
    own = {row["task"] for row in routes} - {DEFAULT_TASK}
    return [DEFAULT_TASK, *sorted(own), *sorted({task["task"] for task in tasks} - own - {DEFAULT_TASK})]


def route_records(
    routes: Sequence[Row], tasks: Sequence[Row], book: RateBook, now: datetime
) -> list[tuple[str, str, str, Example | None, str, str]]:
    """Task, where it goes, fallbacks, example, commit and description of each line; `routes` are of one provider."""
    by_task = {row["task"]: row for row in routes}
    about = {DEFAULT_TASK: "every task without a line of its own"}
    about |= {task["task"]: task["description"] or "" for task in tasks}
    records = []
    for task in tasks_in_order(routes, tasks):
        own = by_task.get(task)
        serving = own or by_task.get(DEFAULT_TASK)
        found = blend([(part["model"], part["weight"]) for part in serving["targets"]], book, now) if serving else None
        if own is not None:
            words = targets_words(own["targets"])
        else:
            words = "as _default" if serving else "nowhere: calls are refused"
        fallbacks = ", ".join(own["fallbacks"]) if own else ""
        commit = short_commit(own["origin"].commit) if own else ""
        records.append((task, words, fallbacks, found, commit, about.get(task, "")))
    return records


__all__ = ["COLUMNS", "blend", "route_records", "targets_words", "tasks_in_order"]
