"""Every operation against keys that must not open it: none, nonsense, expired, revoked, banned, of another scope or
account. Whoever is refused learns nothing about what exists."""

from __future__ import annotations

from datetime import timedelta

import pytest

from metering.api.document import document
from metering.errors import UnavailableError
from tests.metering.api.conftest import Api, change_plan
from tests.metering.api.requests import CALL, OPERATIONS, Operation
from tests.metering.rate_card import Clock

KEYED = [one for one in OPERATIONS if one.scope is not None]


def test_every_operation_is_attacked() -> None:
    documented = {
        (method.upper(), path.replace(":path", "")) for path, found in document()["paths"].items() for method in found
    }
    assert documented == {(one.method, one.template) for one in OPERATIONS}


def test_the_document_tells_what_needs_a_key() -> None:
    for path, found in document()["paths"].items():
        for method, told in found.items():
            (scope,) = [
                one.scope
                for one in OPERATIONS
                if (one.method, one.template) == (method.upper(), path.replace(":path", ""))
            ]
            assert ("security" in told) == (scope is not None), path
            assert ({"401", "403", "429"} <= set(told["responses"])) == (scope is not None), path


def test_what_needs_no_key_tells_of_nobody(lite: Api) -> None:
    lite.post("/v1/events", {"event_id": "known", **CALL})
    for one in OPERATIONS:
        if one.scope is None:
            answer = lite.ask(one.method, one.path, one.body, key=None)
            assert answer.status == 200
            assert "acct" not in answer.text
    assert "acct" not in lite.get("/openapi.json", key=None).text


def test_no_key_opens_what_is_not_its_own(api: Api, clock: Clock) -> None:
    """The attacker's matrix."""
    meter = api.meter
    api.post("/v1/events", {"event_id": "known", **CALL})
    meter.wallets.grant("acct-1", "purchase", key="money", usd="10")
    assert (
        api.post("/v1/holds", {"model": "small", "input": 1_000, "max_output": 500, "hold_id": "known"}).status == 200
    )
    before = _state(api)

    key_id = api.keys["other"].split("_")[1]
    expired = meter.keys.create("admin", by="tests", expires_at=clock() + timedelta(hours=1)).text
    revoked = {scope: _revoked(api, scope) for scope in ("read", "meter", "admin")}
    meter.accounts.create("acct-3", by="tests")
    banned = meter.keys.create("meter", account="acct-3", by="tests").text
    meter.accounts.ban("acct-3", by="tests")
    clock.forward(hours=2)
    valid = api.keys["meter"]
    nonsense = {
        "no key": {},
        "empty": {"Authorization": ""},
        "another scheme": {"Authorization": f"Basic {valid}"},
        "no scheme": {"Authorization": valid},
        "a slip": {"Authorization": f"Bearer {valid[:-1]}{'A' if valid[-1] != 'A' else 'B'}"},
        "cut": {"Authorization": f"Bearer {valid[:-1]}"},
        "longer": {"Authorization": f"Bearer {valid}A"},
        "id of another": {"Authorization": f"Bearer rk_{key_id}_{valid.split('_', 2)[2]}"},
        "id alone": {"Authorization": f"Bearer rk_{key_id}_"},
        "SQL": {"Authorization": "Bearer rk_' OR '1'='1_x"},
        "no ASCII": {"Authorization": "Bearer rk_\xe9\xe9_\xe9"},
        "as a parameter": {"X-API-Key": valid},
        "expired": {"Authorization": f"Bearer {expired}"},
        "banned": {"Authorization": f"Bearer {banned}"},
        **{f"revoked {scope}": {"Authorization": f"Bearer {text}"} for scope, text in revoked.items()},
    }
    told = set()
    for one in KEYED:
        path = one.path.replace("KEY", key_id)
        for name, headers in nonsense.items():
            answer = api.ask(one.method, path, one.body, key=None, headers=headers)
            assert answer.status == 401, (one, name, answer.text)
            assert answer.headers["www-authenticate"] == "Bearer"
            told.add(answer.text)
        for scope in ("read", "meter", "admin"):
            if not _may(scope, one):
                answer = api.ask(one.method, path, one.body, key=scope)
                assert (answer.status, answer.error) == (403, "FORBIDDEN"), (one, scope, answer.text)
    assert len(told) == 1, "every key that is not valid is answered alike"
    assert _state(api) == before


@pytest.mark.parametrize("one", [one for one in KEYED if "known" in one.path], ids=lambda one: one.template)
def test_what_another_owns_answers_as_what_does_not_exist(lite: Api, one: Operation) -> None:
    lite.post("/v1/events", {"event_id": "known", **CALL})
    lite.meter.wallets.grant("acct-1", "purchase", key="money", usd="10")
    lite.post("/v1/holds", {"model": "small", "input": 1_000, "max_output": 500, "hold_id": "known"})
    before = _state(lite)
    foreign = lite.ask(one.method, one.path, one.body, key="other")
    missing = lite.ask(one.method, one.path.replace("known", "never"), one.body, key="other")
    assert foreign.status == missing.status == 404
    assert foreign.text.replace("known", "never") == missing.text
    assert _state(lite) == before


def test_an_event_of_another_account_answers_as_one_of_none(lite: Api) -> None:
    for path in ("/v1/events", "/v1/holds/known/capture"):
        foreign = lite.post(path, {"event_id": "e", "account": "acct-2", **CALL})
        missing = lite.post(path, {"event_id": "e", "account": "acct-9", **CALL})
        assert foreign.status == missing.status == 404
        assert foreign.text.replace("acct-2", "acct-9") == missing.text
    batch = lite.post("/v1/events/batch", {"events": [{"event_id": "e", "account": "acct-2", **CALL}]}).json
    assert batch["results"][0]["error"] == {"code": "UNKNOWN_ACCOUNT", "message": "there is no account 'acct-2'"}
    assert lite.meter.balance("acct-2").balance_nanos == 0


def test_lists_hold_only_what_is_the_accounts_own(api: Api) -> None:
    api.post("/v1/events", {"event_id": "mine", **CALL})
    api.post("/v1/events", {"event_id": "theirs", **CALL}, key="other")
    assert [event["event_id"] for event in api.get("/v1/history").json["events"]] == ["mine"]
    assert [one["id"] for one in api.get("/v1/transactions").json["transactions"]] == ["usage:mine"]
    assert api.get("/v1/usage").json["total"]["requests"] == 1
    assert api.get("/v1/wallet", key="other").json["account"] == "acct-2"
    assert api.get("/v1/quota", key="other").json["requests_today"] == 1
    cursor = api.get("/v1/history?limit=1", key="other").json["next_cursor"]
    for path in ("history", "transactions"):
        answer = api.get(f"/v1/{path}?cursor={cursor}")
        assert (answer.status, answer.error) == (422, "BAD_REQUEST")


def test_a_key_that_only_reads_is_not_told_what_the_provider_takes(lite: Api) -> None:
    lite.post("/v1/events", {"event_id": "known", **CALL})
    for path in ("/v1/usage", "/v1/history", "/v1/events/known", "/v1/wallet", "/v1/transactions", "/v1/catalogue"):
        # 1,000 x 0.80 + 500 x 4.00 per million.
        assert "0.0028" not in lite.get(path, key="read").text, path
    assert lite.get("/v1/events/known", key="read").json["cost_usd"] is None
    assert lite.get("/v1/events/known").json["cost_usd"] == "0.0028"
    assert lite.post("/v1/quote", CALL, key="read").json["cost_usd"] is None
    assert lite.post("/v1/quote", CALL).json["cost_usd"] == "0.0028"


def test_a_plan_that_is_not_offered_is_as_one_that_does_not_exist(lite: Api) -> None:
    """Its prices were agreed with another customer."""
    change_plan(lite, "custom", active=False)
    for path in ("/v1/catalogue?plan={}", "/v1/quote"):
        answers = [
            lite.get(path.format(plan)) if "?" in path else lite.post(path, {**CALL, "plan": plan})
            for plan in ("custom", "nobody")
        ]
        assert [answer.status for answer in answers] == [422, 422]
        assert answers[0].text.replace("custom", "nobody") == answers[1].text
    assert lite.post("/v1/quote", {**CALL, "plan": "pro"}).json["charge_usd"] == "0.007"


def test_a_revoked_key_ends_at_once(api: Api) -> None:
    assert api.get("/v1/wallet").status == 200
    api.meter.keys.revoke(api.keys["meter"].split("_")[1], by="tests")
    assert api.get("/v1/wallet").error == "UNAUTHENTICATED"


def test_a_suspended_account_may_look_and_what_happened_is_recorded(lite: Api) -> None:
    lite.meter.wallets.grant("acct-1", "purchase", key="money", usd="10")
    lite.meter.accounts.suspend("acct-1", by="tests")
    assert lite.get("/v1/quota").json["status"] == "suspended"
    assert lite.post("/v1/holds", {"model": "small", "input": 1, "max_output": 1}).error == "ACCOUNT_SUSPENDED"
    assert lite.post("/v1/check", CALL).json["code"] == "ACCOUNT_SUSPENDED"
    assert lite.post("/v1/events", {"event_id": "e", **CALL}).status == 200


def test_faults_of_the_database_tell_nothing_of_it(lite: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise UnavailableError("the database postgresql://billing@10.0.0.7/money failed: secret")

    monkeypatch.setattr(lite.meter, "record", fail)
    answer = lite.post("/v1/events", {"event_id": "e", **CALL})
    assert (answer.status, answer.error) == (503, "METERING_UNAVAILABLE")
    assert "10.0.0.7" not in answer.text
    assert answer.headers["retry-after"] == "1"

    def crash(*_: object) -> None:
        raise RuntimeError("secret")

    monkeypatch.setattr(lite.meter, "record", crash)
    answer = lite.post("/v1/events", {"event_id": "e", **CALL})
    assert (answer.status, answer.error) == (500, "INTERNAL")
    assert "secret" not in answer.text


def _may(scope: str, one: Operation) -> bool:
    return one.scope in {"read": ("read",), "meter": ("read", "meter"), "admin": ("admin",)}[scope]


def _revoked(api: Api, scope: str) -> str:
    made = api.meter.keys.create(scope, account=None if scope == "admin" else "acct-1", by="tests")
    api.meter.keys.revoke(made.key.key_id, by="tests")
    return made.text


def _state(api: Api) -> list[object]:
    """What an attack could change."""
    return [
        [api.meter.balance(account) for account in ("acct-1", "acct-2")],
        [event.event_id for event in api.meter.activity.history("acct-1")],
        [event.event_id for event in api.meter.activity.history("acct-2")],
        [(hold.hold_id, hold.status) for hold in api.meter.holds.rows("acct-1")],
        [key.key_id for key in api.meter.keys.list(account="acct-2")],
    ]
