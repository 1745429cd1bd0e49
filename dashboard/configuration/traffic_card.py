"""Where the calls of a task went, drawn beside where its route sends them."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pandas as pd
import streamlit as st

from dashboard import data, sources
from dashboard.configuration.route_traffic import CSV_HEADER, csv_rows, traffic, traffic_rows
from dashboard.exports import Csv
from dashboard.formats import MISSING
from dashboard.layout import card_title
from metering.book.ratebook import RateBook
from metering.rating.routing import DEFAULT_TASK

_DAYS = 30


def traffic_card(book: RateBook, provider: str, task: str, stamp: sources.Stamp, now: datetime) -> None:
    """Where the calls of a task went in the last days, beside the shares that its route gives."""
    route = book.routes.get((provider, task)) or book.routes.get((provider, DEFAULT_TASK))
    own_lines = {name for asked, name in book.routes if asked == provider and name != DEFAULT_TASK}
    period = (now.date() - timedelta(days=_DAYS - 1), now.date() + timedelta(days=1))
    rows = data.usage_by(sources.engine(), stamp.text, ("task", "model"), period, ())
    found = traffic(rows, None if task == DEFAULT_TASK else task, own_lines)
    told = f"Calls of the last {_DAYS} days, whichever provider they asked for"
    card_title("Traffic shares", told, Csv(f"traffic-{provider}-{task}", CSV_HEADER, lambda: csv_rows(found, route)))
    if not found:
        if task == DEFAULT_TASK:
            st.caption("No call took this route in these days: choose a task to see where its calls went.")
        else:
            st.caption("No call of this task in these days.")
        return
    amount = st.column_config.NumberColumn(format="dollar")
    records: list[dict[str, Any]] = traffic_rows(found, route)
    st.dataframe(
        pd.DataFrame.from_records(records),
        hide_index=True,
        height="content" if len(records) <= 10 else 390,
        column_config={
            "Model": st.column_config.TextColumn(width=150),
            "Wanted": st.column_config.TextColumn(width=85, help="The share that the route gives the model."),
            "Share": st.column_config.ProgressColumn(
                format="%.1f%%", min_value=0, max_value=100, color="blue", width=115
            ),
            "Calls": st.column_config.NumberColumn(format="localized"),
            "Cost": amount,
            "Charge": amount,
        },
        placeholder=MISSING,
        key="table_traffic",
        alt="Calls of the task by model",
    )


__all__ = ["traffic_card"]
