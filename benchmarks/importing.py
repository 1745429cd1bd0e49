"""How fast `ratecard meter import` is, and how much memory it takes: the whole command, on SQLite and PostgreSQL.

    python -m benchmarks.importing

A second import of the same file finds every row recorded before and adds nothing. The memory is the most that the
process held at a time; that it is the same for a small and a large file shows that it does not grow with the file.
"""

from __future__ import annotations

import csv
import os
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.shipped import apply_shipped
from tests.databases import PostgresqlDatabases, postgresql_server

SMALL, LARGE = 20_000, 100_000
ACCOUNTS = 500
MODELS = (("anthropic", "claude-haiku-4-5"), ("openai", "gpt-4o"), ("google", "gemini-2.5-flash"))


def write_events(path: Path, rows: int) -> None:
    """A CSV file of events over 28 days, accounts and models in turn."""
    with path.open("w", newline="", encoding="utf-8") as opened:
        writer = csv.writer(opened)
        writer.writerow(
            ["event_id", "occurred_at", "account", "user", "provider", "model", "task", "input", "output", "cache_read"]
        )
        for number in range(rows):
            provider, model = MODELS[number % len(MODELS)]
            account = f"acct-{number % ACCOUNTS:04d}"
            moment = f"2026-06-{number % 28 + 1:02d}T10:{number % 60:02d}:{number % 59:02d}.123456Z"
            user = f"user-{number % 1_700}"
            units = (1_000 + number % 3_000, 20 + number % 400, number % 700)
            row = (f"event-{rows}-{number}", moment, account, user, provider, model, "extraction", *units)
            writer.writerow(row)


def measure(path: Path, url: str) -> tuple[float, int]:
    """Seconds of one import, and the megabytes that it took at most."""
    command = str(Path(sys.executable).parent / "ratecard")
    began = time.perf_counter()
    child = os.posix_spawn(
        command,
        [command, "meter", "import", str(path), "--database", url],
        os.environ,
        file_actions=[(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)],
    )
    _, status, usage = os.wait4(child, 0)
    if status:
        raise SystemExit(f"the import ended with {os.waitstatus_to_exitcode(status)}")
    return time.perf_counter() - began, usage.ru_maxrss // 1024


def report(name: str, folder: Path, url: str) -> None:
    """Import the small file, the large one, and the large one again."""
    apply_shipped(folder / name / "repository", url)
    for title, rows in (("first", SMALL), ("first", LARGE), ("again", LARGE)):
        seconds, megabytes = measure(folder / f"{rows}.csv", url)
        print(f"  {name:<11}{rows:>8,} rows {title}{rows / seconds:>10,.0f} rows/s{megabytes:>6} MB")


def main() -> None:
    """Measure and print."""
    print("meter import, the whole command")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for rows in (SMALL, LARGE):
            write_events(folder / f"{rows}.csv", rows)
        (folder / "sqlite").mkdir()
        report("sqlite", folder, f"sqlite:///{folder / 'sqlite' / 'ratecard.db'}")
        with postgresql_server(folder / "server") as server:
            databases = PostgresqlDatabases(server)
            report("postgresql", folder, databases.fresh(folder, migrated=False))


if __name__ == "__main__":
    main()
