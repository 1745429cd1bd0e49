"""The API as programs meet it: a real server on a real database, asked over HTTP."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
import uvicorn

from metering.api.app import Options, create_app
from metering.api.server import listen, make_server
from metering.meter import Meter
from tests.metering.rate_card import Clock

STILL = Options(requests_per_minute=0, sweep_seconds=0)
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
    def code(self) -> str:
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
            sent["Authorization"] = f"Bearer {self.keys.get(key, key)}"
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

    def post(self, path: str, body: Any, *, key: str | None = "meter") -> Reply:
        return self.ask("POST", path, body, key=key)


@contextmanager
def running(meter: Meter, options: Options = STILL, *, clock: Clock | None = None) -> Iterator[Api]:
    """The API on a meter, with two accounts and their keys."""
    keys = {}
    for name, scope, account in (
        ("meter", "meter", "acct-1"),
        ("read", "read", "acct-1"),
        ("other", "meter", "acct-2"),
        ("admin", "admin", None),
    ):
        if account is not None and not meter.accounts.list(search=account):
            meter.accounts.create(account, by="tests")
        keys[name] = meter.keys.create(scope, account=account, by="tests").text
    app = create_app(meter, options, now=clock) if clock else create_app(meter, options)
    with listen("127.0.0.1", 0) as listening:
        server = make_server(app)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            yield Api(meter, listening.getsockname()[1], keys)
        finally:
            stop(server, thread)


def stop(server: uvicorn.Server, thread: threading.Thread) -> None:
    """End a server that runs in a thread."""
    server.should_exit = True
    thread.join(timeout=30)
    assert not thread.is_alive()


@pytest.fixture
def api(meter: Meter, clock: Clock) -> Iterator[Api]:
    """The API on the small rate card, at `NOW`."""
    with running(meter, clock=clock) as api:
        yield api
