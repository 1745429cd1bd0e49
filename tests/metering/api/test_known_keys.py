"""A start without the database: whom the API knows then, and what it lets them have."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from metering.api.app import Options
from metering.meter import Meter
from tests.metering.api.conftest import Api, running, served
from tests.metering.api.requests import CALL
from tests.metering.outage import Server
from tests.metering.rate_card import Clock, apply_rows

SERVE = {"policy": [{"policy": "database_away", "value": {"serve": True, "max_age_minutes": 90}}]}


@dataclass
class Shop:
    """An API that keeps book and keys on disk, and can be started again."""

    url: str
    folder: Path
    clock: Clock
    server: Server
    keys: dict[str, str] = field(default_factory=dict)

    @property
    def file(self) -> Path:
        return self.folder / "book.json.keys"

    @property
    def options(self) -> Options:
        return Options(requests_per_minute=0, failures_per_minute=0, sweep_seconds=0, keys_file=self.file)

    def open(self) -> Meter:
        return Meter.open(self.url, now=self.clock, book_file=self.folder / "book.json", listen=False)

    @contextmanager
    def started(self) -> Iterator[Api]:
        with self.open() as meter, served(meter, self.options, clock=self.clock) as port:
            yield Api(meter, port, self.keys)


@pytest.fixture
def shop(card: Engine, migrated_url: str, tmp_path: Path, clock: Clock) -> Shop:
    """Known are the keys `meter` and `admin`, the first for a minute longer; `other` has asked for nothing yet."""
    apply_rows(card, SERVE)
    shop = Shop(migrated_url, tmp_path, clock, Server(migrated_url))
    with shop.open() as meter, running(meter, shop.options, clock=clock) as api:
        shop.keys = api.keys
        assert api.get("/metrics", key="admin").status == 200
        clock.forward(minutes=1)
        assert api.get("/v1/wallet").status == 200
    return shop


def test_after_a_start_without_the_database_known_keys_are_quoted(shop: Shop, clock: Clock) -> None:
    shop.server.away()
    with shop.started() as api:
        assert api.post("/v1/quote", CALL).json["charge_usd"] == "0.0084"
        assert api.get("/v1/route?provider=anthropic&task=extraction").json["book"]["database"] == "away"
        assert api.get("/v1/catalogue").status == 200
        assert "ratecard_database_away 1.0" in api.get("/metrics", key="admin").text
        # Neither a key that nobody knows, nor whatever would be counted.
        for path, body, key in (
            ("quote", CALL, "other"),
            ("quote", CALL, "rk_a_b"),
            ("check", CALL, "meter"),
            ("holds", {"model": "small"}, "meter"),
            ("events", {"event_id": "e", **CALL}, "meter"),
        ):
            assert api.post(f"/v1/{path}", body, key=key).error == "METERING_UNAVAILABLE", (path, key)
        assert api.post("/v1/admin/reload", key="meter").error == "METERING_UNAVAILABLE"
        clock.forward(minutes=59)
        assert api.get("/metrics", key="admin").error == "METERING_UNAVAILABLE"
        assert api.post("/v1/quote", CALL).status == 200
        clock.forward(minutes=1)
        assert api.post("/v1/quote", CALL).error == "METERING_UNAVAILABLE"
        shop.server.back()
        assert api.post("/v1/quote", CALL).json["book"]["database"] == "reached"
        api.meter.keys.revoke(shop.keys["meter"].split("_")[1], by="tests")
        assert api.post("/v1/quote", CALL).error == "UNAUTHENTICATED"


def test_a_key_that_was_revoked_is_not_known_any_more(shop: Shop, clock: Clock) -> None:
    with shop.started() as api:
        api.meter.keys.revoke(shop.keys["meter"].split("_")[1], by="tests")
        clock.forward(minutes=1)
        assert api.post("/v1/quote", CALL).error == "UNAUTHENTICATED"
    shop.server.away()
    with shop.started() as api:
        assert api.post("/v1/quote", CALL).error == "METERING_UNAVAILABLE"
    shop.server.back()


def test_the_file_holds_no_key_and_is_for_its_owner_alone(shop: Shop) -> None:
    text = shop.file.read_text()
    assert shop.file.stat().st_mode & 0o777 == 0o600
    assert not [name for name, key in shop.keys.items() if key.split("_", 2)[2] in text]
    told = json.loads(text)["keys"].values()
    assert sorted((one["scope"], one["account"]) for one in told) == [("admin", None), ("meter", "acct-1")]


def test_a_file_that_may_not_be_trusted_makes_nobody_known(
    shop: Shop, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    whole = json.loads(shop.file.read_text())

    def edited(**changes: Any) -> str:
        return json.dumps({**whole, **changes})

    early = {name: one | {"at": (clock() + timedelta(minutes=1)).isoformat()} for name, one in whole["keys"].items()}
    shop.server.away()
    for contents, mode, reason in (
        ("{", 0o600, "is damaged"),
        (edited(keys={"xy": {}}), 0o600, "is damaged"),
        (edited(database="sqlite:///other.db"), 0o600, "is of another database or version"),
        (edited(format_version=2), 0o600, "is of another database or version"),
        (edited(), 0o622, "others may write the file of keys"),
        (edited(keys=early), 0o600, None),
        (None, 0o600, None),
    ):
        caplog.clear()
        shop.file.unlink(missing_ok=True)
        if contents is not None:
            shop.file.write_text(contents)
            shop.file.chmod(mode)
        with shop.started() as api:
            assert api.post("/v1/quote", CALL).error == "METERING_UNAVAILABLE", reason
        told = [line for line in caplog.messages if line.startswith("no key is known")]
        assert [reason in line for line in told] == ([True] if reason else [])
    shop.server.back()


def test_a_file_that_cannot_be_written_troubles_no_request(
    shop: Shop, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    shop.file.unlink()
    shop.file.mkdir()
    with shop.started() as api:
        assert {api.post("/v1/quote", CALL).status for _ in range(3)} == {200}
    assert sum("the keys were not kept in" in line for line in caplog.messages) == 1
