"""Accounts: found, sorted and paged by the database; changed together or one by one; each with a page of its own."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import streamlit as st

from dashboard import sources
from dashboard.access import CurrentPerson
from dashboard.accounts import data as account_data
from dashboard.accounts import table as account_table
from dashboard.accounts.data import PAGE_SIZE, AccountPage
from dashboard.accounts.detail import at, head, overview_section
from dashboard.accounts.dialogs import action_button, close, done_note, draw_dialog
from dashboard.accounts.sections import activity_section, keys_section, wallet_section
from dashboard.accounts.usage import usage_section
from dashboard.configuration import rate_card
from dashboard.exports import Csv
from dashboard.formats import MISSING, count, literal, money, typed
from dashboard.held import WHOLE_BAR, choices
from dashboard.layout import card, card_title, empty_state, page_header, waiting
from dashboard.session import require, require_data
from metering.accounts.browsing import Choice
from metering.accounts.listing import STATUSES
from metering.book.ratebook import RateBook
from metering.errors import UnknownAccountError

HIGHEST = "Highest first"
_LIST = "accounts_list"
_WANTED = "account_wanted"
_STATUS_LABELS = {"All": None} | {status.capitalize(): status for status in STATUSES}


def _first_page() -> None:
    st.session_state["page"] = 1


def _box(label: str, key: str, options: Iterable[str], width: int, otherwise: str | None = None) -> str | None:
    """A select box of the bar; with `otherwise` it may stay empty, and says that."""
    return st.selectbox(
        label,
        list(options),
        index=0 if otherwise is None else None,
        key=key,
        bind="query-params",
        placeholder=otherwise,
        on_change=_first_page,
        width=width,
    )


def _switch(label: str, key: str, options: Iterable[str], default: str, told: str | None = None) -> str:
    """A choice of the bar between a few words, of which one always holds."""
    chosen = st.segmented_control(
        label,
        list(options),
        default=default,
        required=True,
        key=key,
        bind="query-params",
        on_change=_first_page,
        help=told,
    )
    return chosen or default


def _choose(book: RateBook) -> tuple[Choice, str, bool]:
    """The bar above the list: what is wanted, by what it is sorted, and whether the largest comes first."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small", key="accounts_bar"):
        words = st.text_input(
            "Search",
            key="search",
            bind="query-params",
            placeholder="Account, name, or a user's id, name or address",
            icon=":material/search:",
            on_change=_first_page,
            width=300,
        )
        plan = _box("Plan", "on_plan", book.plans, 140, "Every plan")
        running = _box("Subscription", "subscription", account_table.SUBSCRIPTIONS, 120, "Any")
        status = _switch("Status", "status", _STATUS_LABELS, "All", "All leaves out the deleted ones.")
        sort = _box("Sort by", "sort", account_table.SORTS, 170)
        order = _switch("Order", "order", (HIGHEST, "Lowest first"), HIGHEST)
    choice = Choice(
        typed(words),
        _STATUS_LABELS[status],
        plan,
        account_table.SUBSCRIPTIONS[running] if running else None,
    )
    return choice, account_table.SORTS[sort or "Last active"], order == HIGHEST


def _columns(names: list[str]) -> dict[str, Any]:
    return {
        account_table.OPEN: st.column_config.ButtonColumn(
            "", type="tertiary", width=60, pinned=True, key="open_account", on_click=_open_clicked, args=(names,)
        ),
        "Account": st.column_config.TextColumn(pinned=True, width=130),
        "Name": st.column_config.TextColumn(width=120),
        "Status": st.column_config.TextColumn(width=85),
        "Plan": st.column_config.TextColumn(width=85),
        "Usage": st.column_config.ProgressColumn(
            format="%d%%",
            min_value=0,
            max_value=100,
            color="primary",
            width=105,
            help="Of what the plan limits: the month's tokens or run units, else the requests of today.",
        ),
        "Revenue this month": st.column_config.NumberColumn(
            "Revenue", format="dollar", width=85, help="This month, so far."
        ),
        "Balance": st.column_config.NumberColumn(format="dollar", width=85),
        "Last active": at(width=135),
        "Created": at(),
    }


def _open_clicked(names: list[str]) -> None:
    click = st.session_state.get("open_account")
    if click and click["row"] < len(names):
        open_account(names[click["row"]])


def open_account(name: str) -> None:
    """Show the page of an account; a callback."""
    st.session_state[_LIST] = {name: value for name, value in st.query_params.items() if name not in WHOLE_BAR}
    st.session_state[_WANTED] = name


def _list(person: CurrentPerson, stamp: sources.Stamp, book: RateBook, now: datetime) -> None:
    choice, by, descending = _choose(book)
    quotas = account_table.shown_quotas(book)
    page = int(st.session_state.get("page") or 1)
    with waiting():
        found = account_data.list_page(stamp.text, choice, by, descending, page, quotas, now)
    pages = max(1, -(-found.totals.count // PAGE_SIZE))
    if not found.rows and page > 1:
        st.session_state["page"] = 1
        st.rerun()
    with card("account_list"):
        words = f"{count(found.totals.count)} accounts · {money(found.totals.balance_nanos)} of credit in all"
        owed = f" · {money(found.totals.owed_nanos)} owed" if found.totals.owed_nanos else ""
        told = ", ".join(f"{count(number)} {status}" for status in STATUSES if (number := found.statuses.get(status)))
        file = Csv(
            "accounts",
            account_table.COLUMNS,
            lambda: account_data.csv_rows(stamp.text, choice, by, descending, quotas, now),
        )
        card_title("Accounts", f"{words}{owed} · of everyone: {told}", file)
        if not found.rows:
            _nobody(found)
            return
        _table(found, quotas, person)
        st.pagination(pages, key="page", bind="query-params")


def _nobody(found: AccountPage) -> None:
    if found.statuses:
        st.caption("No account matches. Search for less, or clear a filter.")
        return
    empty_state(
        "No accounts yet",
        "An account begins with its first call, or by hand.",
        "ratecard account create ACCOUNT",
    )


def _table(found: AccountPage, quotas: account_table.Quotas, person: CurrentPerson) -> None:
    names = [row.info.account for row in found.rows]
    bulk = st.container(horizontal=True, vertical_alignment="center", gap="small")
    selected = st.dataframe(
        account_table.frame(found.rows, quotas, found.revenue),
        hide_index=True,
        height="content" if len(names) <= 16 else 620,
        on_select="rerun",
        selection_mode="multi-row",
        column_config=_columns(names),
        placeholder=MISSING,
        key=account_table.table_key(names),
        alt="Accounts",
    )
    chosen = [names[place] for place in selected["selection"]["rows"] if place < len(names)]
    missing = None if chosen else "Select accounts in the table first."
    with bulk:
        for label, action, icon in (
            ("Change plan", "move", ":material/swap_horiz:"),
            ("Suspend", "suspend", ":material/pause_circle:"),
            ("Unsuspend", "unsuspend", ":material/play_circle:"),
        ):
            action_button(label, action, chosen, person, icon=icon, missing=missing)
        if chosen:
            st.caption(f"{count(len(chosen))} selected", width="content")


def _detail(name: str, person: CurrentPerson, stamp: sources.Stamp, book: RateBook, now: datetime) -> None:
    try:
        found = account_data.detail(stamp.text, name, book, now)
    except UnknownAccountError as error:
        page_header("Account", "Not found", person, stamp.as_of)
        _back()
        empty_state("There is no such account", str(error))
        return
    lead = f"{literal(found.info.name)}, an account" if found.info.name else "An account"
    page_header(literal(name), lead, person, stamp.as_of)
    _back()
    done_note()
    head(found, person)
    sections = ["Overview", "Wallet", "Usage", "Keys", *(["Activity"] if person.may("admin") else [])]
    section = st.segmented_control(
        "Section",
        sections,
        default="Overview",
        required=True,
        key="section",
        bind="query-params",
        label_visibility="collapsed",
    )
    if section == "Wallet":
        wallet_section(found, book, now)
    elif section == "Usage":
        usage_section(name, stamp, now.date())
    elif section == "Keys":
        keys_section(name, found.info.status, person, now)
    elif section == "Activity":
        activity_section(name)
    else:
        overview_section(found, book, person)


def _back() -> None:
    if st.button("All accounts", icon=":material/arrow_back:", type="tertiary", key="all_accounts", on_click=close):
        st.switch_page("app_pages/accounts.py", query_params=st.session_state.get(_LIST, {}) | choices())


def page() -> None:
    """Draw the page."""
    person = require("viewer")
    stamp = require_data()
    wanted = st.session_state.pop(_WANTED, None)
    if wanted:
        # An entry of the browser's history of its own, without the choices of the list.
        st.switch_page("app_pages/accounts.py", query_params={"account": wanted, **choices()})
    now = sources.utc_now()
    book = rate_card.book(sources.engine(), stamp.text, stamp.minute(now))
    name = st.query_params.get("account")
    if name:
        _detail(name, person, stamp, book, now)
    else:
        page_header("Accounts", "Who is billed: their plans, use and credit", person, stamp.as_of)
        done_note()
        _list(person, stamp, book, now)
    draw_dialog(book)


page()
