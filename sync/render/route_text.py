"""A route explained, as text and JSON."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from metering.book.standing import Status
from metering.rating.route_explanation import Candidate, RouteExplanation
from schema.findings import printable
from schema.keys import moment_text
from sync.render.style import Style, table

FORMAT_VERSION = 1


def route_lines(found: RouteExplanation, status: Status, style: Style, *, drawn: bool) -> Iterator[str]:
    """The model, then why. `drawn` says that nobody named the key."""
    asked = "no task" if found.task is None else f"task {printable(found.task)}"
    yield style.paint("bold", f"{found.chosen.model}: {printable(found.provider)}, {asked}, line {found.matched}")
    if len(found.targets) > 1:
        key = "a key drawn anew" if drawn else f"key {printable(str(found.key))}"
        yield f"{key} lies at place {found.place} of 0 to 99"
    rows = [
        (
            "->" if one is found.chosen else "",
            one.model,
            f"{one.weight} %",
            f"{one.first} to {one.end - 1}" if one.weight else "never",
            _state(one),
        )
        for one in found.targets
    ]
    rows += [("", one.model, "", "fallback", _state(one)) for one in found.fallbacks]
    yield from (f"  {line}" for line in table(rows))
    yield f"by release {found.release.id} (commit {found.release.commit[:12]})"
    if status.away is not None:
        yield style.paint(
            "warning", f"the database is away; this book was the newest at {moment_text(status.confirmed_at)}"
        )


def route_json(found: RouteExplanation, status: Status, *, drawn: bool) -> dict[str, Any]:
    """The contract of `--format json`. `key` is null when nobody named one."""
    return {
        "format_version": FORMAT_VERSION,
        "model": found.chosen.model,
        "provider": found.provider,
        "task": found.task,
        "matched": found.matched,
        "key": None if drawn else found.key,
        "place": found.place,
        "targets": [
            {
                **_candidate_json(one),
                "weight": one.weight,
                "places": [one.first, one.end],
                "chosen": one is found.chosen,
            }
            for one in found.targets
        ],
        "fallbacks": [_candidate_json(one) for one in found.fallbacks],
        "release": found.release.id,
        "commit": found.release.commit,
        "confirmed_at": moment_text(status.confirmed_at),
        "database_away": status.away,
    }


def _state(one: Candidate) -> str:
    return f"price {one.price_key}" if one.refusal is None else f"{one.refusal.code}: {one.refusal}"


def _candidate_json(one: Candidate) -> dict[str, Any]:
    refusal = None if one.refusal is None else {"code": one.refusal.code, "message": str(one.refusal)}
    return {"model": one.model, "price": one.price_key, "refusal": refusal}


__all__ = ["route_json", "route_lines"]
