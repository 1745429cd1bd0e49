"""Probes, metrics, outages, the sweep, and what administrators do."""

from __future__ import annotations

import logging
import shutil
import sqlite3
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from metering.api.metrics import Metrics
from metering.api.sweep import Sweep
from metering.meter import Meter
from schema.database import make_engine, reading
from schema.tables import audit_log
from tests.databases import SqliteDatabases
from tests.metering.api.conftest import Api, change_plan, running
from tests.metering.rate_card import NOW, ROWS, Clock, apply_rows, change

CALL = {"provider": "anthropic", "model": "haiku", "units": {"input": 1_000, "output": 500}}


def test_metrics_count_by_route_and_name_nobody(lite: Api) -> None:
    lite.post("/v1/events", {"event_id": "secret-id", **CALL})
    lite.get("/v1/events/secret-id")
    lite.get("/v1/events/secret-id", key=None)
    lite.get("/nowhere/secret-id")
    text = lite.get("/metrics", key="admin").text
    for line in (
        'ratecard_http_requests_total{method="POST",route="/v1/events",status="200"} 1.0',
        'ratecard_http_requests_total{method="GET",route="/v1/events/{event_id:path}",status="200"} 1.0',
        'ratecard_http_requests_total{method="GET",route="/v1/events/{event_id:path}",status="401"} 1.0',
        'ratecard_http_requests_total{method="GET",route="(none)",status="404"} 1.0',
        'ratecard_http_request_seconds_count{method="POST",route="/v1/events"} 1.0',
        "ratecard_http_requests_active 1.0",
        "ratecard_book_age_seconds 0.0",
        "ratecard_release 1.0",
        "ratecard_database_away 0.0",
        "ratecard_sweep_timestamp_seconds 0.0",
    ):
        assert line in text.splitlines(), text
    assert "secret-id" not in text
    assert "acct" not in text


def test_no_answer_is_kept_by_a_cache(lite: Api) -> None:
    for path in ("/v1/wallet", "/health", "/nowhere", "/widget"):
        headers = lite.get(path).headers
        assert headers["cache-control"] == "no-store"
        assert headers["x-content-type-options"] == "nosniff"
        assert "server" not in headers


def test_a_path_tells_its_methods(lite: Api) -> None:
    for path, allowed in (
        ("/v1/admin/keys", "GET, HEAD, POST"),
        ("/v1/events", "POST"),
        ("/v1/events/batch", "GET, HEAD, POST"),
        ("/openapi.json", "GET, HEAD"),
    ):
        answer = lite.ask("PATCH", path)
        assert (answer.status, answer.error, answer.headers["allow"]) == (405, "METHOD_NOT_ALLOWED", allowed)


def test_head_answers_as_get_without_the_body(lite: Api) -> None:
    for path in ("/health", "/ready", "/widget", "/v1/wallet", "/v1/events/nothing"):
        got, head = lite.ask("GET", path), lite.ask("HEAD", path)
        assert (head.status, head.text) == (got.status, "")
        assert head.headers["content-length"] == got.headers["content-length"]
    assert lite.ask("HEAD", "/v1/wallet", key=None).status == 401
    assert lite.ask("HEAD", "/v1/events").status == 405
    counted = 'ratecard_http_requests_total{method="HEAD",route="/v1/wallet",status="200"} 1.0'
    assert counted in lite.get("/metrics", key="admin").text.splitlines()


@pytest.fixture
def away(sqlite_databases: SqliteDatabases, tmp_path: Path, clock: Clock) -> Iterator[tuple[Api, Path]]:
    """An API whose policy serves without the database, and the file that is the database."""
    folder = tmp_path / "database"
    folder.mkdir()
    url = sqlite_databases.fresh(folder, migrated=True)
    policy = {"policy": "database_away", "value": {"serve": True, "max_age_minutes": 30}}
    engine = make_engine(url)
    apply_rows(engine, ROWS | {"policy": [policy]})
    engine.dispose()
    with Meter.open(url, now=clock) as meter, running(meter, clock=clock) as api:
        yield api, folder


def test_without_the_database_prices_are_served_to_known_keys_alone(away: tuple[Api, Path], clock: Clock) -> None:
    api, folder = away
    quoted = api.post("/v1/quote", CALL).json
    assert api.get("/ready", key=None).json == {"status": "ready", "database": "reached", "spool": "none"}
    assert api.get("/metrics", key="admin").status == 200
    shutil.move(folder, gone := folder.with_name("gone"))
    api.meter.engine.dispose()
    clock.forward(minutes=20)
    found = api.post("/v1/quote", CALL).json
    assert found == quoted | {"book": quoted["book"] | {"age_seconds": 1_200, "database": "away"}}
    assert api.get("/v1/route?provider=anthropic&task=extraction").json["model"] == "haiku"
    assert api.get("/v1/catalogue").status == 200
    assert api.get("/ready", key=None).json == {"status": "ready", "database": "away", "spool": "none"}
    assert "ratecard_database_away 1.0" in api.get("/metrics", key="admin").text
    # Nobody spends what cannot be counted, and nobody is let in who was not known.
    for path, body in (("events", {"event_id": "e", **CALL}), ("check", CALL), ("holds", {"model": "small"})):
        answer = api.post(f"/v1/{path}", body)
        assert (answer.status, answer.error) == (503, "METERING_UNAVAILABLE")
    assert api.get("/v1/wallet").error == "METERING_UNAVAILABLE"
    assert api.post("/v1/quote", CALL, key="other").error == "METERING_UNAVAILABLE"
    assert api.post("/v1/quote", CALL, key="rk_a_b").error == "METERING_UNAVAILABLE"
    clock.forward(minutes=11)
    assert api.post("/v1/quote", CALL).error == "METERING_UNAVAILABLE"
    assert api.get("/ready", key=None).error == "METERING_UNAVAILABLE"
    shutil.move(gone, folder)
    assert api.post("/v1/quote", CALL).json["book"]["database"] == "reached"
    assert api.post("/v1/events", {"event_id": "e", **CALL}).status == 200


def test_metrics_tell_of_an_outage_that_nobody_else_asked_about(away: tuple[Api, Path], clock: Clock) -> None:
    api, folder = away
    assert "ratecard_database_away 0.0" in api.get("/metrics", key="admin").text
    shutil.move(folder, gone := folder.with_name("gone"))
    api.meter.engine.dispose()
    clock.forward(seconds=10)
    told = api.get("/metrics", key="admin").text.splitlines()
    assert {"ratecard_database_away 1.0", "ratecard_book_age_seconds 10.0"} <= set(told)
    shutil.move(gone, folder)
    clock.forward(seconds=10)
    told = api.get("/metrics", key="admin").text.splitlines()
    assert {"ratecard_database_away 0.0", "ratecard_book_age_seconds 0.0"} <= set(told)
    # A quiet minute is no outage.
    clock.forward(minutes=1)
    assert "ratecard_book_age_seconds 0.0" in api.get("/metrics", key="admin").text.splitlines()


def test_a_database_that_goes_between_a_key_and_its_check_allows_nothing(
    away: tuple[Api, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever looks at the status alone must not take a check without an answer for one that allows."""
    api, folder = away
    authenticate = api.meter.keys.authenticate

    def last_answer(text: str) -> object:
        owner = authenticate(text)
        shutil.move(folder, folder.with_name("gone"))
        api.meter.engine.dispose()
        return owner

    monkeypatch.setattr(api.meter.keys, "authenticate", last_answer)
    for path, body in (("check", CALL), ("would-exceed", {"units": {"input": 1}})):
        answer = api.post(f"/v1/{path}", body)
        assert (answer.status, answer.error) == (503, "METERING_UNAVAILABLE")
        shutil.move(folder.with_name("gone"), folder)


def test_while_the_database_is_away_one_caller_at_a_time_waits_for_it(
    away: tuple[Api, Path], clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that drops what is sent to it holds each try for longer than a book may be old."""
    api, folder = away
    assert api.post("/v1/quote", CALL).status == 200
    shutil.move(folder, gone := folder.with_name("gone"))
    api.meter.engine.dispose()
    tried = []

    def connect(_: str) -> None:
        tried.append(clock())
        clock.forward(seconds=6)
        raise sqlite3.OperationalError("unable to open database file")

    monkeypatch.setattr("schema.database._connect_sqlite", connect)
    clock.forward(seconds=10)
    assert {api.post("/v1/quote", CALL).status for _ in range(20)} == {200}
    # Of the first, for its key and for the book; then nobody, until the book is looked after again.
    assert len(tried) == 2
    clock.forward(seconds=5)
    assert {api.post("/v1/quote", CALL).status for _ in range(20)} == {200}
    assert len(tried) == 3
    monkeypatch.undo()
    shutil.move(gone, folder)
    key_id = api.keys["meter"].split("_")[1]
    clock.forward(seconds=10)
    api.meter.keys.revoke(key_id, by="tests")
    assert api.post("/v1/quote", CALL).error == "UNAUTHENTICATED"


def test_a_reload_takes_up_a_release_at_once(lite: Api) -> None:
    apply_rows(lite.meter.engine, {"plan": [change("plan", {"plan": "pro"}, name="Professional")]})
    assert lite.post("/v1/admin/reload", key="admin").json["book"]["release"]["id"] == 2
    assert "Professional" in lite.get("/v1/catalogue").text


def test_administrators_look_after_keys(api: Api, clock: Clock) -> None:
    made = api.post(
        "/v1/admin/keys",
        {"scope": "read", "account": "acct-2", "name": "widget", "expires_at": "2026-06-16"},
        key="admin",
    )
    assert made.status == 201, made.text
    assert (made.json["account"], made.json["state"], made.json["expires_at"]) == ("acct-2", "valid", "2026-06-16")
    assert api.get("/v1/quota", key=made.json["key"]).json["account"] == "acct-2"
    assert made.json["key"] not in api.get("/v1/admin/keys", key="admin").text

    key_id = made.json["key_id"]
    next_key = api.post(f"/v1/admin/keys/{key_id}/rotate", {"overlap_seconds": 60}, key="admin").json
    assert api.get("/v1/quota", key=made.json["key"]).status == 200
    clock.forward(seconds=60)
    assert api.get("/v1/quota", key=made.json["key"]).status == 401
    assert api.get("/v1/quota", key=next_key["key"]).status == 200

    revoked = api.ask("DELETE", f"/v1/admin/keys/{next_key['key_id']}", key="admin")
    assert revoked.json["state"] == "revoked"
    assert api.get("/v1/quota", key=next_key["key"]).status == 401
    listed = api.get("/v1/admin/keys?account=acct-2&all=true", key="admin").json["keys"]
    assert [one["state"] for one in listed] == ["revoked", "expired", "valid"]
    assert len(api.get("/v1/admin/keys?account=acct-2", key="admin").json["keys"]) == 1

    with reading(api.meter.engine) as connection:
        entries = connection.execute(select(audit_log.c.action, audit_log.c.address).order_by(audit_log.c.id)).all()
    told = [(action, address) for action, address in entries if address is not None]
    assert [address for _, address in told] == ["127.0.0.1"] * 3

    admin_id = api.keys["admin"].split("_")[1]
    with api.meter.engine.connect() as connection:
        written = connection.execute(
            select(audit_log.c.action).where(audit_log.c.actor == f"API key {admin_id}").order_by(audit_log.c.id)
        )
        assert list(written.scalars()) == ["key.create", "key.rotate", "key.revoke"]


NO_KEYS: list[tuple[dict[str, str], int, str]] = [
    ({"scope": "read"}, 422, "BAD_KEY"),
    ({"scope": "admin", "account": "acct-1"}, 422, "BAD_KEY"),
    ({"scope": "all", "account": "acct-1"}, 422, "BAD_REQUEST"),
    ({"scope": "read", "account": "acct-9"}, 404, "UNKNOWN_ACCOUNT"),
    ({"scope": "read", "account": "acct-1", "expires_at": "2026-06-14"}, 422, "BAD_KEY"),
    ({"scope": "read", "account": "acct-1", "expires_at": "2026-02-30"}, 422, "BAD_REQUEST"),
    ({"scope": "read", "account": "acct-1", "name": "a\nb"}, 422, "BAD_KEY"),
]


def test_a_key_that_cannot_be_is_refused(lite: Api) -> None:
    for body, status, error in NO_KEYS:
        answer = lite.post("/v1/admin/keys", body, key="admin")
        assert (answer.status, answer.error) == (status, error), (body, answer.text)


def test_a_sweep_does_what_time_has_made_due(meter: Meter, clock: Clock) -> None:
    meter.wallets.grant("acct-1", "promo", key="short", usd="1", expires_at=NOW + timedelta(days=1))
    clock.forward(days=2)
    metrics = Metrics()
    sweep = Sweep(meter, metrics, 60)
    assert sweep.once()
    assert meter.balance("acct-1").balance_nanos == 0
    assert [one.transaction.kind for one in meter.activity.postings("acct-1")] == ["expiry", "grant"]


def test_a_sweep_that_fails_is_logged_and_tried_again(
    lite: Api, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    meter, calls = lite.meter, []

    def fail() -> None:
        calls.append("renew")
        raise RuntimeError("a fault")

    monkeypatch.setattr(meter.accounts, "renew", fail)
    sweep = Sweep(meter, Metrics(), 60)
    with caplog.at_level(logging.ERROR):
        assert not sweep.once()
    assert "accounts were not renewed" in caplog.text
    sweep.start()
    sweep.stop()
    assert len(calls) == 2


def test_alerts_without_a_webhook_wait(lite: Api) -> None:
    change_plan(lite, "free", limits={"requests_per_day": 1})
    lite.post("/v1/events", {"event_id": "e", **CALL})
    assert Sweep(lite.meter, Metrics(), 60).once()
    assert [alert.status for alert in lite.meter.quotas.alerts()] == ["waiting"] * 3
