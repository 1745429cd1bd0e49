"""What the HTTP API adds to recording, on SQLite and PostgreSQL: `ratecard serve` as a program, asked by its client.

    python -m benchmarks.serving

One caller on one connection; the same database records in turns with it, so that both meet the same machine.
RATECARD_BENCH_POSTGRES_URL names an empty database on a server; without it an embedded one is started.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.record import ACCOUNTS, median_milliseconds, postgresql, usage
from benchmarks.shipped import apply_shipped
from metering.client import Client, Event
from metering.meter import Meter

ROUNDS = 20
EACH = 20
BATCH = 1_000
ACCOUNT = "acct-0000"
UNITS = {"input": 4_000, "output": 500}


@contextmanager
def serving(url: str) -> Iterator[str]:
    """The address of the API on a database."""
    command = [str(Path(sys.executable).parent / "ratecard"), "serve", "--port=0", "--format=json", "--no-sweep"]
    command += ["--requests-per-minute=0", f"--database={url}"]
    process = subprocess.Popen(command, env=os.environ, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield json.loads(process.stdout.readline())["url"]
    finally:
        process.terminate()
        process.wait(timeout=30)


def event() -> Event:
    """The next call of the account, as the client tells it."""
    one = usage()
    return Event(one.event_id, model=one.model, provider=one.provider, task=one.task, units=one.units, latency_ms=1_200)


def measure(name: str, url: str, folder: Path) -> None:
    """Print the figures of one database."""
    apply_shipped(folder, url)
    with Meter.open(url) as meter:
        meter.record_many([usage() for _ in range(ACCOUNTS)])
        key = meter.keys.create("meter", account=ACCOUNT, by="benchmark").text
        with serving(url) as address, Client(address, key) as client:
            for _ in range(EACH):
                client.record(event())
            direct, served, quoted = [], [], []
            for _ in range(ROUNDS):
                direct.append(median_milliseconds(lambda: meter.record(usage()), EACH))
                served.append(median_milliseconds(lambda: client.record(event()), EACH))
                quoted.append(median_milliseconds(lambda: client.quote("google/gemini-2.5-pro", UNITS), EACH))
            batch = median_milliseconds(lambda: client.record_many([event() for _ in range(BATCH)]), 5)
    base, api = statistics.median(direct), statistics.median(served)
    print(name)
    print(f"  record                  {base:8.3f} ms")
    print(f"  POST /v1/events         {api:8.3f} ms  {api - base:6.3f} ms over record")
    print(f"  POST /v1/quote          {statistics.median(quoted):8.3f} ms")
    print(f"  POST /v1/events/batch   {batch:8.1f} ms  {BATCH / batch * 1_000:6,.0f} events/s")


def main() -> None:
    """Measure both databases and print."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        measure("SQLite, synchronous=FULL", f"sqlite:///{folder / 'ratecard.db'}", folder / "one")
        with postgresql(folder / "postgresql") as url:
            measure("PostgreSQL, synchronous_commit=on", url, folder / "two")


if __name__ == "__main__":
    main()
