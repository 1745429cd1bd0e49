"""Callers that hang up while they wait for the answer: what they told was used is billed all the same, once."""

from __future__ import annotations

import json
import socket
import time

import pytest

from metering.accounts.accounts import account_id
from metering.storage import store_for
from schema.database import writing
from tests.metering.api.conftest import Api

CALL = {"provider": "anthropic", "model": "haiku", "units": {"input": 1_000, "output": 500}}


def test_an_event_whose_caller_hangs_up_is_not_lost(api: Api) -> None:
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
