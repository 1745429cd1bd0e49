"""The panel that edits, adds or removes a model, with its live preview and Propose."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, time

import streamlit as st

from dashboard.access import CurrentPerson
from dashboard.configuration.choosing import Choice
from dashboard.configuration.entity_form import edits_of, moved, texts_of
from dashboard.configuration.entity_inputs import draw_fields
from dashboard.configuration.example_cost import example, example_units, price_of, units_text
from dashboard.configuration.example_view import example_panel
from dashboard.configuration.model_form import access_classes, additions, model_fields, model_key, removals
from dashboard.configuration.price_form import FormError, PriceTexts, default_margin, initial_texts, row_of, settled
from dashboard.configuration.price_inputs import price_inputs
from dashboard.filters import only
from dashboard.formats import literal
from dashboard.proposing.bases import Base
from dashboard.proposing.form_state import form_prefix, see
from dashboard.proposing.forms import new_note, propose_panel
from metering.book.ratebook import RateBook
from schema.documents.registry import ModelEntry
from schema.keys import Key
from sync.edit import Edit

NEW_STEM = "model_New_"
_UNNAMED = Key("model", "new/new")


def model_panel(base: Base, choice: Choice, book: RateBook, person: CurrentPerson, now: datetime) -> None:
    """Draw the form of the choice, which names a model unless it is a new one."""
    key = Key("model", choice.name)
    if choice.mode == "New":
        _new(base, book, person, now)
    elif base.find(key) is None:
        st.caption("The base branch does not have this model any more.")
    elif choice.mode == "Remove":
        st.caption("Its prices go with it. To refuse calls and keep the model, switch Active off instead.")
        prefix = form_prefix(f"model_Remove_{choice.name}_{see(base, key)}_")
        edits = removals(base.catalogue, key)
        propose_panel(edits, prefix=prefix, key=key, title=f"Remove model {choice.name}", person=person, now=now)
    else:
        _edit(base, key, book, person, now)


def _edit(base: Base, key: Key, book: RateBook, person: CurrentPerson, now: datetime) -> None:
    entity = base.find(key)
    prefix = form_prefix(f"model_Edit_{key.name}_{see(base, key)}_")
    fields = model_fields(key, access_classes(base.catalogue))
    before = texts_of(fields, {key: entity.document if entity else None})
    after = draw_fields(fields, before, prefix)
    price = book.price_at(None, key.name, now)
    units = example_units(price.rates) if price else {}
    found = example(price, units)
    example_panel(units_text(units), found, found)
    with st.container(horizontal=True):
        price_page = "app_pages/pricing.py"
        st.page_link(price_page, label="Its prices", icon=":material/sell:", query_params={"model": key.name})
        usage = only(model=key.name)
        st.page_link("app_pages/usage.py", label="Its usage", icon=":material/bar_chart:", query_params=usage)
    edits = edits_of(fields, before, after)
    title = _title(key, edits, after[f"{key}#display_name"])
    propose_panel(edits, prefix=prefix, key=key, title=title, person=person, now=now)


def _title(key: Key, edits: Sequence[Edit], name: str) -> str:
    renamed = [getattr(edit, "field", "") for edit in edits] == ["display_name"]
    return f"Rename {key.name.partition('/')[2]} to {name}" if renamed else f"Change model {key.name}"


def _new(base: Base, book: RateBook, person: CurrentPerson, now: datetime) -> None:
    """A model that is not there yet, and its first price in the same commit."""
    prefix = form_prefix(NEW_STEM)
    new_note(NEW_STEM)
    key = _new_key(base, prefix)
    # Until it is named its fields go by a name of their own, and keep what was typed while it is corrected.
    shape = model_fields(_UNNAMED, access_classes(base.catalogue))
    start = texts_of(shape, {_UNNAMED: ModelEntry.model_construct()})
    typed = draw_fields(shape, start, prefix)
    price, first, effective = _first_price(base, key or _UNNAMED, typed[f"{_UNNAMED}#type"] or "llm", prefix, now)
    if key is None:
        st.caption("Choose the provider and name the model: its first price goes into the same commit.")
        return
    if base.find(key) is not None:
        st.error("There is a model of this name already: edit it instead.", icon=":material/error:")
        return
    see(base, key)
    try:
        price = settled(price)
        row = row_of(price, key.name, effective)
    except FormError as error:
        st.caption(f"Nothing can be reckoned yet. {literal(str(error))}")
        return
    units = example_units(row["rates"])
    example_panel(units_text(units), None, example(price_of(row, book.settings), units))
    fields = model_fields(key, access_classes(base.catalogue))
    edits = additions(fields, moved(shape, start, key), moved(shape, typed, key), price, first, effective)
    propose_panel(edits, prefix=prefix, key=key, title=f"Add model {key.name}", person=person, now=now)


def _new_key(base: Base, prefix: str) -> Key | None:
    providers = sorted({name.partition("/")[0] for name in base.catalogue.of("model")})
    with st.grid(2, min_column_width=150, gap="small"):
        provider = st.selectbox(
            "Provider",
            providers,
            index=None,
            key=f"{prefix}provider",
            accept_new_options=True,
            placeholder="Choose or type one",
        )
        name = st.text_input("Name in calls", key=f"{prefix}name", max_chars=200, placeholder="gpt-5-mini")
    return model_key(str(provider or ""), name or "")


def _first_price(
    base: Base, key: Key, model_type: str, prefix: str, now: datetime
) -> tuple[PriceTexts, PriceTexts, datetime]:
    """Draw the price: what stands in it, what it started with, and from when on it is in force."""
    st.markdown("**First price**")
    chosen = st.date_input("Effective from", value=now.date(), key=f"{prefix}effective", format="YYYY-MM-DD")
    first = initial_texts(None, model_type, default_margin(base.catalogue, key.name))
    plans = sorted(base.catalogue.of("plan"))
    price = price_inputs(first, f"{prefix}{model_type}_{first.margin}_", plans)
    return price, first, datetime.combine(chosen or now.date(), time.min, UTC)


__all__ = ["model_panel"]
