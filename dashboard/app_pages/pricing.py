"""Pricing: what every model costs and is charged, in force, scheduled and before; a form that becomes a commit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd
import streamlit as st

from dashboard import sources
from dashboard.configuration import rate_card
from dashboard.configuration.at_a_glance import SHOWN, PriceSummary, price_summary
from dashboard.configuration.choosing import take_row
from dashboard.configuration.price_panel import price_panel
from dashboard.configuration.price_words import (
    CSV_HEADER,
    charge_words,
    csv_row,
    csv_rows,
    history_record,
    price_record,
)
from dashboard.configuration.rate_card import PriceEntry, Row
from dashboard.exports import Csv
from dashboard.filters import only
from dashboard.formats import MISSING, count
from dashboard.layout import card, card_title, page_header, part_title
from dashboard.proposing.form_base import form_base
from dashboard.session import require, require_data
from sync.proposal_text import slug

RATE = st.column_config.NumberColumn(format="%,.4f", width=70, help="USD per million tokens")


def _table(models: Sequence[Row], prices: Mapping[str, list[PriceEntry]]) -> None:
    card_title("Prices in force", csv_file=Csv("prices", CSV_HEADER, lambda: csv_rows(models, prices)))
    with st.container(horizontal=True, vertical_alignment="bottom"):
        words = st.text_input(
            "Search",
            key="price_search",
            placeholder="Search models",
            icon=":material/search:",
            label_visibility="collapsed",
            width="stretch",
        )
        only = st.segmented_control(
            "Show",
            ("Active", "All", "Scheduled"),
            default="Active",
            required=True,
            key="show",
            bind="query-params",
            label_visibility="collapsed",
        )
    needle = (words or "").strip().lower()
    records = [
        price_record(model, prices.get(f"{model['provider']}/{model['model']}", []))
        for model in models
        if only != "Active" or model["active"]
    ]
    records = [
        record
        for record in records
        if needle in record["Model"].lower() and (only != "Scheduled" or record["Scheduled"] is not None)
    ]
    if not records:
        st.caption("No model matches." if models else "No model is registered yet: add the first one under Models.")
        return
    st.dataframe(
        pd.DataFrame.from_records(records),
        hide_index=True,
        key="table_prices",
        height=560 if len(records) > 15 else "content",
        on_select=lambda: take_row("table_prices", "model", [record["Model"] for record in records]),
        selection_mode="single-row",
        column_config={
            "Model": st.column_config.TextColumn(pinned=True, width=200),
            "Charge": st.column_config.TextColumn(width=70),
            "Input": RATE,
            "Output": RATE,
            "In force since": st.column_config.DateColumn(format="D MMM YYYY", width=95),
            "Scheduled": st.column_config.DateColumn(format="D MMM YYYY", width=95),
        },
        placeholder=MISSING,
        alt="Prices of all models",
    )
    st.caption(f"{len(records):,} models; input and output in USD per million tokens")


def _summary(found: PriceSummary) -> None:
    """The prices in a few lines, while no model is chosen; the table beside it has all of them."""
    with st.grid(3, min_column_width=110, gap="small"):
        st.metric("Active models", count(found.active))
        st.metric("With a price", count(found.priced))
        st.metric("Scheduled", count(len(found.scheduled)), help="Prices that come into force on a later day.")
    listed = (
        ("Scheduled next", found.scheduled[:SHOWN]),
        ("Newest", found.newest),
        ("Thinnest margins", found.thinnest),
    )
    header = ("Model", "Charge", "From")
    for title, entries in listed:
        if not entries:
            continue
        records = [(entry.key, charge_words(entry.row), entry.row["in_force_from"].date()) for entry in entries]
        part_title(title, Csv(f"prices-{slug(title)}", header, records.copy))
        st.dataframe(
            pd.DataFrame(records, columns=list(header)),
            hide_index=True,
            height="content",
            column_config={
                "Model": st.column_config.TextColumn(width=170),
                "Charge": st.column_config.TextColumn(width=70),
                "From": st.column_config.DateColumn(format="D MMM YYYY", width=90),
            },
            key=f"summary_{title}",
            alt=f"{title} of the prices",
        )


def _history(model: Row, entries: Sequence[PriceEntry]) -> None:
    note = "Every entry that was applied, with the commit that brought it"
    file = Csv("price_history", CSV_HEADER, lambda: [csv_row(model, entry) for entry in entries])
    card_title("History", note, file if entries else None)
    name = f"{model['provider']}/{model['model']}"
    with st.container(horizontal=True, vertical_alignment="center"):
        st.text(name)
        st.page_link(
            "app_pages/models.py", label="Model", icon=":material/deployed_code:", query_params={"model": name}
        )
        usage = only(model=name)
        st.page_link("app_pages/usage.py", label="Usage", icon=":material/bar_chart:", query_params=usage)
    if not entries:
        st.caption("This model has no price yet.")
        return
    st.dataframe(
        pd.DataFrame.from_records([history_record(entry) for entry in entries]),
        hide_index=True,
        height="content" if len(entries) <= 12 else 440,
        column_config={"Input": RATE, "Output": RATE},
        placeholder=MISSING,
        key="table_price_history",
        alt="Price history",
    )


def page() -> None:
    """Draw the page."""
    person = require("viewer")
    stamp = require_data()
    now = sources.utc_now()
    minute = stamp.minute(now)
    engine = sources.engine()
    page_header("Pricing", "What every model costs, and what it is charged at", person)
    models = rate_card.current(engine, stamp.text, "model")
    prices = rate_card.prices(engine, stamp.text, minute)
    book = rate_card.book(engine, stamp.text, minute)
    left, right = st.columns([7, 5], gap="small")
    with left, card("price_table"):
        _table(models, prices)
    by_name = {f"{model['provider']}/{model['model']}": model for model in models}
    with right, card("price_form"):
        base = form_base(now)
        names = sorted({*by_name, *(base.catalogue.of("model") if base else ())})
        name = st.selectbox(
            "Model", names, index=None, key="model", bind="query-params", placeholder="Choose a model to edit"
        )
        if name is None:
            st.caption("Choose a model here or in the table to see its history and to change its price.")
            _summary(price_summary(models, prices))
        elif base is not None:
            price_panel(base, book, name, person, now, prices.get(name, []))
    if name in by_name:
        with left, card("price_history"):
            _history(by_name[name], prices.get(name, []))


page()
