"""Job-scout: every number that its business states, over the example's own configuration, and the bill of its day."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from metering.errors import NoPricingError, NoRouteError, UnavailableError, UnregisteredModelError
from metering.meter import Meter
from metering.usage import Usage
from tests.conftest import git
from tests.examples.businesses import Business, Day, money, today

EXAMPLE = "job-scout"
CALL = {"input": 1000, "output": 500}

SMALL_TASKS = ("skill_extraction", "extraction", "ghost_detection", "resume_parsing")
LARGE_TASKS = (
    "chat_response",
    "onboarding",
    "score_rationale",
    "cover_letter",
    "resume_tailoring",
    "story_selection",
)

REGISTRY = {
    ("claude", "claude-3-5-haiku-20241022"): ("Claude 3.5 Haiku", "llm"),
    ("claude", "claude-3-5-sonnet-20241022"): ("Claude 3.5 Sonnet", "llm"),
    ("openai", "gpt-4o-mini"): ("GPT-4o Mini", "llm"),
    ("openai", "gpt-4o"): ("GPT-4o", "llm"),
    ("gemini", "gemini-2.0-flash"): ("Gemini 2.0 Flash", "llm"),
    ("gemini", "gemini-2.5-flash"): ("Gemini 2.5 Flash", "llm"),
    ("openai", "text-embedding-3-small"): ("Embedding 3 Small", "embedding"),
    ("openai", "text-embedding-3-large"): ("Embedding 3 Large", "embedding"),
    ("openai", "text-embedding-ada-002"): ("Embedding Ada 002 (Legacy)", "embedding"),
}
PER_THOUSAND = {
    ("claude", "claude-3-5-haiku-20241022"): ("0.0008", "0.004"),
    ("claude", "claude-3-5-sonnet-20241022"): ("0.003", "0.015"),
    ("openai", "gpt-4o-mini"): ("0.00015", "0.0006"),
    ("openai", "gpt-4o"): ("0.0025", "0.01"),
    ("gemini", "gemini-2.0-flash"): ("0.0001", "0.0004"),
    ("gemini", "gemini-2.5-flash"): ("0.00015", "0.0035"),
    ("openai", "text-embedding-3-small"): ("0.00002", "0"),
    ("openai", "text-embedding-3-large"): ("0.00013", "0"),
}


def test_the_registry(meter: Meter) -> None:
    found = {
        (entry.model.provider, entry.model.name): (entry.model.display_name, entry.model.type)
        for entry in meter.book.entries.values()
    }
    assert found == REGISTRY
    inactive = [entry.model.name for entry in meter.book.entries.values() if not entry.model.active]
    assert inactive == ["text-embedding-ada-002"]


def test_every_model_bills_raw_times_margin(meter: Meter) -> None:
    for (provider, model), (given, taken) in PER_THOUSAND.items():
        raw = Decimal(given) + Decimal("0.5") * Decimal(taken)
        quote = meter.quote(provider, model, CALL)
        assert (quote.cost, quote.charge) == (raw, raw * Decimal("1.30"))


def test_thirty_three_routes(meter: Meter) -> None:
    assert len(meter.book.routes) == 33
    models = {
        "claude": ("claude-3-5-haiku-20241022", "claude-3-5-sonnet-20241022"),
        "openai": ("gpt-4o-mini", "gpt-4o"),
    }
    for provider, (small, large) in models.items():
        assert {meter.route(provider, task) for task in SMALL_TASKS} == {small}
        assert {meter.route(provider, task) for task in (*LARGE_TASKS, "_default", "anything")} == {large}
    for task in (*SMALL_TASKS, *LARGE_TASKS, "_default", "anything"):
        wanted = "gemini-2.5-flash" if task == "resume_parsing" else "gemini-2.0-flash"
        assert meter.route("gemini", task) == wanted
    with pytest.raises(NoRouteError):
        meter.route("mistral", "extraction")


def test_nothing_runs_unmetered(meter: Meter) -> None:
    for model in ("text-embedding-ada-002", "gpt-5"):
        with pytest.raises(UnregisteredModelError) as caught:
            meter.quote("openai", model, CALL)
        assert caught.value.code == "UNREGISTERED_MODEL"
    with pytest.raises(NoPricingError) as unpriced:
        meter.quote("openai", "gpt-4o", CALL, at=datetime(2024, 12, 31, tzinfo=UTC))
    assert unpriced.value.code == "NO_PRICING_CONFIG"
    with pytest.raises(UnavailableError) as away:
        Meter.open("postgresql://nobody@127.0.0.1:1/none")
    assert away.value.code == "METERING_UNAVAILABLE"


def test_packs_in_their_order(meter: Meter) -> None:
    packs = sorted(meter.book.packs.values(), key=lambda pack: pack.order)
    assert [(pack.name, pack.price_nanos // 10**7, pack.credits, pack.order, pack.badge) for pack in packs] == [
        ("Starter", 500, 50_000, 1, None),
        ("Standard", 1500, 175_000, 2, "Most Popular"),
        ("Pro", 4000, 500_000, 3, "Best Value"),
    ]


def test_a_pack_earns_what_was_paid_for_it(meter: Meter) -> None:
    """Standard: 15 USD for 175,000 credits, worth 17.50."""
    grant = meter.wallets.buy("pack-buyer", "Standard", key="first")
    assert (grant.face_nanos, grant.paid_nanos) == (17_500_000_000, 15_000_000_000)
    assert meter.balance("pack-buyer").balance == Decimal("17.5")
    assert meter.wallets.display().text(grant.face_nanos) == "175,000 credits"


def test_settings_are_read_with_their_types(meter: Meter) -> None:
    names = (
        "signup_grant_credits",
        "credits_per_dollar",
        "credit_display_name",
        "display_precision",
        "rounding_mode",
    )
    assert [meter.book.setting(name) for name in names] == [0, 10_000, "credits", 0, "up"]


def test_an_edit_shows_and_bills_what_it_says(business: Business, meter: Meter) -> None:
    """Raw 0.002800, billed 0.008400 at a margin of 3.00; cheap models carry more than expensive ones."""
    margins = {
        "claude/claude-3-5-haiku-20241022": "3.00",
        "openai/gpt-4o-mini": "4.00",
        "gemini/gemini-2.5-flash": "2.00",
        "openai/gpt-4o": "1.10",
    }

    def call(event_id: str) -> Usage:
        return Usage(
            event_id=event_id, account="seeker", provider="claude", model="claude-3-5-haiku-20241022", units=CALL
        )

    assert meter.record(call("before")).charge == Decimal("0.003640")
    sets = [word for model, margin in margins.items() for word in ("--set", f"price {model}#margin={margin}")]
    business.ratecard("propose", *sets, "--title", "Margins by cost")
    git(business.top, "merge", "--quiet", "ratecard/margins-by-cost")
    tomorrow = today().date() + timedelta(days=1)
    later = f"    - effective: {tomorrow}\n      per_million: {{input: 0.80, output: 4.00}}\n      margin: 5.00\n"
    path = business.top / "config" / "pricing" / "claude.yaml"
    path.write_text(path.read_text().replace("  claude-3-5-sonnet", f"{later}  claude-3-5-sonnet"))
    git(business.top, "commit", "--all", "--quiet", "--message=Raise the margin from tomorrow on")
    applied = json.loads(business.ratecard("apply", "--yes", "--format", "json"))

    receipt = meter.record(call("after"))
    assert (receipt.cost, receipt.charge) == (Decimal("0.002800"), Decimal("0.008400"))
    assert receipt.release.commit == applied["commit"] == git(business.top, "rev-parse", "HEAD")
    # The one that is effective today is in force, the one of tomorrow is not.
    assert receipt.price_key == f"claude/claude-3-5-haiku-20241022@{tomorrow - timedelta(days=1)}"
    quote = meter.quote("claude", "claude-3-5-haiku-20241022", CALL, at=datetime.combine(tomorrow, time(), UTC))
    assert quote.charge == Decimal("0.014")
    for model, margin in margins.items():
        quote = meter.quote(None, model, CALL)
        assert quote.charge == quote.cost * Decimal(margin)
    assert meter.record(call("before")).charge == Decimal("0.003640")


def test_refusals_that_an_edit_meets(day: Day) -> None:
    """Each with its code, and nothing is written."""
    branches = git(day.top, "for-each-ref")
    edits = {
        "MODEL_NOT_FOUND": ("--set", "route claude/extraction=claude-9"),
        "MODEL_IN_USE": ("--set", "model openai/gpt-4o#active=false"),
        "LAST_PRICING": ("--remove", "price gemini/gemini-2.0-flash@2025-01-01"),
    }
    for code, words in edits.items():
        assert f"[{code}]" in day.ratecard("propose", *words, "--title", code, code=1), code
    assert git(day.top, "for-each-ref") == branches


def test_what_stands_twice_is_found_in_one_pass(day: Day, tmp_path: Path) -> None:
    folder = tmp_path / "config"
    shutil.copytree(day.top / "config", folder)
    for kind in ("registry", "pricing", "routing"):
        (folder / kind / "again.yaml").write_text((folder / kind / "claude.yaml").read_text())
    found = json.loads(day.ratecard("validate", "--config", str(folder), "--format", "json", code=1))
    codes = {error["code"] for error in found["errors"]}
    assert codes >= {"DUPLICATE_MODEL", "DUPLICATE_PRICING", "DUPLICATE_ROUTING"}


def test_admins_of_the_variable_cannot_be_demoted(day: Day) -> None:
    """Compared without case; others are promoted and demoted by an edit."""
    words = ("propose", "--set", "access support@example.com=analyst", "--title", "Promote support")
    protected = replace(day, environment=day.environment | {"RATECARD_ADMINS": "Support@Example.com"})
    assert "[ADMIN_EMAILS_PROTECTED]" in protected.ratecard(*words, code=1)
    day.ratecard(*words)
    promoted = git(day.top, "show", "ratecard/promote-support:config/access.yaml")
    assert "analysts: [support@example.com]" in promoted


def test_the_bill_of_the_day(day: Day) -> None:
    """By hand, in USD: raw, times 1.30 (the last call 3.00), and of the Standard pack 15 / 17.50 is earned.

    | call | raw | billed | earned |
    |---|---|---|---|
    | haiku 1,000 + 500 | 0.0028 | 0.00364 | 0.00312 |
    | sonnet 2,000 + 1,000 | 0.0210 | 0.02730 | 0.02340 |
    | 4o-mini 4,000 + 1,000 | 0.0012 | 0.00156 | 0.00156 |
    | 4o 1,000 + 200 | 0.0045 | 0.00585 | 0.00585 |
    | 2.5-flash 10,000 + 1,000 and 1,000 of thinking | 0.0085 | 0.01105 | 0.01105 |
    | haiku 1,000 + 500 in the afternoon | 0.0028 | 0.00840 | 0.00720 |
    """
    rows, total = day.bill("account", "model")
    assert rows == {
        ("seeker-1", "claude/claude-3-5-sonnet-20241022"): money("0.021", "0.0273", "0.0234", "0.0024"),
        ("seeker-1", "claude/claude-3-5-haiku-20241022"): money("0.0056", "0.01204", "0.01032", "0.00472"),
        ("seeker-2", "openai/gpt-4o-mini"): money("0.0012", "0.00156", "0.00156", "0.00036"),
        ("seeker-2", "openai/gpt-4o"): money("0.0045", "0.00585", "0.00585", "0.00135"),
        ("seeker-2", "gemini/gemini-2.5-flash"): money("0.0085", "0.01105", "0.01105", "0.00255"),
    }
    assert money(total["cost_usd"], total["charge_usd"], total["revenue_usd"], total["profit_usd"]) == money(
        "0.0408", "0.0578", "0.05218", "0.01138"
    )
    assert "total 6 19,000 4,200 1,000 0.0408 0.0578 0.0522 0.0114" in day.lines
    assert "revenue: usage $0.0522, subscriptions $0.0000" in day.lines
    assert "seeker-1, plan free: $17.46066 to spend (174,607 credits)" in day.lines
    assert day.faults_of_the_ledger() == []


def test_the_day_shows_what_is_refused(day: Day) -> None:
    assert "refused UNREGISTERED_MODEL: model openai/text-embedding-ada-002 is not active" in day.lines
    assert (
        "refused UNREGISTERED_MODEL: model openai/gpt-5 is not registered; did you mean 'openai/gpt-4o'?" in day.lines
    )
