"""Tasks on the Routing page: what their calls came to, whether they are charged, and routes that come and go along."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from dashboard.configuration.task_table import TaskUsage, own_routes, route_rows, usage_of_tasks
from metering.analytics import Period, UsageRow, usage_by
from schema.database import reading
from schema.money import NANO
from tests.dashboard.conftest import OpenApp
from tests.dashboard.reading_pages import diff, labelled, metrics, table
from tests.dashboard.seeding import Seeded, git, seed

ROUTES = [
    {"provider": "openai", "task": "chat", "targets": [{"model": "openai/gpt-4o"}], "fallbacks": ["a/b"]},
    {"provider": "a", "task": "_default", "targets": [{"model": "a/b"}], "fallbacks": []},
]


def test_calls_without_a_task_are_none_of_any() -> None:
    rows = [UsageRow({"task": task}, calls, {}, 1, 2, 0) for task, calls in (("chat", 2), (None, 9), ("other", 5))]

    assert usage_of_tasks(rows) == {"other": TaskUsage(5, 1, 2), "chat": TaskUsage(2, 1, 2)}
    assert list(usage_of_tasks(rows)) == ["other", "chat"]


def test_a_task_goes_by_its_own_line_or_the_default() -> None:
    assert own_routes(ROUTES, "chat") == ["openai"]
    assert route_rows(ROUTES, "chat") == [("a", "a/b", "_default", ""), ("openai", "openai/gpt-4o", "chat", "a/b")]
    assert route_rows(ROUTES, "other")[1] == ("openai", "nowhere: calls are refused", "", "")


def _last_days() -> Period:
    today: date = datetime.now(UTC).date()
    return Period(today - timedelta(days=29), today + timedelta(days=1))


def test_the_page_shows_the_calls_of_tasks_and_what_no_charge_would_cost(seeded: Seeded, open_app: OpenApp) -> None:
    with reading(seeded.engine()) as connection:
        used = {row.keys["task"]: row for row in usage_by(connection, ("task",), _last_days())}
    app = open_app(seeded, "routing", routing_view="Tasks", task="extraction")

    shown = {row["Task"]: (row["Charged"], row["Calls"], row["Charge"]) for row in table(app, 0)}
    assert shown == {
        task: (True, used[task].requests, used[task].charge_nanos / NANO) for task in ("chat_response", "extraction")
    }
    assert metrics(app)["Calls, 30 days"] == str(used["extraction"].requests)
    labelled(app.toggle, "Billable").set_value(False).run()

    assert any("Such calls are charged nothing" in line.value for line in app.markdown)
    assert "+    billable: false" in diff(app)
    labelled(app.button, "Show the money impact").click().run()
    charge = [metric for metric in app.metric if metric.label == "Charge"][-1]
    assert charge.delta.startswith("-")
    assert not app.exception


def test_a_task_comes_with_a_route_and_goes_with_its_routes(tmp_path: Path, open_app: OpenApp) -> None:
    own = seed(tmp_path)
    app = open_app(own, "routing", routing_view="Tasks", task_action="New")
    labelled(app.text_input, "Name of the new task").set_value("translation").run()
    labelled(app.text_input, "Description").set_value("Says it in another language").run()
    labelled(app.selectbox, "A route of its own for").set_value("openai").run()
    labelled(app.selectbox, "Goes to").set_value("openai/gpt-4o").run()
    labelled(app.button, "Propose").click().run()

    assert not app.exception
    added = git(own.repository, "diff", "main..ratecard/add-task-translation")
    assert "+  translation: gpt-4o" in added
    assert "+    description: Says it in another language" in added

    app = open_app(own, "routing", routing_view="Tasks", task_action="Remove", task="chat_response")
    assert any("Gone with it: 1 route" in line.value for line in app.caption)
    labelled(app.button, "Propose").click().run()
    removed = git(own.repository, "diff", "--name-only", "main..ratecard/remove-task-chat-response").splitlines()
    assert removed == ["config/routing/anthropic.yaml", "config/tasks.yaml"]
