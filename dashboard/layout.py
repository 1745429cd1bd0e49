"""What all pages look like: header, cards, empty and error states."""

from __future__ import annotations

from contextlib import AbstractContextManager
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import streamlit as st

from dashboard.access import CurrentPerson
from dashboard.browser_script import SCRIPT
from dashboard.exports import Csv, csv_button
from dashboard.formats import literal, moment
from dashboard.proposing.drafts import draft_parts
from schema.errors import DatabaseError, DatabaseVersionError, RatecardError

ASSETS = Path(__file__).parent / "assets"

# Only spacing and tabular figures: colours and type come from the theme.
STYLE = """<style>
.stMainBlockContainer {max-width: 1560px; padding: 4.4rem 2rem 3rem;}
[data-testid="stMetricValue"], [data-testid="stMetricDelta"] {font-variant-numeric: tabular-nums;}
[data-testid="stMetricLabel"] p {font-size: 0.82rem; opacity: 0.75;}
.st-key-page_header h1, .stHeading h3 {padding-top: 0; padding-bottom: 0.15rem; line-height: 1.3;}
.stHeading [data-testid="stMarkdownContainer"] {margin-bottom: 0;}
.stElementContainer:has(> .stHtml) {position: absolute;}
[data-testid="stLayoutWrapper"]:has(> [class*="st-key-at_hand"]) {
  position: sticky; bottom: 0; z-index: 5; padding: 0.6rem 0; backdrop-filter: blur(14px);
}
</style>"""


def style() -> None:
    """Write the page's style sheet and script."""
    st.html(STYLE + SCRIPT, unsafe_allow_javascript=True)


def page_header(title: str, lead: str, person: CurrentPerson, as_of: datetime | None = None) -> None:
    """Title and lead on the left; on the right the draft, how fresh the data is and who is here."""
    with st.container(horizontal=True, vertical_alignment="center", key="page_header"):
        with st.container(gap="xxsmall"):
            st.title(title, anchor=False)
            st.caption(lead)
        with st.container(horizontal=True, horizontal_alignment="right", vertical_alignment="center", width="content"):
            if edits := len(draft_parts()):
                st.page_link("app_pages/draft.py", label=f"Draft ({edits:,})", icon=":material/edit_note:")
            if as_of is not None:
                st.caption(f"UTC, data as of {moment(as_of).removesuffix(' UTC')}")
            if person.mode == "local":
                st.badge(
                    "Local mode",
                    icon=":material/lock:",
                    color="gray",
                    help="No sign-in: the dashboard answers this machine only, and git's identity signs what you do.",
                )
            st.badge(
                literal(person.name or "nobody", brackets=False),
                icon=":material/person:",
                color="blue",
                help=_who(person),
            )
            if person.mode == "signed in":
                st.button("Sign out", icon=":material/logout:", type="tertiary", key="sign_out", on_click=st.logout)


def _who(person: CurrentPerson) -> str:
    if not person.email:
        return "git does not know you: set user.name and user.email to propose changes"
    return f"{literal(person.email)}, {person.role}"


def card(key: str | None = None, *, height: Literal["content", "stretch"] = "content") -> AbstractContextManager[Any]:
    """A bordered part of a page; stretched, it is as high as the one beside it."""
    return st.container(border=True, key=key, height=height)


def card_title(title: str, note: str = "", csv_file: Csv | None = None) -> None:
    """The heading of a card, with a muted note below it and its CSV on the right."""
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        with st.container(gap="xxsmall", width="stretch"):
            st.subheader(title, anchor=False)
            if note:
                st.caption(note)
        if csv_file is not None:
            csv_button(csv_file)


def part_title(title: str, csv_file: Csv) -> None:
    """The heading of a table inside of a card, with its CSV on the right; `title` is Markdown."""
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        st.markdown(f"**{title}**", width="content")
        csv_button(csv_file)


def at_hand(key: str) -> AbstractContextManager[Any]:
    """Buttons in a row that stay in sight below what is longer than the window."""
    return st.container(horizontal=True, vertical_alignment="center", key=f"at_hand_{key}")


def waiting() -> AbstractContextManager[None]:
    """Around the first queries of a page: what it is busy with, where they take long."""
    return st.spinner("Asking the database …")


def empty_state(title: str, advice: str, command: str | None = None) -> None:
    """Nothing to show: why, and what to do."""
    with st.container(border=True, horizontal_alignment="center", key="empty_state"):
        st.space("small")
        st.subheader(title, anchor=False, text_alignment="center", width="content")
        st.text(advice, text_alignment="center")
        if command:
            st.code(command, language="bash", width=420)
        st.space("small")


def error_state(error: Exception) -> None:
    """A fault that a person can mend, in the words of the error."""
    if isinstance(error, DatabaseVersionError):
        empty_state("The database is of another version", str(error), "ratecard db upgrade")
    elif isinstance(error, DatabaseError):
        empty_state("The database cannot be used", str(error))
    else:
        title = "That is not possible" if isinstance(error, RatecardError) else "Something went wrong"
        empty_state(title, str(error))
