from __future__ import annotations

import pickle
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine

from metering.book.entities import Release
from metering.book.ratebook import RateBook, timeline
from metering.errors import BadEventError, NoPricingError, NoRouteError, UnavailableError, UnregisteredModelError
from metering.rating.price import Price
from schema.database import reading
from tests.metering.rate_card import (
    COMMIT,
    JANUARY,
    JUNE,
    NOW,
    ROWS,
    apply_rows,
    change,
    make_price,
    model_row,
    route_row,
    setting,
)

RELEASE = Release(1, COMMIT, None, NOW)
TICK = timedelta(microseconds=1)


def book(**rows: list[dict[str, Any]]) -> RateBook:
    return RateBook.build(RELEASE, ROWS | rows, now=NOW)


def key_at(book: RateBook, at: datetime) -> str | None:
    price = book.price_at("anthropic", "haiku", at)
    return None if price is None else price.key


def test_the_book_says_what_the_database_says(card: Engine) -> None:
    with reading(card) as connection:
        loaded = RateBook.load(connection, now=NOW)
    assert (loaded.release.commit, loaded.release.label, loaded.release.applied_at) == (COMMIT, None, NOW)
    assert loaded.loaded_at == NOW
    assert loaded.find_model("anthropic", "haiku").key == "anthropic/haiku"
    assert loaded.plans["pro"].included_nanos == 10**10
    assert loaded.packs["Starter"].credits == 50_000
    assert loaded.routes.keys() == book().routes.keys()
    assert loaded.reasoning == {"advanced": 1_500_000}
    assert loaded.billable == {"extraction": True, "routing": False}
    price = loaded.price_at("anthropic", "sonnet", NOW)
    assert price is not None
    assert price.costs == book().entries["anthropic", "sonnet"].prices[0].costs
    assert price.id is not None


def test_rows_of_earlier_releases_are_history(card: Engine) -> None:
    apply_rows(card, {"setting": [setting("default_plan", "pro")]}, commit="f" * 40)
    with reading(card) as connection:
        loaded = RateBook.load(connection, now=NOW)
    assert loaded.release.commit == "f" * 40
    assert loaded.settings.default_plan == "pro"
    assert loaded.entries.keys() == book().entries.keys()


def test_without_a_release_there_is_no_book(engine: Engine) -> None:
    with reading(engine) as connection, pytest.raises(UnavailableError) as caught:
        RateBook.load(connection, now=NOW)
    assert str(caught.value) == "no release has been applied to this database; run `ratecard apply`"


def test_a_price_is_in_force_from_its_first_moment() -> None:
    known = book()
    assert key_at(known, JANUARY - TICK) is None
    assert key_at(known, JANUARY) == "anthropic/haiku@2026-01-01"
    assert key_at(known, JUNE - TICK) == "anthropic/haiku@2026-01-01"
    assert key_at(known, JUNE) == "anthropic/haiku@2026-06-01"


def test_a_price_that_came_late_is_in_force_from_its_apply() -> None:
    """An entry for May that was applied on 10 June bills nobody backwards, and never replaces the one of June."""
    may, applied = datetime(2026, 5, 1, tzinfo=UTC), datetime(2026, 6, 10, tzinfo=UTC)
    first, late = make_price(effective=JANUARY), make_price(effective=may, in_force_from=applied)
    assert timeline([late, first]) == ((JANUARY, applied), (first, late))
    june = make_price(effective=JUNE)
    assert timeline([late, first, june]) == ((JANUARY, JUNE), (first, june))


def test_of_prices_that_come_into_force_together_the_latest_wins() -> None:
    applied = datetime(2026, 6, 10, tzinfo=UTC)
    prices = [make_price(effective=datetime(2026, month, 1, tzinfo=UTC), in_force_from=applied) for month in (5, 3, 4)]
    assert timeline(prices) == ((applied,), (prices[0],))
    assert timeline([]) == ((), ())


def test_models_are_found_by_name_alias_and_key() -> None:
    known = book()
    for provider, name in (
        ("anthropic", "haiku"),
        ("anthropic", "small"),
        ("anthropic", "anthropic/haiku"),
        ("openai", "anthropic/haiku"),
        (None, "small"),
        (None, "anthropic/haiku"),
    ):
        assert known.find_model(provider, name).key == "anthropic/haiku"


@pytest.mark.parametrize(
    ("provider", "name", "message"),
    [
        ("openai", "small", "model openai/small is not registered"),
        (None, "smal", "model smal is not registered; did you mean 'small'?"),
        ("anthropic", "haiko", "model anthropic/haiko is not registered; did you mean 'anthropic/haiku'?"),
        ("mistral", "zzz", "model mistral/zzz is not registered"),
    ],
)
def test_other_names_are_not_registered(provider: str | None, name: str, message: str) -> None:
    with pytest.raises(UnregisteredModelError) as caught:
        book().find_model(provider, name)
    assert str(caught.value) == message


def test_a_name_is_stronger_than_an_alias() -> None:
    models = [model_row("openai", "one", aliases=["two"]), model_row("openai", "two", aliases=["openai/one"])]
    known = book(model=models)
    assert known.find_model("openai", "two").name == "two"
    assert known.find_model(None, "openai/one").name == "one"


def test_model_names_may_hold_slashes() -> None:
    known = book(model=[*ROWS["model"], model_row("router", "anthropic/haiku")])
    assert known.find_model("router", "anthropic/haiku").key == "router/anthropic/haiku"
    assert known.find_model(None, "router/anthropic/haiku").provider == "router"
    assert known.find_model(None, "anthropic/haiku").provider == "anthropic"


def test_what_may_not_be_called_is_refused() -> None:
    known = book()
    assert known.callable_price("anthropic", "haiku", NOW).key == "anthropic/haiku@2026-06-01"
    for name, at, kind, message in (
        ("x-1", NOW, UnregisteredModelError, "model anthropic/x-1 is not registered"),
        ("retired", NOW, UnregisteredModelError, "model anthropic/retired is not active"),
        (
            "unpriced",
            NOW,
            NoPricingError,
            "model anthropic/unpriced has no price in force at 2026-06-15T12:00:00+00:00",
        ),
        (
            "haiku",
            JANUARY - TICK,
            NoPricingError,
            "model anthropic/haiku has no price in force at 2025-12-31T23:59:59.999999+00:00",
        ),
    ):
        with pytest.raises(kind) as caught:
            known.callable_price("anthropic", name, at)
        assert str(caught.value) == message


def test_routes_name_models_and_fallbacks() -> None:
    known = book()
    choice = known.route("anthropic", "chat", None)
    assert (choice.provider, choice.model, choice.task) == ("anthropic", "sonnet", "chat")
    assert choice.fallbacks == (("openai", "gpt"),)
    assert known.route("anthropic", "elsewhere", None).name == "openai/gpt"
    assert known.route("anthropic", "anything", "user").task == "_default"
    with pytest.raises(NoRouteError):
        known.route("openai", "chat", None)


def test_a_route_to_a_model_that_is_gone_is_refused() -> None:
    known = book(route=[route_row("anthropic", "_default", ("anthropic/gone", 100))])
    with pytest.raises(UnregisteredModelError):
        known.route("anthropic", "chat", None)


def test_settings_have_defaults() -> None:
    known = book(setting=[setting("unknown_model", {"credits_multiplier": "1.5"}), setting("extra.theme", "dark")])
    assert known.setting("credits_per_dollar") == 10_000
    assert known.setting("extra.theme") == "dark"
    assert known.setting("extra.none") is None
    assert known.settings.unknown_model_micros == 1_500_000
    assert known.settings.create_accounts is False
    assert known.settings.observe is False
    changed = book(setting=[setting("signup_grant_credits", 1000), setting("credits_per_dollar", 100)]).settings
    assert changed.signup_grant_nanos == 10 * 10**9


def test_the_burn_of_credits_follows_settings() -> None:
    burn = {"weights": {"input": "1", "output": "2"}, "tokens_per_credit": 1}
    known = book(setting=[setting("credit_burn", burn), setting("credits_per_dollar", 1)])
    price = known.price_at("openai", "burner", NOW)
    assert isinstance(price, Price)
    assert price.charges is not None
    assert price.charges["output"] == 2 * price.charges["input"]
    assert "cache_read" in price.charges


def test_reasoning_levels() -> None:
    known = book()
    assert known.output_multiplier(None) == 1_000_000
    assert known.output_multiplier("advanced") == 1_500_000
    with pytest.raises(BadEventError) as caught:
        known.output_multiplier("advance")
    assert str(caught.value) == "'advance' is not a reasoning level; did you mean 'advanced'?"


def test_the_book_can_be_pickled() -> None:
    known = book(price=[change("price", {"model": "haiku"}, note="kept")])
    again = pickle.loads(pickle.dumps(known))
    assert again == known
    assert again.price_at("anthropic", "haiku", NOW) == known.price_at("anthropic", "haiku", NOW)
