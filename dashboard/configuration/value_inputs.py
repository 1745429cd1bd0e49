"""The inputs of a kind whose entities are one value each: all of them at once, and one more."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import streamlit as st

from dashboard.configuration.entity_form import Field, edits_of, texts_of
from dashboard.configuration.entity_inputs import draw_fields, fault_note
from dashboard.proposing.bases import Base
from dashboard.proposing.form_state import form_prefix, see
from schema.keys import Key
from sync.edit import Edit

FieldsOf = Callable[[Iterable[str]], tuple[Field, ...]]


@dataclass(frozen=True, slots=True)
class Typed:
    """What stands in the inputs, whose keys begin with `prefix`, and the edits that it means."""

    kind: str
    fields: tuple[Field, ...]
    texts: dict[str, str]
    edits: list[Edit]
    prefix: str

    @property
    def key(self) -> Key:
        """An entity that the form is about: the first one that is edited, if any is."""
        return next((one.key for one in (*self.edits, *self.fields)), Key(self.kind, ""))


def value_inputs(base: Base, kind: str, fields_of: FieldsOf, tables: Sequence[str] = ()) -> Typed:
    """Draw the inputs. `fields_of` makes the fields of names; those of some kinds stand in one of some `tables`."""
    entities = base.catalogue.of(kind)
    fields = fields_of(entities)
    versions = "".join(see(base, field.key) for field in fields)
    prefix = form_prefix(f"{kind}s_{hashlib.sha256(versions.encode()).hexdigest()[:12]}_")
    before = texts_of(fields, {entity.key: entity.document for entity in entities.values()})
    texts = draw_fields(fields, before, prefix, columns=3)
    edits = edits_of(fields, before, texts)
    added = _new(prefix, set(entities), fields_of, tables)
    if added is not None:
        field, text = added
        fields, texts = (*fields, field), {**texts, field.id: text}
        edits += edits_of([field], {field.id: ""}, {field.id: text}, new=True)
    return Typed(kind, fields, texts, edits, prefix)


def _new(prefix: str, known: set[str], fields_of: FieldsOf, tables: Sequence[str]) -> tuple[Field, str] | None:
    """An entity that is not there yet, and its value."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        table = st.selectbox("Add a", tables, key=f"{prefix}new_table", width=110) if tables else ""
        name = st.text_input("Name" if tables else "Add", key=f"{prefix}new_name", max_chars=100, placeholder="name")
        value = st.text_input("Value", key=f"{prefix}new_value", max_chars=20, placeholder="none", width=110)
    full = f"{table}/{name.strip()}" if tables else name.strip()
    if not name.strip() or not value.strip():
        return None
    if full in known:
        st.error("This is there already: change it above.", icon=":material/error:")
        return None
    (field,) = (field for field in fields_of([full]) if field.key.name == full)
    fault_note(field, value)
    return field, value.strip()


__all__ = ["Typed", "value_inputs"]
