"""Holds over HTTP."""

from __future__ import annotations

import threading
from datetime import timedelta

from tests.metering.api.conftest import Api, change_plan

HOLD = {"provider": "anthropic", "model": "haiku", "input": 1_000, "max_output": 500, "hold_id": "h-1"}


def test_a_hold_sets_aside_and_gives_back(api: Api) -> None:
    api.meter.wallets.grant("acct-1", "purchase", key="money", usd="1")
    placed = api.post("/v1/holds", HOLD)
    # (1,000 x 1.00 + 500 x 5.00) at the dearer cache_write rate of input, three times.
    assert placed.json == {
        "hold_id": "h-1",
        "status": "open",
        "amount_usd": placed.json["amount_usd"],
        "provider": "anthropic",
        "model": "haiku",
        "task": None,
        "expires_at": "2026-06-15T12:15:00+00:00",
        "event_id": None,
    }
    assert api.post("/v1/holds", HOLD).json == placed.json
    assert api.get("/v1/wallet").json["held_usd"] == placed.json["amount_usd"]
    receipt = api.post("/v1/holds/h-1/capture", {"event_id": "e-1", "units": {"input": 1_000, "output": 100}})
    assert receipt.json["charge_usd"] == "0.0036"
    again = api.post("/v1/holds/h-1/capture", {"event_id": "e-1", "units": {"input": 1_000, "output": 100}})
    assert again.json == receipt.json | {"duplicate": True}
    other = api.post("/v1/holds/h-1/capture", {"event_id": "e-2", "units": {"input": 1}})
    assert (other.status, other.error) == (409, "EVENT_CONFLICT")
    assert api.get("/v1/holds/h-1").json["event_id"] == "e-1"
    assert api.get("/v1/wallet").json["held_usd"] == "0"
    assert api.get("/v1/wallet").json["balance_usd"] == "0.9964"


def test_a_released_hold_stays_released(lite: Api) -> None:
    lite.meter.wallets.grant("acct-1", "purchase", key="money", usd="1")
    lite.post("/v1/holds", HOLD)
    assert lite.post("/v1/holds/h-1/release").json["status"] == "released"
    assert lite.post("/v1/holds/h-1/release").json["status"] == "released"
    assert lite.get("/v1/wallet").json["available_usd"] == "1"


def test_a_hundred_holds_at_once_admit_what_the_wallet_covers(api: Api) -> None:
    api.meter.wallets.grant("acct-1", "purchase", key="money", usd="0.30")
    # 1,000 output at 4.00 per million, three times: 0.012; 25 of them are 0.30.
    body = {"provider": "anthropic", "model": "haiku", "max_output": 1_000}
    answers = []

    def place() -> None:
        answers.extend(api.post("/v1/holds", body) for _ in range(10))

    threads = [threading.Thread(target=place) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answer.status for answer in answers) == [200] * 25 + [402] * 75
    assert {answer.error for answer in answers if answer.status == 402} == {"INSUFFICIENT_BALANCE"}
    assert api.get("/v1/wallet").json["available_usd"] == "0"


NOT_HELD: list[tuple[dict[str, object], int, str]] = [
    ({}, 402, "INSUFFICIENT_BALANCE"),
    ({"model": "nothing"}, 503, "UNREGISTERED_MODEL"),
    ({"model": "retired"}, 503, "UNREGISTERED_MODEL"),
    ({"model": "unpriced"}, 503, "NO_PRICING_CONFIG"),
    ({"units": {"inputs": 1}}, 422, "UNKNOWN_UNIT"),
    ({"input": -1}, 422, "BAD_EVENT"),
    ({"max_output": -1}, 422, "BAD_REQUEST"),
    ({"hold_id": "a/b"}, 422, "BAD_REQUEST"),
    ({"hold_id": ".."}, 422, "BAD_REQUEST"),
    ({"lifetime_seconds": 0}, 422, "BAD_REQUEST"),
    ({"lifetime_seconds": int(timedelta(days=8).total_seconds())}, 422, "BAD_REQUEST"),
]


def test_what_may_not_be_held_is_refused(lite: Api) -> None:
    for change, status, error in NOT_HELD:
        answer = lite.post("/v1/holds", HOLD | change)
        assert (answer.status, answer.error) == (status, error), (change, answer.text)


def test_a_quota_that_is_used_up_says_when_it_resets(lite: Api) -> None:
    change_plan(lite, "free", limits={"requests_per_day": 1})
    lite.meter.wallets.grant("acct-1", "purchase", key="money", usd="1")
    lite.post("/v1/events", {"event_id": "e", "model": "small"})
    answer = lite.post("/v1/holds", HOLD)
    assert (answer.status, answer.error) == (429, "QUOTA_EXCEEDED")
    # 12:00 to midnight.
    assert answer.headers["retry-after"] == str(12 * 3_600)
