"""Models: what is registered, what an example call costs, and a form that becomes a commit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

import pandas as pd
import streamlit as st

from dashboard import sources
from dashboard.configuration import rate_card
from dashboard.configuration.at_a_glance import provider_rows
from dashboard.configuration.choosing import choose, take_row
from dashboard.configuration.example_cost import example, example_units
from dashboard.configuration.history_table import history_card
from dashboard.configuration.model_panel import model_panel
from dashboard.configuration.rate_card import Row
from dashboard.configuration.summary_cards import summary_cards
from dashboard.exports import Csv
from dashboard.formats import MISSING, count, dollars, short_commit
from dashboard.layout import card, card_title, page_header, part_title
from dashboard.proposing.form_base import form_base
from dashboard.session import require, require_data
from metering.book.ratebook import RateBook
from schema.money import usd_text

COLUMNS = (
    "Model",
    "Name",
    "Type",
    "Access",
    "Active",
    "Example cost",
    "Example charge",
    "Context",
    "Aliases",
    "Commit",
)
_FIRST = ("Model", "Example charge", "Example cost", "Access", "Type")
"""The columns that are in sight in a narrow window, too."""


def _record(row: Row, book: RateBook, now: datetime, amount: Callable[[int], object] = dollars) -> dict[str, Any]:
    price = book.price_at(row["provider"], row["model"], now)
    found = example(price, example_units(price.rates)) if price else None
    return {
        "Model": f"{row['provider']}/{row['model']}",
        "Name": row["display_name"],
        "Type": row["type"],
        "Access": row["access"],
        "Active": row["active"],
        "Example cost": amount(found.cost_nanos) if found else None,
        "Example charge": amount(found.charge_nanos) if found else None,
        "Context": row["context_window"],
        "Aliases": ", ".join(row["aliases"]),
        "Commit": short_commit(row["origin"].commit),
    }


def _table(rows: Sequence[Row], book: RateBook, now: datetime) -> None:
    everything = Csv("models", COLUMNS, lambda: [list(_record(row, book, now, usd_text).values()) for row in rows])
    card_title("Registered models", csv_file=everything)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        words = st.text_input(
            "Search",
            key="model_search",
            placeholder="Search models, names and aliases",
            icon=":material/search:",
            label_visibility="collapsed",
            width="stretch",
        )
        only = st.segmented_control(
            "Show",
            ("Active", "Inactive", "All"),
            default="Active",
            required=True,
            key="active",
            bind="query-params",
            label_visibility="collapsed",
        )
    needle = (words or "").strip().lower()
    records = [_record(row, book, now) for row in rows if only == "All" or row["active"] == (only == "Active")]
    records = [
        record
        for record in records
        if needle in f"{record['Model']} {record['Name']} {record['Aliases']} {record['Type']}".lower()
    ]
    if not records:
        st.caption("No model matches.")
        return
    amount = st.column_config.NumberColumn(
        format="$%.6f", width=105, help="1,000 input and 500 output tokens, or one unit"
    )
    st.dataframe(
        pd.DataFrame.from_records(records),
        hide_index=True,
        key="table_models",
        height=560 if len(records) > 15 else "content",
        on_select=lambda: take_row("table_models", "model", [record["Model"] for record in records]),
        selection_mode="single-row",
        column_config={
            "Model": st.column_config.TextColumn(pinned=True, width=195),
            "Type": st.column_config.TextColumn(width=85),
            "Access": st.column_config.TextColumn(width=75),
            "Example cost": amount,
            "Example charge": amount,
            "Context": st.column_config.NumberColumn(format="localized"),
        },
        column_order=[
            *_FIRST,
            *(name for name in COLUMNS if name not in _FIRST and (name != "Active" or only == "All")),
        ],
        placeholder=MISSING,
        alt="Registered models",
    )
    st.caption(f"{len(records):,} of {len(rows):,} models")


def _providers(rows: Sequence[Row]) -> None:
    """The models in a few lines, while none is chosen."""
    active = sum(1 for row in rows if row["active"])
    found = provider_rows(rows)
    with st.grid(3, min_column_width=110, gap="small"):
        st.metric("Active", count(active))
        st.metric("Inactive", count(len(rows) - active), help="Registered, but calls of them are refused.")
        st.metric("Providers", count(len(found)), help="With an active model.")
    header = ("Provider", "Active", "Types")
    part_title("Providers", Csv("providers", header, lambda: [[row[name] for name in header] for row in found]))
    st.dataframe(
        pd.DataFrame.from_records(found, columns=header),
        hide_index=True,
        height="content" if len(found) <= 14 else 480,
        column_config={"Types": st.column_config.TextColumn(width="large")},
        key="table_providers",
        alt="Active models by provider",
    )


def page() -> None:
    """Draw the page."""
    person = require("viewer")
    stamp = require_data()
    now = sources.utc_now()
    minute = stamp.minute(now)
    engine = sources.engine()
    page_header("Models", "Every model that calls may name", person)
    summary_cards(stamp, now)
    rows = rate_card.current(engine, stamp.text, "model")
    book = rate_card.book(engine, stamp.text, minute)
    left, right = st.columns([7, 5], gap="small")
    with left, card("model_table"):
        _table(rows, book, minute)
    with right, card("model_form"):
        base = form_base(now)
        registered = {f"{row['provider']}/{row['model']}" for row in rows}
        choice = choose("model", sorted(registered | set(base.catalogue.of("model") if base else ())), "model")
        if choice.mode != "New" and not choice.name:
            st.caption("Choose a model here or in the table to see its history and to edit it.")
            _providers(rows)
        elif base is not None:
            model_panel(base, choice, book, person, now)
    if choice.name:
        with left:
            history_card("model", [choice.name], stamp, note="What releases did to this model", file="model_history")


page()
