"""The meters that run, on the Health page: their table, worst first, its CSV, and the banner."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
from sqlalchemy import insert

from dashboard.health.runtimes import csv_rows, table_rows
from metering.runtimes.listing import list_runtimes
from schema.database import writing
from schema.tables import releases, runtimes
from tests.dashboard.conftest import OpenApp
from tests.dashboard.hostile import nasty
from tests.dashboard.seeding import Seeded, git, seed
from tests.metering.runtimes.test_listing import told

MINUTE = timedelta(minutes=1)


def put(seeded: Seeded, now: datetime) -> None:
    """Three meters: one at the newest release, one behind that, and one that fell silent."""
    seen = {"seen_at": now, "clock_at": now, "confirmed_at": now - timedelta(seconds=4), "started_at": now - 3 * MINUTE}
    old = now - 9 * MINUTE
    engine = seeded.engine()
    with writing(engine) as connection:
        row = connection.execute(releases.select()).mappings().one()
        connection.execute(insert(releases).values(dict(row) | {"id": 2, "applied_at": now - 2 * MINUTE}))
        rows = [
            told(nasty("program"), host=nasty("host"), release_id=2, **seen),
            told("late.py", **seen),
            told("silent.py", **seen | {"seen_at": old, "clock_at": old}),
        ]
        connection.execute(insert(runtimes), rows)
    engine.dispose()


def test_the_table_tells_each_with_the_worst_first(tmp_path: Path) -> None:
    seeded, now = seed(tmp_path), datetime(2100, 6, 15, 12, tzinfo=UTC)
    put(seeded, now)
    with seeded.engine().connect() as connection:
        listing = list_runtimes(connection, now + timedelta(seconds=6))

    rows = table_rows(listing)
    assert [(row["Program"], row["Host"], row["Release"], row["State"]) for row in rows] == [
        ("silent.py", "host-1", 1, "Silent for 9 min"),
        ("late.py", "host-1", 1, "Behind for 2 min"),
        (nasty("program"), nasty("host"), 2, "Newest release"),
    ]
    assert rows[1] | {"Process": "7", "Ratecard": "1", "Book's age": "10 s", "Last heard": "6 s ago"} == rows[1]
    assert (rows[1]["Runs since, UTC"], rows[1]["Clock"]) == ("2100-06-15 11:57", "right")
    assert list(csv_rows(listing))[1] == (
        "late.py",
        "host-1",
        7,
        "1",
        1,
        0,
        "behind",
        "2100-06-15T11:58:00Z",
        10,
        "2100-06-15T11:57:00Z",
        "2100-06-15T12:00:00Z",
        0,
    )


def test_a_viewer_sees_them_and_the_banner_knows(tmp_path: Path, open_app: OpenApp) -> None:
    seeded = seed(tmp_path)
    put(seeded, datetime.now(UTC))
    git(seeded.repository, "config", "user.email", "help@example.com")

    app = open_app(seeded, "health")

    assert not app.exception
    assert "Runtimes" in app.warning[0].value
    (frame,) = [found.value for found in app.dataframe]
    assert isinstance(frame, pd.DataFrame)
    assert list(frame["Program"]) == ["silent.py", "late.py", nasty("program")]
    words = "\n".join(line.value for line in app.markdown)
    assert "1 runtime serves release 2" in words
    assert "behind for 2 min" in words
    assert "<script>" not in words
