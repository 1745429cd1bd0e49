"""Unspent bought credit on the Revenue page: at the ends of months, and of a few months at the ends of their days."""

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
from dashboard.revenue import data as revenue_data
from dashboard.revenue.credit_tables import holder_csv, holder_records
from dashboard.revenue.data import SHOWN_HOLDERS
from dashboard.revenue.tables import month_key
from dashboard.revenue.view import View, account_table, amount_column, choose_month, in_second_currency
from dashboard.sources import TTL_SECONDS
from metering.analytics import Period
from metering.analytics.movements import calendar, months_back
from metering.analytics.outstanding import CreditBalance, credit_balances
from schema.database import reading
from schema.money import usd_text

HELD = {"Bought": ("purchase",), "Promotional": ("signup", "promo")}
"""Kinds of grants, by the word on the page."""
MONTHS_BY_DAY = 3
"""So many months, at most 92 days, are shown by day."""
_DAY = timedelta(days=1)


@st.cache_data(ttl=TTL_SECONDS, show_spinner=False, max_entries=20)
def _balances(_engine: Engine, stamp: str, spans: tuple[tuple[date, date], ...], now: datetime) -> list[CreditBalance]:
    with reading(_engine) as connection:
        return credit_balances(connection, spans, now)


def balances_of(view: View) -> list[CreditBalance]:
    """Unspent credit at the end of each month that is shown; of the running one, now."""
    months = calendar(months_back(view.today, view.count), view.today + _DAY)
    return _balances(view.engine, view.stamp, tuple(months), view.now)


def daily_balances_of(view: View) -> list[CreditBalance]:
    """Unspent credit at the end of each day of the months that are shown; of the running one, now."""
    days = Period(months_back(view.today, view.count), view.today + _DAY).days()
    return _balances(view.engine, view.stamp, tuple((day, day + _DAY) for day in days), view.now)


def balances_csv(rows: Sequence[CreditBalance], granularity: str = "Month") -> Csv:
    """The same, exactly."""
    by_month = granularity == "Month"
    return Csv(
        f"unspent-credit-by-{granularity.lower()}",
        (granularity.lower(), "credit_face_usd", "deferred_revenue_usd"),
        lambda: [
            [
                month_key(row.first) if by_month else row.first.isoformat(),
                usd_text(row.face_nanos),
                usd_text(row.deferred_nanos),
            ]
            for row in rows
        ],
    )


def balances_chart(view: View, months: Sequence[CreditBalance]) -> None:
    """A card with a line for what the credit is worth and one for what was paid for it; of a few months by day."""
    by_day = view.count <= MONTHS_BY_DAY
    granularity, rows = ("Day", daily_balances_of(view)) if by_day else ("Month", months)
    ends = {f"{row.first}"[: None if by_day else 7]: row.first for row in rows}

    def end_of(line: Sequence[str]) -> datetime:
        first = ends[line[0]]
        return view.end_of(first) if by_day else view.ends([first])[0]

    with card("outstanding_credit"):
        word = granularity.lower()
        note = f"Bought and unspent at the end of each UTC {word}" + ("" if by_day else "; 3 months are shown by day")
        card_title("Outstanding credit", note, view.file_at(balances_csv(rows, granularity), end_of))
        chart = lines_over_time(
            [row.first for row in rows],
            {
                "Credit at face": [dollars(row.face_nanos) for row in rows],
                "Deferred revenue": [dollars(row.deferred_nanos) for row in rows],
            },
            PALETTE,
            view.marks,
            granularity=granularity,
        )
        clickable(chart, f"chart_outstanding_{word}", f"Outstanding credit by {word}", picked=choose_month)


def holders_card(view: View) -> None:
    """A card with the accounts whose credit is unspent."""
    with card("holders"):
        chosen = st.segmented_control(
            "Credit",
            HELD,
            default="Bought",
            required=True,
            key="credit_of",
            bind="query-params",
            label_visibility="collapsed",
        )
        kinds = HELD[chosen or "Bought"]
        rows = revenue_data.top_holders(view.engine, view.stamp, view.now, kinds)
        note = f"The {len(rows)} accounts with the most" if len(rows) == SHOWN_HOLDERS else "By account"
        file = holder_csv(lambda: revenue_data.all_holders(view.engine, view.now, kinds))
        card_title("Unspent credit", note, view.file_at(file, lambda _: view.now))
        if not rows:
            st.caption("No account has such credit left.")
            return
        columns = {
            "Account": st.column_config.TextColumn(pinned=True, width="small"),
            "Credit": amount_column("At face: the usage that it is worth."),
            "Deferred": amount_column("At what was paid for it: deferred revenue."),
            "Next expiry": st.column_config.DatetimeColumn(format="YYYY-MM-DD HH:mm", timezone="UTC"),
        }
        amounts = {"Deferred": [row.deferred_nanos for row in rows]} if chosen == "Bought" else {}
        records = in_second_currency(view, holder_records(rows), amounts, [view.now] * len(rows))
        empty = {"Deferred"} - {*amounts} | ({"Next expiry"} if not any(row.next_expiry for row in rows) else set())
        shown = [{word: value for word, value in record.items() if word not in empty} for record in records]
        account_table(shown, "table_holders", columns, "Accounts with unspent credit")


__all__ = ["balances_chart", "balances_csv", "balances_of", "daily_balances_of", "holders_card"]
