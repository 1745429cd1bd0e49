"""Plans: what customers subscribe to, who does, and what it brings; a form that becomes a commit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd
import streamlit as st

from dashboard import sources
from dashboard.configuration import rate_card
from dashboard.configuration.choosing import choose
from dashboard.configuration.history_table import history_card
from dashboard.configuration.rate_card import Row
from dashboard.exports import Csv
from dashboard.layout import card, card_title, empty_state, page_header
from dashboard.plans.cards import plan_cards, totals_row
from dashboard.plans.data import above_limits, plan_figures
from dashboard.plans.figures import (
    PlanFigures,
    csv_header,
    csv_record,
    in_order,
    limit_names,
    matrix,
    model_rows,
    together,
)
from dashboard.plans.panel import plan_panel
from dashboard.proposing.form_base import form_base
from dashboard.session import require, require_data
from metering.book.entities import Plan
from metering.book.ratebook import RateBook
from metering.quotas.admission import opens

_TALL = 14


def _choose(slug: str) -> None:
    st.session_state["plan"] = slug
    st.session_state["plan_action"] = "Edit"


def _from_state(name: str) -> str | None:
    """What a bound widget says, also on the first run, when only the URL knows it."""
    return st.session_state[name] if name in st.session_state else st.query_params.get(name)


def _opened(book: RateBook, plans: Sequence[Plan], models: Sequence[Row]) -> dict[str, dict[str, bool]]:
    """Which access classes each plan opens."""
    classes = {model["access"] for model in models}
    return {plan.slug: {name: opens(book, plan, name) for name in classes} for plan in plans}


def _compare(plans: Sequence[Plan], figures: Mapping[str, PlanFigures], models: Mapping[str, int]) -> None:
    names = limit_names(plans)

    def records() -> list[list[object]]:
        return [
            csv_record(plan, figures.get(plan.slug, PlanFigures()), models.get(plan.slug, 0), names) for plan in plans
        ]

    with card("plan_matrix"):
        card_title("Side by side", "Fees, terms and limits of every plan", Csv("plans", csv_header(names), records))
        frame = pd.DataFrame(matrix(plans, figures, models), columns=["", *(plan.slug for plan in plans)])
        st.dataframe(
            frame,
            hide_index=True,
            height="content",
            key="table_plan_matrix",
            column_config={
                "": st.column_config.TextColumn(pinned=True, width=130),
                **{plan.slug: st.column_config.TextColumn(width=max(85, 390 // len(plans))) for plan in plans},
            },
            alt="Plans side by side",
        )


def _access(plans: Sequence[Plan], models: Sequence[Row], opened: Mapping[str, Mapping[str, bool]]) -> None:
    slugs = [plan.slug for plan in plans]
    rows = model_rows(models, opened, slugs)
    with card("plan_models"):
        header = ["Model", "Type", "Access class", *slugs]
        csv_file = Csv("plan_models", header, lambda: [[row[name] for name in header] for row in rows])
        card_title("Models by plan", "A plan opens its access class and those before it", csv_file)
        if not rows:
            st.caption("No model is active.")
            return
        st.dataframe(
            pd.DataFrame.from_records(rows),
            hide_index=True,
            height="content" if len(rows) <= _TALL else 440,
            key="table_plan_models",
            column_config={
                "Model": st.column_config.TextColumn(pinned=True, width=205),
                **{slug: st.column_config.CheckboxColumn(width=max(60, 320 // len(slugs))) for slug in slugs},
            },
            column_order=["Model", *slugs, "Access class", "Type"],
            alt="Models that each plan opens",
        )


def page() -> None:
    """Draw the page."""
    person = require("viewer")
    stamp = require_data()
    now = sources.utc_now()
    minute = stamp.minute(now)
    engine = sources.engine()
    page_header("Plans", "What customers subscribe to, and what it brings", person, stamp.as_of)
    book = rate_card.book(engine, stamp.text, minute)
    models = rate_card.current(engine, stamp.text, "model")
    figures = plan_figures(engine, stamp.text, now.date())
    plans = in_order(list(book.plans.values()))
    opened = _opened(book, plans, models)
    active = [model for model in models if model["active"]]
    counts = {slug: sum(1 for model in active if classes[model["access"]]) for slug, classes in opened.items()}

    def count_models(access: str) -> int:
        classes = list(book.settings.values["access_classes"])
        held = classes[: classes.index(access) + 1] if access in classes else [access]
        return sum(1 for model in active if model["access"] in held)

    def above(plan: str, limits: Mapping[str, int]) -> Mapping[str, int]:
        wanted = tuple(sorted(limits.items()))
        return above_limits(engine, stamp.text, plan, wanted, minute) if wanted else {}

    totals_row(together(list(figures.values())), plans)
    action, chosen = _from_state("plan_action"), _from_state("plan")
    opened_card = None if action == "New" else chosen
    left, right = st.columns([7, 5], gap="small")
    with left:
        if plans:
            plan_cards(plans, figures, counts, default=book.settings.default_plan, chosen=opened_card, choose=_choose)
        else:
            empty_state(
                "No plan yet",
                "Add the first one on the right: customers subscribe to plans, and calls count against them.",
            )
    with right, card("plan_form"):
        base = form_base(now)
        names = list(base.catalogue.of("plan")) if base else [plan.slug for plan in plans]
        choice = choose("plan", names, "plan")
        plan_panel(base, choice, figures, count_models, above, person, now)
    with left:
        if plans:
            _compare(plans, figures, counts)
            _access(plans, models, opened)
    shown = [choice.name] if choice.name else [plan.slug for plan in plans]
    with left:
        history_card("plan", shown, stamp, note="What releases did to the plans", file="plan_history")


page()
