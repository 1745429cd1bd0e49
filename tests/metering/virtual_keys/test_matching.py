"""Virtual keys at a real HTTP server: made with the subscription, changed with the plan, deleted when it ends."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import Engine

from metering.errors import ProxyError
from metering.meter import Meter
from metering.virtual_keys.terms import alias_of, is_ours
from tests.metering.rate_card import ROWS, Clock, apply_rows, model_row, plan_row, price_row, setting
from tests.metering.virtual_keys.key_server import MASTER_KEY, KeyServer, serving_keys

BY = "Price Desk <prices@example.com>"
VARIABLE = "LITELLM_MASTER_KEY"
LIMITS = {"tokens_per_month": 500_000, "requests_per_minute": 30}


def plan(slug: str, budget: str | None = "15", tpm: int | None = None, **values: Any) -> dict[str, Any]:
    named = {"max_budget": budget, "budget_duration": "30d", "tpm_limit": tpm}
    return plan_row(slug, **{"limits": LIMITS, "litellm": named, "monthly_nanos": 19 * 10**9, **values})


def proxy_setting(address: str, **values: Any) -> dict[str, Any]:
    return setting("litellm", {"url": address, "master_key_env": VARIABLE, "key_prefix": "shop"} | values)


@pytest.fixture
def keys(monkeypatch: pytest.MonkeyPatch) -> Iterator[KeyServer]:
    monkeypatch.setenv(VARIABLE, MASTER_KEY)
    with serving_keys() as keys:
        yield keys


@pytest.fixture
def meter(engine: Engine, migrated_url: str, clock: Clock, keys: KeyServer) -> Iterator[Meter]:
    """A meter on plans with keys; the models of `litellm` are those of the proxy."""
    rows = {
        "plan": [
            plan_row("free"),
            plan("pro"),
            plan("premium", "40.5", access="standard", limits={"tokens_per_month": 2_000_000}),
            plan("open", None, 200_000, limits={"tokens_per_month": None}),
            plan("tiny", limits={"tokens_per_month": 10, "requests_per_minute": None}),
            plan("silent", litellm=None),
        ],
        "model": [
            *ROWS["model"],
            model_row("litellm", "flash"),
            model_row("litellm", "large", access="standard"),
            model_row("litellm", "gone", active=False),
            model_row("litellm", "unpriced"),
        ],
        "provider": [*ROWS["provider"], {"provider": "litellm", "display_name": "LiteLLM"}],
        "price": [
            *ROWS["price"],
            *(price_row("litellm", name) for name in ("flash", "large", "gone")),
        ],
        "setting": [*ROWS["setting"], proxy_setting(keys.address)],
    }
    apply_rows(engine, ROWS | rows)
    with Meter.open(migrated_url, now=clock, listen=False) as meter:
        yield meter


def told(meter: Meter) -> list[tuple[str, str | None]]:
    return [(one.action, one.account) for one in meter.match_virtual_keys().changes]


def subscribe(meter: Meter, account: str, slug: str = "pro") -> None:
    meter.subscriptions.start(account, slug, by=BY)


def test_a_key_has_the_terms_of_its_plan(meter: Meter, keys: KeyServer) -> None:
    """500,000 / 30 / 24 / 60 = 11.57 tokens a minute, of which LiteLLM knows the whole ones."""
    for slug in ("pro", "premium", "open", "tiny", "silent"):
        subscribe(meter, slug, slug)
    meter.accounts.create("nobody", by=BY)
    done = meter.match_virtual_keys()
    assert sorted(one.account or "" for one in done.changes) == ["open", "premium", "pro", "tiny"]
    assert all(one.action == "create" and (one.key or "").startswith("sk-") for one in done.changes)
    assert (done.unchanged, done.fault) == (0, None)
    terms = {
        alias.removeprefix("shop-account-"): (key["max_budget"], key["budget_duration"], key["tpm_limit"])
        for alias, key in keys.keys.items()
    }
    assert terms == {
        "pro": (15, "30d", 11),
        "premium": (40.5, "30d", 46),
        "open": (None, None, 200_000),
        "tiny": (15, "30d", 1),
    }
    assert {alias: key["rpm_limit"] for alias, key in keys.keys.items()}["shop-account-pro"] == 30
    assert keys.keys["shop-account-tiny"]["rpm_limit"] is None
    assert keys.keys["shop-account-pro"]["metadata"] == {"ratecard_account": "pro"}
    assert "flash" in keys.keys["shop-account-pro"]["models"]
    assert "anthropic/haiku" in keys.keys["shop-account-pro"]["models"]
    assert {"large", "gone", "unpriced"}.isdisjoint(keys.keys["shop-account-pro"]["models"])
    assert "large" in keys.keys["shop-account-premium"]["models"]


def test_what_is_as_it_should_be_is_left_alone(meter: Meter, keys: KeyServer) -> None:
    subscribe(meter, "acme", "premium")
    assert told(meter) == [("create", "acme")]
    for key in keys.keys.values():
        key["models"].reverse()
        key["blocked"] = None
    keys.written.clear()
    assert meter.match_virtual_keys().unchanged == 1
    assert keys.written == []


def test_a_key_follows_its_subscription(meter: Meter, keys: KeyServer, clock: Clock) -> None:
    subscribe(meter, "acme")
    told(meter)
    clock.forward(hours=1)
    meter.subscriptions.change("acme", "premium", by=BY, when="now")
    assert told(meter) == [("change", "acme")]
    (path, body) = keys.written[-1]
    assert (path, set(body)) == ("/key/update", {"key", "max_budget", "tpm_limit", "rpm_limit", "models"})
    assert keys.keys["shop-account-acme"]["rpm_limit"] is None
    assert keys.keys["shop-account-acme"]["budget_duration"] == "30d"
    meter.accounts.suspend("acme", by=BY)
    assert told(meter) == [("change", "acme")]
    assert keys.keys["shop-account-acme"]["blocked"] is True
    meter.accounts.unsuspend("acme", by=BY)
    told(meter)
    assert keys.keys["shop-account-acme"]["blocked"] is False
    meter.subscriptions.cancel("acme", by=BY)
    assert told(meter) == []
    clock.forward(days=40)
    assert told(meter) == [("delete", None)]
    assert keys.keys == {}


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_a_change_that_nobody_has_looked_at_yet_counts(meter: Meter, keys: KeyServer, clock: Clock) -> None:
    subscribe(meter, "acme", "premium")
    told(meter)
    meter.subscriptions.change("acme", "tiny", by=BY, when="period_end")
    assert told(meter) == []
    clock.forward(days=40)
    assert told(meter) == [("change", "acme")]
    assert keys.keys["shop-account-acme"]["tpm_limit"] == 1


def test_a_key_follows_the_limits_of_its_plan(meter: Meter, keys: KeyServer) -> None:
    subscribe(meter, "acme")
    told(meter)
    apply_rows(meter.engine, {"plan": [plan("pro", limits={"tokens_per_month": 4_320_000})]})
    assert told(meter) == [("change", "acme")]
    assert (keys.keys["shop-account-acme"]["tpm_limit"], keys.keys["shop-account-acme"]["rpm_limit"]) == (100, None)
    apply_rows(meter.engine, {"plan": [plan("pro", litellm=None)]})
    assert told(meter) == [("delete", None)]


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
@pytest.mark.parametrize("how", ["ban", "delete"])
def test_a_key_ends_with_its_account(meter: Meter, keys: KeyServer, how: str) -> None:
    subscribe(meter, "acme")
    told(meter)
    getattr(meter.accounts, how)("acme", by=BY)
    assert told(meter) == [("delete", None)]


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_keys_of_others_are_not_touched(meter: Meter, keys: KeyServer) -> None:
    others = ("somebody", "shop", "ratecard-account-acme", "SHOP-account-acme", "my-shop-account-acme")
    keys.keys = {alias: {"models": []} for alias in others}
    subscribe(meter, "acme")
    assert told(meter) == [("create", "acme")]
    meter.subscriptions.cancel("acme", by=BY, when="now")
    assert told(meter) == [("delete", None)]
    assert set(keys.keys) == set(others)


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_a_plan_that_opens_no_model_opens_none_at_the_proxy(meter: Meter, keys: KeyServer) -> None:
    """An empty list would open them all."""
    apply_rows(meter.engine, {"setting": [setting("access_classes", ["least", "basic", "standard"])]})
    apply_rows(meter.engine, {"plan": [plan("pro", access="least")]})
    subscribe(meter, "acme")
    told(meter)
    assert keys.keys["shop-account-acme"]["models"] == ["no-default-models"]


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_a_trial_run_writes_nothing(meter: Meter, keys: KeyServer) -> None:
    subscribe(meter, "acme")
    found = meter.match_virtual_keys(dry_run=True)
    assert [(one.action, one.account, one.key) for one in found.changes] == [("create", "acme", None)]
    assert found.changes[0].fields["max_budget"] == Decimal(15)
    assert keys.written == []


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_a_run_that_was_interrupted_is_completed(meter: Meter, keys: KeyServer) -> None:
    for number in range(5):
        subscribe(meter, f"acct-{number}")
    keys.serves = 2
    first = meter.match_virtual_keys()
    assert [one.account for one in first.changes] == ["acct-0", "acct-1"]
    assert first.fault == "acct-2: the LiteLLM proxy answered HTTP 500 to /key/generate: database lost"
    keys.serves = None
    keys.largest_page = 2
    assert [one.account for one in meter.match_virtual_keys().changes] == ["acct-2", "acct-3", "acct-4"]
    keys.largest_page = 2
    assert meter.match_virtual_keys().unchanged == 5


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_keys_on_many_pages_are_all_found(meter: Meter, keys: KeyServer) -> None:
    keys.largest_page = 2
    keys.keys = {alias_of("shop", f"gone-{number}"): {"models": []} for number in range(5)}
    assert len(meter.match_virtual_keys(force=True).changes) == 5
    assert keys.keys == {}


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
@pytest.mark.parametrize(("kept", "gone", "allowed"), [(0, 1, True), (0, 2, False), (7, 3, True), (7, 4, False)])
def test_most_keys_are_not_deleted_without_a_word(
    meter: Meter, keys: KeyServer, kept: int, gone: int, allowed: bool
) -> None:
    for number in range(kept):
        subscribe(meter, f"acct-{number}")
    told(meter)
    keys.keys |= {alias_of("shop", f"gone-{number}"): {"models": []} for number in range(gone)}
    if allowed:
        assert len(meter.match_virtual_keys().changes) == gone
        return
    keys.written.clear()
    with pytest.raises(ProxyError, match=f"{gone} of {kept + gone} keys would be deleted"):
        meter.match_virtual_keys()
    assert keys.written == []
    assert len(meter.match_virtual_keys(dry_run=True).changes) == gone


def test_names_that_a_proxy_may_not_like_go_by_their_digest() -> None:
    assert alias_of("shop", "acme_1-x") == "shop-account-acme_1-x"
    odd = {alias_of("shop", name) for name in ("a/../b", "ä", "x" * 101, "a b", "\u202e")}
    assert len(odd) == 5
    assert all(is_ours("shop", alias) and alias.startswith("shop-digest-") for alias in odd)


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_what_cannot_be_asked_is_said(meter: Meter, keys: KeyServer, monkeypatch: pytest.MonkeyPatch) -> None:
    subscribe(meter, "acme")
    monkeypatch.setenv(VARIABLE, "sk-" + "wrong")
    with pytest.raises(ProxyError, match="HTTP 401 to /key/list: Authentication Error"):
        meter.match_virtual_keys()
    monkeypatch.delenv(VARIABLE)
    with pytest.raises(ProxyError, match=f"the variable {VARIABLE}, which settings.litellm names, is not set"):
        meter.match_virtual_keys()
    monkeypatch.setenv(VARIABLE, "sk\nwrong")
    with pytest.raises(ProxyError, match="characters that no header can carry"):
        meter.match_virtual_keys()
    monkeypatch.setenv(VARIABLE, MASTER_KEY)
    for url, reason in (
        ("ftp://x", "no http"),
        ("http://127.0.0.1:1", "cannot be reached"),
        ("http://[", "no http"),
    ):
        apply_rows(meter.engine, {"setting": [proxy_setting(url)]})
        with pytest.raises(ProxyError, match=reason):
            meter.match_virtual_keys()
    apply_rows(meter.engine, {"setting": [setting("litellm", None)]})
    with pytest.raises(ProxyError, match=r"settings\.litellm names no proxy"):
        meter.match_virtual_keys()
    assert keys.written == []
