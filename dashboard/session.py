"""What every page begins with: the person of this run, and the stamp of the data, or a page that says what to do."""

from __future__ import annotations

from typing import NoReturn

import streamlit as st
from sqlalchemy.exc import DBAPIError

from dashboard import ahead, sources
from dashboard.access import (
    AccessDeniedError,
    CurrentPerson,
    Mode,
    Role,
    address_fault,
    came_from,
    demand,
    listed_roles,
    local_fault,
    role_of,
    shown_name,
    sign_in_configured,
)
from dashboard.exports import MAY_EXPORT, STILL_MAY_EXPORT
from dashboard.layout import empty_state
from dashboard.proposing.drafts import open_draft
from metering.audit import act_from
from schema.database import reading
from schema.errors import DatabaseError
from sync.context import environment_admins


def _signed_in_or_stop() -> tuple[str, str]:
    if not st.user.get("is_logged_in", False):
        empty_state("Sign in to see the rate card", "Your provider tells Ratecard who you are.")
        st.button("Sign in", type="primary", on_click=st.login)
        st.stop()
    email = str(st.user.get("email") or "")
    fault = address_fault(email, st.user.get("email_verified"))
    if fault:
        empty_state("Your address is not known for certain", fault)
        _sign_out()
        st.stop()
    return shown_name(st.user.get("name"), email), email


def _sign_out() -> None:
    st.button("Sign out", icon=":material/logout:", type="tertiary", key="sign_out", on_click=st.logout)


def _local_or_stop() -> tuple[str, str]:
    fault = local_fault(st.get_option("server.address"), st.context.headers.get("Host"))
    if fault:
        empty_state("The dashboard does not run here", fault)
        st.stop()
    return _git_person()


def _git_person() -> tuple[str, str]:
    repository = sources.repository()
    person = repository.identity() if repository else None
    return (person.name, person.email) if person else ("", "")


def _listed() -> dict[str, Role]:
    try:
        if sources.state()[0] != "current":
            return {}
        with reading(sources.engine()) as connection:
            return listed_roles(connection)
    except (DatabaseError, DBAPIError):
        return {}


def _role_now(mode: Mode, email: str) -> Role | None:
    merges = mode == "local" and sources.local_merges()
    return role_of(email, _listed(), environment_admins(), mode=mode, local_merges=merges)


def _still_may_export(mode: Mode, email: str) -> bool:
    # Outside of a run, where nothing is known of the browser.
    return _role_now(mode, email if mode == "signed in" else _git_person()[1]) in ("analyst", "admin")


def current_person() -> CurrentPerson:
    """The person of this run with the role that holds now; stops the run for someone who may see nothing."""
    mode: Mode = "signed in" if sign_in_configured() else "local"
    name, email = _signed_in_or_stop() if mode == "signed in" else _local_or_stop()
    role = _role_now(mode, email)
    if role is None:
        empty_state("You have no access yet", f"{email} stands in no list of config/access.yaml; ask an admin.")
        _sign_out()
        st.stop()
    person = CurrentPerson(name, email, role, mode)
    st.session_state[MAY_EXPORT] = person.may("analyst")
    st.session_state[STILL_MAY_EXPORT] = lambda: _still_may_export(mode, email)
    act_from(came_from(st.context.ip_address, st.context.headers.get_all("X-Forwarded-For")))
    open_draft(person.email)
    return person


def require(role: Role, what: str = "see this page") -> CurrentPerson:
    """The person, if their role allows it; else the run ends with a word. Called by pages and before each write."""
    person = current_person()
    try:
        demand(person, role, what)
    except AccessDeniedError as error:
        empty_state("Not with your role", str(error))
        st.stop()
    return person


def _stop(title: str, advice: str, command: str | None = None) -> NoReturn:
    empty_state(title, advice, command)
    st.stop()
    raise AssertionError("st.stop returned")


def require_data() -> sources.Stamp:
    """What the database holds; without a database or a release, a page that says what to run."""
    ahead.interrupt()
    try:
        found, address = sources.state()
    except (DatabaseError, DBAPIError) as error:
        _stop("The database cannot be reached", str(error).splitlines()[0])
    if found in ("missing", "empty"):
        _stop(
            "Nothing has been applied yet",
            f"The database {address} is {found}. Apply the configuration of this repository, or look at the demo "
            "with `ratecard demo`.",
            "ratecard apply --yes",
        )
    if found == "other":
        _stop(
            "The database is of another version",
            f"{address} does not have the schema of this program.",
            "ratecard db upgrade",
        )
    stamp = sources.read_stamp()
    if stamp is None:
        _stop("Nothing has been applied yet", f"{address} holds no release.", "ratecard apply --yes")
    return stamp
