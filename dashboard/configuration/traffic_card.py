"""Where the calls of a task went, drawn beside where its route sends them."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

import pandas as pd
import streamlit as st

from dashboard import data, sources
from dashboard.configuration.choosing import take_row
from dashboard.configuration.route_traffic import (
    CSV_HEADER,
    calls_by_task,
    csv_rows,
    task_csv_rows,
    task_rows,
    traffic,
    traffic_rows,
)
from dashboard.exports import Csv
from dashboard.formats import MISSING
from dashboard.layout import card_title
from metering.analytics import Period, UsageRow
from metering.book.ratebook import RateBook
from metering.rating.routing import DEFAULT_TASK

_DAYS = 30
_SHARE = st.column_config.ProgressColumn(format="%.1f%%", min_value=0, max_value=100, color="blue", width=115)
_AMOUNTS = {
    "Calls": st.column_config.NumberColumn(format="localized", width=65),
    "Cost": st.column_config.NumberColumn(format="dollar", width=75),
    "Charge": st.column_config.NumberColumn(format="dollar", width=75),
}


def traffic_card(
    book: RateBook, provider: str, task: str | None, tasks: Collection[str], stamp: sources.Stamp, now: datetime
) -> None:
    """Where the calls of a task went in the last days, beside the shares that its route gives; of all without one."""
    if task is None:
        _every_task(tasks, stamp, now)
        return
    route = book.routes.get((provider, task)) or book.routes.get((provider, DEFAULT_TASK))
    own_lines = {name for asked, name in book.routes if asked == provider and name != DEFAULT_TASK}
    found = traffic(_rows(stamp, now), None if task == DEFAULT_TASK else task, own_lines)
    told = f"Calls of the last {_DAYS} days, whichever provider they asked for"
    card_title("Traffic shares", told, Csv(f"traffic-{provider}-{task}", CSV_HEADER, lambda: csv_rows(found, route)))
    if not found:
        if task == DEFAULT_TASK:
            st.caption("Every call of these days was of a task with a line of its own, so none took this one.")
        else:
            st.caption("No call of this task in these days.")
        return
    records: list[dict[str, Any]] = traffic_rows(found, route)
    st.dataframe(
        pd.DataFrame.from_records(records),
        hide_index=True,
        height="content" if len(records) <= 10 else 390,
        column_config={
            "Model": st.column_config.TextColumn(width=150),
            "Wanted": st.column_config.TextColumn(
                width=75, help="The share that the route gives the model; no: the route does not name it."
            ),
            "Share": _SHARE,
            **_AMOUNTS,
        },
        placeholder=MISSING,
        key="table_traffic",
        alt="Calls of the task by model",
    )


def _rows(stamp: sources.Stamp, now: datetime) -> list[UsageRow]:
    period = Period.last(_DAYS, now.date()).bounds()
    return data.usage_by(sources.engine(), stamp.text, ("task", "model"), period, ())


def _take_task(shown: list[str], tasks: Collection[str]) -> None:
    """Choose the task of the row that was clicked; one that is not registered any more has no route to look at."""
    if all(shown[row] in tasks for row in st.session_state["table_traffic_tasks"]["selection"]["rows"]):
        take_row("table_traffic_tasks", "task", shown)


def _every_task(tasks: Collection[str], stamp: sources.Stamp, now: datetime) -> None:
    """How the calls of the last days are spread over tasks, while none is chosen; `tasks` are those to choose from."""
    found = calls_by_task(_rows(stamp, now))
    header = ("task", "calls", "share", "cost_usd", "charge_usd")
    told = f"Calls of the last {_DAYS} days by task; choose one to see where its calls went"
    card_title("Traffic shares", told, Csv("traffic", header, lambda: task_csv_rows(found)))
    if not found:
        st.caption("No call named a task in these days.")
        return
    records = task_rows(found)
    st.dataframe(
        pd.DataFrame.from_records(records),
        hide_index=True,
        height="content" if len(records) <= 12 else 440,
        on_select=lambda: _take_task(list(found), tasks),
        selection_mode="single-row",
        column_config={"Task": st.column_config.TextColumn(width=130), "Share": _SHARE, **_AMOUNTS},
        placeholder=MISSING,
        key="table_traffic_tasks",
        alt="Calls by task",
    )


__all__ = ["traffic_card"]
