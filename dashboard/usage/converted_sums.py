"""The sums of a page in the second currency of the settings."""

from __future__ import annotations

from collections.abc import Callable, Mapping

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


def sums_card(currency: str, note: str, read: Callable[[], Mapping[str, int]]) -> None:
    """A card with sums in the second currency by their words, which `read` reads, or why there are none."""
    with card("converted_sums"):
        card_title(f"In {literal(currency)}", note)
        try:
            found = read()
        except NoExchangeRateError as error:
            st.caption(f"Not possible: {literal(str(error))}. Add a rate on the page Exchange rates.")
            return
        with st.grid(len(found), min_column_width=150, gap="small"):
            for label, nanos in found.items():
                st.metric(f"{label}, {literal(currency)}", amount(nanos, currency), border=True)


def converted_sums(selection: Selection, stamp: sources.Stamp, *, with_fees: bool = True) -> None:
    """A card with the sums, when the person asked for it: each amount at the exchange rate in force when it arose."""
    engine = sources.engine()
    currency = data.second_currency(engine, stamp.text)
    if currency is None or not selection.converted:
        return
    today = sources.utc_now().date()

    def read() -> dict[str, int]:
        totals, calls = data.converted(engine, stamp.text, currency, selection.bounds, selection.filters, today)
        if not with_fees:
            return {"Cost": calls.cost_nanos, "Charged": calls.charge_nanos, "Usage revenue": calls.revenue_nanos}
        found = {"Revenue": totals.revenue_nanos, "Cost": totals.cost_nanos, "Profit": totals.profit_nanos}
        return found | {"Charged": totals.charge_nanos}

    sums_card(currency, "Each amount at the dated exchange rate in force when it arose", read)
