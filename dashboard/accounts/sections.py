"""Further sections of an account's page: wallet, keys, and what was done about it."""

from __future__ import annotations

from datetime import datetime

import pandas as pd
import streamlit as st

from dashboard.access import CurrentPerson
from dashboard.accounts import data as account_data
from dashboard.accounts.calls import explain_link
from dashboard.accounts.data import PAGE_SIZE, AccountDetail
from dashboard.accounts.detail import at
from dashboard.accounts.dialogs import action_button
from dashboard.accounts.paging import pager, place_of
from dashboard.accounts.tables import (
    GRANT_HEADER,
    KEY_HEADER,
    POSTING_HEADER,
    grant_lines,
    grant_rows,
    key_lines,
    key_rows,
    posting_lines,
    posting_rows,
)
from dashboard.audit import table as audit_table
from dashboard.exports import Csv
from dashboard.formats import MISSING, exact_money, literal, money
from dashboard.layout import card, card_title
from dashboard.places import page_link_of
from metering.book.ratebook import RateBook
from metering.wallets.credits import CreditDisplay
from metering.wallets.ledger import USAGE_KEY
from schema.tables.ledger import POSTING_KINDS


def wallet_section(found: AccountDetail, book: RateBook, now: datetime) -> None:
    """What the account has, its grants, and its ledger."""
    shown = CreditDisplay.of(book.settings)
    balance = found.balance
    with st.grid(4, min_column_width=150, gap="small"):
        for label, nanos, told in (
            ("Balance", balance.balance_nanos, "The sum of all postings."),
            ("Held", balance.held_nanos, "Set aside for calls that run."),
            ("Owed", balance.owed_nanos, "Overage that no grant has met yet."),
            ("Overdraft", balance.overdraft_nanos, "Used beyond the credit while limits are only observed."),
        ):
            st.metric(
                label,
                money(nanos),
                literal(shown.text(nanos)),
                delta_color="off",
                delta_arrow="off",
                border=True,
                help=f"{told} Exactly {exact_money(nanos)}.",
            )
    _grants(found, now)
    _ledger(found.info.account)


def _grants(found: AccountDetail, now: datetime) -> None:
    grants = account_data.grants(found.info.account)
    with card("account_grants"):
        file = Csv("account-grants", GRANT_HEADER, lambda: grant_lines(grants, now))
        note = "Those that have something left first, in the order in which they burn; then the rest, newest first"
        card_title("Grants", note, file if grants else None)
        if not grants:
            st.caption("No credit was ever given or bought.")
            return
        st.dataframe(
            pd.DataFrame.from_records(grant_rows(grants, now)),
            hide_index=True,
            height="content" if len(grants) <= 10 else 390,
            column_config={
                "Remaining": st.column_config.NumberColumn("Remaining, USD", format="%,.4f"),
                "Worth": st.column_config.NumberColumn("Worth, USD", format="%,.2f"),
                "Paid": st.column_config.NumberColumn("Paid, USD", format="%,.2f"),
                "Left": st.column_config.ProgressColumn(format="percent", min_value=0, max_value=1, color="primary"),
                "Starts": at(),
                "Expires": at(),
            },
            placeholder=MISSING,
            key="table_account_grants",
            alt="Grants of the account",
        )


def _ledger(account: str) -> None:
    kind: str | None = st.session_state.get("posting_kind")
    before = place_of("postings", account, kind)
    rows = account_data.postings(account, kind, None if before is None else int(before), PAGE_SIZE + 1)
    with card("account_ledger"):
        file = Csv("account-ledger", POSTING_HEADER, lambda: posting_lines(account_data.all_postings(account, kind)))
        card_title("Ledger", "Postings, newest first; into the wallet is positive; choose a debit to explain it", file)
        st.selectbox(
            "Kind of posting", POSTING_KINDS, index=None, placeholder="Every kind", key="posting_kind", width=220
        )
        if not rows:
            st.caption("No postings here.")
            return
        shown = rows[:PAGE_SIZE]
        state = st.dataframe(
            pd.DataFrame.from_records(posting_rows(shown)),
            hide_index=True,
            height="content" if len(rows) <= 12 else 460,
            column_config={
                "When": at(),
                "Amount": st.column_config.NumberColumn("Amount, USD", format="%,.6f"),
                "Balance": st.column_config.NumberColumn("Balance, USD", format="%,.6f"),
                "Unwinds": st.column_config.NumberColumn(format="%d", help="The posting that it takes back."),
                "Key": st.column_config.TextColumn(width="medium"),
            },
            placeholder=MISSING,
            on_select="rerun",
            selection_mode="single-row",
            key=f"table_account_ledger_{kind}_{before}",
            alt="Postings of the account",
        )
        for place in state["selection"]["rows"]:
            if place < len(shown) and shown[place].key.startswith(USAGE_KEY):
                explain_link(shown[place].key.removeprefix(USAGE_KEY), account)
        pager("postings", account, kind, [one.id for one in rows])


def keys_section(account: str, status: str, person: CurrentPerson, now: datetime) -> None:
    """The keys of the account, and what can be done to the one that is selected."""
    keys = account_data.keys(account, now)
    with card("account_keys"):
        file = Csv("account-keys", KEY_HEADER, lambda: key_lines(keys, now))
        card_title("API keys", "Newest first; secrets are kept as hashes only", file if keys else None)
        chosen = None
        if keys:
            found = st.dataframe(
                pd.DataFrame.from_records(key_rows(keys, now)),
                hide_index=True,
                height="content" if len(keys) <= 10 else 390,
                column_config={name: at() for name in ("Last used", "Created", "Expires", "Revoked")},
                placeholder=MISSING,
                on_select="rerun",
                selection_mode="single-row",
                key="table_account_keys",
                alt="Keys of the account",
            )
            selected: list[int] = found["selection"]["rows"]
            chosen = keys[selected[0]] if selected and selected[0] < len(keys) else None
        else:
            st.caption("No key was made yet. With one, a program can record and look up this account's calls.")
        missing = None if chosen else "Select a key in the table first."
        if chosen is not None and chosen.state(now) != "valid":
            missing = f"This key is {chosen.state(now)}."
        over = f"The account is {status}." if status in ("banned", "deleted") else None
        mine, subject = (account,), chosen.key_id if chosen else ""
        with st.container(horizontal=True):
            action_button("New key", "key_create", mine, person, icon=":material/key:", missing=over, primary=True)
            for label, action, icon in (
                ("Rotate", "key_rotate", ":material/autorenew:"),
                ("Revoke", "key_revoke", ":material/key_off:"),
            ):
                action_button(label, action, mine, person, icon=icon, subject=subject, missing=missing)


def activity_section(account: str) -> None:
    """What people did about the account."""
    before = place_of("entries", account, None)
    entries = account_data.entries(account, None if before is None else int(before), PAGE_SIZE + 1)
    with card("account_activity"):
        file = Csv(
            "account-activity",
            audit_table.CSV_HEADER,
            lambda: audit_table.csv_rows(account_data.all_entries(account)),
        )
        card_title("Activity", "What was done about the account and its keys, newest first", file if entries else None)
        if not entries:
            st.caption("Nobody changed anything about this account by hand.")
            return
        state = st.dataframe(
            pd.DataFrame.from_records(audit_table.table_rows(entries[:PAGE_SIZE])),
            hide_index=True,
            height="content" if len(entries) <= 12 else 460,
            column_config={
                "Person": st.column_config.TextColumn(width=170),
                "Change": st.column_config.TextColumn(width=300),
            },
            placeholder=MISSING,
            on_select="rerun",
            selection_mode="single-row",
            key=f"table_account_activity_{before}",
            alt="Audit log of the account",
        )
        for place in state["selection"]["rows"]:
            if place < len(entries):
                page_link_of("entry", str(entries[place].id))
        pager("entries", account, None, [one.id for one in entries])


__all__ = ["activity_section", "keys_section", "wallet_section"]
