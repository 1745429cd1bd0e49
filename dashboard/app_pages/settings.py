"""Settings in groups, typed; secrets are the names of variables, and whether the server has them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import pandas as pd
import streamlit as st

from dashboard import sources
from dashboard.access import CurrentPerson
from dashboard.configuration import rate_card
from dashboard.configuration.change_title import change_title
from dashboard.configuration.entity_form import Field, Kind, edits_of, fault_of, text_of, texts_of
from dashboard.configuration.entity_inputs import draw_fields, fault_note
from dashboard.configuration.history_table import history_card
from dashboard.configuration.policy_view import policy_view
from dashboard.configuration.rate_card import Row
from dashboard.configuration.settings_form import (
    EXTRA,
    GROUPS,
    KIND,
    free_field,
    group_fields,
    names_a_secret,
    with_all_weights,
)
from dashboard.configuration.settings_preview import credits_preview, effects_preview
from dashboard.exports import Csv
from dashboard.formats import MISSING, short_commit
from dashboard.layout import card, card_title, page_header
from dashboard.proposing.bases import Base
from dashboard.proposing.form_base import form_base
from dashboard.proposing.form_state import form_prefix, see
from dashboard.proposing.forms import propose_panel
from dashboard.session import require, require_data
from schema.keys import Key
from sync.edit import AddEntity, Edit, Quoted, RemoveEntity
from sync.edit.edits import VALUE_FIELD
from sync.edit.scalars import parse_value

COLUMNS = ("Setting", "Value", "Set by", "Secret", "Meaning")
NOTES = {
    "General": "Who may call, and with what",
    "Payment": "Stripe, and the second currency of totals",
    "LiteLLM": "The proxy whose keys follow the plans",
    "Notifications": "Where alerts go",
    "Credits": "How the ledger's dollars are shown and burned",
    EXTRA: "Anything else that pages and callers read",
}
CREDITS = "Credits"
POLICY = "Policy"
NEW_KINDS: dict[str, Kind] = {"text": "text", "number": "number", "flag": "flag", "list": "yaml"}


def _secret(field: Field, value: str) -> str:
    if not names_a_secret(field) or not value:
        return ""
    return "set in the environment" if sources.variable_is_set(value) else "not set in the environment"


def _record(field: Field, value: str, row: Row | None) -> list[object]:
    by = short_commit(row["origin"].commit) if row else "default"
    return [
        field.label,
        value or field.default,
        by if value or not field.default else "default",
        _secret(field, value),
        field.help.replace("`", ""),
    ]


def _table(group: str, fields: Sequence[Field], rows: Mapping[str, Row]) -> None:
    values = texts_of(fields, {Key(KIND, name): row["value"] for name, row in rows.items()})
    records = [_record(field, values[field.id], rows.get(field.key.name)) for field in fields]
    card_title(group, NOTES[group], Csv(f"settings_{group.lower()}", COLUMNS, lambda: records))
    if not records:
        st.caption("Nothing is set.")
        return
    frame = pd.DataFrame(records, columns=list(COLUMNS))
    st.dataframe(
        frame if any(frame["Secret"]) else frame.drop(columns="Secret"),
        hide_index=True,
        height="content",
        column_config={
            "Setting": st.column_config.TextColumn(width=150),
            "Value": st.column_config.TextColumn(width=130),
            "Secret": st.column_config.TextColumn(width=150),
            "Meaning": st.column_config.TextColumn(width=330),
            "Set by": st.column_config.TextColumn(width=75),
        },
        column_order=("Setting", "Value", "Secret", "Meaning", "Set by"),
        placeholder=MISSING,
        key=f"table_settings_{group}",
        alt="Settings in force",
    )
    if any(names_a_secret(field) for field in fields):
        st.caption(":material/key: A secret never stands here or in git: only the name of the variable that holds it.")


def _choices(base: Base) -> dict[str, Sequence[str]]:
    plans = sorted(base.catalogue.of("plan"))
    pairs = {name.partition("@")[0] for name in base.catalogue.of("rate")}
    currencies = sorted({currency for pair in pairs for currency in pair.split("/")} - {"USD"})
    return {"default_plan": plans, **({"currency": currencies} if currencies else {})}


def _form(base: Base, group: str, stamp: sources.Stamp, person: CurrentPerson, now: datetime) -> None:
    entities = base.catalogue.of(KIND)
    values: dict[str, Any] = {name: entity.document for name, entity in entities.items()}
    fields = group_fields(group, values, _choices(base))
    keys = list(dict.fromkeys(field.key for field in fields)) or [Key(KIND, "extra")]
    versions = "".join(see(base, key) for key in keys)
    prefix = form_prefix(f"settings_{group}_{hashlib.sha256(versions.encode()).hexdigest()[:12]}_")
    before = texts_of(fields, {Key(KIND, name): value for name, value in values.items()})
    after = with_all_weights(fields, before, draw_fields(fields, before, prefix))
    if group == CREDITS:
        credits_preview(fields, before, after)
    effects_preview(fields, before, after, values, stamp, now)
    # Any value of a free setting validates, so one that is not of its kind is left out here.
    fit = {
        field.id: before[field.id] if group == EXTRA and fault_of(field, after[field.id]) else after[field.id]
        for field in fields
    }
    edits: list[Edit] = edits_of(fields, before, fit)
    if group == EXTRA:
        edits = _extras(fields, edits, prefix, set(values))
    key = edits[0].key if edits else keys[0]
    names = sorted({edit.key.name for edit in edits})
    otherwise = f"Change setting {names[0]}" if len(names) == 1 else f"Change settings: {group.lower()}"
    title = change_title(fields, edits, "the settings", otherwise)
    propose_panel(edits, prefix=prefix, key=key, title=title, person=person, now=now)


def _extras(fields: Sequence[Field], edits: list[Edit], prefix: str, known: set[str]) -> list[Edit]:
    """Free settings come and go by their name."""
    names = [field.label for field in fields]
    gone = st.multiselect("Take out", names, key=f"{prefix}gone", placeholder="None") if names else []
    removed = [Key(KIND, f"extra.{name}") for name in gone]
    kept = [edit for edit in edits if edit.key not in removed]
    kept += [RemoveEntity(key) for key in removed]
    with st.container(horizontal=True, vertical_alignment="bottom"):
        name = st.text_input("Add", key=f"{prefix}new_name", max_chars=100, placeholder="name").strip()
        kind = st.selectbox("Type", list(NEW_KINDS), key=f"{prefix}new_kind", width=110)
        value = _new_value(kind, f"{prefix}new_value_{kind}")
    if not name or not value:
        return kept
    if f"extra.{name}" in known:
        st.error("There is such a setting already: change it above.", icon=":material/error:")
        return kept
    field = free_field(f"extra.{name}", NEW_KINDS[kind])
    fault_note(field, value)
    if fault_of(field, value):
        return kept
    written = parse_value(value) if kind == "list" else Quoted(value) if kind == "text" else value
    return [*kept, AddEntity(Key(KIND, f"extra.{name}"), {VALUE_FIELD: written})]


def _new_value(kind: str, key: str) -> str:
    if kind == "flag":
        return text_of(st.toggle("Value", key=key), "flag")
    placeholder = "[a, b]" if kind == "list" else "value"
    return st.text_input("Value", key=key, max_chars=500, placeholder=placeholder).strip()


def page() -> None:
    """Draw the page."""
    person = require("viewer")
    stamp = require_data()
    now = sources.utc_now()
    page_header("Settings", "What the runtime and these pages read", person)
    group = str(
        st.segmented_control(
            "Group",
            [*GROUPS, POLICY],
            default=next(iter(GROUPS)),
            required=True,
            key="group",
            bind="query-params",
            label_visibility="collapsed",
        )
    )
    if group == POLICY:
        policy_view(stamp, person, now)
    else:
        _settings(group, stamp, person, now)


def _settings(group: str, stamp: sources.Stamp, person: CurrentPerson, now: datetime) -> None:
    rows = {row["setting"]: row for row in rate_card.current(sources.engine(), stamp.text, KIND)}
    fields = group_fields(group, {name: row["value"] for name, row in rows.items() if name.startswith("extra.")})
    left, right = st.columns([7, 5], gap="small")
    with left, card("settings_table"):
        _table(group, fields, rows)
    with right, card("settings_form"):
        card_title("Change", "An emptied field goes back to its default")
        base = form_base(now)
        if base is not None:
            _form(base, group, stamp, person, now)
    names = GROUPS[group] or tuple(name for name in rows if name.startswith("extra."))
    with left:
        history_card(KIND, names, stamp, note="What releases did to these settings", file="setting_history")


page()
