"""The lock of the configuration: who waits for it is told for whom."""

from __future__ import annotations

import logging
import threading

import pytest
from sqlalchemy import Engine, text

from schema.database import reading, writing
from sync.locking import lock_config


@pytest.mark.parametrize("backend", ["postgresql"])
def test_who_waits_is_told_who_holds_the_lock(engine: Engine, caplog: pytest.LogCaptureFixture) -> None:
    def wait() -> None:
        with writing(engine) as connection:
            lock_config(connection, "apply by CI")

    waiting = threading.Thread(target=wait)
    with caplog.at_level(logging.WARNING), writing(engine) as connection:
        lock_config(connection, "apply by Price Desk <prices@example.com>\x1b[31m")
        started = connection.execute(text("SELECT now()")).scalar_one()
        waiting.start()
        for _ in range(1_000):
            if caplog.messages:
                break
            threading.Event().wait(0.01)
    waiting.join(timeout=30)
    assert caplog.messages == [
        f"waiting for apply by Price Desk <prices@example.com>\\x1b[31m, at it since {started:%H:%M:%S} UTC"
    ]
    # The name was the transaction's: the connection goes back to the pool without it.
    with reading(engine) as connection:
        assert "ratecard" not in connection.execute(text("SHOW application_name")).scalar_one()


def test_who_comes_alone_waits_for_nobody(engine: Engine, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING), writing(engine) as connection:
        lock_config(connection, "apply by CI")
    assert caplog.messages == []
