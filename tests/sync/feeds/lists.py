"""Small lists in the form of genai-prices' JSON."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from sync.feeds.genai_prices import URL, read_document
from sync.feeds.listing import Feed


def dated(*prices: tuple[str | None, dict[str, Any]]) -> list[dict[str, Any]]:
    """Prices with the day on which each begins."""
    return [
        {"constraint": {"start_date": start} if start else None, "prices": decimals(fields)} for start, fields in prices
    ]


def decimals(fields: dict[str, Any]) -> dict[str, Any]:
    """Fields whose texts are numbers."""
    return {name: Decimal(value) if isinstance(value, str) else value for name, value in fields.items()}


def listed(models: dict[str, Any], url: str = URL) -> Feed:
    """A list of models by `provider/model`, each with its fields or its dated prices."""
    providers: dict[str, list[dict[str, Any]]] = {}
    for key, prices in models.items():
        provider, _, name = key.partition("/")
        said = prices if isinstance(prices, list) else decimals(prices)
        providers.setdefault(provider, []).append({"id": name, "match": {"equals": name}, "prices": said})
    return read_document([{"id": name, "models": entries} for name, entries in providers.items()], "a list", url)
