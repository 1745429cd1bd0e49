"""What an account may see over HTTP: prices, checks, usage, history, quotas, the wallet and the catalogue."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.metering.api.conftest import Api, change_plan
from tests.metering.rate_card import NOW, Clock, apply_rows, setting

CALL = {"provider": "anthropic", "model": "haiku", "units": {"input": 1_000, "output": 500}}


def test_a_route_names_the_model_and_what_to_try_next(lite: Api) -> None:
    found = lite.get("/v1/route?provider=anthropic&task=chat&key=user-7", key="read").json
    assert (found["provider"], found["task"], found["fallbacks"]) == (
        "anthropic",
        "chat",
        [{"provider": "openai", "model": "gpt"}],
    )
    assert found["model"] == lite.meter.route("anthropic", "chat", key="user-7")
    assert lite.get("/v1/route?provider=anthropic&task=other").json["task"] == "_default"
    for path, error in (
        ("provider=openai", "NO_ROUTE"),
        ("provider=anthropic&task=inactive", "UNREGISTERED_MODEL"),
        ("provider=anthropic&task=unpriced", "NO_PRICING_CONFIG"),
    ):
        answer = lite.get(f"/v1/route?{path}")
        assert (answer.status, answer.error) == (503, error)
    assert lite.get("/v1/route").error == "BAD_REQUEST"


def test_a_quote_is_what_recording_charges(lite: Api) -> None:
    quoted = lite.post("/v1/quote", CALL).json
    recorded = lite.post("/v1/events", {"event_id": "e", **CALL}).json
    assert (quoted["charge_usd"], quoted["price"]) == (recorded["charge_usd"], recorded["price"])
    assert quoted["book"] == {"release": recorded["release"], "age_seconds": 0, "database": "reached"}
    # A margin of 2.5 on plan pro.
    assert lite.post("/v1/quote", {**CALL, "plan": "pro"}).json["charge_usd"] == "0.007"
    # Routing is not billed.
    assert lite.post("/v1/quote", {**CALL, "task": "routing"}).json["charge_usd"] == "0"


def test_a_check_answers_before_the_call(lite: Api) -> None:
    poor = lite.post("/v1/check", CALL, key="read").json
    assert (poor["allowed"], poor["code"]) == (False, "INSUFFICIENT_BALANCE")
    lite.meter.wallets.grant("acct-1", "purchase", key="money", usd="1")
    assert lite.post("/v1/check", CALL).json == {
        "allowed": True,
        "observed": False,
        "code": None,
        "message": None,
        "plan": "free",
        "quotas": [],
    }
    change_plan(lite, "free", limits={"documents": 5, "tokens_per_month": 1_000})
    assert lite.post("/v1/check", {"limit": "documents", "current": 4}).json["allowed"] is True
    full = lite.post("/v1/check", {"limit": "documents", "current": 4, "adding": 2}).json
    assert (full["allowed"], full["code"]) == (False, "QUOTA_EXCEEDED")
    assert lite.post("/v1/would-exceed", {"units": {"input": 1_000}}).json == {"would_exceed": False}
    assert lite.post("/v1/would-exceed", {"units": {"input": 1_001}}).json == {"would_exceed": True}
    change_plan(lite, "free", limits={"run_units_per_month": 2})
    assert lite.post("/v1/check", {"tool": "build", "cpu_seconds": "1.5"}).json["allowed"] is True
    heavy = lite.post("/v1/check", {"tool": "build", "latency_ms": 2_001}).json
    assert (heavy["allowed"], heavy["code"]) == (False, "QUOTA_EXCEEDED")
    for body in ({"limit": "documents"}, {"adding": 1}, {"limit": "x", "current": 1}, {"provider": "anthropic"}):
        assert lite.post("/v1/check", body).status == 422


def test_usage_sums_a_period_by_tool_tier_and_model(api: Api, clock: Clock) -> None:
    for number, (tool, tier, at) in enumerate(
        [("search", "heavy", NOW), ("search", None, NOW), ("build", "heavy", NOW - timedelta(days=40))]
    ):
        body = {"event_id": f"e-{number}", "tool": tool, "tier": tier, "occurred_at": at.isoformat(), **CALL}
        assert api.post("/v1/events", body).status == 200
    found = api.get("/v1/usage", key="read").json
    assert found["period"] == {"start": "2026-06-01", "end": "2026-07-01"}
    assert found["total"] == {
        "requests": 2,
        "units": {"input": 2_000, "output": 1_000},
        "charge_usd": "0.0168",
        "cost_usd": None,
    }
    assert list(found["by"]) == ["tool", "tier", "model"]
    assert [(one["key"], one["requests"]) for one in found["by"]["tool"]] == [("search", 2)]
    assert {one["key"] for one in found["by"]["tier"]} == {None, "heavy"}
    assert [one["key"] for one in found["by"]["model"]] == ["anthropic/haiku"]
    # In May it was 1.00 and 5.00, three times.
    assert api.get("/v1/usage?period=all").json["total"]["charge_usd"] == "0.0273"
    assert api.get("/v1/usage?period=day&by=day").json["by"]["day"][0]["key"] == "2026-06-15"
    assert api.get("/v1/usage?start=2026-05-01&end=2026-06-01").json["total"]["requests"] == 1
    assert api.get("/v1/usage?start=2026-06-02&end=2026-06-01").error == "BAD_REQUEST"
    assert api.get("/v1/usage?by=account").error == "BAD_REQUEST"


def test_usage_and_wallet_are_told_in_a_second_currency(lite: Api, clock: Clock) -> None:
    """A call of 0.0084 USD at 18.50, and one at 20.00 from noon on; the balance at what a dollar is now."""
    rates = [
        {"base": "USD", "quote": "ZAR", "effective": moment, "rate_micros": micros, "source_url": None}
        for moment, micros in ((NOW - timedelta(days=10), 18_500_000), (NOW, 20_000_000))
    ]
    apply_rows(lite.meter.engine, {"rate": rates})
    lite.meter.reload()
    lite.meter.wallets.grant("acct-1", "purchase", key="money", usd="1")
    for event_id, at in (("before", NOW - timedelta(hours=1)), ("after", NOW)):
        lite.post("/v1/events", {"event_id": event_id, "occurred_at": at.isoformat(), **CALL})
    assert lite.get("/v1/usage").json["in_currency"] is None
    assert lite.get("/v1/wallet").json["in_currency"] is None
    total = {"currency": "ZAR", "charge": "0.3234", "unknown": None}
    # 0.0028 USD each is what the provider takes.
    assert lite.get("/v1/usage?currency=ZAR").json["in_currency"] == {**total, "cost": "0.1078"}
    assert lite.get("/v1/usage?currency=ZAR", key="read").json["in_currency"] == {**total, "cost": None}
    apply_rows(lite.meter.engine, {"setting": [setting("currency", "ZAR")]})
    lite.meter.reload()
    assert lite.get("/v1/usage", key="read").json["in_currency"] == {**total, "cost": None}
    # 1 - 2 x 0.0084 = 0.9832 USD; the call from before the money came is owed.
    amounts = {"balance": "19.664", "available": "19.664", "held": "0", "owed": "0.168"}
    wallet = {"currency": "ZAR", **amounts, "unknown": None}
    assert lite.get("/v1/wallet", key="read").json["in_currency"] == wallet
    clock.moment = NOW - timedelta(seconds=1)
    assert lite.get("/v1/wallet").json["in_currency"]["balance"] == "18.1892"
    missing = lite.get("/v1/wallet?currency=EUR").json["in_currency"]
    assert (missing["currency"], missing["balance"]) == ("EUR", None)
    assert missing["unknown"] == f"no exchange rate USD/EUR is in force at {clock.moment.isoformat()}"
    unknown = lite.get("/v1/usage?currency=EUR").json
    assert (unknown["total"]["charge_usd"], unknown["in_currency"]["charge"]) == ("0.0168", None)
    assert unknown["in_currency"]["unknown"].startswith("no exchange rate USD/EUR is in force at 2026-06-01T")
    for path in ("/v1/usage?currency=zar", "/v1/wallet?currency=RANDS"):
        assert lite.get(path).error == "BAD_REQUEST"


def test_history_goes_on_where_a_page_ended(api: Api) -> None:
    events = [
        {"event_id": f"e-{number:03}", "occurred_at": (NOW - timedelta(seconds=number // 3)).isoformat(), **CALL}
        for number in range(250)
    ]
    assert api.post("/v1/events/batch", {"events": events}).json["recorded"] == 250
    pages, cursor = [], ""
    while cursor is not None:
        page = api.get(f"/v1/history{cursor and f'?cursor={cursor}'}", key="read").json
        pages.append([event["event_id"] for event in page["events"]])
        cursor = page["next_cursor"]
        # What arrives meanwhile shifts nothing.
        api.post("/v1/events", {"event_id": f"late-{len(pages)}", **CALL})
    assert [len(page) for page in pages] == [100, 100, 50]
    found = [name for page in pages for name in page]
    assert len(set(found)) == 250
    assert [int(name[2:]) // 3 for name in found] == sorted(int(name[2:]) // 3 for name in found)
    narrow = api.get("/v1/history?start=2026-06-15T11:59:59Z&end=2026-06-15T12:00:00Z&limit=1000").json["events"]
    assert sorted(event["event_id"] for event in narrow) == ["e-003", "e-004", "e-005"]
    assert len(api.get("/v1/history?limit=1000").json["events"]) == 253
    for query in ("limit=0", "limit=1001", "cursor=zz", "cursor=%00", "start=yesterday", "end=2026-02-30", "tool=%00"):
        assert api.get(f"/v1/history?{query}").status == 422, query


def test_history_tells_what_refunds_and_filters_make_of_it(lite: Api) -> None:
    lite.post("/v1/events", {"event_id": "e-1", "user": "u-1", "tool": "search", "metadata": {"a": [1]}, **CALL})
    lite.post("/v1/events", {"event_id": "e/2", "user": "u-2", "feature": "rag", **CALL})
    lite.meter.wallets.refund_usage("acct-1", "e-1", key="sorry", usd="0.0004")
    event = lite.get("/v1/events/e-1").json
    assert (event["charge_usd"], event["adjusted_usd"], event["metadata"]) == ("0.008", "-0.0004", {"a": [1]})
    assert lite.get("/v1/usage").json["total"]["charge_usd"] == "0.0164"
    for query, names in (
        ("user=u-1", ["e-1"]),
        ("feature=rag", ["e/2"]),
        ("tool=search&model=haiku", ["e-1"]),
        ("model=gpt", []),
    ):
        assert [one["event_id"] for one in lite.get(f"/v1/history?{query}").json["events"]] == names
    assert lite.get("/v1/events/e%2F2").json["event_id"] == "e/2"
    assert lite.get("/v1/events/e%00").error == "BAD_REQUEST"


@pytest.mark.parametrize(
    ("used", "state"), [(79, "ok"), (80, "warning"), (95, "upgrade"), (99, "upgrade"), (100, "blocked")]
)
def test_the_quota_tells_of_limits_and_days(lite: Api, used: int, state: str) -> None:
    limits = {"tokens_per_month": 100, "requests_per_day": 20, "run_units_per_month": None}
    change_plan(lite, "free", limits=limits)
    lite.post("/v1/events", {"event_id": "e", "model": "small", "units": {"input": used}})
    found = lite.get("/v1/quota", key="read").json
    assert (found["state"], found["plan_name"], found["days_to_reset"]) == (state, "Free", 16)
    assert (found["requests_today"], found["requests_per_day"]) == (1, 20)
    tokens, requests, run_units = found["quotas"]
    assert (tokens["used"], tokens["limit"], tokens["remaining"], tokens["percent"]) == (used, 100, 100 - used, used)
    assert (requests["used"], requests["limit"], requests["resets_at"]) == (1, 20, "2026-06-16T00:00:00+00:00")
    assert (run_units["limit"], run_units["percent"]) == (None, None)


def test_the_wallet_and_its_transactions(api: Api) -> None:
    api.meter.wallets.buy("acct-1", "Starter", key="order-1")
    api.meter.wallets.grant("acct-1", "promo", key="welcome", usd="0.005")
    api.post("/v1/events", {"event_id": "e-1", **CALL})
    api.meter.wallets.refund_usage("acct-1", "e-1", key="sorry", usd="0.0004")
    found = api.get("/v1/wallet", key="read").json
    # 5 + 0.005 - 0.0084 + 0.0004
    assert (found["balance_usd"], found["available_usd"], found["owed_usd"]) == ("4.997", "4.997", "0")
    assert (found["available_credits"], found["credits"]["name"]) == ("49970", "credits")
    assert [(one["kind"], one["remaining_usd"], one["paid_usd"]) for one in found["grants"]] == [
        ("purchase", "4.997", "5")
    ]
    told = api.get("/v1/transactions").json["transactions"]
    assert [(one["kind"], one["amount_usd"], one["balance_usd"]) for one in told] == [
        ("refund", "0.0004", "4.997"),
        ("debit", "-0.0084", "4.9966"),
        ("grant", "0.005", "5.005"),
        ("purchase", "5", "5"),
    ]
    assert told[0]["reverses"] == told[1]["id"] == "usage:e-1"
    first = api.get("/v1/transactions?limit=3").json
    rest = api.get(f"/v1/transactions?cursor={first['next_cursor']}").json
    assert first["transactions"] + rest["transactions"] == told
    assert rest["next_cursor"] is None
    assert [one["kind"] for one in api.get("/v1/transactions?kind=purchase").json["transactions"]] == ["purchase"]
    assert api.get("/v1/transactions?cursor=bm9uZQ").error == "BAD_REQUEST"


def test_the_catalogue_shows_what_the_plan_pays(lite: Api) -> None:
    found = lite.get("/v1/catalogue", key="read").json
    assert found["plan"] == "free"
    models = {f"{one['provider']}/{one['model']}": one for one in found["models"]}
    assert sorted(models) == ["anthropic/haiku", "anthropic/sonnet", "openai/burner", "openai/gpt"]
    assert models["anthropic/haiku"]["charges"] == [
        {
            "above_input": 0,
            "per_million": {"input": "2.4", "output": "12", "cache_read": "0.24", "cache_write": "3"},
            "per_unit": {},
        }
    ]
    assert [(one["above_input"], one["per_million"]["input"]) for one in models["anthropic/sonnet"]["charges"]] == [
        (0, "3.9"),
        (200_000, "7.8"),
    ]
    assert models["openai/gpt"]["charges"][0]["per_million"] == {"input": "4", "output": "12"}
    assert {one["plan"]: one["monthly"] for one in found["plans"]} == {
        "free": "0",
        "pro": "20",
        "watched": "0",
        "custom": None,
    }
    assert [(one["pack"], one["price"], one["credits"]) for one in found["packs"]] == [("Starter", "5", 50_000)]
    assert found["reasoning_levels"] == {"advanced": "1.5"}
    pro = lite.get("/v1/catalogue?plan=pro").json["models"][0]
    assert (pro["model"], pro["charges"][0]["per_million"]["input"]) == ("haiku", "2")
