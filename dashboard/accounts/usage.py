"""The usage section of an account's page: what it called, over time and by model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from typing import Any

import streamlit as st

from dashboard import charts, data, sources
from dashboard.data import Filters
from dashboard.exports import Csv
from dashboard.filters import Selection, filter_bar
from dashboard.formats import change, count, dollars, exact_money, money
from dashboard.layout import card, card_title
from dashboard.periods import bucket, period_text
from dashboard.usage.table import METRICS, frame, name_of, top_names, usage_csv
from metering.analytics import UsageRow
from schema.money import usd_text

TOP = 8


def usage_section(account: str, stamp: str, today: date) -> None:
    """Sums of the range, a chart by model, and a table by model."""
    engine = sources.engine()
    with st.container(horizontal=True, vertical_alignment="bottom", horizontal_alignment="distribute"):
        selection = filter_bar(today)
        link = {"account": account}
        st.page_link("app_pages/usage.py", label="Explore", icon=":material/bar_chart:", query_params=link)
    mine: Filters = (("account", account),)
    rows = data.usage_by(engine, stamp, ("model",), selection.bounds, mine)
    if not rows:
        st.caption(f"No calls in {period_text(selection.period)}. Choose more days.")
        return
    before = data.usage_by(engine, stamp, ("model",), selection.bounds_before, mine) if selection.compare else None
    _totals(rows, before)
    _chart(rows, selection, stamp, mine)
    _table(rows)


def _totals(rows: Sequence[UsageRow], before: Sequence[UsageRow] | None) -> None:
    with st.grid(5, min_column_width=150, gap="small"):
        for name, (measure, is_money) in METRICS.items():
            total = sum(map(measure, rows))
            st.metric(
                "Usage revenue" if name == "Revenue" else name,
                money(total) if is_money else count(total),
                None if before is None else change(total, sum(map(measure, before))),
                delta_color="off",
                border=True,
                help=f"Exactly {exact_money(total)}." if is_money else None,
            )


def _chart(rows: Sequence[UsageRow], selection: Selection, stamp: str, mine: Filters) -> None:
    engine = sources.engine()
    with card("account_usage_chart"):
        metric = st.session_state.get("account_metric") or "Charge"
        measure, is_money = METRICS[metric]
        sums: dict[tuple[str, date], int] = {}
        for row in data.usage_by(engine, stamp, ("model", "day"), selection.bounds, mine):
            place = name_of(row, "model"), bucket(row.keys["day"], selection.granularity)
            sums[place] = sums.get(place, 0) + measure(row)
        unit = "usd" if is_money else metric.lower()

        def lines() -> list[list[object]]:
            ordered = sorted(sums.items(), key=lambda item: (item[0][1], item[0][0]))
            return [[day, name, usd_text(value) if is_money else value] for (name, day), value in ordered]

        file = Csv("account-usage", ("from_day", "model", f"{metric.lower()}_{unit}" if is_money else unit), lines)
        card_title(
            f"{metric} by model", f"{period_text(selection.period)}, UTC; the largest {TOP}, the rest as one", file
        )
        st.segmented_control(
            "Measure", METRICS, default="Charge", required=True, key="account_metric", label_visibility="collapsed"
        )
        series: dict[str, dict[date, float]] = {name: {} for name in top_names(rows, "model", measure, TOP)}
        others: dict[date, float] = {}
        for (name, day), value in sums.items():
            held = series.get(name, others)
            held[day] = held.get(day, 0.0) + (dollars(value) if is_money else float(value))
        if others:
            series[charts.OTHER] = others
        colour_of = charts.colours(list(series), data.all_time_ranking(engine, stamp, "model"))
        marks = [
            replace(mark, day=bucket(mark.day, selection.granularity))
            for mark in data.price_releases(engine, stamp, selection.bounds)
        ]
        chart = charts.stacked_by_day(selection.starts, series, colour_of, title=metric, is_money=is_money, marks=marks)
        st.altair_chart(chart, key="chart_account_usage", alt=f"{metric} by model over time")


def _table(rows: Sequence[UsageRow]) -> None:
    with card("account_usage_table"):
        card_title("By model", "Dearest first; the numbers above are their sums", usage_csv(rows, "model"))
        columns: dict[str, Any] = {
            name: st.column_config.NumberColumn(f"{name}, USD", format="%,.4f")
            for name in ("Cost", "Charge", "Revenue", "Profit")
        }
        columns["Model"] = st.column_config.TextColumn(pinned=True, width="medium")
        columns["Share of cost"] = st.column_config.ProgressColumn(
            format="percent", min_value=0, max_value=1, color="primary", width="small"
        )
        st.dataframe(
            frame(rows, "model"),
            hide_index=True,
            height="content" if len(rows) <= 12 else 460,
            column_config=columns,
            key="table_account_usage",
            alt="Usage of the account by model",
        )


__all__ = ["usage_section"]
