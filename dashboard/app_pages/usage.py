"""Usage: requests, units and money by model, account, user, plan and the rest, one within another, over time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import streamlit as st

from dashboard import charts, data, sources
from dashboard.filters import Selection, describe, filter_bar
from dashboard.formats import change, count, dollars, exact_money, money
from dashboard.layout import card, card_title, empty_state, page_header
from dashboard.periods import period_text
from dashboard.session import require, require_data
from dashboard.usage.charts import shares
from dashboard.usage.choices import Choices, choices, row_links
from dashboard.usage.converted_sums import converted_sums
from dashboard.usage.series import (
    Series,
    label,
    largest,
    names_of,
    series_csv,
    series_of,
    shades,
    summed_up,
    within,
)
from dashboard.usage.table import METRICS, frame, usage_csv, used_units
from metering.analytics import UsageRow

SHOWN = 2_000
"""How many rows the table shows; its CSV has them all."""


def _series(selection: Selection, stamp: sources.Stamp, chosen: Choices, rows: Sequence[UsageRow]) -> Series:
    """The chart's names over time: only they are asked for by day, and the whole, of which they leave the rest."""
    engine, group = sources.engine(), chosen.groups[0]
    shown = largest(rows, chosen.groups, chosen.measure, chosen.top)
    outer = {row.keys[group]: None for row in rows if names_of(row, chosen.groups) in shown}
    asked = (selection.bounds, selection.filters)
    by_day = data.usage_among(engine, stamp.text, (*chosen.groups, "day"), *asked, (group, tuple(outer)))
    whole = data.usage_among(engine, stamp.text, ("day",), *asked, None)
    return series_of(shown, by_day, whole, chosen.groups, chosen.measure, selection.granularity)


def _chart(selection: Selection, stamp: sources.Stamp, chosen: Choices, rows: Sequence[UsageRow]) -> None:
    engine, starts = sources.engine(), selection.starts
    series = _series(selection, stamp, chosen, rows)
    if chosen.cumulative:
        series = summed_up(series, starts)
    heading = f"{chosen.metric} by {chosen.words}" + (", cumulative" if chosen.cumulative else "")
    note = f"UTC, a bar a {selection.granularity.lower()}; the largest {chosen.top}, the rest as one"
    card_title(heading, note, series_csv(series, starts, chosen.groups, chosen.metric, is_money=chosen.is_money))
    outer = list(dict.fromkeys(names[0] for names in series))
    colour_of = shades(series, charts.colours(outer, data.all_time_ranking(engine, stamp.text, chosen.groups[0])))
    lengths = {
        label(names): {start: dollars(value) if chosen.is_money else float(value) for start, value in days.items()}
        for names, days in series.items()
    }
    chart = charts.stacked_by_day(
        starts,
        lengths,
        colour_of,
        title=chosen.metric,
        is_money=chosen.is_money,
        marks=data.price_releases(engine, stamp.text, selection.bounds),
        granularity=selection.granularity,
    )
    st.altair_chart(chart, key="chart_usage", alt=f"{heading}, over time")


def _shares(stamp: sources.Stamp, chosen: Choices, rows: Sequence[UsageRow]) -> None:
    group, subgroup = chosen.groups
    outer, inner, found = within(rows, chosen.groups, chosen.measure, chosen.top)
    with card("usage_shares"):
        card_title(f"{chosen.metric} by {subgroup} within {group}", "The whole range; the table below has every pair")
        ranking = data.all_time_ranking(sources.engine(), stamp.text, subgroup)
        values = {
            pair: (dollars(value), money(value)) if chosen.is_money else (float(value), count(value))
            for pair, value in found.items()
        }
        chart = shares(outer, inner, values, charts.colours(inner, ranking), title=chosen.metric)
        st.altair_chart(chart, key="chart_shares", alt=f"{chosen.metric} by {subgroup} within {group}")


def _columns(groups: Sequence[str], units: Sequence[str]) -> dict[str, Any]:
    amounts = {
        name: st.column_config.NumberColumn(f"{name}, USD", format="%,.4f")
        for name in ("Cost", "Charge", "Revenue", "Profit")
    }
    counts = {
        unit: st.column_config.NumberColumn(unit.replace("_", " ").capitalize(), format="localized") for unit in units
    }
    return {
        **{group.capitalize(): st.column_config.TextColumn(pinned=True, width="medium") for group in groups},
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


def _table(selection: Selection, chosen: Choices, rows: Sequence[UsageRow], options: dict[str, list[str]]) -> None:
    shown = rows[:SHOWN]
    with card("usage_table"):
        number = f"{len(rows):,} row{'s' if len(rows) != 1 else ''}, dearest first"
        if len(rows) > SHOWN:
            number += f" ({SHOWN:,} are shown, the CSV has all)"
        note = f"{number}; the numbers above are their sums"
        card_title(f"By {chosen.words}", note, usage_csv(rows, *chosen.groups))
        event = st.dataframe(
            frame(shown, *chosen.groups),
            hide_index=True,
            column_config=_columns(chosen.groups, used_units(shown)),
            height="content" if len(shown) <= 14 else 520,
            key=f"table_usage_{'_'.join(chosen.groups)}_{selection.key}",
            on_select="rerun",
            selection_mode="single-row",
            alt=f"Usage by {chosen.words}",
        )
        picked = event.selection.rows
        row_links(shown[picked[0]] if picked and picked[0] < len(shown) else None, chosen.groups, options)


def page() -> None:
    """Draw the page."""
    person = require("viewer")
    stamp = require_data()
    today = sources.utc_now().date()
    page_header("Usage", "Who and what calls, and what it is worth", person, stamp.as_of)
    engine = sources.engine()
    options = data.filter_options(engine, stamp.text)
    selection = filter_bar(today, options, currency=data.second_currency(engine, stamp.text))
    chosen = choices()
    rows = data.usage_by(engine, stamp.text, chosen.groups, selection.bounds, selection.filters)
    if not rows:
        advice = f"Nothing was recorded for {describe(selection)}. Choose more days, or clear a filter."
        empty_state("No calls here", advice)
        return
    before = None
    if selection.compare:
        before = data.usage_among(engine, stamp.text, (), selection.bounds_before, selection.filters, None)
    _totals(rows, before)
    words = period_text(selection.period)
    st.caption(f"{words}, changes against {period_text(selection.period.previous())}" if before is not None else words)
    converted_sums(selection, stamp, with_fees=False)
    with card("usage_chart"):
        _chart(selection, stamp, chosen, rows)
    if len(chosen.groups) > 1:
        _shares(stamp, chosen, rows)
    _table(selection, chosen, rows, options)


page()
