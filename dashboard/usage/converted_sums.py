"""The sums of a page in the second currency of the settings."""

from __future__ import annotations

import streamlit as st

from dashboard import data, sources
from dashboard.filters import Selection
from dashboard.formats import literal
from dashboard.layout import card, card_title
from metering.errors import NoExchangeRateError
from schema.money import usd


def amount(nanos: int, currency: str) -> str:
    """`ZAR 1,234.50`."""
    value = usd(nanos)
    return f"{'-' if value < 0 else ''}{currency} {abs(value):,.2f}"


def converted_sums(selection: Selection, stamp: sources.Stamp, *, with_fees: bool = True) -> None:
    """A card with the sums, when the person asked for it: each amount at the exchange rate in force when it arose."""
    engine = sources.engine()
    currency = data.second_currency(engine, stamp.text)
    if currency is None or not selection.converted:
        return
    with card("converted_sums"):
        card_title(f"In {literal(currency)}", "Each amount at the dated exchange rate in force when it arose")
        today = sources.utc_now().date()
        try:
            totals, calls = data.converted(engine, stamp.text, currency, selection.bounds, selection.filters, today)
        except NoExchangeRateError as error:
            st.caption(f"Not possible: {literal(str(error))}. Add a rate on the page Exchange rates.")
            return
        found = totals if with_fees else calls
        figures = [("Cost", found.cost_nanos), ("Charged", found.charge_nanos)]
        figures.append(("Revenue" if with_fees else "Usage revenue", found.revenue_nanos))
        if with_fees:
            figures.append(("Profit", found.profit_nanos))
        with st.grid(len(figures), min_column_width=150, gap="small"):
            for label, nanos in figures:
                st.metric(f"{label}, {literal(currency)}", amount(nanos, currency), border=True)
