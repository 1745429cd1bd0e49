from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, make_url, text

from metering.errors import (
    BadEventError,
    BadGrantError,
    MeteringError,
    NoPricingError,
    NoRouteError,
    RefusalError,
    UnavailableError,
    UnknownAccountError,
    UnknownUnitError,
    UnregisteredModelError,
)
from metering.meter import Meter
from metering.usage import Usage
from schema.database import make_engine, writing
from schema.errors import DatabaseVersionError
from tests.metering.rate_card import COMMIT, JANUARY, JUNE, NOW, ROWS, Clock, apply_rows, setting

UNITS = {"input": 4_000, "output": 500}


def test_a_quote_is_priced_by_plan_and_moment(meter: Meter) -> None:
    quote = meter.quote("anthropic", "haiku", UNITS, plan="pro")
    assert (quote.cost, quote.charge) == (Decimal("0.0052"), Decimal("0.013"))
    assert (quote.price_key, quote.release.commit) == ("anthropic/haiku@2026-06-01", COMMIT)
    assert meter.quote("anthropic", "haiku", UNITS).charge == Decimal("0.0156")
    before = meter.quote("anthropic", "haiku", UNITS, plan="pro", at=JUNE - timedelta(microseconds=1))
    assert (before.cost, before.price_key) == (Decimal("0.0065"), "anthropic/haiku@2026-01-01")
    naive = datetime(2026, 5, 31, 23)  # noqa: DTZ001 - a naive time is UTC
    assert meter.quote("anthropic", "haiku", UNITS, plan="pro", at=naive) == before


def test_a_quote_takes_the_tier_of_the_call(meter: Meter) -> None:
    assert meter.quote("anthropic", "sonnet", {"input": 200_000}).cost == Decimal("0.6")
    assert meter.quote("anthropic", "sonnet", {"input": 200_001}).cost == Decimal("1.200006")
    assert meter.quote("anthropic", "sonnet", {"input": 1, "cache_read": 200_000}).cost == Decimal("0.060006")


def test_a_quote_takes_numbers_as_record_does(meter: Meter) -> None:
    plain = meter.quote("anthropic", "haiku", UNITS)
    for units in ({"input": "4000", "output": Decimal(500)}, {**UNITS, "image": 0}, {**UNITS, "video_second": "0"}):
        assert meter.quote("anthropic", "haiku", units) == plain  # type: ignore[arg-type]
    for units, error in (
        ({"input": -1}, BadEventError),
        ({"input": 1.0}, BadEventError),
        ({"input": True}, BadEventError),
        ({"tokens": 1}, UnknownUnitError),
        ({"image": 1}, NoPricingError),
        ({"video_second": 1}, NoPricingError),
    ):
        with pytest.raises(error):
            meter.quote("anthropic", "haiku", units)  # type: ignore[arg-type]


def test_a_quote_equals_what_record_charges(meter: Meter) -> None:
    calls: list[dict[str, Any]] = [
        {"model": "haiku", "units": {"input": 7, "cache_read": 13, "cache_write_1h": 3, "reasoning": 5}},
        {"model": "sonnet", "units": {"input": 199_999, "cache_write": 2, "output": 77}},
        {"model": "openai/gpt", "units": {"input": 7, "output": 9}},
        {"model": "openai/burner", "units": {"input": 1_234_567, "output": 9}, "task": "routing"},
        {"model": "haiku", "units": UNITS, "reasoning_level": "advanced", "task": "extraction"},
    ]
    for number, call in enumerate(calls):
        quote = meter.quote("anthropic", plan="free", **call)
        receipt = meter.record(Usage(event_id=str(number), account="a", provider="anthropic", **call))
        assert (receipt.cost_nanos, receipt.charge_nanos) == (quote.cost_nanos, quote.charge_nanos)
        assert (receipt.price_key, receipt.release) == (quote.price_key, quote.release)
    assert meter.quote("anthropic", "haiku", UNITS, reasoning_level="advanced").cost == Decimal("0.0062")
    assert meter.quote("anthropic", "haiku", UNITS, task="routing").charge == 0


@pytest.mark.parametrize(
    ("provider", "model", "error", "code"),
    [
        ("anthropic", "none", UnregisteredModelError, "UNREGISTERED_MODEL"),
        ("anthropic", "retired", UnregisteredModelError, "UNREGISTERED_MODEL"),
        ("anthropic", "unpriced", NoPricingError, "NO_PRICING_CONFIG"),
        (None, "haiku", UnregisteredModelError, "UNREGISTERED_MODEL"),
    ],
)
def test_calls_that_must_not_be_made_are_refused(
    meter: Meter, provider: str | None, model: str, error: type[RefusalError], code: str
) -> None:
    for ask in (lambda: meter.quote(provider, model, UNITS), lambda: meter.price(provider, model)):
        with pytest.raises(error) as caught:
            ask()
        assert (caught.value.code, caught.value.status) == (code, 503)
    with pytest.raises(NoPricingError):
        meter.quote("anthropic", "haiku", UNITS, at=JANUARY - timedelta(microseconds=1))
    with pytest.raises(BadEventError):
        meter.quote("anthropic", "haiku", UNITS, reasoning_level="endless")


def test_an_unregistered_model_is_quoted_when_settings_say_how(meter: Meter, card: Engine) -> None:
    apply_rows(card, {"setting": [setting("unknown_model", {"credits_multiplier": "1.0"})]})
    meter.reload()
    quote = meter.quote("anthropic", "none", {"input": 100, "cache_read": 50, "output": 10})
    assert (quote.cost, quote.charge, quote.price_key) == (0, Decimal("0.0000005"), None)
    assert meter.quote("anthropic", "none", UNITS, task="routing").charge == 0
    with pytest.raises(UnregisteredModelError):
        meter.quote("anthropic", "retired", UNITS)
    with pytest.raises(NoPricingError):
        meter.quote("anthropic", "none", {"image": 1})


def test_the_price_in_force(meter: Meter) -> None:
    assert meter.price("anthropic", "small").effective == JUNE
    assert meter.price(None, "anthropic/haiku", at=JANUARY).effective == JANUARY


def test_routes_lead_to_models_that_may_be_called(meter: Meter) -> None:
    assert meter.route("anthropic", "extraction") == "haiku"
    assert meter.route("anthropic", "anything else") == "sonnet"
    assert meter.route("anthropic") == "sonnet"
    assert meter.route("anthropic", "elsewhere") == "openai/gpt"
    assert meter.quote("anthropic", meter.route("anthropic", "elsewhere"), UNITS).cost == Decimal("0.0065")
    assert meter.choose("anthropic", "chat", key="user-1").fallbacks == (("openai", "gpt"),)
    for provider, task, error in (
        ("openai", "chat", NoRouteError),
        ("anthropic", "inactive", UnregisteredModelError),
        ("anthropic", "unpriced", NoPricingError),
    ):
        with pytest.raises(error):
            meter.route(provider, task)


def test_a_split_is_stable_by_key_and_spread_without_one(meter: Meter) -> None:
    assert len({meter.route("anthropic", "chat", key="user-1") for _ in range(50)}) == 1
    spread = Counter(meter.route("anthropic", "chat") for _ in range(2_000))
    # Three standard deviations of a binomial of 2,000 at 0.1 are 40.
    assert 160 <= spread["haiku"] <= 240


def test_the_book_is_looked_at_again_when_it_is_old(meter: Meter, card: Engine, clock: Clock) -> None:
    dearer = dict(ROWS["price"][1], margin_micros=6_000_000)
    apply_rows(card, {"price": [dearer]}, commit="e" * 40)
    assert meter.quote("anthropic", "haiku", UNITS).release.commit == COMMIT
    clock.forward(seconds=5)
    assert meter.quote("anthropic", "haiku", UNITS).charge == Decimal("0.0312")
    assert meter.book.release.commit == "e" * 40


def test_reload_takes_the_newest_release_at_once(meter: Meter, card: Engine) -> None:
    apply_rows(card, {"setting": [setting("default_plan", "pro")]}, commit="e" * 40)
    assert meter.reload().settings.default_plan == "pro"
    assert meter.book.release.commit == "e" * 40


def test_grants_in_usd_and_in_credits(meter: Meter) -> None:
    assert meter.wallets.grant("a", "promo", key="one", usd=Decimal("1.5")).face_nanos == 1_500_000_000
    assert meter.wallets.grant("a", "purchase", key="two", credits=50_000, paid=Decimal(5)).face_nanos == 5 * 10**9
    assert meter.wallets.grant("a", "purchase", key="text", usd="17.50", paid="15").face_nanos == 17_500_000_000
    for amount, reason in ((0.1, "an amount of 0.1 is a binary float"), ("ten", "an amount of 'ten' is no number")):
        with pytest.raises(BadGrantError, match=reason):
            meter.wallets.grant("a", "promo", key="no", usd=amount)  # type: ignore[arg-type]
    assert meter.balance("a").balance == Decimal("24")
    for wrong in ({}, {"usd": Decimal(1), "credits": 1}, {"usd": Decimal("0.0000000001")}, {"credits": 0}):
        with pytest.raises(BadGrantError):
            meter.wallets.grant("a", "promo", key="three", **wrong)  # type: ignore[arg-type]
    with pytest.raises(UnknownAccountError) as caught:
        meter.balance("nobody")
    assert (caught.value.code, caught.value.status) == ("UNKNOWN_ACCOUNT", 404)


def test_a_database_without_a_release_is_not_opened(migrated_url: str) -> None:
    with pytest.raises(UnavailableError) as caught:
        Meter.open(migrated_url)
    assert (caught.value.code, caught.value.status) == ("METERING_UNAVAILABLE", 503)


def test_a_database_without_tables_is_not_opened(database_url: str) -> None:
    with pytest.raises(DatabaseVersionError):
        Meter.open(database_url)


def test_a_database_of_another_version_is_not_opened(card: Engine, migrated_url: str) -> None:
    with writing(card) as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '0000'"))
    with pytest.raises(DatabaseVersionError) as caught:
        Meter.open(migrated_url)
    assert "ratecard db upgrade" in str(caught.value)


def test_a_database_that_cannot_be_reached_is_unavailable() -> None:
    with pytest.raises(UnavailableError) as caught:
        Meter.open("postgresql://nobody:secret@127.0.0.1:1/none")
    assert str(caught.value).startswith("cannot reach the database postgresql+psycopg://nobody:***@127.0.0.1:1/none: ")


def take_away(engine: Engine, url: str) -> None:
    """Make the database one that nobody can reach."""
    engine.dispose()
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        path = Path(parsed.database or "")
        path.rename(path.with_suffix(".away"))
        path.mkdir()
        return
    server = make_engine(parsed.set(database="postgres").render_as_string(hide_password=False))
    with server.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text(f"ALTER DATABASE {parsed.database} ALLOW_CONNECTIONS false"))
        connection.execute(
            text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = :name"),
            {"name": parsed.database},
        )
    server.dispose()


def test_without_the_database_nothing_is_served(card: Engine, meter: Meter, migrated_url: str, clock: Clock) -> None:
    take_away(card, migrated_url)
    meter.engine.dispose()
    assert meter.quote("anthropic", "haiku", UNITS).cost == Decimal("0.0052")
    clock.forward(seconds=5)
    asks = (
        lambda: meter.quote("anthropic", "haiku", UNITS),
        lambda: meter.route("anthropic", "extraction"),
        lambda: meter.record(Usage(event_id="1", account="a", provider="anthropic", model="haiku")),
        lambda: meter.balance("a"),
        lambda: meter.reload(),
        lambda: meter.wallets.grant("a", "promo", key="k", credits=1),
    )
    for ask in asks:
        with pytest.raises(UnavailableError):
            ask()  # type: ignore[no-untyped-call]


def test_a_policy_lets_the_last_book_serve_for_a_while(card: Engine, migrated_url: str, clock: Clock) -> None:
    policy = {"policy": "database_away", "value": {"serve": True, "max_age_minutes": 10}}
    apply_rows(card, {"policy": [policy]})
    with Meter.open(migrated_url, now=clock, listen=False) as meter:
        take_away(card, migrated_url)
        meter.engine.dispose()
        clock.forward(minutes=10)
        assert meter.quote("anthropic", "haiku", UNITS).cost == Decimal("0.0052")
        assert meter.route("anthropic", "extraction") == "haiku"
        assert meter.book.loaded_at == NOW
        with pytest.raises(UnavailableError):
            meter.record(Usage(event_id="1", account="a", provider="anthropic", model="haiku"))
        clock.forward(seconds=6)
        with pytest.raises(UnavailableError):
            meter.route("anthropic", "extraction")


def test_every_error_of_the_runtime_has_a_code_and_a_status() -> None:
    def all_of(kind: type[MeteringError]) -> set[type[MeteringError]]:
        return {kind}.union(*(all_of(child) for child in kind.__subclasses__()))

    concrete = {kind for kind in all_of(MeteringError) if not kind.__subclasses__() or "code" in vars(kind)}
    concrete -= {MeteringError}
    assert all(kind.code != MeteringError.code and 400 <= kind.status <= 503 for kind in concrete)
    assert len({kind.code for kind in concrete}) == len(concrete)
