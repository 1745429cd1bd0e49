"""Prices in words and as records of tables and files. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from dashboard.configuration.rate_card import PriceEntry, Row
from dashboard.formats import moment, multiplier, short_commit
from schema.keys import moment_text
from schema.money import per_million_text, per_unit_text
from schema.units import TOKEN_UNITS

CSV_HEADER = (
    "model",
    "active",
    "status",
    "effective",
    "in_force_from",
    "charge",
    "rates",
    "release",
    "commit",
    "change",
)


def _per_million(row: Mapping[str, Any] | None, unit: str) -> float | None:
    """The rate of a token unit in USD per million, for a column that sorts."""
    return None if row is None or unit not in row["rates"] else row["rates"][unit] / 1_000_000


def charge_words(row: Mapping[str, Any]) -> str:
    """How a price is charged: a margin and those of plans, a list price, or credits with their multiplier."""
    if row["margin_micros"] is not None:
        plans = [f"{plan} {multiplier(micros)}" for plan, micros in sorted((row["plan_margins"] or {}).items())]
        return ", ".join([multiplier(row["margin_micros"]), *plans])
    if row["charge_rates"] is not None:
        return f"list price: {rates_words(row['charge_rates'], row['charge_tiers'] or ())}"
    return f"{multiplier(row['credits_micros'])} credits"


def rates_words(rates: Mapping[str, int], tiers: Sequence[Mapping[str, Any]] = ()) -> str:
    """All rates with their tiers: `input 1, output 5 per million; above 200,000 of input: input 2 per million`."""
    tokens = [f"{unit} {per_million_text(pico)}" for unit, pico in rates.items() if unit in TOKEN_UNITS]
    others = [f"{unit} {per_unit_text(pico)} each" for unit, pico in rates.items() if unit not in TOKEN_UNITS]
    words = ", ".join([*([", ".join(tokens) + " per million"] if tokens else []), *others])
    higher = [f"above {int(tier['from']):,} of input: {rates_words(tier['rates'])}" for tier in tiers]
    return "; ".join([words, *higher])


def price_record(model: Row, entries: Sequence[PriceEntry]) -> dict[str, Any]:
    """A model's line in the table of prices: what is in force, and from when on another one is."""
    held = next((entry for entry in entries if entry.status == "in force"), None)
    later = [entry for entry in entries if entry.status == "scheduled"]
    row = held.row if held else None
    return {
        "Model": f"{model['provider']}/{model['model']}",
        "Input": _per_million(row, "input"),
        "Output": _per_million(row, "output"),
        "Charge": charge_words(row) if row else "no price",
        "In force since": row["in_force_from"].date() if row else None,
        "Scheduled": later[-1].row["in_force_from"].date() if later else None,
        "Commit": short_commit(held.origin.commit) if held else "",
    }


def history_record(entry: PriceEntry) -> dict[str, Any]:
    """An entry's line in the history of a model."""
    return {
        "Status": entry.status,
        "Effective": moment_text(entry.row["effective"]),
        "In force from": moment(entry.row["in_force_from"]),
        "Input": _per_million(entry.row, "input"),
        "Output": _per_million(entry.row, "output"),
        "Charge": charge_words(entry.row),
        "Commit": short_commit(entry.origin.commit),
        "Release": entry.origin.label or f"release {entry.origin.release}",
        "Change": entry.origin.title,
        "Author": entry.origin.author,
        "All rates": rates_words(entry.row["rates"], entry.row["tiers"]),
    }


def csv_row(model: Row, entry: PriceEntry | None) -> tuple[object, ...]:
    """A price in a line of a file, its rates exactly; a model without one has the rest empty."""
    name = f"{model['provider']}/{model['model']}"
    if entry is None:
        return name, model["active"], "no price", *(None for _ in CSV_HEADER[3:])
    row, origin = entry.row, entry.origin
    return (
        name,
        model["active"],
        entry.status,
        moment_text(row["effective"]),
        moment_text(row["in_force_from"]),
        charge_words(row),
        rates_words(row["rates"], row["tiers"]),
        origin.label or origin.release,
        short_commit(origin.commit),
        origin.title,
    )


def csv_rows(models: Sequence[Row], prices: Mapping[str, Sequence[PriceEntry]]) -> Iterator[tuple[object, ...]]:
    """Every model with what is in force and what is scheduled."""
    for model in models:
        entries = prices.get(f"{model['provider']}/{model['model']}", ())
        told = [entry for entry in entries if entry.status in ("in force", "scheduled")]
        if not told:
            yield csv_row(model, None)
        for entry in told:
            yield csv_row(model, entry)


__all__ = ["CSV_HEADER", "charge_words", "csv_row", "csv_rows", "history_record", "price_record", "rates_words"]
