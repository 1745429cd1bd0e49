"""The inputs of an entity's form: one for each field, by its type."""

from __future__ import annotations

from collections.abc import Iterable

import streamlit as st

from dashboard.configuration.entity_form import Field, Texts, fault_of, same
from dashboard.formats import literal


def draw_fields(fields: Iterable[Field], before: Texts, prefix: str, *, columns: int = 2) -> dict[str, str]:
    """Draw the inputs, filled with `before`, and return what stands in them; below each what is wrong with that.

    `prefix` begins their keys.
    """
    with st.grid(columns, min_column_width=170, gap="small"):
        return {field.id: _input(field, before[field.id], f"{prefix}{field.id}") for field in fields}


def _input(field: Field, text: str, key: str) -> str:
    label, meaning = literal(field.label), literal(field.help) or None
    placeholder = f"{field.default} (default)" if field.default else "none"
    if field.kind == "flag":
        with st.container(height="stretch", vertical_alignment="bottom"):
            return "true" if st.toggle(label, value=text == "true", key=key, help=meaning) else "false"
    if field.kind == "choice":
        options = [*field.choices, *([text] if text and text not in field.choices else [])]
        chosen = st.selectbox(
            label,
            options,
            index=options.index(text) if text else None,
            key=key,
            help=meaning,
            placeholder=placeholder,
        )
        return str(chosen or "")
    if field.kind == "list":
        meaning = f"{meaning or ''} Parted by commas.".strip()
    with st.container(gap="xxsmall"):
        typed = st.text_input(label, value=text, key=key, help=meaning, placeholder=placeholder, max_chars=500)
        found = str(typed or "").strip()
        if not same(field.kind, text, found):
            fault_note(field, found)
    return found


def fault_note(field: Field, text: str) -> None:
    """What is wrong with a text of a field, if anything is."""
    if fault := fault_of(field, text):
        st.markdown(f":red[:material/error: {literal(fault)}]")


__all__ = ["draw_fields", "fault_note"]
