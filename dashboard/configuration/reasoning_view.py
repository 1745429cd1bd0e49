"""Levels of reasoning on the Features page: what each multiplies, who uses it, and a form for all of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime

import pandas as pd
import streamlit as st
from sqlalchemy import Engine

from dashboard import sources
from dashboard.access import CurrentPerson
from dashboard.configuration import rate_card
from dashboard.configuration.history_table import history_card
from dashboard.configuration.rate_card import Row
from dashboard.configuration.reasoning_form import KIND, PREVIEW, level_fields, levels_of, preview_rows
from dashboard.configuration.value_inputs import value_inputs
from dashboard.exports import Csv
from dashboard.formats import MISSING, TIMES, dollars, literal, short_commit
from dashboard.layout import card, card_title, part_title
from dashboard.proposing.form_base import form_base
from dashboard.proposing.forms import propose_panel
from metering.analytics import Period
from metering.analytics.reasoning import LevelUsage, usage_by_level
from metering.book.ratebook import RateBook
from schema.database import reading
from schema.money import multiplier_text, usd_text
from sync.render.style import count as numbered

COLUMNS = ("Level", "Multiplier", "Calls", "Cost", "Charge", "Commit")
_DAYS = 30


@st.cache_data(ttl=60, show_spinner=False, max_entries=5)
def _used(_engine: Engine, stamp: str, today: date) -> dict[str, LevelUsage]:
    with reading(_engine) as connection:
        return {row.level: row for row in usage_by_level(connection, Period.last(_DAYS, today))}


def reasoning_view(stamp: sources.Stamp, person: CurrentPerson, now: datetime) -> None:
    """Draw the view."""
    engine = sources.engine()
    rows = rate_card.current(engine, stamp.text, KIND)
    used = _used(engine, stamp.text, now.date())
    book = rate_card.book(engine, stamp.text, stamp.minute(now))
    left, right = st.columns([7, 5], gap="small")
    with right, card("reasoning_form"):
        card_title("Change the levels", "An emptied field takes the level out")
        base = form_base(now)
        if base is not None:
            typed = value_inputs(base, KIND, level_fields)
            _preview(book, levels_of(typed.fields, typed.texts), used, now)
            propose_panel(
                typed.edits, prefix=typed.prefix, key=typed.key, title="Change reasoning levels", person=person, now=now
            )
    with left:
        with card("reasoning_table"):
            _table(rows, used)
        names = [row["level"] for row in rows]
        history_card(KIND, names, stamp, note="What releases did to the levels", file="reasoning_history")


def _table(rows: Sequence[Row], used: Mapping[str, LevelUsage]) -> None:
    none = LevelUsage("", 0, 0, 0)
    ordered = sorted(rows, key=lambda row: (row["multiplier_micros"], row["level"]))
    found = [(row, used.get(row["level"], none)) for row in ordered]

    def exact() -> list[list[object]]:
        return [
            [
                row["level"],
                multiplier_text(row["multiplier_micros"]),
                usage.calls,
                usd_text(usage.cost_nanos),
                usd_text(usage.charge_nanos),
                short_commit(row["origin"].commit),
            ]
            for row, usage in found
        ]

    note = f"Output tokens {TIMES} the level's multiplier, before they are priced; calls of the last {_DAYS} days"
    card_title("Levels in force", note, Csv("reasoning", COLUMNS, exact))
    if not rows:
        st.caption("There is no level yet: calls that name one are refused.")
        return
    records = [
        [
            row["level"],
            f"{multiplier_text(row['multiplier_micros'])}{TIMES}",
            usage.calls,
            dollars(usage.cost_nanos),
            dollars(usage.charge_nanos),
            short_commit(row["origin"].commit),
        ]
        for row, usage in found
    ]
    amount = st.column_config.NumberColumn(format="dollar")
    st.dataframe(
        pd.DataFrame(records, columns=list(COLUMNS)),
        hide_index=True,
        height="content",
        key="table_reasoning",
        column_config={
            "Calls": st.column_config.NumberColumn(format="localized"),
            "Cost": amount,
            "Charge": amount,
        },
        placeholder=MISSING,
        alt="Levels of reasoning",
    )


def _preview(book: RateBook, planned: Mapping[str, int], used: Mapping[str, LevelUsage], now: datetime) -> None:
    """The example call of a model at each level, and the calls that an edit would have refused."""
    models = sorted({f"{one.model.provider}/{one.model.name}" for one in book.entries.values() if one.model.active})
    priced = [name for name in models if (price := book.price_at(None, name, now)) and "output" in price.rates]
    if priced:
        name = st.selectbox("Example call of", priced, key="reasoning_model")
        rows = preview_rows(book.price_at(None, name, now), book.reasoning, planned)
        part_title("1,000 input + 500 output, by level", Csv("reasoning_preview", PREVIEW, rows.copy))
        st.dataframe(
            pd.DataFrame(rows, columns=list(PREVIEW)),
            hide_index=True,
            height="content",
            placeholder=MISSING,
            key="table_reasoning_preview",
            alt="The example call at each level",
        )
    for level, usage in used.items():
        if level not in planned and level in book.reasoning:
            words = (
                f"{numbered(usage.calls, 'call')} of the last {_DAYS} days named {level}: such calls would be refused."
            )
            st.markdown(f":orange[:material/warning: {literal(words)}]")


__all__ = ["reasoning_view"]
