"""Revenue: what recurs and how it moved, and credit that was sold; every number opens what is behind it."""

from __future__ import annotations

from datetime import date, timedelta

import streamlit as st

from dashboard import sources
from dashboard.filters import shared_toggles
from dashboard.layout import page_header
from dashboard.revenue.credit import credit_view
from dashboard.revenue.subscriptions import subscriptions_view
from dashboard.revenue.tables import month_key
from dashboard.revenue.view import View
from dashboard.second_currency import second_currency
from dashboard.session import require, require_data
from metering.analytics.movements import calendar, months_back

LENGTHS = {"3 months": 3, "6 months": 6, "12 months": 12, "24 months": 24}
_DAY = timedelta(days=1)
VIEWS = ("Subscriptions", "Credit")


def _months(count: int, today: date) -> dict[str, date]:
    """The months that are shown, newest first, by what the address says of them."""
    return {month_key(month): month for month, _ in reversed(calendar(months_back(today, count), today + _DAY))}


def page() -> None:
    """Draw the page."""
    person = require("viewer")
    stamp = require_data()
    now = sources.utc_now().replace(second=0, microsecond=0)
    today, engine = now.date(), sources.engine()
    page_header("Revenue", "What recurs, how it moved, and the credit that was sold", person, stamp.as_of)
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="revenue_bar"):
        view = st.segmented_control(
            "Revenue from",
            VIEWS,
            default=VIEWS[0],
            required=True,
            key="revenue",
            bind="query-params",
            label_visibility="collapsed",
        )
        length = st.segmented_control(
            "Months",
            LENGTHS,
            default="12 months",
            required=True,
            key="months",
            bind="query-params",
            label_visibility="collapsed",
        )
        count = LENGTHS[length or "12 months"]
        months = _months(count, today)
        # With fewer months shown, a month of before may not be among them.
        if st.session_state.get("month", next(iter(months))) not in months:
            st.session_state["month"] = next(iter(months))
        st.caption("Lists of", width="content")
        chosen = st.selectbox(
            "Month behind the lists",
            list(months),
            key="month",
            bind="query-params",
            label_visibility="collapsed",
            help="The month whose movements, trials and purchases are listed below. A row of a table chooses it, too.",
            width=150,
        )
        currency = second_currency(engine, stamp.text)
        compare, converted = shared_toggles(None if currency is None else currency.name)
    found = View(engine, stamp.text, now, count, months[chosen], compare, currency if converted else None)
    if view == "Credit":
        credit_view(found)
    else:
        subscriptions_view(found)


page()
