"""The API as programs meet it: a real server on a real database, asked over HTTP."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import uvicorn

from metering.api.app import Options, create_app
from metering.api.server import listen, make_server
from metering.meter import Meter
from tests.databases import SqliteDatabases
from tests.metering.rate_card import Clock, apply_card, apply_rows, change

STILL = Options(requests_per_minute=0, failures_per_minute=0, sweep_seconds=0)
"""Neither limits nor anything beside the requests."""


@dataclass
class Reply:
    """An answer over HTTP."""

    status: int
    headers: dict[str, str]
    text: str

    @property
    def json(self) -> Any:
        return json.loads(self.text)

    @property
    def error(self) -> str:
        """The code of the error."""
        assert set(self.json) == {"error"}, self.text
        assert set(self.json["error"]) == {"code", "message"}, self.text
        return str(self.json["error"]["code"])


@dataclass
class Api:
    """A running API, and whose keys there are."""

    meter: Meter
    port: int
    keys: dict[str, str]
    """meter and read: of acct-1; other: a meter key of acct-2; admin."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        key: str | None = "meter",
        headers: dict[str, str] | None = None,
    ) -> Reply:
        """One request. `key` names one of `keys`, or is the text of another; a body that is no bytes goes as JSON."""
        sent = dict(headers or {})
        if key is not None:
            sent.setdefault("Authorization", f"Bearer {self.keys.get(key, key)}")
        data = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        if data is not None:
            sent.setdefault("Content-Type", "application/json")
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(method, path, data, sent)
            answer = connection.getresponse()
            return Reply(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read().decode())
        finally:
            connection.close()

    def get(self, path: str, *, key: str | None = "meter") -> Reply:
        return self.ask("GET", path, key=key)

    def post(self, path: str, body: Any = None, *, key: str | None = "meter") -> Reply:
        return self.ask("POST", path, body, key=key)


def change_plan(api: Api, plan: str, **values: Any) -> None:
    """A release that gives a plan other values."""
    apply_rows(api.meter.engine, {"plan": [change("plan", {"plan": plan}, **values)]})
    api.meter.reload()


@contextmanager
def running(meter: Meter, options: Options = STILL, *, clock: Clock | None = None) -> Iterator[Api]:
    """The API on a meter, with two accounts and their keys."""
    keys = {}
    for account in ("acct-1", "acct-2"):
        meter.accounts.create(account, by="tests")
    for name, scope, owner in (
        ("meter", "meter", "acct-1"),
        ("read", "read", "acct-1"),
        ("other", "meter", "acct-2"),
        ("admin", "admin", None),
    ):
        keys[name] = meter.keys.create(scope, account=owner, by="tests").text
    with served(meter, options, clock=clock) as port:
        yield Api(meter, port, keys)


@contextmanager
def served(meter: Meter, options: Options = STILL, *, clock: Clock | None = None) -> Iterator[int]:
    """The API on a meter, on the port that is given."""
    app = create_app(meter, options, now=clock) if clock else create_app(meter, options)
    with listen("127.0.0.1", 0) as listening:
        server = make_server(app)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            yield listening.getsockname()[1]
        finally:
            stop(server, thread)


def stop(server: uvicorn.Server, thread: threading.Thread) -> None:
    """End a server that runs in a thread."""
    server.should_exit = True
    thread.join(timeout=30)
    assert not thread.is_alive()


@pytest.fixture
def api(meter: Meter, clock: Clock) -> Iterator[Api]:
    """The API on the small rate card, at `NOW`, on both databases."""
    with running(meter, clock=clock) as api:
        yield api


@pytest.fixture
def lite_meter(sqlite_databases: SqliteDatabases, tmp_path: Path, clock: Clock) -> Iterator[Meter]:
    """A meter on the small rate card, on SQLite alone: for what is no question of the database."""
    url = sqlite_databases.fresh(tmp_path, migrated=True, fill=apply_card)
    with Meter.open(url, now=clock) as meter:
        yield meter


@pytest.fixture
def lite(lite_meter: Meter, clock: Clock) -> Iterator[Api]:
    """The API on `lite_meter`."""
    with running(lite_meter, clock=clock) as api:
        yield api
