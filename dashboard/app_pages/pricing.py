"""Pricing: what every model costs and is charged, in force, scheduled and before; a form that becomes a commit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, time
from typing import Any

import pandas as pd
import streamlit as st

from dashboard import sources
from dashboard.access import CurrentPerson
from dashboard.configuration import rate_card
from dashboard.configuration.at_a_glance import SHOWN, PriceSummary, price_summary
from dashboard.configuration.example_cost import example, example_units, price_of, units_text
from dashboard.configuration.example_view import example_panel
from dashboard.configuration.price_form import (
    WAYS,
    FormError,
    PriceTexts,
    addable_units,
    edits_of,
    initial_texts,
    row_of,
    settled,
    unit_label,
)
from dashboard.configuration.rate_card import PriceEntry, Row
from dashboard.formats import MISSING, count, day, literal, moment, multiplier, short_commit
from dashboard.layout import card, card_title, page_header
from dashboard.proposing.bases import Base, see
from dashboard.proposing.drafts import base_with_draft
from dashboard.proposing.forms import propose_panel
from dashboard.session import require, require_data
from metering.book.ratebook import RateBook
from schema.catalogue import Entity
from schema.keys import Key, moment_text, split_dated
from schema.money import per_million_text, per_unit_text
from schema.units import TOKEN_UNITS

PREFIX = "price_"


def _per_million(row: Mapping[str, Any] | None, unit: str) -> float | None:
    return None if row is None or unit not in row["rates"] else row["rates"][unit] / 1_000_000


def charge_words(row: Mapping[str, Any]) -> str:
    """How a price is charged: a margin, a list price, or credits with their multiplier."""
    if row["margin_micros"] is not None:
        return multiplier(row["margin_micros"])
    if row["charge_rates"] is not None:
        return "list price"
    return f"{multiplier(row['credits_micros'])} credits"


def rates_words(row: Mapping[str, Any]) -> str:
    """All rates of a price: `input 1, output 5 per million`."""
    tokens = [f"{unit} {per_million_text(pico)}" for unit, pico in row["rates"].items() if unit in TOKEN_UNITS]
    others = [f"{unit} {per_unit_text(pico)} each" for unit, pico in row["rates"].items() if unit not in TOKEN_UNITS]
    return ", ".join([*([", ".join(tokens) + " per million"] if tokens else []), *others])


def _record(model: Row, entries: Sequence[PriceEntry]) -> dict[str, Any]:
    held = next((entry for entry in entries if entry.status == "in force"), None)
    later = [entry for entry in entries if entry.status == "scheduled"]
    row = held.row if held else None
    return {
        "Model": f"{model['provider']}/{model['model']}",
        "Input": _per_million(row, "input"),
        "Output": _per_million(row, "output"),
        "Charge": charge_words(row) if row else "no price",
        "In force since": row["in_force_from"].date() if row else None,
        "Scheduled": later[-1].row["in_force_from"].date() if later else None,
        "Commit": short_commit(held.origin.commit) if held else "",
    }


def _choose(names: list[str]) -> None:
    rows = st.session_state["table_prices"]["selection"]["rows"]
    if rows:
        st.session_state["model"] = names[rows[0]]


def _table(models: Sequence[Row], prices: Mapping[str, list[PriceEntry]]) -> None:
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
    shown = [model for model in models if only != "Active" or model["active"]]
    records = [_record(model, prices.get(f"{model['provider']}/{model['model']}", [])) for model in shown]
    needle = (words or "").strip().lower()
    records = [
        record
        for record in records
        if needle in record["Model"].lower() and (only != "Scheduled" or record["Scheduled"] is not None)
    ]
    if not records:
        st.caption("No model matches.")
        return
    frame = pd.DataFrame.from_records(records)
    rate = st.column_config.NumberColumn(format="%,.4f", help="USD per million tokens")
    st.dataframe(
        frame,
        hide_index=True,
        key="table_prices",
        height=560 if len(records) > 15 else "content",
        on_select=lambda: _choose([record["Model"] for record in records]),
        selection_mode="single-row",
        column_config={
            "Model": st.column_config.TextColumn(pinned=True, width=240),
            "Input": rate,
            "Output": rate,
            "In force since": st.column_config.DateColumn(format="D MMM YYYY"),
            "Scheduled": st.column_config.DateColumn(format="D MMM YYYY"),
        },
        placeholder=MISSING,
        alt="Prices of all models",
    )
    st.caption(f"{len(records):,} models; input and output in USD per million tokens")


def _summary(found: PriceSummary) -> None:
    """The prices in a few lines, while no model is chosen."""
    with st.grid(3, min_column_width=110, gap="small"):
        st.metric("Active models", count(found.active))
        st.metric("With a price", count(found.priced))
        st.metric("Scheduled", count(len(found.scheduled)), help="Prices that come into force on a later day.")
    listed = (
        ("Scheduled next", found.scheduled[:SHOWN]),
        ("Newest", found.newest),
        ("Thinnest margins", found.thinnest),
    )
    for title, entries in listed:
        if not entries:
            continue
        st.markdown(f"**{title}**")
        st.dataframe(
            pd.DataFrame.from_records(
                [
                    {"Model": entry.key, "Charge": charge_words(entry.row), "From": entry.row["in_force_from"].date()}
                    for entry in entries
                ]
            ),
            hide_index=True,
            height="content",
            column_config={"From": st.column_config.DateColumn(format="D MMM YYYY", width="small")},
            key=f"summary_{title}",
            alt=f"{title} of the prices",
        )


def _history(entries: Sequence[PriceEntry]) -> None:
    if not entries:
        st.caption("This model has no price yet.")
        return
    frame = pd.DataFrame.from_records(
        [
            {
                "Status": entry.status,
                "Effective": moment_text(entry.row["effective"]),
                "In force from": moment(entry.row["in_force_from"]),
                "Input": _per_million(entry.row, "input"),
                "Output": _per_million(entry.row, "output"),
                "Charge": charge_words(entry.row),
                "Commit": short_commit(entry.origin.commit),
                "Release": entry.origin.label or f"release {entry.origin.release}",
                "Change": entry.origin.title,
                "Author": entry.origin.author,
                "All rates": rates_words(entry.row),
            }
            for entry in entries
        ]
    )
    rate = st.column_config.NumberColumn(format="%,.4f", help="USD per million tokens")
    st.dataframe(
        frame,
        hide_index=True,
        height="content" if len(entries) <= 12 else 440,
        column_config={"Input": rate, "Output": rate},
        placeholder=MISSING,
        key="table_price_history",
        alt="Price history",
    )


def _base_entity(base: Base, name: str, effective: datetime, now: datetime) -> tuple[Entity | None, bool]:
    """The entry that an edit starts from, and whether it already stands at the chosen date."""
    dated = f"{name}@{moment_text(effective)}"
    found = base.catalogue.of("price")
    if dated in found:
        return found[dated], True
    entries = [entity for key, entity in found.items() if split_dated(key)[0] == name]
    past = [entity for entity in entries if entity.document.effective <= now]
    return (max(past, key=lambda entity: entity.document.effective) if past else None), False


def _inputs(before: PriceTexts, prefix: str) -> PriceTexts:
    """Draw the inputs; what stands in them."""
    names = list(before.rates)
    names += [name for name in st.session_state.get(f"{prefix}more", []) if name not in names]
    with st.grid(2, min_column_width=150, gap="small"):
        rates = {
            name: st.text_input(unit_label(name), value=before.rates.get(name, ""), key=f"{prefix}{name}")
            for name in names
        }
    way = st.segmented_control("Charged by", WAYS, default=before.way, required=True, key=f"{prefix}way") or before.way
    margin, plan_margins, charge, credit = before.margin, dict(before.plan_margins), dict(before.charge), before.credits
    with st.grid(2, min_column_width=150, gap="small"):
        if way == "Margin":
            margin = st.text_input("Margin", value=margin, key=f"{prefix}margin", help="Times the cost.")
            for plan, value in before.plan_margins.items():
                label = f"Margin of {literal(plan)}"
                plan_margins[plan] = st.text_input(label, value=value, key=f"{prefix}margin_{plan}")
        elif way == "Credits":
            credit = st.text_input("Credit multiplier", value=credit or "1", key=f"{prefix}credits")
        else:
            for name in names:
                value = before.charge.get(name, rates[name])
                charge[name] = st.text_input(f"Charge: {unit_label(name)}", value=value, key=f"{prefix}charge_{name}")
    # All units that the entry lacks, the chosen ones too: a choice that leaves the options is dropped by the next run.
    more = addable_units(before)
    st.multiselect("More units", more, key=f"{prefix}more", format_func=unit_label, placeholder="Add a unit")
    return PriceTexts(rates, way, margin, plan_margins, charge, credit)


def _form(base: Base, book: RateBook, name: str, person: CurrentPerson, now: datetime, held: Row | None) -> None:
    key = Key("price", name)
    version = see(base, key)
    date_key = f"{PREFIX}effective_{name}"
    chosen = st.date_input("Effective from", value=now.date(), key=date_key, format="YYYY-MM-DD")
    effective = datetime.combine(chosen or now.date(), time.min, UTC)
    entity, there = _base_entity(base, name, effective, now)
    if there:
        st.caption(":orange[An entry of this date exists: this edits it.]")
    elif entity is not None:
        st.caption(f"A new entry, from a copy of the one of {day(entity.document.effective)}; history stays.")
    if effective.date() < now.date():
        st.caption("A date that has passed: it is in force from the moment of apply at the earliest.")
    model = book.find(None, name)
    before = initial_texts(entity, model.model.type if model else "llm")
    prefix = f"{PREFIX}{name}_{moment_text(effective) if there else 'new'}_{version}_"
    after = _inputs(before, prefix)
    old_price = price_of(held, book.settings) if held else None
    try:
        row = row_of(after, held, name, effective)
        after = settled(after)
    except FormError as error:
        st.error(literal(str(error)), icon=":material/error:")
        return
    units = example_units(held["rates"] if held else row["rates"])
    new_example = example(price_of(row, book.settings), units)
    example_panel(units_text(units), example(old_price, units), new_example)
    full_name = f"{name}@{moment_text(effective)}" if there or entity is None else name
    edits = edits_of(before, after, full_name, new=entity is None)
    propose_panel(
        edits,
        prefix=prefix,
        key=key,
        title=_title(before, after, name),
        person=person,
        now=now,
        effective=effective,
        watched=(date_key,),
    )


def _title(before: PriceTexts, after: PriceTexts, name: str) -> str:
    model = name.partition("/")[2]
    if after.way == "Margin" and before.margin != after.margin and before.rates == after.rates:
        return f"Set the margin of {model} to {after.margin}"
    return f"Change the price of {model}"


def page() -> None:
    """Draw the page."""
    person = require("viewer")
    stamp = require_data()
    now = sources.utc_now()
    minute = now.replace(second=0, microsecond=0)
    engine = sources.engine()
    page_header("Pricing", "What every model costs, and what it is charged at", person)
    models = rate_card.current(engine, stamp.text, "model")
    prices = rate_card.prices(engine, stamp.text, minute)
    book = rate_card.book(engine, stamp.text, minute)
    left, right = st.columns([7, 5], gap="small")
    with left, card("price_table"):
        card_title("Prices in force")
        _table(models, prices)
    names = [f"{model['provider']}/{model['model']}" for model in models]
    with right, card("price_form"):
        name = st.selectbox(
            "Model", names, index=None, key="model", bind="query-params", placeholder="Choose a model to edit"
        )
        base = base_with_draft(now)
        if name is None:
            st.caption("Choose a model here or in the table to see its history and to change its price.")
            _summary(price_summary(models, prices))
        elif base is None:
            st.caption("Not in a git repository with the base branch: prices cannot be edited from here.")
        else:
            entries = prices.get(name, [])
            held = next((entry.row for entry in entries if entry.status == "in force"), None)
            _form(base, book, name, person, now, held)
    if name is not None:
        with card("price_history"):
            card_title("History", "Every entry that was applied, with the commit that brought it")
            st.text(name)
            _history(prices.get(name, []))


page()
