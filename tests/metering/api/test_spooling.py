"""Calls that are told of while the database is away, over HTTP: kept, by those who are known, and recorded later."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import Engine, select

from metering.api.app import Options
from metering.api.metrics import Metrics
from metering.api.sweep import Sweep
from metering.client import Client, Event, Receipt, Refused, Rejected, Spooled
from metering.meter import Meter
from schema.database import reading
from schema.tables import holds, usage_events
from tests.metering.api.conftest import Api, running, served
from tests.metering.api.requests import CALL
from tests.metering.outage import Server
from tests.metering.rate_card import Clock, apply_rows


@pytest.fixture
def shop(card: Engine, migrated_url: str, tmp_path: Path, clock: Clock) -> Iterator[Api]:
    """An API that started while the database was away, with a book of half an hour; `other` is a key unknown to it."""
    policy = {"policy": "database_away", "value": {"serve": True, "max_age_minutes": 30}}
    apply_rows(card, {"policy": [policy]})
    options = Options(requests_per_minute=0, failures_per_minute=0, sweep_seconds=0, keys_file=tmp_path / "keys")

    @contextmanager
    def opened() -> Iterator[Meter]:
        book, spool = tmp_path / "book", tmp_path / "spool"
        with Meter.open(migrated_url, now=clock, book_file=book, spool=spool, listen=False) as meter:
            yield meter

    with opened() as meter, running(meter, options, clock=clock) as api:
        keys = api.keys
        assert api.get("/metrics", key="admin").status == 200
        assert api.get("/ready").json["spool"] == "empty"
        clock.forward(minutes=1)
        body = {"model": "small", "input": 1_000, "max_output": 500, "task": "extraction", "hold_id": "held"}
        meter.wallets.grant("acct-1", "promo", key="gift", usd=1)
        assert api.post("/v1/holds", body).status == 200
    card.dispose()
    server = Server(migrated_url)
    server.away()
    with opened() as meter, served(meter, options, clock=clock) as port:
        yield Api(meter, port, keys)


def test_what_happened_is_taken_and_what_is_to_happen_is_not(
    shop: Api, card: Engine, migrated_url: str, clock: Clock
) -> None:
    at = clock().isoformat()
    answer = shop.post("/v1/events", {"event_id": "1", **CALL})
    assert (answer.status, answer.json) == (202, {"event_id": "1", "status": "spooled", "spooled_at": at})
    answer = shop.post(
        "/v1/events/batch", {"events": [{"event_id": "2", **CALL}, {"event_id": "3", "units": {"x": 1}}]}
    )
    assert answer.status == 202
    told = answer.json
    assert [told[name] for name in ("recorded", "duplicates", "spooled", "failed")] == [0, 0, 1, 1]
    assert [one["spooled"] and one["spooled"]["event_id"] for one in told["results"]] == ["2", None]
    assert told["results"][1]["error"]["code"] == "UNKNOWN_UNIT"
    answer = shop.post("/v1/holds/held/capture", {"event_id": "4", "units": CALL["units"]})
    assert (answer.status, answer.json["status"]) == (202, "spooled")
    for path, body, key in (
        ("/v1/events", {"event_id": "5", **CALL}, "other"),
        ("/v1/events", {"event_id": "5", **CALL}, "rk_a_b"),
        ("/v1/holds", {"model": "small"}, "meter"),
        ("/v1/holds/held/release", None, "meter"),
        ("/v1/check", CALL, "meter"),
    ):
        assert shop.post(path, body, key=key).error == "METERING_UNAVAILABLE", (path, key)
    assert shop.post("/v1/events", {"event_id": "5", **CALL, "model": ""}).error == "BAD_REQUEST"
    assert shop.get("/ready").json == {"status": "ready", "database": "away", "spool": "waiting"}
    clock.forward(minutes=5)
    gauges = {"ratecard_spool_events 3.0", "ratecard_spool_oldest_seconds 300.0", "ratecard_spool_rejects 0.0"}
    assert gauges <= set(shop.get("/metrics", key="admin").text.splitlines())
    # Also when the book is too old for routes, what happened is taken: whoever asks for /ready must send it here.
    clock.forward(minutes=40)
    assert shop.get("/ready").json["database"] == "away"
    with Client(shop.url, shop.keys["meter"], sleep=lambda _: None) as client:
        event = Event("6", model="haiku", provider="anthropic", units={"input": 1_000, "output": 500})
        assert client.record(event) == Spooled("6", clock().isoformat())
        kinds = [type(one) for one in client.record_many([event, Event("7", model="haiku", units={"x": 1})])]
        assert kinds == [Spooled, Rejected]
        assert isinstance(client.capture("held", Event("4", units={"input": 1_000, "output": 500})), Spooled)
        with pytest.raises(Refused, match="METERING_UNAVAILABLE"):
            client.route("anthropic")
        Server(migrated_url).back()
        assert Sweep(shop.meter, Metrics(), 60).once()
        receipt = client.record(event)
    assert isinstance(receipt, Receipt)
    assert (receipt.duplicate, receipt.status) == (True, "priced")
    with reading(card) as connection:
        events = set(map(tuple, connection.execute(select(usage_events.c.event_id, usage_events.c.task))))
        times = dict(map(tuple, connection.execute(select(usage_events.c.event_id, usage_events.c.occurred_at))))
        settled = connection.execute(select(holds.c.status, holds.c.event_id)).one()
    assert events == {("1", None), ("2", None), ("4", "extraction"), ("6", None)}
    assert (times["1"].isoformat(), tuple(settled)) == (at, ("captured", "4"))
    told_twice = shop.post("/v1/events", {"event_id": "1", **CALL})
    assert (told_twice.status, told_twice.json["duplicate"]) == (200, True)
    assert shop.get("/ready").json == {"status": "ready", "database": "reached", "spool": "empty"}


def test_the_sweep_says_what_waits_and_a_key_is_believed_for_an_hour(
    shop: Api, caplog: pytest.LogCaptureFixture, migrated_url: str, clock: Clock
) -> None:
    assert shop.post("/v1/events", {"event_id": "1", **CALL}).status == 202
    sweep = Sweep(shop.meter, Metrics(), 60)
    assert not sweep._drain()
    assert "calls still wait: " in caplog.text
    clock.forward(minutes=61)
    assert shop.post("/v1/events", {"event_id": "2", **CALL}).error == "METERING_UNAVAILABLE"
    Server(migrated_url).back()
    assert sweep.once()
    assert shop.post("/v1/events", {"event_id": "1", **CALL}).json["duplicate"]
