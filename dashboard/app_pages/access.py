"""Access: who may do what on the dashboard, and a form that becomes a commit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

import pandas as pd
import streamlit as st

from dashboard import sources
from dashboard.access import ROLES, CurrentPerson, listed_roles
from dashboard.configuration.choosing import choose_mode, choose_name, take_row
from dashboard.configuration.history_table import history_card
from dashboard.configuration.people import Member, members, protected, role_edits
from dashboard.exports import Csv
from dashboard.formats import MISSING, count, literal
from dashboard.layout import card, card_title, page_header
from dashboard.proposing.bases import Base, read_base
from dashboard.proposing.form_base import form_base
from dashboard.proposing.form_state import form_prefix, see
from dashboard.proposing.forms import propose_panel
from dashboard.session import require, require_data
from schema.database import reading
from schema.keys import Key
from sync.context import environment_admins

COLUMNS = ("Person", "Role", "From", "Protected", "Waiting")
MEANINGS = {
    "admin": "also proposes changes, looks after accounts and reads the audit log",
    "analyst": "also downloads CSV",
    "viewer": "looks at every page but the audit log",
}


def _table(found: Sequence[Member], person: CurrentPerson) -> None:
    records = [
        [member.address, member.role, member.source, bool(protected(member, person.email)), member.pending]
        for member in found
    ]
    card_title("People", "By address, compared without case", Csv("access", COLUMNS, lambda: records))
    if not records:
        st.caption("Nobody has a role yet: add the first admin on the right.")
        return
    st.dataframe(
        pd.DataFrame(records, columns=list(COLUMNS)),
        hide_index=True,
        height="content" if len(records) <= 14 else 520,
        key="table_access",
        on_select=lambda: take_row("table_access", "person", [member.address for member in found]),
        selection_mode="single-row",
        column_config={
            "Person": st.column_config.TextColumn(pinned=True, width=205),
            "Role": st.column_config.TextColumn(width=65),
            "Protected": st.column_config.CheckboxColumn(
                width=80, help="An admin by RATECARD_ADMINS, or you yourself."
            ),
            "Waiting": st.column_config.TextColumn(
                width=130, help="What the base branch says and no release has applied yet."
            ),
        },
        column_order=("Person", "Role", "Waiting", "Protected", "From"),
        placeholder=MISSING,
        alt="People and their roles",
    )


def _yourself(found: Sequence[Member], person: CurrentPerson) -> str:
    """Who looks at the page, with which role and why."""
    if not person.email:
        return "git does not know you, so you may only look."
    who = literal(person.email)
    if any(member.role and member.address == person.email.strip().lower() for member in found):
        return f"You are {who}, {person.role}."
    if person.role == "admin":
        return f"You are {who}: named nowhere, but admin, because the policy merges proposals in this clone."
    return f"You are {who}: named nowhere, so you may only look."


def _totals(found: Sequence[Member]) -> None:
    with st.grid(4, min_column_width=150, gap="small"):
        for role in reversed(ROLES):
            number = sum(1 for member in found if member.role == role)
            st.metric(
                f"{role.capitalize()}s",
                count(number),
                border=True,
                help=f"{MEANINGS[role][:1].upper()}{MEANINGS[role][1:]}.",
            )
        st.metric(
            "By the environment",
            count(sum(1 for member in found if member.by_environment)),
            border=True,
            help="Admins of the variable RATECARD_ADMINS, whom no edit can remove.",
        )


def _members(base: Base | None, in_force: Mapping[str, str]) -> list[Member]:
    """Everybody with a role: by the release, by the environment, and by what a base says."""
    written = {name: str(entity.document) for name, entity in base.catalogue.of("access").items()} if base else {}
    return members(written, in_force, environment_admins())


def _form(base: Base | None, in_force: Mapping[str, str], person: CurrentPerson, now: datetime) -> str:
    """Draw the form; returns the address that it is about."""
    by_address = {member.address: member for member in _members(base, in_force)}
    mode = choose_mode("person")
    if mode == "New":
        address = st.text_input("Address", key="new_person", max_chars=200, placeholder="name@example.com")
        address = (address or "").strip().lower()
    else:
        address = choose_name("person", list(by_address), "person")
    member = by_address.get(address)
    if base is None:
        return address
    if not address:
        st.caption("Type the address that the person signs in with." if mode == "New" else "Choose a person.")
    elif member is not None and (reason := protected(member, person.email)):
        st.info(reason, icon=":material/shield_person:")
    elif mode == "New" and member is not None and member.written:
        st.error("This person has a role already: edit it instead.", icon=":material/error:")
    elif mode != "New" and (member is None or member.written is None):
        st.caption("The base branch does not name this person any more.")
    else:
        key = Key("access", address)
        prefix = form_prefix(f"access_{mode}_{address}_{see(base, key)}_")
        role = None if mode == "Remove" else _role(member, prefix)
        edits = role_edits(member, address, role)
        verb = {"New": f"Let {address} in as {role}", "Remove": f"Remove {address}"}
        title = verb.get(str(mode), f"Make {address} {role}")
        propose_panel(edits, prefix=prefix, key=key, title=title, person=person, now=now)
    return address


def _role(member: Member | None, prefix: str) -> str:
    start = member.written if member and member.written else "viewer"
    role = st.radio(
        "Role",
        ROLES,
        index=ROLES.index(start),
        captions=[MEANINGS[role] for role in ROLES],
        key=f"{prefix}role",
    )
    return str(role)


def page() -> None:
    """Draw the page."""
    person = require("viewer")
    stamp = require_data()
    now = sources.utc_now()
    page_header("Access", "Who may do what on the dashboard", person)
    with reading(sources.engine()) as connection:
        in_force: dict[str, str] = dict(listed_roles(connection))
    found = _members(read_base(), in_force)
    _totals(found)
    left, right = st.columns([7, 5], gap="small")
    with left, card("access_table"):
        _table(found, person)
        st.caption(
            f"{_yourself(found, person)} Roles are read again at every click: one that is taken away bites at once."
        )
    with right, card("access_form"):
        address = _form(form_base(now), in_force, person, now)
    names = [address] if address else [member.address for member in found]
    with left:
        history_card("access", names, stamp, note="What releases did to roles", file="access_history")


page()
