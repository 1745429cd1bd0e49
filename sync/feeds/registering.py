"""How a model that a feed knows, and we do not, gets into the configuration: the command that proposes it."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal

from schema.catalogue import Catalogue
from schema.keys import moment_text
from schema.money import plain
from sync.feeds.importing import PER_MILLION
from sync.feeds.listing import FeedModel
from sync.feeds.names import canonical_provider


def proposal_command(catalogue: Catalogue, listing: FeedModel, now: datetime, model: str | None = None) -> str:
    """A `ratecard propose` that adds the price of a model, and the model itself unless `model` names ours."""
    provider = next(
        (name for name in catalogue.of("provider") if canonical_provider(name) == listing.provider), listing.provider
    )
    key = model or f"{provider}/{listing.name}"
    words = ["ratecard", "propose", "--title", f"Add {listing.name}"]
    if model is None:
        words += ["--add", f"model {key}"]
        words += ["--set", f"model {key}#display_name={listing.name}"]
        words += ["--set", f"model {key}#type={_type(listing)}"]
    price = listing.price_at(now.date())
    if price is not None:
        entry = f"price {key}@{moment_text(now.replace(hour=0, minute=0, second=0, microsecond=0))}"
        words += ["--add", entry]
        for part, rates in _parts(price.rates).items():
            words += ["--set", f"{entry}#{part}={rates}"]
    return shlex.join(words)


def _type(listing: FeedModel) -> str:
    units = {unit for price in listing.prices for unit, rate in price.rates.items() if rate}
    if "input" in units:
        return "llm" if "output" in units else "embedding"
    by_unit = {"image": "image", "video_second": "video", "audio_minute": "audio", "character": "audio"}
    return next((by_unit[unit] for unit in by_unit if unit in units), "rerank" if "request" in units else "llm")


def _parts(rates: Mapping[str, Decimal]) -> dict[str, str]:
    tokens = [f"{unit}: {plain(rate)}" for unit, rate in rates.items() if unit in PER_MILLION]
    others = [f"{unit}: {plain(rate / 1_000_000)}" for unit, rate in rates.items() if unit not in PER_MILLION]
    said = {"per_million": tokens, "per_unit": others}
    return {part: "{" + ", ".join(words) + "}" for part, words in said.items() if words}
