"""Usage: requests, units and money by model, account, user, plan and the rest, one within another, over time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import streamlit as st

from dashboard import charts, data, sources
from dashboard.ahead import read_farther_at_rest
from dashboard.chart_clicks import clickable
from dashboard.exports import Csv
from dashboard.filters import Selection, describe, describe_changes, filter_bar, narrow
from dashboard.formats import brief_money, count, dollars, literal
from dashboard.held import FILTERS
from dashboard.layout import card, card_title, empty_state, page_header, waiting
from dashboard.second_currency import InCurrency, beside_in, in_currency
from dashboard.session import require, require_data
from dashboard.usage.charts import shares
from dashboard.usage.choices import Choices, choices, row_links
from dashboard.usage.converted_sums import converted_sums
from dashboard.usage.drawing import usage_over_time, usage_sums, usage_table
from dashboard.usage.series import Names, paired, pairs_csv, within
from dashboard.usage.table import usage_csv
from metering.analytics import UsageRow

SHOWN = 2_000
"""How many rows the table shows; its CSV has them all."""
Options = Mapping[str, Sequence[str]]


def _narrow(groups: Sequence[str], names: Names, options: Options) -> None:
    """Narrow the page to what was clicked, as far as it is a filter; a callback."""
    found = zip(groups, names, strict=False)
    narrow(**{group: name for group, name in found if group in FILTERS and name in options.get(group, ())})


def _shares(
    selection: Selection, stamp: sources.Stamp, chosen: Choices, rows: Sequence[UsageRow], options: Options
) -> None:
    group, subgroup = chosen.groups
    outer, inner, found = within(rows, chosen.groups, chosen.measure, chosen.top)

    def file_of(pairs: Mapping[tuple[str, str], int]) -> Csv:
        return pairs_csv(pairs, chosen.groups, chosen.metric, is_money=chosen.is_money)

    def in_other(sums: InCurrency) -> Csv:
        return file_of(paired(sums.usage_by(chosen.groups), chosen.groups, chosen.measure, outer, inner))

    with card("usage_shares"):
        card_title(
            f"{chosen.title} by {subgroup} within {group}",
            "The whole range; the table below has every pair",
            beside_in(in_currency(selection, stamp.text), file_of(found), 2, in_other),
        )
        ranking = data.ranking(sources.engine(), stamp.text, subgroup, sources.utc_now().date())
        values = {
            pair: (dollars(value), brief_money(value)) if chosen.is_money else (float(value), count(value))
            for pair, value in found.items()
        }
        clickable(
            shares(outer, inner, values, charts.colours(inner, ranking), title=chosen.title),
            f"chart_shares_{selection.key}",
            f"{chosen.title} by {subgroup} within {group}",
            picked=lambda mark: _narrow(chosen.groups, (mark["Group"], mark["Part"]), options),
        )


def _table(selection: Selection, stamp: str, chosen: Choices, rows: Sequence[UsageRow], options: Options) -> None:
    rows, groups = sorted(rows, key=chosen.measure, reverse=True), chosen.groups
    shown = rows[:SHOWN]
    file = beside_in(
        in_currency(selection, stamp),
        usage_csv(rows, *groups),
        len(groups),
        lambda sums: usage_csv(sums.usage_by(groups), *groups),
    )
    with card("usage_table"):
        number = f"{len(rows):,} row{'s' if len(rows) != 1 else ''}, by {chosen.title.lower()}, the largest first"
        if len(rows) > SHOWN:
            number += f" ({SHOWN:,} are shown, the CSV has all)"
        note = f"{number}; the numbers above are their sums"
        card_title(f"By {chosen.words}", note, file)
        event = usage_table(
            shown,
            groups,
            f"table_usage_{'_'.join(groups)}_{chosen.metric}_{selection.key}",
            chosen.metric,
            on_select="rerun",
            selection_mode="single-row",
        )
        picked = event.selection.rows
        row_links(shown[picked[0]] if picked and picked[0] < len(shown) else None, groups, options)


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
    with waiting():
        data.read_both(engine, stamp.text, selection.bounds, selection.compared, selection.filters)
        rows = data.usage_by(engine, stamp.text, chosen.groups, selection.bounds, selection.filters)
    if not rows:
        advice = f"Nothing was recorded for {describe(selection)}. Choose more days, or clear a filter."
        empty_state("No calls here", advice)
        return
    before = None
    if selection.compared:
        before = data.usage_by(engine, stamp.text, (), selection.compared, selection.filters)
    usage_sums(rows, before)
    st.caption(describe_changes(selection, bool(before)))
    converted_sums(selection, stamp, with_fees=False)
    with card("usage_chart"):
        usage_over_time(
            selection, stamp.text, chosen, rows, picked=lambda names: _narrow(chosen.groups, names, options)
        )
    if len(chosen.groups) > 1:
        _shares(selection, stamp, chosen, rows, options)
    _table(selection, stamp.text, chosen, rows, options)
    account = dict(selection.filters).get("account")
    if account is not None:
        st.page_link(
            "app_pages/accounts.py",
            label=f"The calls of {literal(account)}",
            icon=":material/receipt_long:",
            query_params={"account": account, "section": "Usage"},
        )
    read_farther_at_rest(stamp, today)


page()
