"""Routing: which model serves which task, with shares and fallbacks; a form that becomes a commit."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

import pandas as pd
import streamlit as st

from dashboard import sources
from dashboard.access import CurrentPerson
from dashboard.configuration import rate_card
from dashboard.configuration.choosing import take_row
from dashboard.configuration.example_cost import Example
from dashboard.configuration.example_view import example_panel
from dashboard.configuration.history_table import history_card
from dashboard.configuration.rate_card import Row
from dashboard.configuration.route_form import RouteTexts, edits_of, even_shares, initial_texts
from dashboard.configuration.route_simulator import simulator, with_route
from dashboard.configuration.route_table import COLUMNS, blend, route_records, tasks_in_order
from dashboard.configuration.tasks_view import tasks_view
from dashboard.configuration.traffic_card import traffic_card
from dashboard.exports import Csv
from dashboard.formats import MISSING, dollars, literal
from dashboard.layout import card, card_title, empty_state, page_header
from dashboard.proposing.bases import Base
from dashboard.proposing.drafts import base_with_draft
from dashboard.proposing.form_base import form_base
from dashboard.proposing.form_state import form_prefix, see
from dashboard.proposing.forms import propose_panel
from dashboard.session import require, require_data
from metering.book.ratebook import RateBook
from schema.documents.routing import DEFAULT_TASK
from schema.keys import Key
from schema.money import usd_text

PREFIX = "route_"
VIEWS = ("Routes", "Tasks")


def _table(provider: str, rows: Sequence[Row], tasks: Sequence[Row], book: RateBook, now: datetime) -> None:
    records = route_records(rows, tasks, book, now)

    def shown(amount: Callable[[int], object]) -> list[list[object]]:
        return [
            [task, words, fallbacks, *_amounts(found, amount), commit, about]
            for task, words, fallbacks, found, commit, about in records
        ]

    note = f"What callers of {literal(provider)} get; tasks without a line of their own take _default"
    card_title("Routes", note, Csv(f"routes-{provider}", COLUMNS, lambda: shown(usd_text)))
    if not rows:
        st.caption("This provider has no routing table yet: choose _default on the right, and where it goes.")
    amount = st.column_config.NumberColumn(format="$%.6f", width=105, help="1,000 input and 500 output tokens")
    st.dataframe(
        pd.DataFrame(shown(dollars), columns=list(COLUMNS)),
        hide_index=True,
        key=f"table_routes_{provider}",
        height="content" if len(records) <= 16 else 560,
        on_select=lambda: take_row(f"table_routes_{provider}", "task", [task for task, *_ in records]),
        selection_mode="single-row",
        column_config={
            "Task": st.column_config.TextColumn(pinned=True, width=120),
            "Goes to": st.column_config.TextColumn(width=185),
            "Fallbacks": st.column_config.TextColumn(width=150),
            "Example cost": amount,
            "Example charge": amount,
        },
        column_order=["Task", "Goes to", "Example charge", "Example cost", "Fallbacks", "About", "Commit"],
        placeholder=MISSING,
        alt="Routes of the provider",
    )


def _amounts(found: Example | None, amount: Callable[[int], object]) -> tuple[object, object]:
    return (amount(found.cost_nanos), amount(found.charge_nanos)) if found else (None, None)


def _inputs(before: RouteTexts | None, models: list[str], prefix: str, task: str) -> tuple[RouteTexts | None, str]:
    """Draw the inputs: what stands in them, and what is wrong with it."""
    if task != DEFAULT_TASK:
        own = st.toggle("A route of its own, instead of _default", value=before is not None, key=f"{prefix}own")
        if not own:
            return None, ""
    known = [model for model, _ in before.parts] if before else []
    options = [*models, *(model for model in known if model not in models)]
    chosen = st.multiselect(
        "Goes to", options, default=known, key=f"{prefix}targets", max_selections=5, placeholder="Choose a model"
    )
    if not chosen:
        return before, "Choose at least one model."
    shares = even_shares(chosen, before)
    if len(chosen) > 1:
        with st.grid(2, min_column_width=150, gap="small"):
            for model in chosen:
                key = f"{prefix}share_{'+'.join(chosen)}_{model}"
                shares[model] = int(st.number_input(f"{literal(model)}, percent", 1, 99, shares[model], 1, key=key))
    fallback_options = [*models, *(model for model in (before.fallbacks if before else ()) if model not in models)]
    fallbacks = st.multiselect(
        "Fallbacks, in order",
        fallback_options,
        default=list(before.fallbacks) if before else [],
        key=f"{prefix}fallbacks",
        placeholder="None",
    )
    total = sum(shares[model] for model in chosen)
    fault = f"The shares sum to {total}, not to 100." if total != 100 else ""
    return RouteTexts(tuple((model, shares[model]) for model in chosen), tuple(fallbacks)), fault


def _form(
    base: Base, book: RateBook, provider: str, task: str, person: CurrentPerson, now: datetime
) -> RateBook | None:
    """Draw the form; the book with what stands in it, while that is another route."""
    key = Key("route", f"{provider}/{task}")
    version = see(base, key)
    known = set(base.catalogue.of("model"))
    before = initial_texts(base.find(key), provider, known)
    models = sorted(name for name, entity in base.catalogue.of("model").items() if entity.document.active)
    models.sort(key=lambda name: not name.startswith(f"{provider}/"))
    prefix = form_prefix(f"{PREFIX}{provider}_{task}_{version}_")
    after, fault = _inputs(before, models, prefix, task)
    if fault:
        st.error(fault, icon=":material/error:")
        return None
    default = initial_texts(base.find(Key("route", f"{provider}/{DEFAULT_TASK}")), provider, known)
    old, new = before or default, after or default
    example_panel(
        "1,000 input + 500 output, the mean of the shares",
        blend(old.parts, book, now) if old else None,
        blend(new.parts, book, now) if new else None,
    )
    edits = edits_of(before, after, provider, task)
    where = new.parts[0][0] if new and len(new.parts) == 1 else "several models"
    title = f"Route {task} of {provider} to {where}" if after else f"Let _default serve {task} of {provider}"
    propose_panel(edits, prefix=prefix, key=key, title=title, person=person, now=now)
    return with_route(book, provider, task, after) if edits else None


def page() -> None:
    """Draw the page."""
    person = require("viewer")
    stamp = require_data()
    now = sources.utc_now()
    page_header("Routing", "Which model serves which task", person)
    view = st.segmented_control(
        "View",
        VIEWS,
        default=VIEWS[0],
        required=True,
        key="routing_view",
        bind="query-params",
        label_visibility="collapsed",
    )
    if view == "Tasks":
        tasks_view(stamp, person, now)
    else:
        _routes(stamp, person, now)


def _routes(stamp: sources.Stamp, person: CurrentPerson, now: datetime) -> None:
    minute = stamp.minute(now)
    engine = sources.engine()
    book = rate_card.book(engine, stamp.text, minute)
    tasks = rate_card.current(engine, stamp.text, "task")
    by_provider: dict[str, list[Row]] = {}
    for row in rate_card.current(engine, stamp.text, "route"):
        by_provider.setdefault(row["provider"], []).append(row)
    base = base_with_draft(now)
    models = {*book.aliases, *(base.catalogue.of("model") if base else ())}
    provider = _provider(by_provider, {name.partition("/")[0] for name in models if "/" in name})
    if not provider:
        empty_state("No model is registered yet", "Add the first one under Models: then tasks can be routed to it.")
        return
    rows = by_provider.get(provider, [])
    names = tasks_in_order(rows, tasks)
    left, right = st.columns([7, 5], gap="small")
    planned = None
    with right, card("route_form"):
        form_base(now)
        task = st.selectbox(
            "Task", names, index=None, key="task", bind="query-params", placeholder="Choose a task to edit"
        )
        if task is None:
            st.caption("Choose a task here or in the table to change where its calls go.")
        elif base is not None:
            planned = _form(base, book, provider, task, person, now)
    with right, card("route_traffic"):
        traffic_card(book, provider, task, names, stamp, now)
    with left:
        with card("route_table"):
            _table(provider, rows, tasks, book, minute)
        with card("route_simulator"):
            simulator(book, planned, provider, names, task, minute)
    history = [f"{provider}/{task}"] if task else [f"{provider}/{row['task']}" for row in rows]
    with left:
        history_card("route", history, stamp, note="What releases did to these routes", file="route_history")


def _provider(by_provider: Mapping[str, Sequence[Row]], providers: set[str]) -> str:
    """Whose routing table: those that have one come first; empty where nothing is registered."""
    without = sorted(providers - by_provider.keys())
    options = [*sorted(by_provider), *without]
    if not options:
        return ""
    chosen = st.selectbox(
        "Callers ask for",
        options,
        key="provider_table",
        bind="query-params",
        width=320,
    )
    return str(chosen or options[0])


page()
