"""Run units on the Features page: the rules, a form for all of them, and a call counted as it is typed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import pandas as pd
import streamlit as st

from dashboard import sources
from dashboard.access import CurrentPerson
from dashboard.configuration import rate_card
from dashboard.configuration.compared import compared
from dashboard.configuration.history_table import history_card
from dashboard.configuration.rate_card import Row
from dashboard.configuration.run_unit_form import (
    KIND,
    calls_a_month,
    label_of,
    plan_limits,
    rule_fields,
    rules_of,
    seconds_micros,
    working,
)
from dashboard.configuration.value_inputs import value_inputs
from dashboard.exports import Csv
from dashboard.formats import MISSING, TIMES, literal, short_commit
from dashboard.layout import card, card_title, part_title
from dashboard.proposing.form_base import form_base
from dashboard.proposing.forms import propose_panel
from metering.rating.run_units import RunUnits, ToolCall
from schema.money import multiplier_text

COLUMNS = ("Rule", "Value", "Commit")


def run_units_view(stamp: sources.Stamp, person: CurrentPerson, now: datetime) -> None:
    """Draw the view."""
    engine = sources.engine()
    rows = rate_card.current(engine, stamp.text, KIND)
    plans = rate_card.current(engine, stamp.text, "plan")
    in_force = RunUnits.from_rows(rows)
    left, right = st.columns([6, 6], gap="small")
    with right, card("run_units_form"):
        card_title("Change the rules", "An emptied field takes the rule out")
        base, planned = form_base(now), None
        if base is not None:
            typed = value_inputs(base, KIND, rule_fields, ("tool", "tier"))
            planned = rules_of(typed.fields, typed.texts)
            propose_panel(
                typed.edits, prefix=typed.prefix, key=typed.key, title="Change run units", person=person, now=now
            )
    with left:
        with card("run_units_calculator"):
            card_title("Count a call", "By the rules in force, and by those of the form")
            _calculator(in_force, planned or in_force, plans)
        with card("run_units_table"):
            _table(rows)
    names = [row["name"] for row in rows]
    with left:
        history_card(KIND, names, stamp, note="What releases did to the rules", file="run_units_log")


def _table(rows: Sequence[Row]) -> None:
    records = [
        [label_of(row["name"]), multiplier_text(row["value_micros"]), short_commit(row["origin"].commit)]
        for row in rows
    ]
    note = f"The larger of CPU and GPU seconds {TIMES} tier + tool, at least the minimum"
    card_title("Rules in force", note, Csv("run_units", COLUMNS, lambda: records))
    if not records:
        st.caption("None is written: the minimum is 0.01, tiers count 1.0 and tools add nothing.")
        return
    st.dataframe(pd.DataFrame(records, columns=list(COLUMNS)), hide_index=True, height="content", key="table_run_units")


def _calculator(in_force: RunUnits, planned: RunUnits, plans: Sequence[Row]) -> None:
    tools = sorted({*in_force.overheads, *planned.overheads})
    tiers = sorted({*in_force.tiers, *planned.tiers})
    with st.grid(2, min_column_width=150, gap="small"):
        tool = st.selectbox("Tool", tools, key="call_tool", index=None, placeholder="unknown")
        tier = st.selectbox("Tier", tiers, key="call_tier", index=None, placeholder="none")
    with st.grid(3, min_column_width=110, gap="small"):
        cpu = st.text_input("CPU seconds", value="2.5", key="call_cpu", max_chars=20)
        gpu = st.text_input("GPU seconds", key="call_gpu", max_chars=20, placeholder="none")
        latency = st.number_input(
            "Latency, ms",
            min_value=0,
            value=None,
            step=100,
            key="call_latency",
            help="Counts when no seconds are told.",
        )
    try:
        call = ToolCall(tool, tier, seconds_micros(cpu or ""), seconds_micros(gpu or ""), latency)
    except ValueError as error:
        st.error(literal(str(error)), icon=":material/error:")
        return
    if not call.measured:
        st.caption("Tell how long the call took.")
        return
    now, then = in_force.count(call), planned.count(call)
    words = "With the values of the form." if now != then else None
    compared("Run units", multiplier_text(then), multiplier_text(now), words=words)
    st.text(working(planned, call))
    limits = plan_limits(plans)
    if limits:
        _months(limits, now, then)


def _months(limits: dict[str, int | None], now: int, then: int) -> None:
    rows = [
        {
            "Plan": plan,
            "Run units a month": "unlimited" if limit is None else f"{limit:,}",
            "Such calls a month": calls_a_month(limit, now),
            "With the edit": calls_a_month(limit, then),
        }
        for plan, limit in limits.items()
    ]
    frame = pd.DataFrame.from_records(rows)
    header = tuple(rows[0])
    part_title("Such calls a month", Csv("run_units_by_plan", header, lambda: [tuple(row.values()) for row in rows]))
    st.dataframe(
        frame if now != then else frame.drop(columns="With the edit"),
        hide_index=True,
        height="content",
        placeholder=MISSING,
        key="table_run_unit_plans",
        alt="Such calls a month by plan",
    )


__all__ = ["run_units_view"]
