"""Unspent bought credit over the months: the chart of the Revenue page, and the change since the end of last month."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta

import streamlit as st
from sqlalchemy import Engine

from dashboard.chart_clicks import clickable
from dashboard.charts import PALETTE, lines_over_time
from dashboard.exports import Csv
from dashboard.formats import dollars
from dashboard.layout import card, card_title
from dashboard.revenue.data import TTL_SECONDS
from dashboard.revenue.tables import month_key
from dashboard.revenue.view import View, choose_month
from metering.analytics.movements import calendar, months_back
from metering.analytics.outstanding import CreditBalance, credit_balances
from schema.database import reading
from schema.money import usd_text


@st.cache_data(ttl=TTL_SECONDS, show_spinner=False, max_entries=20)
def _balances(_engine: Engine, stamp: str, count: int, today: date, now: datetime) -> list[CreditBalance]:
    with reading(_engine) as connection:
        return credit_balances(connection, calendar(months_back(today, count), today + timedelta(days=1)), now)


def balances_of(view: View) -> list[CreditBalance]:
    """Unspent credit at the end of each month that is shown; of the running one, now."""
    return _balances(view.engine, view.stamp, view.count, view.today, view.now)


def balances_csv(rows: Sequence[CreditBalance]) -> Csv:
    """The same, exactly."""
    return Csv(
        "unspent-credit-by-month",
        ("month", "credit_face_usd", "deferred_revenue_usd"),
        lambda: [[month_key(row.first), usd_text(row.face_nanos), usd_text(row.deferred_nanos)] for row in rows],
    )


def balances_chart(view: View, rows: Sequence[CreditBalance]) -> None:
    """A card with a line for what the credit is worth and one for what was paid for it."""
    with card("outstanding_credit"):
        card_title(
            "Outstanding credit",
            "Bought and unspent at the end of each UTC month; of the running one, now",
            balances_csv(rows),
        )
        chart = lines_over_time(
            [row.first for row in rows],
            {
                "Credit at face": [dollars(row.face_nanos) for row in rows],
                "Deferred revenue": [dollars(row.deferred_nanos) for row in rows],
            },
            PALETTE,
            view.marks,
            granularity="Month",
        )
        clickable(chart, "chart_outstanding", "Outstanding credit by month", picked=choose_month)


__all__ = ["balances_chart", "balances_csv", "balances_of"]
