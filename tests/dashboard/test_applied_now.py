"""What a release says holds from its very moment, also on pages that look at whole minutes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from dashboard.sources import Stamp
from metering.analytics import Arrived
from tests.dashboard.conftest import OpenApp
from tests.dashboard.seeding import apply_head, git, seed

MODEL = "openai/gpt-4o"
APPLIED = datetime(2026, 11, 3, 14, 5, 37, tzinfo=UTC)
ENTRY = """\
    - effective: {day}
      per_million:
        input: 2.00
        output: 8.00
      margin: 4
"""


def test_the_minute_of_a_page_never_lies_before_the_release() -> None:
    stamp = Stamp("sqlite://", 1, "0" * 40, "0" * 40, APPLIED, None, Arrived((0, 0), (0, 0)))

    assert stamp.minute(APPLIED + timedelta(seconds=5)) == APPLIED
    assert stamp.minute(APPLIED + timedelta(seconds=30)) == datetime(2026, 11, 3, 14, 6, tzinfo=UTC)


def test_a_price_is_in_force_as_soon_as_it_is_applied(tmp_path: Path, open_app: OpenApp) -> None:
    seeded = seed(tmp_path)
    now = datetime.now(UTC)
    with (seeded.repository / "config" / "pricing" / "openai.yaml").open("a") as file:
        file.write(ENTRY.format(day=now.date()))
    git(seeded.repository, "commit", "--all", "--quiet", "--message=Follow the market")
    apply_head(seeded.repository, seeded.url, now, label="v2")

    app = open_app(seeded, "pricing", model=MODEL)

    history = next(table.value for table in app.dataframe if "Status" in table.value.columns)
    assert [(line["Status"], line["Output"]) for _, line in history.iterrows()] == [("in force", 8.0), ("past", 10.0)]
