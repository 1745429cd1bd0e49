"""The list prices that come with the package: what a price of ours is likely to be, without a feed at hand.

`data/list_prices.json` is made from the installed genai-prices by `python -m sync.feeds.snapshot`. It holds the newest
price of every model, announced ones included, by the names that the list knows it by.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from sync.feeds.names import canonical_provider, find_name, undated

if TYPE_CHECKING:
    from sync.feeds.listing import Feed

FILE = Path(__file__).parent / "data" / "list_prices.json"
LICENCE = "MIT, Copyright (c) Pydantic Services Inc. 2025 to present"


@cache
def list_rates() -> Mapping[str, Mapping[str, Decimal]]:
    """`provider/model` -> unit -> USD per 1,000,000 units: the newest list price of every model by each of its names.

    Providers bear our names (`amazon`, `xai`); models stand as the list writes them, and in small letters.
    """
    rates: dict[str, Mapping[str, Decimal]] = {}
    for provider, models in _models().items():
        for names, listed in models:
            said = _amounts(listed)
            rates.update((f"{provider}/{name}", said) for name in names)
    return rates


def find_list_rates(provider: str, model: str, aliases: Sequence[str] = ()) -> Mapping[str, Decimal]:
    """The list price of a model of a registry, whose provider may be spelled in another way; empty when there is none.

    A name with a date finds the model without one, and the reverse.
    """
    provider = canonical_provider(provider)
    if provider not in _models():
        return {}
    exact, dated, listed = _index(provider)
    name = find_name(model, aliases, exact, dated)
    return {} if name is None else _amounts(listed[name])


def _amounts(listed: Mapping[str, str]) -> Mapping[str, Decimal]:
    return {unit: Decimal(text) for unit, text in listed.items()}


@cache
def _models() -> Mapping[str, Sequence[tuple[Sequence[str], Mapping[str, str]]]]:
    """What the file holds, by provider: the names of each model and its price as it is written."""
    models: Mapping[str, Sequence[tuple[Sequence[str], Mapping[str, str]]]] = json.loads(FILE.read_bytes())["models"]
    return models


@cache
def _index(provider: str) -> tuple[Mapping[str, str], Mapping[str, str], Mapping[str, Mapping[str, str]]]:
    """A provider's names in small letters, those without their dates, and the prices by name."""
    listed = {name: price for names, price in _models()[provider] for name in names}
    return {name.lower(): name for name in listed}, {undated(name): name for name in listed}, listed


def render(feed: Feed) -> str:
    """The file's text for a feed: a line a model."""
    by_provider: dict[str, list[str]] = {}
    for model in feed.models:
        if model.prices:
            listed = {unit: format(rate, "f") for unit, rate in model.prices[-1].rates.items()}
            names = dict.fromkeys((model.name, *model.names))
            line = json.dumps([list(names), listed], separators=(",", ":"), ensure_ascii=False)
            by_provider.setdefault(model.provider, []).append(line)
    head = {
        "format_version": 1,
        "source": f"{feed.title}, {feed.url}",
        "licence": LICENCE,
        "unit": "USD per 1,000,000 units, the newest price of each model",
    }
    lines = [f"{json.dumps(name)}: {json.dumps(value)}," for name, value in head.items()]
    blocks = [
        f"{json.dumps(provider)}: [\n" + ",\n".join(models) + "\n]" for provider, models in sorted(by_provider.items())
    ]
    return "{\n" + "\n".join(lines) + '\n"models": {\n' + ",\n".join(blocks) + "\n}\n}\n"


def main() -> None:
    """Write the file anew from the installed genai-prices."""
    from sync.feeds.genai_prices import read_package

    FILE.write_text(render(read_package()), encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
