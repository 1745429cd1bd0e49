"""The panel of a model's price: a change from a day on, or another date or no place for an entry that has not begun."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, time
from typing import Literal, get_args

import streamlit as st

from dashboard.access import CurrentPerson
from dashboard.configuration.example_cost import Example, example, example_units, price_of, units_text
from dashboard.configuration.example_view import example_panel
from dashboard.configuration.price_form import (
    FormError,
    PriceTexts,
    default_margin,
    edits_of,
    initial_texts,
    row_of,
    settled,
)
from dashboard.configuration.price_inputs import price_inputs
from dashboard.configuration.price_schedule import held_at, redating, waiting
from dashboard.configuration.price_start import Start, start_of
from dashboard.configuration.rate_card import PriceEntry
from dashboard.formats import day, literal, moment
from dashboard.proposing.bases import Base
from dashboard.proposing.form_state import form_prefix, see
from dashboard.proposing.forms import propose_panel
from metering.book.ratebook import RateBook
from schema.catalogue import Entity
from schema.keys import Key, moment_text
from sync.desired import entity_row
from sync.edit import Edit, RemoveEntity

PREFIX = "price_"
Action = Literal["Edit", "Re-date", "Remove"]


def price_panel(
    base: Base, book: RateBook, name: str, person: CurrentPerson, now: datetime, entries: Sequence[PriceEntry]
) -> None:
    """Draw the form of what the person wants; `entries` are those that were applied."""
    scheduled = waiting(base.catalogue.of("price"), name, now)
    action: Action | None = "Edit"
    if scheduled:
        action = st.segmented_control(
            "Action",
            get_args(Action),
            default="Edit",
            required=True,
            key=f"{PREFIX}action",
            bind="query-params",
            label_visibility="collapsed",
        )
        days = ", ".join(moment(entity.document.effective) for entity in scheduled)
        st.caption(f":material/schedule: Scheduled: {days}")
    if action == "Re-date" or action == "Remove":
        _scheduled(base, book, name, scheduled, action, person, now)
    else:
        _change(base, book, name, person, now, entries)


def _scheduled(
    base: Base,
    book: RateBook,
    name: str,
    scheduled: Sequence[Entity],
    action: Action,
    person: CurrentPerson,
    now: datetime,
) -> None:
    """Another date for an entry that no call was billed by yet, or its end."""
    version = see(base, Key("price", name))
    by_moment = {moment(entity.document.effective): entity for entity in scheduled}
    entry_key = f"{PREFIX}entry_{action}_{name}"
    chosen = by_moment[st.selectbox("Entry that has not begun", list(by_moment), key=entry_key)]
    old: datetime = chosen.document.effective
    prefix = form_prefix(f"{PREFIX}{action}_{chosen.key.name}_{version}_")
    edits: list[Edit] = [RemoveEntity(chosen.key)]
    new = None
    if action == "Re-date":
        picked = st.date_input(
            "In force from", value=old.date(), min_value=now.date(), key=f"{prefix}date", format="YYYY-MM-DD"
        )
        new = datetime.combine(picked or old.date(), time.min, UTC)
        edits, fault = redating(base.catalogue.of("price"), chosen, new)
        if fault:
            st.markdown(f":red[:material/error: {literal(fault)}]")
            return
    if edits:
        _difference(base, book, name, chosen, new)
    model = name.partition("/")[2]
    moved = "" if new is None else f"Move the price of {model} from {moment_text(old)} to {moment_text(new)}"
    title = moved or f"Take out the price of {model} of {moment_text(old)}"
    propose_panel(
        edits,
        prefix=prefix,
        key=Key("price", name),
        title=title,
        person=person,
        now=now,
        watched=(entry_key,),
    )


def _difference(base: Base, book: RateBook, name: str, entry: Entity, new: datetime | None) -> None:
    """The example call on the first day on which another entry holds than was scheduled."""
    prices, old = base.catalogue.of("price"), entry.document.effective
    first = old if new is None else min(old, new)
    units = example_units(entity_row(entry, base.catalogue)["rates"])

    def comes_to(held: Entity | None) -> Example | None:
        row = None if held is None else entity_row(held, base.catalogue)
        return example(None if row is None else price_of(row, book.settings), units)

    after = held_at(prices, name, first, entry, new)
    if after is None:
        st.markdown(f":red[:material/error: From {day(first.date())} on no price would hold: calls would be refused.]")
        return
    example_panel(
        f"{units_text(units)}, on {day(first.date())}", comes_to(held_at(prices, name, first)), comes_to(after)
    )


def _change(
    base: Base, book: RateBook, name: str, person: CurrentPerson, now: datetime, entries: Sequence[PriceEntry]
) -> None:
    key = Key("price", name)
    version = see(base, key)
    date_key = f"{PREFIX}effective_{name}"
    chosen = st.date_input("Effective from", value=now.date(), key=date_key, format="YYYY-MM-DD") or now.date()
    applied = {entry.row["effective"] for entry in entries if entry.status != "replaced"}
    start = start_of(base.catalogue.of("price"), name, chosen, applied, now)
    _start_words(start, chosen, now)
    model = base.find(Key("model", name))
    others = default_margin(base.catalogue, name)
    before = initial_texts(start.entity, model.document.type if model else "llm", others)
    entry = moment_text(start.effective) if start.stands else "new"
    prefix = form_prefix(f"{PREFIX}{name}_{entry}_{version}_")
    after = price_inputs(before, prefix, sorted(base.catalogue.of("plan")))
    held = next((entry.row for entry in entries if entry.status == "in force"), None)
    try:
        after = settled(after)
        row = row_of(after, name, start.effective)
    except FormError as error:
        st.caption(f"Nothing can be reckoned yet. {literal(str(error))}")
        return
    units = example_units(held["rates"] if held else row["rates"])
    old_example = example(price_of(held, book.settings), units) if held else None
    example_panel(units_text(units), old_example, example(price_of(row, book.settings), units))
    propose_panel(
        edits_of(before, after, start.full_name(name), new=start.entity is None),
        prefix=prefix,
        key=key,
        title=_title(before, after, name),
        person=person,
        now=now,
        effective=start.effective,
        watched=(date_key,),
    )


def _start_words(start: Start, chosen: date, now: datetime) -> None:
    if start.stands:
        st.caption(f":orange[An entry of {moment(start.effective)} exists: this edits it.]")
    elif start.entity is not None and start.effective.date() == start.entity.document.effective.date():
        st.caption("A new entry from this minute on: the one of today is in force, and calls may be billed by it.")
    elif start.entity is not None:
        st.caption(f"A new entry, from a copy of the one of {day(start.entity.document.effective)}; history stays.")
    if chosen < now.date():
        st.caption("A date that has passed: it is in force from the moment of apply at the earliest.")


def _title(before: PriceTexts, after: PriceTexts, name: str) -> str:
    model = name.partition("/")[2]
    if after.way == "Margin" and before.margin != after.margin and before.rates == after.rates:
        return f"Set the margin of {model} to {after.margin}"
    return f"Change the price of {model}"


__all__ = ["price_panel"]
