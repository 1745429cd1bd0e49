"""What stands beside a table while nothing in it is chosen: the rate card in a few lines. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dashboard.configuration.rate_card import PriceEntry, Row

SHOWN = 3


@dataclass(frozen=True, slots=True)
class PriceSummary:
    """Active models and how many of them have a price in force; what comes; the thinnest margins and newest entries."""

    active: int
    priced: int
    scheduled: tuple[PriceEntry, ...]
    thinnest: tuple[PriceEntry, ...]
    newest: tuple[PriceEntry, ...]


def price_summary(models: Sequence[Row], prices: Mapping[str, Sequence[PriceEntry]]) -> PriceSummary:
    """The prices of the active models; list prices and credits have no margin to compare."""
    names = [f"{model['provider']}/{model['model']}" for model in models if model["active"]]
    entries = [entry for name in names for entry in prices.get(name, ())]
    in_force = [entry for entry in entries if entry.status == "in force"]
    scheduled = [entry for entry in entries if entry.status == "scheduled"]
    with_margin = [entry for entry in in_force if entry.row["margin_micros"] is not None]
    return PriceSummary(
        active=len(names),
        priced=len(in_force),
        scheduled=tuple(sorted(scheduled, key=lambda entry: (entry.row["in_force_from"], entry.key))),
        thinnest=tuple(sorted(with_margin, key=lambda entry: (entry.row["margin_micros"], entry.key))[:SHOWN]),
        newest=tuple(sorted(in_force, key=lambda entry: entry.row["in_force_from"], reverse=True)[:SHOWN]),
    )


def provider_rows(models: Sequence[Row]) -> list[dict[str, Any]]:
    """Active models by provider with their types, most models first: `{"Provider", "Active", "Types"}`."""
    types: dict[str, Counter[str]] = {}
    for model in models:
        if model["active"]:
            types.setdefault(model["provider"], Counter())[model["type"]] += 1
    ordered = sorted(types.items(), key=lambda item: (-item[1].total(), item[0]))
    return [
        {
            "Provider": provider,
            "Active": found.total(),
            "Types": ", ".join(f"{number} {name}" for name, number in found.most_common()),
        }
        for provider, found in ordered
    ]
