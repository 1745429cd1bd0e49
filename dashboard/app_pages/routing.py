"""Routing: which model serves which task, with shares and fallbacks; a form that becomes a commit."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import pandas as pd
import streamlit as st

from dashboard import sources
from dashboard.access import CurrentPerson
from dashboard.configuration import rate_card
from dashboard.configuration.example_cost import INPUT_TOKENS, OUTPUT_TOKENS, Example, blended, example
from dashboard.configuration.example_view import example_panel
from dashboard.configuration.rate_card import Row
from dashboard.configuration.route_form import RouteTexts, edits_of, even_shares, initial_texts
from dashboard.formats import MISSING, dollars, literal, short_commit
from dashboard.layout import card, card_title, page_header
from dashboard.proposing.bases import Base, see
from dashboard.proposing.drafts import base_with_draft
from dashboard.proposing.forms import propose_panel
from dashboard.session import require, require_data
from metering.book.ratebook import RateBook
from schema.documents.routing import DEFAULT_TASK
from schema.keys import Key

PREFIX = "route_"
UNITS = {"input": INPUT_TOKENS, "output": OUTPUT_TOKENS}


def targets_words(targets: Sequence[dict[str, Any]]) -> str:
    """Targets in words: `openai/gpt-4o`, or each with its share."""
    if len(targets) == 1:
        return str(targets[0]["model"])
    return ", ".join(f"{target['weight']}% {target['model']}" for target in targets)


def _blend(parts: Sequence[tuple[str, int]], book: RateBook, now: datetime) -> Example | None:
    def one(model: str) -> Example | None:
        price = book.price_at(None, model, now)
        needed = {unit: parts for unit, parts in UNITS.items() if price and unit in price.costs}
        return example(price, needed)

    return blended([(one(model), share) for model, share in parts])


def _choose(names: list[str]) -> None:
    rows = st.session_state["table_routes"]["selection"]["rows"]
    if rows:
        st.session_state["task"] = names[rows[0]]


def _table(rows: Sequence[Row], tasks: Sequence[Row], book: RateBook, now: datetime) -> None:
    by_task = {row["task"]: row for row in rows}
    described = {task["task"]: task["description"] or "" for task in tasks}
    order = [DEFAULT_TASK, *sorted(set(by_task) - {DEFAULT_TASK}), *sorted(set(described) - set(by_task))]
    records = []
    for task in order:
        row = by_task.get(task) or by_task.get(DEFAULT_TASK)
        found = _blend([(part["model"], part["weight"]) for part in row["targets"]], book, now) if row else None
        own = by_task.get(task)
        records.append(
            {
                "Task": task,
                "Goes to": targets_words(own["targets"]) if own else "as _default",
                "Fallbacks": ", ".join(own["fallbacks"]) if own else "",
                "Example cost": dollars(found.cost_nanos) if found else None,
                "Example charge": dollars(found.charge_nanos) if found else None,
                "Commit": short_commit(own["origin"].commit) if own else "",
                "About": described.get(task, "every task without a line of its own" if task == DEFAULT_TASK else ""),
            }
        )
    amount = st.column_config.NumberColumn(format="$%.6f", help="1,000 input and 500 output tokens")
    st.dataframe(
        pd.DataFrame.from_records(records),
        hide_index=True,
        key="table_routes",
        height="content" if len(records) <= 16 else 560,
        on_select=lambda: _choose([record["Task"] for record in records]),
        selection_mode="single-row",
        column_config={
            "Task": st.column_config.TextColumn(pinned=True),
            "Goes to": st.column_config.TextColumn(width="medium"),
            "Fallbacks": st.column_config.TextColumn(width="medium"),
            "Example cost": amount,
            "Example charge": amount,
        },
        placeholder=MISSING,
        alt="Routes of the provider",
    )


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


def _form(base: Base, book: RateBook, provider: str, task: str, person: CurrentPerson, now: datetime) -> None:
    key = Key("route", f"{provider}/{task}")
    version = see(base, key)
    known = set(base.catalogue.of("model"))
    before = initial_texts(base.find(key), provider, known)
    models = sorted(name for name, entity in base.catalogue.of("model").items() if entity.document.active)
    models.sort(key=lambda name: not name.startswith(f"{provider}/"))
    prefix = f"{PREFIX}{provider}_{task}_{version}_"
    after, fault = _inputs(before, models, prefix, task)
    if fault:
        st.error(fault, icon=":material/error:")
        return
    default = initial_texts(base.find(Key("route", f"{provider}/{DEFAULT_TASK}")), provider, known)
    old, new = before or default, after or default
    example_panel(
        "1,000 input + 500 output, the mean of the shares",
        _blend(old.parts, book, now) if old else None,
        _blend(new.parts, book, now) if new else None,
    )
    edits = edits_of(before, after, provider, task)
    where = new.parts[0][0] if new and len(new.parts) == 1 else "several models"
    title = f"Route {task} of {provider} to {where}" if after else f"Let _default serve {task} of {provider}"
    propose_panel(edits, prefix=prefix, key=key, title=title, person=person, now=now)


def page() -> None:
    """Draw the page."""
    person = require("viewer")
    stamp = require_data()
    now = sources.utc_now()
    minute = now.replace(second=0, microsecond=0)
    engine = sources.engine()
    page_header("Routing", "Which model serves which task", person)
    routes = rate_card.current(engine, stamp.text, "route")
    tasks = rate_card.current(engine, stamp.text, "task")
    book = rate_card.book(engine, stamp.text, minute)
    providers = sorted({row["provider"] for row in routes})
    if not providers:
        st.caption("No provider has a routing table yet: add config/routing/PROVIDER.yaml.")
        return
    provider = st.segmented_control(
        "Callers ask for",
        providers,
        default=providers[0],
        required=True,
        format_func=literal,
        key="provider_table",
        bind="query-params",
    )
    provider = provider or providers[0]
    left, right = st.columns([7, 5], gap="small")
    with left, card("route_table"):
        card_title("Routes", "Tasks without a line of their own take _default")
        _table([row for row in routes if row["provider"] == provider], tasks, book, minute)
    names = [DEFAULT_TASK, *sorted({task["task"] for task in tasks} | {row["task"] for row in routes} - {DEFAULT_TASK})]
    with right, card("route_form"):
        task = st.selectbox(
            "Task", names, index=None, key="task", bind="query-params", placeholder="Choose a task to edit"
        )
        base = base_with_draft(now)
        if task is None:
            st.caption("Choose a task here or in the table to change where its calls go.")
        elif base is None:
            st.caption("Not in a git repository with the base branch: routes cannot be edited from here.")
        else:
            _form(base, book, provider, task, person, now)


page()
