"""The rate book before a plan and the one after it, of no more models than the usage needs."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime

from metering.book.entities import Release
from metering.book.ratebook import RateBook
from sync.desired import Row, Rows

_WHOLE = ("task", "route", "plan", "feature", "run_unit", "reasoning", "setting", "policy")


def build_book(
    rows: Rows, in_force: Mapping[str, datetime], models: Collection[tuple[str, str]], *, now: datetime
) -> RateBook:
    """A rate book of the models that are named, by name or alias.

    `in_force` says from when each price counts, by its name; one that is left out counts from its `effective`.
    """
    wanted = {
        (row["provider"], row["model"]): row
        for row in rows.get("model", {}).values()
        if (row["provider"], row["model"]) in models
        or any((row["provider"], alias) in models for alias in row["aliases"] or ())
    }
    prices: list[Row] = [
        {**row, "in_force_from": in_force.get(name, row["effective"])}
        for name, row in rows.get("price", {}).items()
        if (row["provider"], row["model"]) in wanted
    ]
    parts = {kind: rows.get(kind, {}).values() for kind in _WHOLE}
    release = Release(0, "", None, now)
    return RateBook.build(release, {"model": wanted.values(), "price": prices, **parts}, now=now)


__all__ = ["build_book"]
