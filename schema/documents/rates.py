"""`run_units`, `reasoning` and `exchange_rates`: factors that enter a price."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

from pydantic import Field, StringConstraints

from schema.documents.base import Document, Moment, Multiplier, Slug, Text
from schema.documents.numbers import DecimalRange, WholeRange
from schema.documents.pricing import Source

Pair = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}/[A-Z]{3}$")]
"""Two ISO 4217 codes: `USD/ZAR` at 18.50 means 1 USD is 18.50 ZAR."""


class RunUnitsDocument(Document):
    """Run units = max(cpu seconds, gpu seconds) x tier multiplier + tool overhead, at least `minimum`."""

    minimum: Multiplier = Field(default=Decimal("0.01"))
    """The least that a run counts."""
    decimals: Annotated[int, WholeRange(0, 6)] = 4
    """Decimals that run units are rounded to."""
    tiers: dict[Slug, Multiplier] = Field(default_factory=dict)
    """Multipliers by tier; an unknown tier counts 1.0."""
    overheads: dict[Slug, Multiplier] = Field(default_factory=dict)
    """Run units added by tool; `default` serves unknown tools."""


class ReasoningDocument(Document):
    """Reasoning levels: output tokens are multiplied before they are priced."""

    levels: dict[Slug, Multiplier] = Field(default_factory=dict)
    """Multipliers by level."""


class ExchangeRate(Document):
    """One dated rate."""

    effective: Moment
    """In force from this date or timestamp."""
    rate: Annotated[Decimal, DecimalRange(0, 10**9, places=6, above=True)]
    """How much of the second currency one unit of the first is."""
    source: Source | None = None
    """Where it was read."""
    accept: tuple[Text, ...] = ()
    """Codes of warnings about this rate that somebody looked at."""


class ExchangeRatesDocument(Document):
    """Dated exchange rates."""

    rates: dict[Pair, tuple[ExchangeRate, ...]] = Field(default_factory=dict)
    """Dated entries by pair of currencies."""
