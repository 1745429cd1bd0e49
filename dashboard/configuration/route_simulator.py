"""Test a call: which model a route takes for a key, why, and what the call would cost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

import pandas as pd
import streamlit as st

from dashboard.configuration.example_cost import INPUT_TOKENS, OUTPUT_TOKENS, example
from dashboard.configuration.route_form import RouteTexts
from dashboard.exports import Csv
from dashboard.formats import MISSING, exact_money, literal
from dashboard.layout import card_title, part_title
from metering.book.ratebook import RateBook
from metering.errors import NoRouteError
from metering.rating.route_explanation import Candidate, RouteExplanation, Share, explain_route
from metering.rating.routing import DEFAULT_TASK, Route
from schema.units import TOKEN_UNITS

_COLUMNS = ("As", "Model", "Share", "Places", "May be called")


def with_route(book: RateBook, provider: str, task: str, texts: RouteTexts | None) -> RateBook:
    """The book with a line of a routing table as a form has it; without texts the line is gone."""
    routes = {key: route for key, route in book.routes.items() if key != (provider, task)}
    if texts is not None:
        routes[provider, task] = Route(provider, task, texts.parts, texts.fallbacks)
    return replace(book, routes=routes)


def simulator(
    book: RateBook, planned: RateBook | None, provider: str, tasks: Sequence[str], task: str | None, now: datetime
) -> None:
    """Draw the test of a call; `planned` is the book with the edit of the form, where there is one."""
    card_title("Test a call", "By the rules in force, as the runtime routes it; nothing is called")
    with st.grid(3, min_column_width=140, gap="small"):
        asked = st.selectbox(
            "Task of the call",
            tasks,
            index=tasks.index(task) if task in tasks else 0,
            key=f"call_task_{provider}_{task}",
            accept_new_options=True,
        )
        key = st.text_input(
            "Key",
            key="call_key",
            max_chars=200,
            placeholder="none",
            help="What keeps a caller on one side of a split, such as a user. Without one the largest share is taken.",
        )
        plan = st.selectbox("Plan", sorted(book.plans), index=None, key="call_plan", placeholder="any other")
        units = {
            unit: int(st.number_input(f"{unit.capitalize()} tokens", 0, 10**9, start, key=f"call_{unit}"))
            for unit, start in (("input", INPUT_TOKENS), ("output", OUTPUT_TOKENS))
        }
    named = str(asked or DEFAULT_TASK)
    try:
        found = explain_route(book, provider, named, key or None, now)
    except NoRouteError as error:
        st.error(literal(f"{error}: the call would be refused."), icon=":material/block:")
        return
    _outcome(found, book, units, plan, now)
    if planned is not None:
        _planned(found, planned, provider, named, key or None, now)
    _candidates(found)


def _outcome(found: RouteExplanation, book: RateBook, units: dict[str, int], plan: str | None, now: datetime) -> None:
    chosen = found.chosen
    st.markdown(f"Goes to **{literal(chosen.model)}**, by the line **{literal(found.matched)}**.")
    if chosen.refusal is not None:
        st.error(literal(f"It may not be called: {chosen.refusal}"), icon=":material/block:")
        return
    price = book.price_at(None, chosen.model, now)
    counted = {unit: parts for unit, parts in units.items() if price and unit in price.costs and unit in TOKEN_UNITS}
    rated = example(price, counted, plan)
    with st.grid(3, min_column_width=120, gap="small"):
        st.metric("Cost", exact_money(rated.cost_nanos) if rated else MISSING)
        st.metric("Charge", exact_money(rated.charge_nanos) if rated else MISSING)
        if found.place is not None:
            words = "0 to 99; the shares part these places among the models."
            st.metric("Place of the key", str(found.place), help=words)


def _planned(
    found: RouteExplanation, planned: RateBook, provider: str, task: str, key: str | None, now: datetime
) -> None:
    try:
        model = explain_route(planned, provider, task, key, now).chosen.model
    except NoRouteError:
        model = "no model: the call would be refused"
    if model != found.chosen.model:
        st.markdown(f":blue[:material/edit:] With the edit it goes to **{literal(model)}**.")


def _candidates(found: RouteExplanation) -> None:
    records = [_record(one, "chosen" if one is found.chosen else "") for one in found.targets]
    records += [_record(one, "fallback") for one in found.fallbacks]
    part_title("Models that it may go to", Csv("tested_call", _COLUMNS, records.copy))
    st.dataframe(
        pd.DataFrame(records, columns=list(_COLUMNS)),
        hide_index=True,
        height="content",
        placeholder=MISSING,
        key="table_candidates",
        alt="Models that the call may go to",
    )


def _record(one: Candidate, role: str) -> tuple[str, str, str | None, str | None, str]:
    share, places = None, None
    if isinstance(one, Share):
        share = f"{one.weight}%"
        places = f"{one.first} to {one.end - 1}" if one.weight else "never"
    state = f"by price {one.price_key}" if one.refusal is None else f"no: {one.refusal}"
    return role, one.model, share, places, state


__all__ = ["simulator", "with_route"]
