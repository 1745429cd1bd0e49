"""Tasks on the Routing page: what calls may say they are for, whether that is charged, and a form for each."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

import pandas as pd
import streamlit as st

from dashboard import data, sources
from dashboard.access import CurrentPerson
from dashboard.configuration import rate_card
from dashboard.configuration.choosing import Mode, take_row
from dashboard.configuration.entity_panel import EntityPanel
from dashboard.configuration.history_table import history_card
from dashboard.configuration.rate_card import Row
from dashboard.configuration.route_form import RouteTexts, edits_of
from dashboard.configuration.task_table import (
    COLUMNS,
    ROUTES,
    TaskUsage,
    route_rows,
    task_record,
    usage_of_tasks,
)
from dashboard.exports import Csv
from dashboard.filters import only
from dashboard.formats import MISSING, count, dollars, literal, money
from dashboard.layout import card, card_title, part_title
from dashboard.proposing.bases import Base
from dashboard.proposing.form_base import form_base
from metering.analytics import Period
from schema.documents.routing import TaskEntry
from schema.keys import Key
from schema.money import usd_text
from sync.edit import Edit, RemoveEntity
from sync.render.style import count as numbered

_DAYS = 30
_AMOUNTS = (COLUMNS.index("Cost"), COLUMNS.index("Charge"))


def tasks_view(stamp: sources.Stamp, person: CurrentPerson, now: datetime) -> None:
    """Draw the view."""
    engine = sources.engine()
    tasks, routes = (rate_card.current(engine, stamp.text, kind) for kind in ("task", "route"))
    period = Period.last(_DAYS, now.date()).bounds()
    used = usage_of_tasks(data.usage_by(engine, stamp.text, ("task",), period, ()))
    left, right = st.columns([7, 5], gap="small")
    with right, card("task_form"):
        shown = _form(tasks, routes, used, person, now)
    with left:
        with card("task_table"):
            _table(tasks, routes, used)
        history_card("task", shown, stamp, note="What releases did to the tasks", file="task_history")


def _table(tasks: Sequence[Row], routes: Sequence[Row], used: Mapping[str, TaskUsage]) -> None:
    records = [task_record(row, routes, used) for row in tasks]

    def amounts(record: tuple[Any, ...], shown: Callable[[int], object]) -> list[object]:
        return [shown(value) if place in _AMOUNTS else value for place, value in enumerate(record)]

    everything = Csv("tasks", COLUMNS, lambda: [amounts(record, usd_text) for record in records])
    card_title("Tasks", f"What calls may say that they are for; calls of the last {_DAYS} days", everything)
    if not records:
        st.caption("No task is listed yet: add one on the right. Calls may name others, too, which are charged.")
        return
    amount = st.column_config.NumberColumn(format="dollar", width=80)
    st.dataframe(
        pd.DataFrame([amounts(record, dollars) for record in records], columns=list(COLUMNS)),
        hide_index=True,
        height="content" if len(records) <= 16 else 560,
        key="table_tasks",
        on_select=lambda: take_row("table_tasks", "task", [row["task"] for row in tasks]),
        selection_mode="single-row",
        column_config={
            "Task": st.column_config.TextColumn(pinned=True, width=130),
            "Charged": st.column_config.CheckboxColumn(width=70),
            "Calls": st.column_config.NumberColumn(format="localized", width=70),
            "Cost": amount,
            "Charge": amount,
            "Own routes": st.column_config.TextColumn(
                width=110, help="Providers whose routing table has a line for it; elsewhere _default serves it."
            ),
        },
        placeholder=MISSING,
        alt="Tasks",
    )
    unlisted = [task for task in used if task not in {row["task"] for row in tasks}]
    if unlisted:
        calls = sum(used[task].calls for task in unlisted)
        words = f"{numbered(calls, 'call')} named tasks that are not listed, and are charged: {', '.join(unlisted[:5])}"
        st.caption(literal(words))


def _form(
    tasks: Sequence[Row], routes: Sequence[Row], used: Mapping[str, TaskUsage], person: CurrentPerson, now: datetime
) -> list[str]:
    """Draw the form; the tasks whose history is to be shown."""
    base = form_base(now)
    panel = EntityPanel(
        "task",
        "task",
        TaskEntry,
        lambda key, *both: _preview(routes, used.get(key.name, TaskUsage()), key, *both),
        (),
        further=lambda key, mode, prefix: _routes_along(base, key, mode, prefix) if base else [],
    )
    choice = panel.choose(sorted(base.catalogue.of("task")) if base else [], "task")
    panel.draw(base, choice, person, now)
    return [choice.name] if choice.name else [row["task"] for row in tasks]


def _preview(
    routes: Sequence[Row], usage: TaskUsage, key: Key, before: TaskEntry | None, after: TaskEntry | None
) -> None:
    """What calls of the task came to, what the edit makes of that, and where they go."""
    with st.grid(3, min_column_width=110, gap="small"):
        st.metric(f"Calls, {_DAYS} days", count(usage.calls))
        st.metric("Cost", money(usage.cost_nanos))
        st.metric("Charge", money(usage.charge_nanos))
    st.page_link("app_pages/usage.py", label="Its usage", icon=":material/bar_chart:", query_params=only(task=key.name))
    was, will_be = (True if entry is None else entry.billable for entry in (before, after))
    if was and not will_be:
        words = f"Such calls are charged nothing from then on; they came to {money(usage.charge_nanos)}."
        st.markdown(f":orange[:material/money_off: {literal(words)}]")
    elif will_be and not was:
        st.markdown(":orange[:material/payments: Such calls are charged by the price of their model from then on.]")
    rows = route_rows(routes, key.name)
    if rows:
        part_title("Where they go", Csv("task_routes", ROUTES, rows.copy))
        st.dataframe(
            pd.DataFrame(rows, columns=list(ROUTES)),
            hide_index=True,
            height="content" if len(rows) <= 8 else 300,
            column_config={
                "Callers ask for": st.column_config.TextColumn(width=105),
                "Goes to": st.column_config.TextColumn(width=180),
                "By the line": st.column_config.TextColumn(width=85),
            },
            placeholder=MISSING,
            key="table_task_routes",
            alt="Where calls of the task go, by provider",
        )
        st.page_link(
            "app_pages/routing.py",
            label="Change its route",
            icon=":material/alt_route:",
            query_params={"provider_table": rows[0][0], "task": key.name} if before else {"provider_table": rows[0][0]},
        )


def _routes_along(base: Base, key: Key, mode: Mode, prefix: str) -> list[Edit]:
    """The lines of routing tables that come or go with the task."""
    lines = [Key("route", name) for name in base.catalogue.of("route") if name.partition("/")[2] == key.name]
    if mode == "Remove":
        if lines:
            st.caption(f"Gone with it: {numbered(len(lines), 'route')}. Calls that name it still take _default.")
        return [RemoveEntity(line) for line in lines]
    if mode == "Edit":
        return []
    providers = sorted({name.partition("/")[0] for name in base.catalogue.of("route")})
    models = sorted(name for name, entity in base.catalogue.of("model").items() if entity.document.active)
    with st.grid(2, min_column_width=150, gap="small"):
        provider = st.selectbox(
            "A route of its own for", providers, index=None, key=f"{prefix}provider", placeholder="None: _default"
        )
        model = st.selectbox("Goes to", models, index=None, key=f"{prefix}model", placeholder="Choose a model")
    if not provider or not model or Key("route", f"{provider}/{key.name}") in lines:
        return []
    return edits_of(None, RouteTexts(((model, 100),)), provider, key.name)


__all__ = ["tasks_view"]
