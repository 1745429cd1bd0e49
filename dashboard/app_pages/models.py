"""Models: what is registered, what an example call costs, and a form that becomes a commit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

import pandas as pd
import streamlit as st

from dashboard import sources
from dashboard.access import CurrentPerson
from dashboard.configuration import rate_card
from dashboard.configuration.at_a_glance import provider_rows
from dashboard.configuration.example_cost import example, example_units, units_text
from dashboard.configuration.example_view import example_panel
from dashboard.configuration.history_table import history_card
from dashboard.configuration.rate_card import Row
from dashboard.configuration.summary_cards import summary_cards
from dashboard.exports import Csv
from dashboard.formats import MISSING, count, dollars, short_commit
from dashboard.layout import card, card_title, page_header
from dashboard.proposing.bases import Base, see
from dashboard.proposing.drafts import base_with_draft
from dashboard.proposing.forms import propose_panel
from dashboard.session import require, require_data
from metering.book.ratebook import RateBook
from schema.documents.registry import ModelEntry
from schema.keys import Key
from schema.money import usd_text
from sync.edit import Edit, SetField

PREFIX = "model_"
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


def _choose(names: list[str]) -> None:
    rows = st.session_state["table_models"]["selection"]["rows"]
    if rows:
        st.session_state["model"] = names[rows[0]]


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
    amount = st.column_config.NumberColumn(format="$%.6f", help="1,000 input and 500 output tokens, or one unit")
    st.dataframe(
        pd.DataFrame.from_records(records),
        hide_index=True,
        key="table_models",
        height=560 if len(records) > 15 else "content",
        on_select=lambda: _choose([record["Model"] for record in records]),
        selection_mode="single-row",
        column_config={
            "Model": st.column_config.TextColumn(pinned=True, width=240),
            "Example cost": amount,
            "Example charge": amount,
            "Context": st.column_config.NumberColumn(format="localized"),
        },
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
    st.dataframe(
        pd.DataFrame.from_records(found),
        hide_index=True,
        height="content" if len(found) <= 14 else 480,
        column_config={"Types": st.column_config.TextColumn(width="large")},
        key="table_providers",
        alt="Active models by provider",
    )


def _edits(entry: ModelEntry, key: Key, form: dict[str, Any]) -> list[Edit]:
    before = {
        "display_name": entry.display_name,
        "access": entry.access,
        "active": "true" if entry.active else "false",
        "aliases": list(entry.aliases),
        "context_window": "" if entry.context_window is None else str(entry.context_window),
        "max_output": "" if entry.max_output is None else str(entry.max_output),
    }
    return [SetField(key, name, form[name] or None) for name in before if form[name] != before[name]]


def _form(base: Base, book: RateBook, name: str, person: CurrentPerson, now: datetime) -> None:
    key = Key("model", name)
    entity = base.find(key)
    if entity is None:
        st.caption("The base branch does not have this model any more.")
        return
    version = see(base, key)
    entry: ModelEntry = entity.document
    prefix = f"{PREFIX}{name}_{version}_"
    classes = list(book.setting("access_classes") or [entry.access])
    classes += [entry.access] if entry.access not in classes else []
    form: dict[str, Any] = {
        "display_name": st.text_input("Display name", value=entry.display_name, key=f"{prefix}display_name").strip()
    }
    with st.grid(2, min_column_width=150, gap="small"):
        form["access"] = st.selectbox("Access", classes, index=classes.index(entry.access), key=f"{prefix}access")
        with st.container(height="stretch", vertical_alignment="bottom"):
            active = st.toggle("Active: calls are accepted", value=entry.active, key=f"{prefix}active")
        form["context_window"] = st.text_input(
            "Context window, tokens", value=str(entry.context_window or ""), key=f"{prefix}context_window"
        ).strip()
        form["max_output"] = st.text_input(
            "Most output, tokens", value=str(entry.max_output or ""), key=f"{prefix}max_output"
        ).strip()
    form["active"] = "true" if active else "false"
    aliases = st.text_input(
        "Aliases", value=", ".join(entry.aliases), key=f"{prefix}aliases", help="Parted by commas, unique everywhere."
    )
    form["aliases"] = [alias.strip() for alias in aliases.split(",") if alias.strip()]
    price = book.price_at(None, name, now)
    units = example_units(price.rates) if price else {}
    found = example(price, units)
    example_panel(units_text(units), found, found)
    title = f"Rename {name.partition('/')[2]} to {form['display_name']}"
    edits = _edits(entry, key, form)
    only_name = len(edits) == 1 and form["display_name"] != entry.display_name
    propose_panel(
        edits, prefix=prefix, key=key, title=title if only_name else f"Change model {name}", person=person, now=now
    )


def page() -> None:
    """Draw the page."""
    person = require("viewer")
    stamp = require_data()
    now = sources.utc_now()
    minute = now.replace(second=0, microsecond=0)
    engine = sources.engine()
    page_header("Models", "Every model that calls may name", person)
    summary_cards(stamp, now)
    rows = rate_card.current(engine, stamp.text, "model")
    book = rate_card.book(engine, stamp.text, minute)
    left, right = st.columns([7, 5], gap="small")
    with left, card("model_table"):
        _table(rows, book, minute)
    with right, card("model_form"):
        names = [f"{row['provider']}/{row['model']}" for row in rows]
        name = st.selectbox(
            "Model", names, index=None, key="model", bind="query-params", placeholder="Choose a model to edit"
        )
        base = base_with_draft(now)
        if name is None:
            st.caption("Choose a model here or in the table to see its history and to edit it.")
            _providers(rows)
        elif base is None:
            st.caption("Not in a git repository with the base branch: models cannot be edited from here.")
        else:
            _form(base, book, name, person, now)
    if name is not None:
        history_card("model", [name], stamp, note="What releases did to this model", file="model_history")


page()
