"""The Models page: the summary above it, the history of a model, and its table as a file."""

from __future__ import annotations

from tests.dashboard.conftest import OpenApp
from tests.dashboard.reading_pages import metrics, table
from tests.dashboard.seeding import Seeded


def test_the_summary_stands_above_the_table(seeded: Seeded, open_app: OpenApp) -> None:
    app = open_app(seeded, "models")

    assert not app.exception
    shown = metrics(app)
    assert (shown["Active models"], shown["Billable features"], shown["Exchange rates"]) == ("3", "0", "0")
    assert shown["Cheapest model, 1,000 + 500 tokens"] == "$0.0105"
    assert [row["Model"] for row in table(app, 0)] == [
        "anthropic/claude-haiku-4-5",
        "anthropic/claude-sonnet-4-5",
        "openai/gpt-4o",
    ]


def test_the_history_tells_what_a_release_did_to_a_model(seeded: Seeded, open_app: OpenApp) -> None:
    app = open_app(seeded, "models", model="openai/gpt-4o")

    (line,) = table(app, 1)
    assert (line["What"], line["Field"], line["Release"]) == ("openai/gpt-4o", "added", "v1")
    assert line["Change"] == "Write the first rate card"
    assert "display_name GPT-4o" in line["After"]
