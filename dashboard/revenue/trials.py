"""Trials on the Revenue page: by the month in which they ended, and those of one month."""

from __future__ import annotations

import streamlit as st

from dashboard.formats import count
from dashboard.layout import card, card_title
from dashboard.revenue import data as revenue_data
from dashboard.revenue.charts import month_text
from dashboard.revenue.data import Recurring
from dashboard.revenue.tables import trial_csv, trial_month_csv, trial_month_records, trial_records
from dashboard.revenue.view import View, account_table, month_table


def trials_card(found: Recurring) -> None:
    """How many trials ended in each month, and became paying."""
    with card("trials"):
        note = "By the month in which they ended; one became paying when a fee ran from that moment on"
        card_title("Trials", note, trial_month_csv(found.trials))
        columns = {
            "Ended": st.column_config.NumberColumn(format="localized", help="Run out, or cancelled before."),
            "Conversion": st.column_config.NumberColumn(format="percent", help="Became paying, divided by ended."),
        }
        months = [row.month for row in found.trials]
        month_table(trial_month_records(found.trials), months, "table_trial_months", columns, "Trials by month")


def trials_list(view: View) -> None:
    """The trials that ended in the chosen month."""
    with card("trials_of_month"):
        ended = revenue_data.trials_of(view.engine, view.stamp, view.bounds, view.now)
        paying = sum(one.became is not None for one in ended)
        note = f"{count(paying)} of {count(len(ended))} became paying" if ended else ""
        card_title(f"Trials that ended in {month_text(view.month)}", note, trial_csv(ended, view.month))
        if not ended:
            st.caption("No trial ended in this month.")
        else:
            moments = {"Ended": st.column_config.DatetimeColumn(format="YYYY-MM-DD HH:mm", timezone="UTC")}
            account_table(trial_records(ended), "table_trials", moments, "Trials that ended in the month")


__all__ = ["trials_card", "trials_list"]
