"""Accounts whose requests wait: those of others do not wait with them."""

from __future__ import annotations

import threading
import time

from metering.accounts.accounts import account_id
from metering.storage import store_for
from schema.database import writing
from tests.metering.api.conftest import Api
from tests.metering.api.requests import CALL


def test_requests_that_wait_for_one_account_leave_threads_to_others(api: Api) -> None:
    # Keys that were used this minute write nothing.
    assert {api.get("/v1/wallet", key=key).status for key in ("meter", "other")} == {200}
    assert api.get("/metrics", key="admin").status == 200
    answers = []

    def record(number: int) -> None:
        answers.append(api.post("/v1/events", {"event_id": f"e-{number}", **CALL}).status)

    threads = [threading.Thread(target=record, args=(number,)) for number in range(30)]
    with writing(api.meter.engine) as connection:
        store_for(connection).lock([account_id(connection, "acct-1")], (), 0)
        for thread in threads:
            thread.start()
        until = time.monotonic() + 20
        while "ratecard_http_requests_active 31.0" not in api.get("/metrics", key="admin").text:
            assert time.monotonic() < until
            time.sleep(0.02)
        for path in ("wallet", "quota", "history", "usage"):
            assert api.get(f"/v1/{path}", key="other").status == 200
        assert answers == []
    for thread in threads:
        thread.join(timeout=30)
    assert answers == [200] * 30
