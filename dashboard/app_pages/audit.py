"""Audit log: who did what to whom, what was there before and after, and from where. For admins."""

from __future__ import annotations

from datetime import date, timedelta

import pandas as pd
import streamlit as st

from dashboard import sources
from dashboard.audit import data as audit_data
from dashboard.audit.table import field_rows, table_rows
from dashboard.exports import Csv
from dashboard.formats import MISSING, count, literal, moment, typed
from dashboard.layout import card, card_title, empty_state, page_header
from dashboard.periods import PRESETS, preset_period
from dashboard.places import page_link_of
from dashboard.session import require, require_data
from metering.audit_log import AuditChoices, AuditEntry, AuditFilter

ANY_TIME = "Any time"
_UNFILTERED = {"person": None, "action": None, "kind": None, "subject": "", "when": ANY_TIME}


def _clear() -> None:
    # Their values also stand in the address: only what is set takes them away there.
    st.session_state.update(_UNFILTERED)


def _when(today: date) -> audit_data.Bounds:
    preset = st.segmented_control(
        "When", (ANY_TIME, *PRESETS), default=ANY_TIME, required=True, key="when", bind="query-params"
    )
    if preset == ANY_TIME:
        return None, None
    custom: tuple[date, ...] = ()
    if preset == "Custom":
        picked = st.date_input(
            "Days",
            value=(today - timedelta(days=29), today),
            max_value=today,
            format="YYYY-MM-DD",
            key="days",
            bind="query-params",
            width=230,
        )
        custom = tuple(picked) if isinstance(picked, (tuple, list)) else ()
    return audit_data.bounds(preset_period(preset, today, custom))


def _choice(label: str, key: str, options: tuple[str, ...]) -> str | None:
    # What only old entries name is not among the options: it can be typed, and stand in an address.
    chosen = st.selectbox(
        label,
        options,
        index=None,
        key=key,
        bind="query-params",
        placeholder="Every one",
        accept_new_options=True,
    )
    return typed(chosen)


def _filter(choices: AuditChoices, today: date) -> AuditFilter:
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small", key="audit_when"):
        start, end = _when(today)
    with st.grid(4, min_column_width=190, gap="small"):
        actor = _choice("Person", "person", choices.actors)
        action = _choice("Action", "action", choices.actions)
        kind = _choice("Kind of thing", "kind", choices.kinds)
        subject = st.text_input(
            "Name of the thing", key="subject", bind="query-params", placeholder="A part of it, such as acct-00"
        )
    return AuditFilter(start, end, actor, action, kind, typed(subject))


def _open(entries: list[AuditEntry], key: str) -> None:
    rows = st.session_state[key]["selection"]["rows"]
    if rows:
        st.query_params["entry"] = str(entries[rows[0]].id)
    else:
        st.query_params.pop("entry", None)


def _table(wanted: AuditFilter) -> None:
    engine = sources.engine()
    total = audit_data.counted(engine, wanted)
    with card("audit_table"):
        note = f"{count(total)} entries, newest first" if total != 1 else "1 entry"
        if total > audit_data.MOST_CSV_ROWS:
            note += f"; the CSV holds the newest {count(audit_data.MOST_CSV_ROWS)}"
        card_title("What was done", note, audit_data.audit_csv(engine, wanted))
        if not total:
            empty_state("Nothing was done", "No entry matches: choose more days, or clear a filter.")
            st.button("Clear the filters", on_click=_clear)
            return
        # A place for the table above its page buttons; another filter begins at its first page again.
        place = st.container()
        pages = -(-total // audit_data.PAGE_ROWS)
        page = st.pagination(pages, key=f"audit_page_{hash(wanted)}") if pages > 1 else 1
        entries = audit_data.page_of(engine, wanted, page)
        key = f"table_audit_{hash((wanted, page))}"
        place.dataframe(
            pd.DataFrame.from_records(table_rows(entries)),
            hide_index=True,
            height="content" if len(entries) <= 15 else 560,
            column_config={
                "When, UTC": st.column_config.TextColumn(width=135),
                "Person": st.column_config.TextColumn(width=145),
                "Action": st.column_config.TextColumn(width=125),
                "What": st.column_config.TextColumn(width=115),
                "Change": st.column_config.TextColumn(width=175),
                "Reason": st.column_config.TextColumn(width=115),
                "Address": st.column_config.TextColumn(width=85),
            },
            placeholder=MISSING,
            on_select=lambda: _open(entries, key),
            selection_mode="single-row",
            key=key,
            alt="Entries of the audit log",
        )


def _entry(number: str) -> None:
    """What one entry says in full."""
    found = audit_data.entry(sources.engine(), number)
    with card("audit_entry"):
        if found is None:
            st.caption(f"There is no entry {literal(number)}.")
            return
        title = f"{literal(found.action)} · {literal(found.target)}"
        rows = field_rows(found)
        csv_file = Csv(f"audit-{found.id}", ("field", "before", "after"), lambda: [tuple(row.values()) for row in rows])
        card_title(title, f"Entry {found.id}, {moment(found.at)}", csv_file)
        with st.container(horizontal=True, gap="medium"):
            st.caption(f":material/person: {literal(found.actor)}", width="content")
            st.caption(f":material/lan: {literal(found.address or 'no address')}", width="content")
            page_link_of(found.kind, found.subject)
        if not rows:
            st.caption("It names no fields.")
            return
        st.dataframe(
            pd.DataFrame.from_records(rows),
            hide_index=True,
            height="content" if len(rows) <= 15 else 560,
            key="table_audit_entry",
            alt="The fields before and after",
        )


def page() -> None:
    """Draw the page."""
    person = require("admin")
    stamp = require_data()
    now = sources.utc_now()
    page_header("Audit log", "Who did what, and what it changed", person)
    engine = sources.engine()
    wanted = _filter(audit_data.choices(engine, stamp.database), now.date())
    number = st.query_params.get("entry")
    if number:
        _entry(number)
    _table(wanted)


page()
