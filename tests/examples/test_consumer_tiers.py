"""Consumer-tiers: units of many kinds, features by tier, reasoning, the rand, and the bill of its day."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pytest

from metering.errors import UnavailableError
from metering.meter import Meter
from metering.rating.price_list import feature_price, listed_models
from metering.usage import Usage
from tests.conftest import git
from tests.examples.businesses import Business, Day, fee_of_a_day, money, today
from tests.metering.rate_card import Clock

EXAMPLE = "consumer-tiers"
LLAMA = ("openrouter", "meta-llama/llama-3.3-70b-instruct")
QWEN = ("openrouter", "qwen-3-235b-a22b-instruct-2507")
MILLION = 1_000_000


def test_prices_per_million(meter: Meter) -> None:
    """Names with a slash in them, too."""
    prices = {
        ("cerebras", "qwen-3-32b"): ("0.10", "0.10"),
        QWEN: ("0.80", "1.10"),
        LLAMA: ("0.35", "0.35"),
    }
    for (provider, model), (given, taken) in prices.items():
        assert meter.quote(provider, model, {"input": MILLION}).cost == Decimal(given)
        assert meter.quote(provider, model, {"output": MILLION}).charge == Decimal(taken)
    assert meter.quote(None, "openrouter/meta-llama/llama-3.3-70b-instruct", {"input": MILLION}).cost == Decimal("0.35")
    assert meter.route("openrouter") == LLAMA[1]


def test_prices_of_other_units(meter: Meter) -> None:
    calls = {
        ("bfl", "flux-1.1-pro", "image", 1): "0.04",
        ("pollinations", "pollinations-image", "image", 1): "0",
        ("studio", "clip", "video_second", 1): "0.20",
        ("studio", "voice", "audio_minute", 1): "0.0225",
        ("studio", "upscale", "image", 1): "0.06",
    }
    for (provider, model, unit, quantity), cost in calls.items():
        assert meter.quote(provider, model, {unit: quantity}).cost == Decimal(cost)
    assert meter.quote("studio", "voice", {"audio_minute": "0.5"}).cost == Decimal("0.01125")


def test_access_by_tier(meter: Meter) -> None:
    opened = {
        plan: {listed.model.name for listed in listed_models(meter.book, plan, today()) if plan in listed.plans}
        for plan in ("free", "jive", "jigga")
    }
    free = {"qwen-3-32b", LLAMA[1], "pollinations-image"}
    jive = free | {QWEN[1], "flux-1.1-pro", "voice", "upscale"}
    assert opened == {"free": free, "jive": jive, "jigga": jive | {"clip"}}


def test_features_of_every_plan_cost_nothing(meter: Meter) -> None:
    for feature in ("rag_search", "chart_gen", "math_tools"):
        assert meter.quote(*LLAMA, {"input": MILLION}, plan="free", feature=feature).charge == Decimal("0.35")


def test_tiers_multiply_a_feature_that_is_billed(meter: Meter) -> None:
    """A dollar per million tokens, times 1.1, 1.3 and 1.5, besides the model's own 0.35."""
    for plan, multiplier in (("free", "1.1"), ("jive", "1.3"), ("jigga", "1.5")):
        quote = meter.quote(*LLAMA, {"input": MILLION}, plan=plan, feature="optillm_cot")
        assert (quote.cost, quote.charge) == (Decimal("0.35"), Decimal("0.35") + Decimal(multiplier))


def test_an_image_costs_the_same_whichever_model_draws_it(meter: Meter) -> None:
    for provider, model, cost in (("bfl", "flux-1.1-pro", "0.12"), ("pollinations", "pollinations-image", "0")):
        quote = meter.quote(provider, model, {"image": 3}, plan="jive", feature="image_gen")
        assert (quote.cost, quote.charge) == (Decimal(cost), Decimal("0.12"))


def test_reasoning_multiplies_output_before_it_is_priced(meter: Meter) -> None:
    for level, multiplier in (("none", "1.0"), ("basic", "1.1"), ("standard", "1.3"), ("advanced", "1.5")):
        quote = meter.quote(*QWEN, {"input": MILLION, "output": MILLION}, reasoning_level=level)
        assert quote.charge == Decimal("0.80") + Decimal("1.10") * Decimal(multiplier)


def test_the_rand_with_its_date(meter: Meter) -> None:
    exchange = meter.book.exchange
    assert exchange.rate("USD", "ZAR", today()) == Fraction("18.50")
    assert exchange.rate("ZAR", "USD", today()) == Fraction(2, 37)
    assert meter.book.setting("currency") == "ZAR"
    assert exchange.pairs["USD", "ZAR"][0] == (datetime(2025, 1, 1, tzinfo=UTC),)


def test_summary_cards(meter: Meter) -> None:
    """Active models, billable features, the cheapest model for text."""
    book = meter.book
    models = listed_models(book, "free", today())
    assert len(models) == 8
    billable = {name: feature_price(one, "jive") for name, one in book.features.items() if one.billable}
    assert billable == {"image_gen": 40_000_000_000, "optillm_cot": 1_300_000}
    texts = [one for one in models if one.model.type == "llm"]
    assert min(texts, key=lambda one: sum(one.tiers[0].prices.values())).model.name == "qwen-3-32b"


def test_the_book_is_kept_for_five_minutes_or_until_it_is_invalidated(business: Business) -> None:
    clock = Clock(today())

    def image(meter: Meter) -> Decimal:
        return meter.quote("bfl", "flux-1.1-pro", {"image": 1}, feature="image_gen").charge

    five = timedelta(minutes=5)
    with (
        Meter.open(business.url, now=clock, max_age=five, listen=False) as waiting,
        Meter.open(business.url, now=clock, max_age=five, listen=False) as told,
    ):
        assert image(waiting) == image(told) == Decimal("0.04")
        business.ratecard("propose", "--set", "feature image_gen#amount=0.05", "--title", "Dearer images")
        git(business.top, "merge", "--quiet", "ratecard/dearer-images")
        business.ratecard("apply", "--yes")
        clock.forward(minutes=4)
        assert image(waiting) == Decimal("0.04")
        told.reload()
        assert image(told) == Decimal("0.05")
        clock.forward(minutes=1, seconds=1)
        assert image(waiting) == Decimal("0.05")


def test_the_last_known_book_serves_while_the_store_is_away(day: Day, tmp_path: Path) -> None:
    """Routes and quotes from the disk, with their age; whatever spends is refused."""
    store, kept = tmp_path / "store", tmp_path / "book"
    store.mkdir()
    shutil.copyfile(day.top / "ratecard.db", store / "ratecard.db")
    url = f"sqlite:///{store}/ratecard.db"
    with Meter.open(url, book_file=kept) as meter:
        assert meter.route("cerebras") == "qwen-3-32b"
    store.rename(tmp_path / "away")
    with Meter.open(url, book_file=kept) as meter:
        assert meter.quote(*LLAMA, {"input": MILLION}).charge == Decimal("0.35")
        assert meter.status.away
        with pytest.raises(UnavailableError):
            meter.hold("listener", *LLAMA, input=10, max_output=10)


def test_the_bill_of_the_day(day: Day) -> None:
    """By hand, in USD; see the table in the example's README. Jigga includes 12.00 of the band's 18.037."""
    rows, total = day.bill("account", "feature")
    assert rows == {
        ("listener", None): money("0.019", "0.019", "0", "-0.019"),
        ("listener", "rag_search"): money("0.07", "0.07", "0", "-0.07"),
        ("listener", "image_gen"): money("0", "0.08", "0", "0"),
        ("listener", "optillm_cot"): money("0.002", "0.024", "0", "-0.002"),
        ("dancer", None): money("0.475", "0.475", "0", "-0.475"),
        ("dancer", "optillm_cot"): money("0.019", "0.045", "0", "-0.019"),
        ("dancer", "image_gen"): money("0.12", "0.12", "0", "-0.12"),
        ("band", None): money("18", "18", "6", "-12"),
        ("band", "optillm_cot"): money("0.007", "0.037", "0.037", "0.03"),
        ("band", "chart_gen"): money("0", "0", "0", "0"),
    }
    assert (total["cost_usd"], total["charge_usd"]) == ("18.712", "18.87")
    revenue = Decimal("6.037") + fee_of_a_day(5) + fee_of_a_day(15)
    assert Decimal(total["revenue_usd"]) == revenue
    rand = total["in_currency"]
    assert (rand["currency"], rand["cost"], rand["charge"]) == ("ZAR", "346.172", "349.095")
    assert Decimal(rand["revenue"]) == revenue * Decimal("18.5")
    in_rand = f"{revenue * Decimal('18.5'):.4f}, profit {(revenue - Decimal('18.712')) * Decimal('18.5'):.4f}"
    assert f"in ZAR: cost 346.1720, charge 349.0950, revenue {in_rand}" in day.lines
    assert "listener may draw with flux-1.1-pro: False MODEL_NOT_IN_PLAN" in day.lines
    assert day.faults_of_the_ledger() == []


def test_a_new_rate_leaves_the_days_before_it_as_they_were(day: Day, tmp_path: Path) -> None:
    """2 USD of video yesterday at 18.50; the 18.87 of today at 20.00."""
    shutil.copytree(day.top, tmp_path, dirs_exist_ok=True)
    later = Business(tmp_path, f"sqlite:///{tmp_path}/ratecard.db", day.environment)
    now = today()
    new, key = f"{now:%Y-%m-%d}", f"rate USD/ZAR@{now:%Y-%m-%d}"
    with Meter.open(later.url) as meter:
        clip = Usage(event_id="y", account="band", provider="studio", model="clip", units={"video_second": 10})
        meter.record(replace(clip, occurred_at=now - timedelta(days=1)))
    later.ratecard("propose", "--add", key, "--set", f"{key}#rate=20.00", "--title", "A weaker rand")
    git(tmp_path, "merge", "--quiet", "ratecard/a-weaker-rand")
    later.ratecard("apply", "--yes", "--reprice")
    for period, charge in ((("--to", new), "37"), (("--from", new), "377.4"), ((), "414.4")):
        found = json.loads(later.ratecard("usage", *period, "--format", "json"))["total"]
        assert found["in_currency"]["charge"] == charge


def test_the_reconciliation_of_the_day(day: Day) -> None:
    """Output at 2.0 times theirs and input of 100,000 are fine; 2.143 times and 120,000 are not."""
    found = {tuple(line.split()[:3:2]) for line in day.lines if line.split()[1:2] == [f"{today():%Y-%m-%d}"]}
    assert found == {
        ("DIFFERS", "call-05"),
        ("OUTPUT_RATIO", "call-05"),
        ("MISSING", "call-99"),
        ("ORPHAN", "call-04"),
        ("LARGE_INPUT", "call-01"),
    }
    assert "ratecard: 5 findings: 1 DIFFERS, 1 OUTPUT_RATIO, 1 MISSING, 1 ORPHAN, 1 LARGE_INPUT" in day.lines
