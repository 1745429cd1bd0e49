"""The usage section of an account's page: what it called, over time, by model, and call by call."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import streamlit as st

from dashboard import data, sources
from dashboard.accounts.calls import calls_card
from dashboard.filters import filter_bar, only
from dashboard.formats import literal
from dashboard.layout import card, card_title
from dashboard.periods import period_text
from dashboard.second_currency import beside_in, in_currency
from dashboard.usage.choices import Choices
from dashboard.usage.converted_sums import converted_sums
from dashboard.usage.drawing import usage_over_time, usage_sums, usage_table
from dashboard.usage.table import METRICS, usage_csv

TOP = 8
_BY = ("model",)


def usage_section(account: str, stamp: sources.Stamp, today: date) -> None:
    """Sums of the range, a chart and a table by model, and the calls."""
    engine = sources.engine()
    with st.container(horizontal=True, vertical_alignment="bottom", horizontal_alignment="distribute"):
        currency = data.second_currency(engine, stamp.text)
        selection = replace(filter_bar(today, currency=currency), filters=(("account", account),))
        for title, icon in (("Usage", ":material/bar_chart:"), ("Profit", ":material/savings:")):
            st.page_link(f"app_pages/{title.lower()}.py", label=title, icon=icon, query_params=only(account=account))
    data.read_both(engine, stamp.text, selection.bounds, selection.compared, selection.filters)
    rows = data.usage_by(engine, stamp.text, _BY, selection.bounds, selection.filters)
    if not rows:
        st.caption(f"No calls in {period_text(selection.period)}. Choose more days.")
        return
    before = None
    if selection.compared:
        before = data.usage_by(engine, stamp.text, _BY, selection.compared, selection.filters)
    usage_sums(rows, before)
    converted_sums(selection, stamp, with_fees=False)
    with card("account_usage_chart"):
        metric = st.segmented_control("Measure", METRICS, default="Charge", required=True, key="account_metric")
        chosen = Choices(_BY, metric or "Charge", TOP, cumulative=False)
        names = usage_over_time(selection, stamp.text, chosen, rows)
        for model in names:
            label, query = f"The usage of {literal(model)}", only(account=account, model=model)
            st.page_link("app_pages/usage.py", label=label, icon=":material/arrow_forward:", query_params=query)
    sums = in_currency(selection, stamp.text)
    file = beside_in(sums, usage_csv(rows, *_BY), len(_BY), lambda found: usage_csv(found.usage_by(_BY), *_BY))
    with card("account_usage_table"):
        card_title("By model", "Dearest first; the numbers above are their sums", file)
        usage_table(rows, _BY, "table_account_usage")
    calls_card(account, selection, sums.currency if sums else None)


__all__ = ["usage_section"]
