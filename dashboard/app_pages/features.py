"""Features, run units and reasoning: what is charged or counted besides tokens; forms that become commits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import pandas as pd
import streamlit as st

from dashboard import sources
from dashboard.access import CurrentPerson
from dashboard.configuration import rate_card
from dashboard.configuration.choosing import take_row
from dashboard.configuration.entity_form import Field, fields_of, row_of, step
from dashboard.configuration.entity_panel import EntityPanel
from dashboard.configuration.feature_prices import COUNTED, EXAMPLE, NO_PLAN, charged_words, charges
from dashboard.configuration.history_table import history_card
from dashboard.configuration.rate_card import Row
from dashboard.configuration.reasoning_view import reasoning_view
from dashboard.configuration.run_units_view import run_units_view
from dashboard.configuration.summary_cards import summary_cards
from dashboard.exports import Csv
from dashboard.formats import MISSING, exact_money, short_commit
from dashboard.layout import card, card_title, page_header, part_title
from dashboard.proposing.form_base import form_base
from dashboard.session import require, require_data
from metering.rating.features import Feature as RatedFeature
from schema.documents.commerce import Feature, FeatureOverride
from schema.keys import Key
from schema.money import multiplier_text, per_unit_text

VIEWS = ("Features", "Run units", "Reasoning")
COLUMNS = ("Feature", "Name", "Charged", "Counted", "Amount, USD", "Multiplier", "Plans with another", "Commit")
_FIRST = ("Feature", "Amount, USD", "Counted", "Charged", "Multiplier")
"""The columns that are in sight in a narrow window, too."""


def _table(rows: Sequence[Row]) -> None:
    records = [
        [
            row["feature"],
            row["display_name"],
            charged_words(row),
            row["cost_type"].replace("_", " "),
            per_unit_text(row["amount_pico"]) if row["billable"] else None,
            multiplier_text(row["multiplier_micros"]) if row["billable"] else None,
            ", ".join(sorted(row["plan_overrides"] or {})),
            short_commit(row["origin"].commit),
        ]
        for row in rows
    ]
    note = "Charged besides a model, or in its place"
    card_title("Features", note, Csv("features", COLUMNS, lambda: records))
    if not records:
        st.caption("No feature is charged for by itself yet: add one on the right.")
        return
    st.dataframe(
        pd.DataFrame(records, columns=list(COLUMNS)),
        hide_index=True,
        height="content" if len(records) <= 14 else 520,
        key="table_features",
        on_select=lambda: take_row("table_features", "feature", [row["feature"] for row in rows]),
        selection_mode="single-row",
        column_config={
            "Feature": st.column_config.TextColumn(pinned=True, width=110),
            "Amount, USD": st.column_config.TextColumn(width=95),
            "Counted": st.column_config.TextColumn(width=80),
            "Charged": st.column_config.TextColumn(width=135),
            "Multiplier": st.column_config.TextColumn(width=75),
        },
        column_order=[*_FIRST, *(name for name in COLUMNS if name not in _FIRST)],
        placeholder=MISSING,
        alt="Features",
    )


def _by_plan(rows: Sequence[Row], plans: Sequence[str]) -> None:
    """What one use is charged on every plan, feature by feature."""
    header = ("Feature", "For", *plans)
    billable = [row for row in rows if row["billable"]]
    records = []
    for row in billable:
        quantity = EXAMPLE[row["cost_type"]]
        found = charges(row, plans, quantity)
        words = f"{quantity:,} {COUNTED[row['cost_type']]}" if quantity > 1 else COUNTED[row["cost_type"]].rstrip("s")
        records.append([row["feature"], words, *(exact_money(found[plan] or 0) for plan in plans)])
    note = "By plan, with its own amounts and multipliers"
    card_title("What a use is charged", note, Csv("feature_charges", header, lambda: records))
    if not records:
        st.caption("Every feature is part of the plans.")
        return
    st.dataframe(
        pd.DataFrame(records, columns=list(header)),
        hide_index=True,
        height="content",
        key="table_feature_charges",
        alt="What a use of each feature is charged by plan",
    )


def _preview(plans: Sequence[str], key: Key, before: Feature | None, after: Feature | None) -> None:
    """What a use is charged by plan, now and with the edit."""
    old, new = (None if feature is None else row_of(key, feature) for feature in (before, after))
    shown = new or old
    if shown is None:
        st.caption("Fill in the amount.")
        return
    st.markdown("**What a use is charged**")
    cost_type = shown["cost_type"]
    quantity = st.number_input(
        COUNTED[cost_type].capitalize(),
        min_value=1,
        max_value=10**9,
        value=EXAMPLE[cost_type],
        key=f"quantity_{cost_type}",
        width=160,
    )
    rows = _compared(old, new, plans, quantity)
    part_title("By plan", Csv("feature_preview", tuple(rows[0]), lambda: [tuple(row.values()) for row in rows]))
    st.dataframe(
        pd.DataFrame(rows),
        hide_index=True,
        height="content",
        placeholder=MISSING,
        key="table_feature_preview",
        alt="What a use is charged by plan, before and after",
    )


def _compared(
    old: Mapping[str, Any] | None, new: Mapping[str, Any] | None, plans: Sequence[str], quantity: int
) -> list[dict[str, str | None]]:
    told = {plan for row in (old, new) if row is not None for plan in RatedFeature.from_row(row).plans}
    order = [NO_PLAN, *plans, *sorted(told - set(plans))]
    before, after = charges(old, order, quantity), charges(new, order, quantity)
    rows = []
    for plan in order:
        was, now = before[plan], after[plan]
        row: dict[str, str | None] = {"Plan": plan or "any other"}
        row["Now"] = None if was is None else exact_money(was)
        row["With the edit"] = None if now is None else exact_money(now)
        rows.append(row)
    return rows


def _plan_fields(key: Key, plans: Sequence[str]) -> tuple[Field, ...]:
    return tuple(
        field for plan in plans for field in fields_of(FeatureOverride, key, prefix=f"plans.{step(plan)}.", label=plan)
    )


def _features(stamp: sources.Stamp, person: CurrentPerson, now: datetime) -> None:
    engine = sources.engine()
    rows = rate_card.current(engine, stamp.text, "feature")
    plans = [row["plan"] for row in rate_card.current(engine, stamp.text, "plan") if row["active"]]
    left, right = st.columns([7, 5], gap="small")
    with left:
        with card("feature_table"):
            _table(rows)
        with card("feature_charges"):
            _by_plan(rows, plans)
    with right, card("feature_form"):
        base = form_base(now)
        panel = EntityPanel("feature", "feature", Feature, lambda *texts: _preview(plans, *texts))
        choice = panel.choose(sorted(base.catalogue.of("feature")) if base else [], "feature")
        entity = base.find(Key("feature", choice.name)) if base else None
        named = sorted({*plans, *(entity.document.plans if entity else ())})
        panel.draw(base, choice, person, now, _plan_fields(Key("feature", choice.name), named))
    shown = [choice.name] if choice.name else [row["feature"] for row in rows]
    with left:
        history_card("feature", shown, stamp, note="What releases did to the features", file="feature_history")


def page() -> None:
    """Draw the page."""
    person = require("viewer")
    stamp = require_data()
    now = sources.utc_now()
    page_header("Features", "What is charged or counted besides tokens", person)
    summary_cards(stamp, now)
    view = st.segmented_control(
        "View",
        VIEWS,
        default=VIEWS[0],
        required=True,
        key="view",
        bind="query-params",
        label_visibility="collapsed",
    )
    if view == "Run units":
        run_units_view(stamp, person, now)
    elif view == "Reasoning":
        reasoning_view(stamp, person, now)
    else:
        _features(stamp, person, now)


page()
