"""How recurring revenue moved: what came and went by month, against the months before, and the accounts behind one."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from dashboard.chart_clicks import clickable
from dashboard.converted_csv import beside
from dashboard.exports import Csv
from dashboard.formats import count, day, money
from dashboard.judging import judged
from dashboard.layout import card, card_title
from dashboard.revenue import data as revenue_data
from dashboard.revenue.charts import WORDS, month_text, movements_chart
from dashboard.revenue.data import Recurring, recurring_in
from dashboard.revenue.tables import movement_csv, movement_records, mrr_csv
from dashboard.revenue.view import (
    View,
    account_table,
    amount_column,
    choose_month,
    in_second_currency,
)
from metering.analytics.movements import KINDS, Kind, MrrMonth
from metering.analytics.period import midnight
from metering.analytics.recurring import Movement


def months_csv(view: View, months: Sequence[MrrMonth], name: str) -> Csv:
    """The file of months, with what they come to in the second currency where it is wanted."""
    file, currency = mrr_csv(months, name), view.currency
    if currency is None:
        return file
    return beside(file, currency.name, 1, lambda: mrr_csv(recurring_in(view.engine, currency, months, view.now), name))


def movements_card(view: View, found: Recurring) -> None:
    """The sums of the months by kind, against the months before, and the chart of the months."""
    # Where nobody had paid anything yet, there is nothing to compare with.
    before = (
        found.before if view.compare and any(row.ending_nanos or row.starting_nanos for row in found.before) else []
    )
    with card("mrr_movements", height="stretch"):
        card_title(
            "MRR movements",
            "USD of recurring revenue that came and went by UTC month; a click lists what is behind it, below",
            months_csv(view, [*before, *found.months], "mrr-movements-by-month"),
        )
        with st.grid(6, min_column_width=110, gap="xsmall"):
            for kind in KINDS:
                _sum_of(WORDS[kind], [row.nanos[kind] for row in found.months], [row.nanos[kind] for row in before])
            _sum_of("Net", [row.net_nanos for row in found.months], [row.net_nanos for row in before])
        if before:
            st.caption(f"{_days(found.months)}, changes against {_days(before)}")
        chart = movements_chart(found.months, view.marks, before)
        clickable(chart, "chart_mrr_movements", "MRR movements by month", picked=choose_month)


def _sum_of(label: str, nanos: Sequence[int], before: Sequence[int]) -> None:
    total, past = sum(nanos), sum(before)
    step = f"{'+' if total > past else ''}{money(total - past)}" if before else None
    st.metric(label, money(total), **judged(step), height="stretch")


def _days(months: Sequence[MrrMonth]) -> str:
    return f"{day(months[0].month)} to {day(months[-1].last_day)}"


def movements_list(view: View) -> None:
    """The accounts behind the chosen month."""
    found = revenue_data.movements_of(view.engine, view.stamp, view.bounds)
    with card("movements"):
        total = sum(one.nanos for one in found)
        note = f"{count(len(found))} movements of accounts, {money(total)} in all".replace("$", "\\$")
        file = view.file_at(movement_csv(found, view.month), lambda line: midnight(line[1]))
        card_title(f"Behind {month_text(view.month)}", note, file)
        if not found:
            st.caption("No account began, changed or ended what it pays in this month.")
            return
        kinds = {f"{WORDS[kind]} ({number})": kind for kind in KINDS if (number := _number(found, kind))}
        label = st.segmented_control(
            "Movement", ("All", *kinds), default="All", key="movement", label_visibility="collapsed"
        )
        shown = [one for one in found if label in (None, "All") or one.kind == kinds[label]]
        columns = {
            "Day": st.column_config.DateColumn(format="YYYY-MM-DD", help="The UTC day from which on it pays that."),
            "From": st.column_config.TextColumn(help="The plan of the day before; a dash is no subscription."),
            "To": st.column_config.TextColumn(help="The plan of the day; a dash is no subscription."),
            "Change": amount_column("The amounts of a month sum to its balances, to the nano-dollar."),
            "MRR before": amount_column(),
            "MRR after": amount_column(),
        }
        changes = {"Change": [one.nanos for one in shown]}
        records = in_second_currency(view, movement_records(shown), changes, [midnight(one.day) for one in shown])
        account_table(records, "table_movements", columns, "Movements of the month")


def _number(found: Sequence[Movement], kind: Kind) -> int:
    return sum(one.kind == kind for one in found)


__all__ = ["months_csv", "movements_card", "movements_list"]
