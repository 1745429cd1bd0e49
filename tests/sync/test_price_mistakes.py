"""Mistakes about prices that broke elsewhere, from the document to the charge."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from sqlalchemy import Engine

from metering.errors import NoPricingError
from metering.meter import Meter
from metering.rating.appraisal import Quote
from tests.small_config import SMALL_CONFIG
from tests.sync.checks.trees import check, codes, messages, prices
from tests.sync.targets import APPLIED, apply_files

ENTRY = "{effective: 2026-01-01, per_million: {input: 2.50, output: 10}, margin: 1.5}"
RISE = "{effective: 2026-08-01, per_million: {input: 3.75, output: 15}, margin: 1.5}"
JULY, AUGUST = datetime(2026, 7, 31, 23, 59, 59, tzinfo=UTC), datetime(2026, 8, 1, tzinfo=UTC)
CALL = {"input": 1_000_000, "output": 100_000}


def priced(*entries: str) -> dict[str, str]:
    return {**SMALL_CONFIG, "pricing/openai.yaml": prices(*entries)}


def quoted(engine: Engine, at: datetime, units: Mapping[str, int] = CALL) -> Quote:
    with Meter(engine, now=lambda: at, listen=False) as meter:
        return meter.quote("openai", "gpt-4o", units)


def test_a_future_rise_that_was_cancelled_never_counts(engine: Engine) -> None:
    """genai-prices 703: a rise that was cancelled stayed in the feed, and calls came to 50 % more."""
    apply_files(engine, priced(ENTRY, RISE))
    assert quoted(engine, JULY).cost == Decimal("3.5")
    assert quoted(engine, AUGUST).cost == Decimal("5.25")
    apply_files(engine, priced(ENTRY), JULY)
    for moment in (JULY, AUGUST):
        assert (quoted(engine, moment).cost, quoted(engine, moment).charge) == (Decimal("3.5"), Decimal("5.25"))


def test_a_tier_is_a_cliff_for_the_whole_call_and_never_incremental(engine: Engine) -> None:
    """genai-prices 241: one unit more than the tier's start puts every unit of the call at its rates."""
    tiered = ENTRY.replace(", margin", ", above_input: [{from: 200000, per_million: {input: 5, output: 20}}], margin")
    apply_files(engine, priced(tiered))
    assert quoted(engine, APPLIED, {"input": 200_000, "output": 1_000}).cost == Decimal("0.51")
    assert quoted(engine, APPLIED, {"input": 200_001, "output": 1_000}).cost == Decimal("1.020005")


def test_a_price_per_token_typed_as_one_per_million_is_found_before_it_is_applied() -> None:
    """LiteLLM 20615: it was typed, applied, and mended by deleting rows."""
    typed = "{effective: 2026-06-01, per_million: {input: 0.0000025, output: 0.00001}, margin: 1.5}"
    found = check(pricing__openai=prices(ENTRY, typed.replace("0.0000025", "0.000003")))
    assert "THOUSANDFOLD" in codes(found)
    assert any("a price per token typed as one per million" in message for message in messages(found))
    # With seven decimals it is no price at all.
    assert check(pricing__openai=prices(ENTRY, typed)).errors


def test_an_entry_inherits_nothing_from_the_one_before(engine: Engine) -> None:
    """LiteLLM 15063: what a partial override left out stayed at the list price, without a word."""
    partial = "{effective: 2026-08-01, per_million: {input: 2}, margin: 1.5}"
    assert "MISSING_UNIT" in codes(check(pricing__openai=prices(ENTRY, partial)))
    full = ENTRY.replace("output: 10", "output: 10, cache_read: 1.25, image: 0.5")
    # The model is routed: a unit that its next price lacks would be refused in the middle of the night.
    assert "UNIT_GAP" in codes(check(pricing__openai=prices(full, RISE)))
    apply_files(engine, priced(full, RISE.replace("output: 15", "output: 15, image: 0.75")))
    cached = {"input": 1_000_000, "cache_read": 1_000_000}
    assert quoted(engine, JULY, cached).cost == Decimal("3.75")
    # Without a rate of its own, cached input takes that of input in the same entry.
    assert quoted(engine, AUGUST, cached).cost == Decimal("7.5")
    with pytest.raises(NoPricingError, match="has no rate for 'page'"):
        quoted(engine, AUGUST, {"page": 1})


def test_a_partial_list_price_never_falls_back_to_the_cost(engine: Engine) -> None:
    """LiteLLM 15063, of what is charged: a unit that the list price leaves out is refused before the call."""
    listed = (
        "{effective: 2026-01-01, per_million: {input: 2.50, output: 10, image: 0.5},"
        " charge: {per_million: {input: 4, output: 12}}}"
    )
    assert "MISSING_CHARGE" in codes(check(pricing__openai=prices(listed)))
    assert "MISSING_CHARGE" not in codes(check(pricing__openai=prices(listed.replace("12}", "12, image: 1}"))))
