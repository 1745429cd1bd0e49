"""Credit packs: what credit costs when it is bought at once, and a form that becomes a commit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal

import pandas as pd
import streamlit as st
from sqlalchemy import Engine

from dashboard import charts, sources
from dashboard.configuration import rate_card
from dashboard.configuration.choosing import take_row
from dashboard.configuration.compared import compared
from dashboard.configuration.entity_form import row_of
from dashboard.configuration.entity_panel import EntityPanel
from dashboard.configuration.history_table import history_card
from dashboard.configuration.pack_prices import (
    CREDITS_SHOWN,
    PackPrice,
    amount_text,
    dearest,
    discount,
    discount_text,
    sales_words,
)
from dashboard.configuration.rate_card import Row
from dashboard.exports import Csv
from dashboard.formats import MISSING, count, dollars, literal, money, short_commit
from dashboard.layout import card, card_title, page_header
from dashboard.proposing.form_base import form_base
from dashboard.session import require, require_data
from metering.analytics.period import midnight
from metering.wallets.pack_sales import PackSales, pack_sales
from schema.database import reading
from schema.documents.commerce import CreditPack
from schema.keys import Key
from schema.money import plain, usd, usd_text

COLUMNS = (
    "Pack",
    "On sale",
    "Price",
    "Currency",
    "Credits",
    f"{CREDITS_SHOWN:,} credits",
    "Discount %",
    "Usage, USD",
    "Sold this month",
    "Sold ever",
    "Paid ever, USD",
    "Badge",
    "Commit",
)

_DAYS = 90
"""Packs are bought seldom: the sales of so many days tell what another price means."""
_FIRST = (
    "Pack",
    "Price",
    f"{CREDITS_SHOWN:,} credits",
    "Credits",
    "Discount %",
    "Sold ever",
    "Paid ever, USD",
    "On sale",
)
"""The columns that are in sight in a narrow window, too."""

Sales = Mapping[str, PackSales]


@st.cache_data(ttl=60, show_spinner=False, max_entries=10)
def _sold(_engine: Engine, stamp: str, since: date | None) -> dict[str, PackSales]:
    with reading(_engine) as connection:
        found = pack_sales(connection, None if since is None else midnight(since))
        return {sales.pack: sales for sales in found}


def _record(row: Row, rows: Sequence[Row], sold: Sales, ever: Sales, per_dollar: int) -> list[object]:
    price = PackPrice.of(row)
    none = PackSales(row["pack"], 0, 0)
    all_sales = ever.get(row["pack"], none)
    percent = discount(price, dearest(rows))
    return [
        row["pack"],
        row["active"],
        plain(usd(row["price_nanos"])),
        row["currency"],
        row["credits"],
        price.shown,
        None if percent is None else plain(percent),
        usd_text(price.face_nanos(per_dollar)),
        sold.get(row["pack"], none).sold,
        all_sales.sold,
        usd_text(all_sales.paid_nanos),
        row["badge"],
        short_commit(row["origin"].commit),
    ]


def _table(rows: Sequence[Row], sold: Sales, ever: Sales, per_dollar: int) -> None:
    records = [_record(row, rows, sold, ever, per_dollar) for row in rows]
    card_title("Packs", "Bought at once, burned after what a plan includes", Csv("packs", COLUMNS, lambda: records))
    if not records:
        st.caption("No pack is sold yet: add one on the right.")
        return
    frame = pd.DataFrame(records, columns=list(COLUMNS))
    for name in ("Price", "Discount %", "Usage, USD", "Paid ever, USD"):
        frame[name] = [None if value is None else float(Decimal(value)) for value in frame[name]]
    st.dataframe(
        frame,
        hide_index=True,
        height="content",
        key="table_packs",
        on_select=lambda: take_row("table_packs", "pack", [row["pack"] for row in rows]),
        selection_mode="single-row",
        column_config={
            "Pack": st.column_config.TextColumn(pinned=True, width=85),
            "Price": st.column_config.NumberColumn(format="%.2f", width=65),
            "Credits": st.column_config.NumberColumn(format="localized", width=75),
            f"{CREDITS_SHOWN:,} credits": st.column_config.TextColumn(width=95),
            "Discount %": st.column_config.NumberColumn(
                format="%.1f%%",
                width=80,
                help="Less for a credit than in the dearest pack of the currency that is on sale.",
            ),
            "Sold ever": st.column_config.NumberColumn(width=75),
            "Usage, USD": st.column_config.NumberColumn(format="$%.2f", help="The usage that the credits are worth."),
            "Paid ever, USD": st.column_config.NumberColumn("Paid ever", format="$%.2f", width=75),
        },
        column_order=[*_FIRST, *(name for name in COLUMNS if name not in _FIRST)],
        placeholder=MISSING,
        alt="Credit packs",
    )


def _chart(rows: Sequence[Row]) -> None:
    """What credits cost in each pack that is sold; the table above has the numbers."""
    active = [row for row in rows if row["active"] and row["credits"]]
    if not active:
        return
    st.markdown(f"**Price of {CREDITS_SHOWN:,} credits**")
    bars = [(row["pack"], dollars(row["price_nanos"]) / row["credits"], PackPrice.of(row).shown) for row in active]
    names = [name for name, _, _ in bars]
    chart = charts.ranking(bars, charts.colours(names, names), title="Price").properties(height=44 * len(bars))
    st.altair_chart(chart, key="chart_packs", alt="Price of credits by pack")


def _totals(rows: Sequence[Row], sold: Sales) -> None:
    highest = dearest(rows)
    percents = [found for row in rows if row["active"] and (found := discount(PackPrice.of(row), highest)) is not None]
    with st.grid(4, min_column_width=150, gap="small"):
        st.metric("Packs on sale", count(sum(1 for row in rows if row["active"])), border=True)
        st.metric("Sold this month", count(sum(sales.sold for sales in sold.values())), border=True)
        st.metric("Paid this month", money(sum(sales.paid_nanos for sales in sold.values())), border=True)
        st.metric("Deepest discount", discount_text(max(percents, default=None)), border=True)
    st.page_link(
        "app_pages/revenue.py",
        label="Every sale of credit, by month",
        icon=":material/arrow_forward:",
        icon_position="right",
        query_params={"revenue": "Credit"},
    )


def _preview(
    rows: Sequence[Row],
    recent: Sales,
    per_dollar: int,
    key: Key,
    before: CreditPack | None,
    after: CreditPack | None,
) -> None:
    """What a credit costs now and with the edit, and what the last sales come to."""
    others = [row for row in rows if row["pack"] != key.name]
    old, new = (None if pack is None else row_of(key, pack) for pack in (before, after))
    was = None if old is None else PackPrice.of(old)
    price = None if new is None else PackPrice.of(new)
    if price is None or new is None:
        st.caption("With this edit the pack is not sold." if before else "Fill in price and credits.")
        _sales(key, recent, was, None, per_dollar)
        return
    highest = dearest([*others, new])
    st.markdown("**What it comes to**")
    with st.grid(3, min_column_width=130, gap="small"):
        compared(f"{CREDITS_SHOWN:,} credits", price.shown, was.shown if was else None)
        compared(
            "Discount",
            discount_text(discount(price, highest)),
            discount_text(discount(was, dearest([*others, old]))) if was and old else None,
        )
        compared(
            "Worth in usage",
            amount_text(price.face_nanos(per_dollar), "USD"),
            amount_text(was.face_nanos(per_dollar), "USD") if was else None,
        )
    _sales(key, recent, was, price, per_dollar)


def _sales(key: Key, recent: Sales, was: PackPrice | None, price: PackPrice | None, per_dollar: int) -> None:
    if was is not None and was != price:
        sold = recent.get(key.name, PackSales(key.name, 0, 0)).sold
        st.markdown(f":blue[:material/info:] {literal(sales_words(sold, _DAYS, was, price, per_dollar))}")


def page() -> None:
    """Draw the page."""
    person = require("viewer")
    stamp = require_data()
    now = sources.utc_now()
    minute = stamp.minute(now)
    engine = sources.engine()
    page_header("Credit packs", "Credit that is bought at once", person, stamp.as_of)
    rows = sorted(rate_card.current(engine, stamp.text, "pack"), key=lambda row: (row["sort_order"], row["pack"]))
    per_dollar = rate_card.book(engine, stamp.text, minute).settings.credits_per_dollar
    sold = _sold(engine, stamp.text, now.date().replace(day=1))
    ever = _sold(engine, stamp.text, None)
    recent = _sold(engine, stamp.text, now.date() - timedelta(days=_DAYS - 1))
    _totals(rows, sold)
    left, right = st.columns([7, 5], gap="small")
    with left, card("pack_table"):
        _table(rows, sold, ever, per_dollar)
        _chart(rows)
    with right, card("pack_form"):
        panel = EntityPanel("pack", "pack", CreditPack, lambda *texts: _preview(rows, recent, per_dollar, *texts))
        base = form_base(now)
        names = sorted(base.catalogue.of("pack")) if base else [row["pack"] for row in rows]
        choice = panel.choose(names, "pack")
        panel.draw(base, choice, person, now)
    shown = [choice.name] if choice.name else [row["pack"] for row in rows]
    with left:
        history_card("pack", shown, stamp, note="What releases did to the packs", file="pack_history")


page()
