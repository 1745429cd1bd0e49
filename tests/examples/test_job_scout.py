"""Job-scout: every number that its business states, over the example's own configuration and the real commands."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from metering.accounts import create_account
from metering.errors import NoPricingError, NoRouteError, UnavailableError, UnregisteredModelError
from metering.meter import Meter
from metering.usage import Usage
from schema.database import writing

EXAMPLE = Path(__file__).parents[2] / "examples" / "job-scout" / "config"
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


@pytest.fixture
def repository(make_repository: Callable[..., Path]) -> Path:
    return make_repository({str(path.relative_to(EXAMPLE)): path.read_text() for path in EXAMPLE.rglob("*.yaml")})


@pytest.fixture
def apply(repository: Path, database_url: str, run_ratecard: Callable[..., Any]) -> Callable[[], dict[str, Any]]:
    def run() -> dict[str, Any]:
        words = ("apply", "--yes", "--database", database_url, "--format", "json")
        done = run_ratecard(*words, cwd=repository)
        assert done.returncode == 0, done.stderr
        result: dict[str, Any] = json.loads(done.stdout)
        return result

    return run


@pytest.fixture
def meter(apply: Callable[[], dict[str, Any]], database_url: str) -> Iterator[Meter]:
    apply()
    with Meter.open(database_url) as meter:
        yield meter


def test_every_model_bills_raw_times_margin(meter: Meter) -> None:
    for (provider, model), (given, taken) in PER_THOUSAND.items():
        raw = Decimal(given) + Decimal("0.5") * Decimal(taken)
        quote = meter.quote(provider, model, CALL)
        assert (quote.cost, quote.charge) == (raw, raw * Decimal("1.30"))


def test_an_edit_shows_and_bills_what_it_says(
    meter: Meter, repository: Path, run_git: Callable[..., str], apply: Callable[[], dict[str, Any]]
) -> None:
    """Raw 0.002800, billed 0.008400 at a margin of 3.00; a price of tomorrow is not used, one of today is."""
    today = datetime.now(UTC).date()
    with writing(meter.engine) as connection:
        create_account(connection, "seeker", plan="free", now=datetime.now(UTC))

    def call(event_id: str) -> Usage:
        return Usage(
            event_id=event_id, account="seeker", provider="claude", model="claude-3-5-haiku-20241022", units=CALL
        )

    assert meter.record(call("before")).charge == Decimal("0.003640")
    path = repository / "config" / "pricing" / "claude.yaml"
    entry = "    - effective: 2025-01-01\n      per_million: {input: 0.80, output: 4.00}\n"
    later = "".join(
        f"    - effective: {day}\n      per_million: {{input: 0.80, output: 4.00}}\n      margin: {margin}\n"
        for day, margin in ((today, "3.00"), (today + timedelta(days=1), "4.00"))
    )
    text = path.read_text()
    assert text.count(entry) == 1
    path.write_text(text.replace(entry, entry + later))
    run_git(repository, "commit", "--all", "--quiet", "--message=Raise the margin of the cheap model")
    applied = apply()
    receipt = meter.record(call("after"))
    assert (receipt.cost, receipt.charge) == (Decimal("0.002800"), Decimal("0.008400"))
    assert receipt.release.commit == applied["commit"] == run_git(repository, "rev-parse", "HEAD")
    assert receipt.price_key == f"claude/claude-3-5-haiku-20241022@{today}"
    assert meter.record(call("before")).charge == Decimal("0.003640")


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


def test_the_legacy_embedding_is_registered_and_inactive(meter: Meter) -> None:
    model = meter.book.find_model("openai", "text-embedding-ada-002")
    assert (model.display_name, model.type, model.active) == ("Embedding Ada 002 (Legacy)", "embedding", False)


def test_packs_in_their_order(meter: Meter) -> None:
    packs = sorted(meter.book.packs.values(), key=lambda pack: pack.order)
    assert [(pack.name, pack.price_nanos // 10**7, pack.credits, pack.order, pack.badge) for pack in packs] == [
        ("Starter", 500, 50_000, 1, None),
        ("Standard", 1500, 175_000, 2, "Most Popular"),
        ("Pro", 4000, 500_000, 3, "Best Value"),
    ]


def test_a_pack_earns_what_was_paid_for_it(meter: Meter) -> None:
    """Standard: 15 USD for 175,000 credits, worth 17.50."""
    with writing(meter.engine) as connection:
        create_account(connection, "seeker", plan="free", now=datetime.now(UTC))
    pack = meter.book.packs["Standard"]
    grant = meter.grant("seeker", "purchase", key="first", credits=pack.credits, paid=Decimal(15))
    assert (grant.face_nanos, meter.balance("seeker").balance) == (17_500_000_000, Decimal("17.5"))


def test_settings_are_read_with_their_types(meter: Meter) -> None:
    names = (
        "signup_grant_credits",
        "credits_per_dollar",
        "credit_display_name",
        "display_precision",
        "rounding_mode",
    )
    assert [meter.book.setting(name) for name in names] == [0, 10_000, "credits", 0, "up"]
