"""Callers that hang up: what they told to the end is billed all the same, once; what they broke off leaves nothing."""

from __future__ import annotations

import json
import logging
import re
import socket
import struct
import time

import pytest

from metering.accounts.accounts import account_id
from metering.storage import store_for
from schema.database import writing
from tests.metering.api.conftest import Api

CALL = {"provider": "anthropic", "model": "haiku", "units": {"input": 1_000, "output": 500}}


def test_an_event_whose_caller_hangs_up_is_not_lost(api: Api) -> None:
    """LiteLLM 13245: spend was lost when the client disconnected."""
    body = json.dumps({"event_id": "hung up", **CALL}).encode()
    head = (
        f"POST /v1/events HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {api.keys['meter']}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    # The key was used this minute already: nothing but recording waits for the lock.
    api.post("/v1/events", {"event_id": "earlier", **CALL})
    with writing(api.meter.engine) as connection:
        number = account_id(connection, "acct-1")
        store_for(connection).lock([number], (), 0)
        with socket.create_connection(("127.0.0.1", api.port)) as caller:
            caller.sendall(head.encode() + body)
            # An answer within this time would be a failure: the wallet is locked.
            caller.settimeout(1)
            with pytest.raises(TimeoutError):
                caller.recv(1)
    until = time.monotonic() + 20
    while (found := api.get("/v1/events/hung%20up")).status != 200 and time.monotonic() < until:
        time.sleep(0.02)
    assert found.status == 200
    again = api.post("/v1/events", {"event_id": "hung up", **CALL})
    assert (again.status, again.json["duplicate"]) == (200, True)
    assert api.meter.balance("acct-1").balance_nanos == -2 * 8_400_000


@pytest.mark.parametrize("sent", ["the head alone", "half of the body", "all but its last byte"])
def test_a_caller_who_hangs_up_before_the_end_of_its_body_leaves_nothing(
    lite: Api, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, sent: str
) -> None:
    # uvicorn keeps what it logs from the root logger.
    monkeypatch.setattr(logging.getLogger("uvicorn"), "propagate", True)
    body = json.dumps({"event_id": "broken off", **CALL}).encode()
    part = {"the head alone": b"", "half of the body": body[: len(body) // 2]}.get(sent, body[:-1])
    for path in ("/v1/events", "/v1/events/batch", "/v1/holds", "/v1/check"):
        for how in (b"", b"chunked"):
            told = b"Transfer-Encoding: chunked" if how else f"Content-Length: {len(body)}".encode()
            head = (
                f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {lite.keys['meter']}\r\n"
                "Content-Type: application/json\r\n"
            ).encode()
            framed = f"{len(part):x}\r\n".encode() + part + b"\r\n" if how and part else part
            with socket.create_connection(("127.0.0.1", lite.port)) as caller:
                caller.sendall(head + told + b"\r\n\r\n" + framed)
            with socket.create_connection(("127.0.0.1", lite.port)) as caller:
                caller.sendall(head + told + b"\r\n\r\n" + framed)
                # Thrown away, as when a process is killed: the server reads an error.
                caller.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    until = time.monotonic() + 20
    while (ended := broken_off(lite)) < 16 and time.monotonic() < until:
        time.sleep(0.02)
    assert ended == 16
    assert lite.get("/v1/events/broken%20off").status == 404
    assert [record.getMessage() for record in caplog.records] == []
    assert lite.get("/v1/wallet").json["held_usd"] == "0"
    assert lite.post("/v1/events", {"event_id": "broken off", **CALL}).json["duplicate"] is False


def broken_off(api: Api) -> int:
    """How many requests ended without a body that could be read; none ended as a fault of ours."""
    counted = re.findall(
        r'^ratecard_http_requests_total\{.*status="(\d+)"\} (\d+)', api.get("/metrics", key="admin").text, re.MULTILINE
    )
    assert not [status for status, _ in counted if status.startswith("5")]
    return sum(int(count) for status, count in counted if status == "400")
