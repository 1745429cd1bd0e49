"""What a refusal says: where the fault is, what it is, and what to write instead; never what was sent."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.metering.api.conftest import Api

CALL = {"event_id": "e", "model": "small", "units": {"input": 1}}
BODIES: list[tuple[str, Any, str]] = [
    (
        "/v1/events",
        {**CALL, "occured_at": "2026-06-15"},
        "body: there is no field 'occured_at'; did you mean 'occurred_at'?",
    ),
    ("/v1/events", {**CALL, "x" * 300: 1}, f"body: there is no field '{'x' * 200}'"),
    ("/v1/events", {"model": "small"}, "body.event_id: it is missing"),
    ("/v1/events", {**CALL, "event_id": ""}, "body.event_id: it is empty"),
    ("/v1/events", {**CALL, "event_id": 7}, "body.event_id: it must be text"),
    ("/v1/events", {**CALL, "user": "u" * 1_001}, "body.user: it has more than 1000 characters"),
    ("/v1/events", {**CALL, "units": []}, "body.units: it must be a JSON object"),
    (
        "/v1/events",
        {**CALL, "occurred_at": "yesterday"},
        "body.occurred_at: write a date or a time, such as 2026-11-21 or 2026-11-21T09:30:00Z",
    ),
    ("/v1/events", [], "body: it must be a JSON object"),
    ("/v1/events", None, "body: it is missing"),
    ("/v1/events/batch", {"events": []}, "body.events: it is empty"),
    ("/v1/events/batch", {"events": [{}] * 1_001}, "body.events: it has 1001, which is more than 1000"),
    ("/v1/events/batch", {"events": [7]}, "body.events.0: it must be a JSON object"),
    ("/v1/holds", {"model": "small", "max_output": -1}, "body.max_output: it is less than 0"),
    ("/v1/check", {"adding": 1}, "body: adding belongs to limit and current"),
]
QUERIES = [
    ("/v1/usage?strat=2026-01-01", "query.strat: there is no such parameter; did you mean 'start'?"),
    ("/v1/history?colour=red", "query.colour: there is no such parameter"),
    ("/v1/wallet?account=acct-2", "query.account: there is no such parameter"),
    ("/v1/history?limit=1001", "query.limit: it is more than 1000"),
    ("/v1/history?limit=ten", "query.limit: it must be a whole number"),
    ("/v1/history?start=2026-13-01", "query.start: month must be in 1..12"),
    ("/v1/history?start=2026-06-02&end=2026-06-01", "the period begins at 2026-06-02, after its end at 2026-06-01"),
    ("/v1/history?user=%00", "query.user: it holds a zero character"),
    ("/v1/usage?start=20260101", "query.start: write a date such as 2026-11-21"),
    ("/v1/usage?period=year", "query.period: it must be 'month', 'day' or 'all'"),
    ("/v1/route", "query.provider: it is missing"),
]


@pytest.mark.parametrize("path", ["/v1/events", "/v1/quote", "/v1/holds", "/v1/check", "/v1/would-exceed"])
def test_a_body_that_is_not_sent_as_json_is_told_so(lite: Api, path: str) -> None:
    """What curl does by itself."""
    for kind in ("application/x-www-form-urlencoded", "text/plain", "image/png", "nonsense", "multipart/form-data"):
        answer = lite.ask("POST", path, json.dumps(CALL).encode(), headers={"Content-Type": kind})
        assert (answer.status, answer.error) == (415, "NOT_JSON"), kind
        assert "Content-Type: application/json" in answer.text
    assert lite.meter.activity.history("acct-1") == []


def test_a_fault_of_a_body_is_told_with_its_place(lite: Api) -> None:
    for path, body, message in BODIES:
        answer = lite.post(path, body)
        assert (answer.status, answer.error, answer.json["error"]["message"]) == (422, "BAD_REQUEST", message)
    batch = lite.post("/v1/events/batch", {"events": [{**CALL, "unit": {}}]}).json
    assert batch["results"][0]["error"] == {
        "code": "BAD_EVENT",
        "message": "there is no field 'unit'; did you mean 'units'?",
    }


def test_a_fault_of_a_parameter_is_told_and_none_is_passed_over(lite: Api) -> None:
    for path, message in QUERIES:
        answer = lite.get(path)
        assert (answer.status, answer.error, answer.json["error"]["message"]) == (422, "BAD_REQUEST", message)


def test_what_is_not_there_tells_where_to_look(lite: Api) -> None:
    assert "/openapi.json" in lite.get("/v1/event").json["error"]["message"]
    assert "Allow" in lite.ask("PUT", "/v1/events").json["error"]["message"]
