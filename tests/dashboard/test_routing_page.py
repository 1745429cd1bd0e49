"""The Routing page: the test of a call is the runtime's own choice, and traffic shares are those of the events."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, select

from dashboard.configuration.route_traffic import (
    calls_by_task,
    csv_rows,
    task_csv_rows,
    task_rows,
    traffic,
    traffic_rows,
)
from dashboard.formats import exact_money
from metering.analytics import UsageRow
from metering.meter import Meter
from metering.rating.routing import Route
from schema.database import reading
from schema.tables import usage_events
from tests.dashboard.conftest import OpenApp
from tests.dashboard.reading_pages import labelled, metrics
from tests.dashboard.seeding import Seeded

SONNET, HAIKU, OMNI = "anthropic/claude-sonnet-4-5", "anthropic/claude-haiku-4-5", "openai/gpt-4o"


@pytest.mark.parametrize("key", ["user 1", "user 2", "user 7", "**x** <b>"])
def test_a_tested_call_goes_where_the_runtime_sends_it(seeded: Seeded, open_app: OpenApp, key: str) -> None:
    app = open_app(seeded, "routing", provider_table="anthropic", task="chat_response")
    labelled(app.text_input, "Key").set_value(key).run()

    with Meter.open(seeded.url) as meter:
        found = meter.explain_route("anthropic", "chat_response", key=key)
        quote = meter.quote(None, found.chosen.model, {"input": 1_000, "output": 500})
    [candidates] = [table.value for table in app.dataframe if "Places" in table.value]

    assert not app.exception
    assert [row["Model"] for row in candidates.to_dict("records") if row["As"] == "chosen"] == [found.chosen.model]
    assert metrics(app)["Place of the key"] == str(found.place)
    charges = [metric.value for metric in app.metric if metric.label == "Charge"]
    assert charges[0] == exact_money(quote.charge_nanos)
    assert [row["Model"] for row in candidates.to_dict("records") if row["As"] == "fallback"] == [OMNI]


def test_a_tested_call_tells_what_the_edit_of_the_form_changes(seeded: Seeded, open_app: OpenApp) -> None:
    app = open_app(seeded, "routing", provider_table="anthropic", task="extraction")
    labelled(app.multiselect, "Goes to").set_value([OMNI]).run()

    assert any("With the edit it goes to" in line.value and "gpt" in line.value for line in app.markdown)


def test_an_unknown_task_takes_the_default_line(seeded: Seeded, open_app: OpenApp) -> None:
    app = open_app(seeded, "routing", provider_table="openai")

    assert any("by the line **\\_default**" in line.value for line in app.markdown)


def test_traffic_shares_are_those_of_the_events(seeded: Seeded, open_app: OpenApp) -> None:
    app = open_app(seeded, "routing", provider_table="anthropic", task="chat_response")
    [shown] = [table.value for table in app.dataframe if "Wanted" in table.value]

    first = datetime.now(UTC).date() - timedelta(days=29)
    with reading(seeded.engine()) as connection:
        column = usage_events.c
        query = (
            select(column.provider, column.model, func.count())
            .where(column.task == "chat_response", column.day >= first)
            .group_by(column.provider, column.model)
        )
        counted = {f"{provider}/{model}": calls for provider, model, calls in connection.execute(query)}
    rows = {row["Model"]: row for row in shown.to_dict("records")}

    assert {name: row["Calls"] for name, row in rows.items()} == counted
    assert {name: row["Wanted"] for name, row in rows.items()} == {SONNET: "90%", HAIKU: "10%", OMNI: "fallback"}
    assert rows[HAIKU]["Share"] == pytest.approx(100 * counted[HAIKU] / sum(counted.values()))


def test_without_a_task_the_calls_are_told_by_task(seeded: Seeded, open_app: OpenApp) -> None:
    app = open_app(seeded, "routing", provider_table="anthropic")
    [shown] = [table.value for table in app.dataframe if "Share" in table.value and "Task" in table.value]

    first = datetime.now(UTC).date() - timedelta(days=29)
    with reading(seeded.engine()) as connection:
        column = usage_events.c
        query = select(column.task, func.count()).where(column.task.is_not(None), column.day >= first)
        counted = {(task, calls) for task, calls in connection.execute(query.group_by(column.task))}

    assert {(row["Task"], row["Calls"]) for row in shown.to_dict("records")} == counted
    assert sum(shown["Share"]) == pytest.approx(100)


def test_the_history_of_a_route_is_told(seeded: Seeded, open_app: OpenApp) -> None:
    app = open_app(seeded, "routing", provider_table="openai", task="_default")

    [history] = [table.value for table in app.dataframe if "Release" in table.value]
    assert [row["What"] for row in history.to_dict("records")] == ["openai/_default"]


def _row(task: str | None, model: str, calls: int) -> UsageRow:
    return UsageRow({"task": task, "model": model}, calls, {}, calls * 10, calls * 20, 0)


def test_calls_without_a_line_of_their_own_count_to_the_default() -> None:
    rows = [_row("a", SONNET, 3), _row(None, SONNET, 5), _row("b", HAIKU, 9), _row("b", SONNET, 2)]

    assert traffic(rows, "a", {"a"}) == {SONNET: (3, 30, 60)}
    assert traffic(rows, None, {"a"}) == {HAIKU: (9, 90, 180), SONNET: (7, 70, 140)}
    assert calls_by_task(rows) == {"b": (11, 110, 220), "a": (3, 30, 60)}
    assert task_csv_rows(calls_by_task(rows))[1] == ("a", 3, "21.4%", "0.00000003", "0.00000006")
    assert task_rows(calls_by_task([_row("a", HAIKU, 0)])) == []


def test_a_model_that_a_route_names_twice_has_the_sum_of_its_shares() -> None:
    route = Route("anthropic", "a", ((SONNET, 50), (HAIKU, 20), (SONNET, 30)), (OMNI,))
    found = {SONNET: (3, 30, 60), OMNI: (1, 10, 20)}

    assert [(row["Model"], row["Wanted"], row["Share"]) for row in traffic_rows(found, route)] == [
        (SONNET, "80%", 75),
        (HAIKU, "20%", 0),
        (OMNI, "fallback", 25),
    ]
    assert csv_rows(found, route)[0] == (SONNET, "80%", 3, "75.0%", "0.00000003", "0.00000006")
