"""What a plan costs that re-prices real usage, and its apply: the whole commands, on SQLite and PostgreSQL.

    python -m benchmarks.impact [MODELS …]

For each size of the configuration (2,500 and 10,000 models, twice as many prices) 100,000 calls of the last 29 days are
recorded, of 200 accounts and the 100 most called models, the n-th as often as 1/n. Each round changes the margins of
the ten models that are called most (more than half of all calls), plans that and applies it. The yardstick is the plan
without a change in the same rounds.
"""

from __future__ import annotations

import itertools
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from benchmarks.configuration import BIN, make_repository
from metering.meter import Meter
from metering.usage import Usage
from schema.database import make_engine
from tests.databases import PostgresqlDatabases, postgresql_server

SIZES = (2_500, 10_000)
CALLS, ACCOUNTS, CALLED, CHANGES, ROUNDS = 100_000, 200, 100, 10, 5
BATCH = 5_000


def record_calls(url: str) -> None:
    """Record the calls, in the order of time."""
    draw = random.Random(1)
    now = datetime.now(UTC)
    models = [f"model-{index:05}" for index in range(CALLED)]
    called = draw.choices(models, weights=[1 / rank for rank in range(1, CALLED + 1)], k=CALLS)
    step = timedelta(days=29) / CALLS
    usages = (
        Usage(
            event_id=f"call-{number}",
            account=f"acct-{draw.randrange(ACCOUNTS):04}",
            provider="provider-000",
            model=model,
            task="extraction",
            occurred_at=now - timedelta(days=29) + number * step,
            units={"input": draw.randrange(100, 9_000), "output": draw.randrange(10, 900), "cache_read": 128},
        )
        for number, model in enumerate(called)
    )
    engine = make_engine(url)
    meter = Meter(engine)
    while batch := list(itertools.islice(usages, BATCH)):
        meter.record_many(batch)
    engine.dispose()


def timed(*words: str, folder: Path, url: str) -> float:
    """Seconds of one command."""
    environment = {**os.environ, "RATECARD_DATABASE_URL": url}
    began = time.perf_counter()
    subprocess.run([str(BIN / "ratecard"), *words], cwd=folder, env=environment, check=True, capture_output=True)
    return time.perf_counter() - began


def change_margins(folder: Path, number: int) -> None:
    """One more commit: new margins for the models that are called most."""
    day = f"2026-01-{number + 1:02}"
    sets = [
        word
        for index in range(CHANGES)
        for word in ("--set", f"price provider-000/model-{index:05}#margin={2 + number % 7}.{number % 10}5")
    ]
    words = [str(BIN / "ratecard"), "propose", *sets, "--effective", day, "--title", f"Round {number}"]
    subprocess.run(words, cwd=folder, check=True, capture_output=True)
    merge = ["git", "merge", "--quiet", f"ratecard/round-{number}"]
    subprocess.run(merge, cwd=folder, check=True, capture_output=True)


def report(name: str, models: int, url: str) -> None:
    """Measure one database."""
    with tempfile.TemporaryDirectory() as folder_name:
        folder = make_repository(Path(folder_name) / "repository", models)
        config = folder / "config" / "settings.yaml"
        config.write_text(config.read_text() + "unknown_account: create\n")
        for words in (
            ("config", "user.name", "Price Desk"),
            ("config", "user.email", "prices@example.com"),
            ("branch", "--move", "main"),
            ("commit", "--quiet", "--all", "--message=Create accounts"),
        ):
            subprocess.run(["git", *words], cwd=folder, check=True)
        first = timed("apply", "--yes", folder=folder, url=url)
        record_calls(url)
        times: dict[str, list[float]] = {"nothing": [], "plan": [], "apply": []}
        for number in range(ROUNDS):
            times["nothing"].append(timed("plan", folder=folder, url=url))
            change_margins(folder, number)
            times["plan"].append(timed("plan", folder=folder, url=url))
            times["apply"].append(timed("apply", "--yes", folder=folder, url=url))
        nothing, plan, apply = (statistics.median(times[what]) for what in ("nothing", "plan", "apply"))
        print(
            f"{models:>6,} models {name:<10}  first apply {first:5.2f} s  plan of nothing {nothing:5.2f} s"
            f"  of {CHANGES} changes with impact {plan:5.2f} s  apply {apply:5.2f} s (+{apply - plan:.2f})",
            flush=True,
        )


def main() -> None:
    """Measure every size on both databases."""
    sizes = [int(word) for word in sys.argv[1:]] or SIZES
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        for models in sizes:
            report("SQLite", models, f"sqlite:///{folder}/{models}.db")
        with postgresql_server(Path(folder) / "server") as server:
            databases = PostgresqlDatabases(server)
            for models in sizes:
                report("PostgreSQL", models, databases.fresh(Path(folder), migrated=False))
            databases.close()


if __name__ == "__main__":
    main()
