"""Usage: requests, units and money by model, user, plan and the rest, over time and in a table."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

import streamlit as st

from dashboard import charts, data, sources
from dashboard.filters import Selection, describe, filter_bar
from dashboard.formats import change, count, dollars, exact_money, money
from dashboard.layout import card, card_title, empty_state, page_header
from dashboard.periods import period_text
from dashboard.session import require, require_data
from dashboard.usage_table import GROUPS, METRICS, frame, name_of, top_names, usage_csv, used_units
from metering.analytics import UsageRow

TOP = 8


def _chart(selection: Selection, stamp: sources.Stamp, group: str, metric: str, rows: Sequence[UsageRow]) -> None:
    engine = sources.engine()
    measure, is_money = METRICS[metric]
    series: dict[str, dict[date, float]] = {name: {} for name in top_names(rows, group, measure, TOP)}
    others: dict[date, float] = {}
    for row in data.usage_by(engine, stamp.text, (group, "day"), selection.bounds, selection.filters):
        held = series.get(name_of(row, group), others)
        value = dollars(measure(row)) if is_money else float(measure(row))
        held[row.keys["day"]] = held.get(row.keys["day"], 0.0) + value
    if others:
        series[charts.OTHER] = others
    colour_of = charts.colours(list(series), data.all_time_ranking(engine, stamp.text, group))
    marks = data.price_releases(engine, stamp.text, selection.bounds)
    chart = charts.stacked_by_day(selection.days, series, colour_of, title=metric, is_money=is_money, marks=marks)
    st.altair_chart(chart, key="chart_usage", alt=f"{metric} by {group} and day")


def _columns(group: str, units: Sequence[str]) -> dict[str, Any]:
    amounts = {
        name: st.column_config.NumberColumn(f"{name}, USD", format="%,.4f")
        for name in ("Cost", "Charge", "Revenue", "Profit")
    }
    counts = {
        unit: st.column_config.NumberColumn(unit.replace("_", " ").capitalize(), format="localized") for unit in units
    }
    return {
        group.capitalize(): st.column_config.TextColumn(pinned=True, width="medium"),
        "Requests": st.column_config.NumberColumn(format="localized"),
        "Share of cost": st.column_config.ProgressColumn(
            format="percent", min_value=0, max_value=1, color="primary", width="small"
        ),
        **amounts,
        **counts,
    }


def _totals(rows: Sequence[UsageRow], before: Sequence[UsageRow] | None) -> None:
    measures = {"Usage revenue" if name == "Revenue" else name: pair for name, pair in METRICS.items()}
    with st.grid(5, min_column_width=150, gap="small"):
        for name in ("Requests", "Tokens", "Cost", "Charge", "Usage revenue"):
            measure, is_money = measures[name]
            total = sum(map(measure, rows))
            delta = None if before is None else change(total, sum(map(measure, before)))
            st.metric(
                name,
                money(total) if is_money else count(total),
                delta,
                delta_color="off",
                border=True,
                help=f"Exactly {exact_money(total)}." if is_money else None,
            )


def page() -> None:
    """Draw the page."""
    person = require("viewer")
    stamp = require_data()
    today = sources.utc_now().date()
    page_header("Usage", "Who and what calls, and what it is worth", person, stamp.as_of)
    engine = sources.engine()
    selection = filter_bar(today, data.filter_options(engine, stamp.text))
    with st.container(horizontal=True, horizontal_alignment="distribute", key="usage_choices"):
        label = st.segmented_control("Group by", GROUPS, default="Model", required=True, key="by", bind="query-params")
        metric = st.segmented_control(
            "Measure", METRICS, default="Cost", required=True, key="metric", bind="query-params"
        )
    group = GROUPS[label or "Model"]
    rows = data.usage_by(engine, stamp.text, (group,), selection.bounds, selection.filters)
    if not rows:
        advice = f"Nothing was recorded for {describe(selection)}. Choose more days, or clear a filter."
        empty_state("No calls here", advice)
        return
    before = None
    if selection.compare:
        before = data.usage_by(engine, stamp.text, (group,), selection.bounds_before, selection.filters)
    _totals(rows, before)
    words = period_text(selection.period)
    st.caption(f"{words}, changes against {period_text(selection.period.previous())}" if before is not None else words)
    with card("usage_chart"):
        card_title(f"{metric} by {group}", f"UTC days; the largest {TOP}, the rest as one")
        _chart(selection, stamp, group, metric or "Cost", rows)
    with card("usage_table"):
        note = f"{len(rows):,} rows, dearest first; the numbers above are their sums"
        card_title(f"By {group}", note, usage_csv(rows, group))
        st.dataframe(
            frame(rows, group),
            hide_index=True,
            column_config=_columns(group, used_units(rows)),
            height="content" if len(rows) <= 14 else 520,
            key="table_usage",
            alt=f"Usage by {group}",
        )


page()
