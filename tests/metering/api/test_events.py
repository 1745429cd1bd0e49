"""Recording over HTTP: once by its id, exact, one event not kept from it by another."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

from tests.metering.api.conftest import Api

EVENT: Mapping[str, Any] = {
    "event_id": "e-1",
    "provider": "anthropic",
    "model": "haiku",
    "units": {"input": 1_000, "output": 500},
}


def test_an_event_is_charged_once(api: Api) -> None:
    first = api.post("/v1/events", EVENT)
    assert first.status == 200, first.text
    # 1,000 x 0.80 + 500 x 4.00 per million, three times.
    assert first.json == {
        "event_id": "e-1",
        "status": "priced",
        "charge_usd": "0.0084",
        "cost_usd": "0.0028",
        "balance_usd": "-0.0084",
        "price": "anthropic/haiku@2026-06-01",
        "release": {"id": 1, "commit": "0123456789abcdef0123456789abcdef01234567", "label": None},
        "duplicate": False,
    }
    assert api.post("/v1/events", EVENT).json == first.json | {"duplicate": True}
    clash = api.post("/v1/events", {**EVENT, "units": {"input": 1_001}})
    assert (clash.status, clash.error) == (409, "EVENT_CONFLICT")
    assert api.meter.balance("acct-1").balance_nanos == -8_400_000


def test_one_event_of_a_batch_does_not_keep_the_others_from_it(api: Api) -> None:
    events = [
        EVENT,
        {**EVENT, "event_id": "e-2", "units": {"inputs": 1}},
        {**EVENT, "event_id": "e-3", "units": {"input": -1}},
        {**EVENT, "event_id": "e-4", "surprise": 1},
        {**EVENT, "event_id": 5},
        {"units": {}},
        EVENT,
        {**EVENT, "event_id": "e-8", "model": "unpriced"},
    ]
    answer = api.post("/v1/events/batch", {"events": events})
    assert answer.status == 200
    told = [(one["error"] or one["receipt"]).get("code") or one["receipt"]["status"] for one in answer.json["results"]]
    assert told == ["priced", "UNKNOWN_UNIT", *["BAD_EVENT"] * 4, "priced", "unpriced"]
    assert (answer.json["recorded"], answer.json["duplicates"], answer.json["failed"]) == (2, 1, 5)
    assert answer.json["results"][6]["receipt"]["duplicate"] is True
    again = api.post("/v1/events/batch", {"events": events}).json
    assert (again["recorded"], again["duplicates"], again["failed"]) == (0, 3, 5)
    assert api.meter.balance("acct-1").balance_nanos == -8_400_000


def test_the_same_batch_in_parallel_bills_once(api: Api) -> None:
    events = [{**EVENT, "event_id": f"e-{number}"} for number in range(50)]
    answers = []
    threads = [
        threading.Thread(target=lambda: answers.append(api.post("/v1/events/batch", {"events": events}).json))
        for _ in range(5)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(answer["recorded"] for answer in answers) == 50
    assert sum(answer["duplicates"] for answer in answers) == 200
    assert api.meter.balance("acct-1").balance_nanos == -50 * 8_400_000


def test_numbers_reach_the_bill_exactly(lite: Api) -> None:
    """A binary float has no 0.1: what JSON says in decimals is read from its text."""
    sent = (
        b'{"event_id": "e", "model": "small", "tool": "t", "units": {"input": 1e3, "run_unit": 12345678.345678},'
        b' "cpu_seconds": 0.1, "latency_ms": 12, "metadata": {"temperature": 0.7, "text": "\\u00e9\\ud83d\\ude00"}}'
    )
    assert lite.post("/v1/events", sent).json["charge_usd"] == "0.0024"
    event = lite.get("/v1/events/e").json
    assert event["units"] == {"input": 1_000, "run_unit": "12345678.345678"}
    assert (event["cpu_seconds"], event["latency_ms"]) == ("0.1", 12)
    assert event["metadata"] == {"temperature": 0.7, "text": "é😀"}
    same = lite.post("/v1/events", sent.replace(b"0.1,", b'"0.10",').replace(b"1e3", b"1000"))
    assert same.json["duplicate"] is True


UNREADABLE = [
    (b"", 422, "BAD_REQUEST"),
    (b"{", 400, "BAD_JSON"),
    (b'{"event_id": "e", "model": "small", "units": {"input": NaN}}', 400, "BAD_JSON"),
    (b'{"event_id": "e", "event_id": "f", "model": "small"}', 400, "BAD_JSON"),
    (b'{"event_id": "\\u0000", "model": "small"}', 400, "BAD_JSON"),
    (b'{"event_id": "\\ud800", "model": "small"}', 400, "BAD_JSON"),
    (b'{"event_id": "\xff", "model": "small"}', 400, "BAD_JSON"),
    (b"[" * 100_000, 400, "BAD_JSON"),
    (b'{"event_id": "e", "model": "small", "metadata": ' + b'{"a":' * 101 + b"1" + b"}" * 102, 400, "BAD_JSON"),
    (b'{"event_id": ' + b"9" * 5_000 + b"}", 400, "BAD_JSON"),
    (b"null", 422, "BAD_REQUEST"),
    (b"[]", 422, "BAD_REQUEST"),
    (b'{"model": "small"}', 422, "BAD_REQUEST"),
    (b'{"event_id": "e", "model": "small", "unit": {}}', 422, "BAD_REQUEST"),
    (b'{"event_id": 1, "model": "small"}', 422, "BAD_REQUEST"),
    (b'{"event_id": "e", "model": "small", "units": {"input": 0.5}}', 422, "BAD_EVENT"),
    (b'{"event_id": "e", "model": "small", "units": {"input": 1e999}}', 422, "BAD_EVENT"),
    (b'{"event_id": "e", "model": "small", "units": {"input": true}}', 422, "BAD_EVENT"),
    (b'{"event_id": "e", "model": "small", "units": {"input": []}}', 422, "BAD_EVENT"),
    (b'{"event_id": "e", "model": "small", "metadata": {"a": 1e999}}', 422, "BAD_EVENT"),
    (b'{"event_id": "e", "model": "small", "occurred_at": "2026-02-30"}', 422, "BAD_EVENT"),
    (b'{"event_id": "e", "model": "small", "occurred_at": "2026-06-15T12:06:00Z"}', 422, "BAD_EVENT"),
    (b'{"event_id": "e", "model": "small", "reasoning_level": "wild"}', 422, "BAD_EVENT"),
    (b'{"event_id": "e"}', 422, "BAD_EVENT"),
]


def test_what_cannot_be_read_is_refused_and_leaves_nothing(lite: Api) -> None:
    for body, status, error in UNREADABLE:
        answer = lite.post("/v1/events", body)
        assert (answer.status, answer.error) == (status, error), (body[:100], answer.text)
    assert lite.meter.activity.history("acct-1") == []


def test_a_body_without_end_is_cut_off(lite: Api) -> None:
    large = b'{"event_id": "' + b"e" * 16 * 1024 * 1024 + b'"}'
    assert lite.post("/v1/events", large).error == "TOO_LARGE"
    chunked = lite.ask("POST", "/v1/events", None, headers={"Content-Length": "99999999999"})
    assert (chunked.status, chunked.error) == (413, "TOO_LARGE")


def test_more_than_a_thousand_events_are_too_many(lite: Api) -> None:
    answer = lite.post("/v1/events/batch", {"events": [EVENT] * 1_001})
    assert (answer.status, answer.error) == (422, "BAD_REQUEST")
    assert lite.post("/v1/events/batch", {"events": []}).error == "BAD_REQUEST"


def test_a_use_of_a_feature_or_tool_alone_names_no_model(lite: Api) -> None:
    answer = lite.post("/v1/events", {"event_id": "e", "tool": "sandbox_execute", "cpu_seconds": "1.5"})
    assert answer.status == 200, answer.text
    assert lite.get("/v1/usage").json["by"]["tool"][0]["key"] == "sandbox_execute"
