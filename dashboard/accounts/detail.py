"""The page of one account: its head and its first section, with profile, subscription and quota."""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st

from dashboard.access import CurrentPerson
from dashboard.accounts.data import AccountDetail
from dashboard.accounts.dialogs import action_button
from dashboard.accounts.tables import (
    SUBSCRIPTION_HEADER,
    USER_HEADER,
    subscription_lines,
    subscription_rows,
    user_lines,
    user_rows,
)
from dashboard.exports import Csv
from dashboard.formats import MISSING, day, exact_money, literal, moment, money
from dashboard.layout import card, card_title
from dashboard.places import page_link_of
from metering.book.ratebook import RateBook
from metering.quotas.limits import NOUNS, QuotaState, grouped
from metering.subscriptions.subscriptions import Subscription

MOMENT = "D MMM YYYY, HH:mm"
"""How tables show a moment; all are UTC."""
_STATUS = {
    "active": ("green", ":material/check_circle:"),
    "suspended": ("orange", ":material/pause_circle:"),
    "banned": ("red", ":material/block:"),
    "deleted": ("gray", ":material/delete:"),
}
_LEVELS = {
    "ok": "",
    "warning": " · :orange[80 % are reached]",
    "upgrade": " · :orange[95 % are reached]",
    "over": " · :red[over the limit, calls go on]",
    "blocked": " · :red[used up, calls are refused]",
}


def at(label: str | None = None, width: int | None = None) -> Any:
    """A column of moments."""
    return st.column_config.DatetimeColumn(label, format=MOMENT, timezone="UTC", width=width)


def facts(*pairs: tuple[str, str | None]) -> None:
    """Names and values below each other; the values are shown as they are."""
    for name, value in pairs:
        with st.container(horizontal=True, gap="small"):
            st.caption(name, width=130)
            st.text(value or MISSING, width="stretch")


def head(found: AccountDetail, person: CurrentPerson) -> None:
    """Status, what can be done, and the numbers that people ask for first."""
    info = found.info
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        with st.container(horizontal=True, vertical_alignment="center", gap="small", width="content"):
            colour, icon = _STATUS[info.status]
            st.badge(info.status, icon=icon, color=colour)  # type: ignore[arg-type]
            st.badge(f"plan {literal(info.plan, brackets=False)}", icon=":material/sell:", color="blue")
            if info.subscription not in (None, "active"):
                st.badge(str(info.subscription).replace("_", " "), color="orange")
        with st.container(horizontal=True, horizontal_alignment="right", width="content"):
            _actions(found, person)
    with st.grid(5, min_column_width=150, gap="small"):
        st.metric("Balance", money(info.balance_nanos), border=True, help=f"Exactly {exact_money(info.balance_nanos)}.")
        st.metric(
            "Available",
            money(found.balance.available_nanos),
            border=True,
            help="The balance without open holds, and without credit that has not started or has expired.",
        )
        st.metric(
            "Revenue this month",
            money(found.revenue_nanos),
            border=True,
            help="Fees accrued by day, purchased credit as it is used, and overage, since the first of the month.",
        )
        quota = found.quota
        st.metric("Requests today", f"{quota.requests_today:,}" if quota else MISSING, border=True)
        st.metric(
            "Days to reset",
            f"{quota.days_to_reset}" if quota else MISSING,
            border=True,
            help="Until the counters of the month begin anew.",
        )


def _actions(found: AccountDetail, person: CurrentPerson) -> None:
    info = found.info
    mine = (info.account,)
    gone = "The account is deleted." if info.status == "deleted" else None
    idle = gone or (None if info.status == "active" else f"The account is {info.status}.")
    running = next((one for one in found.subscriptions if one.ended_at is None), None)
    none = gone or (None if running else "No subscription runs.")
    planned = none or (None if running and running.cancel_at else "Nothing is planned for the subscription.")
    longer = none or (
        None if running and (running.cancel_at or running.status == "trial") else "There is no trial or planned end."
    )
    action_button("Change plan", "move", mine, person, icon=":material/swap_horiz:", missing=idle)
    action_button("Grant credit", "grant", mine, person, icon=":material/add_card:", missing=gone)
    with st.popover("More", icon=":material/more_horiz:"):
        buttons = (
            ("Rename", "rename", ":material/edit:", gone),
            ("Give a plan away", "gift", ":material/redeem:", idle),
            ("Extend trial or end", "extend", ":material/event:", longer),
            ("Cancel subscription", "cancel", ":material/event_busy:", none),
            ("Take back planned end", "keep", ":material/undo:", planned),
            ("Refund a purchase", "refund_purchase", ":material/currency_exchange:", None),
            ("Refund a call", "refund_event", ":material/receipt_long:", None),
            ("Suspend", "suspend", ":material/pause_circle:", idle),
            (
                "Let call again",
                "unsuspend",
                ":material/play_circle:",
                None if info.status in ("suspended", "banned") else "The account is not suspended.",
            ),
            ("Ban", "ban", ":material/block:", gone or ("Banned already." if info.status == "banned" else None)),
            ("Delete", "delete", ":material/delete_forever:", gone),
        )
        for label, action, icon, missing in buttons:
            action_button(label, action, mine, person, icon=icon, missing=missing, stretch=True)


def overview_section(found: AccountDetail, book: RateBook, person: CurrentPerson) -> None:
    """Profile, subscription, quota, users and past subscriptions."""
    left, right = st.columns(2, gap="small")
    with left:
        _profile(found)
    with right:
        _subscription(found.subscriptions, book)
    left, right = st.columns(2, gap="small")
    with left:
        _quota(found)
    with right:
        _users(found, person)
    _history(found)


def _profile(found: AccountDetail) -> None:
    info = found.info
    with card("account_profile"):
        card_title("Profile")
        facts(
            ("Account", info.account),
            ("Name", info.name),
            ("Status", info.status),
            ("Created", moment(info.created_at)),
            ("Last active", moment(info.last_event_at)),
            ("Users", f"{info.users:,}"),
        )


def _subscription(subscriptions: list[Subscription], book: RateBook) -> None:
    running = next((one for one in subscriptions if one.ended_at is None), None)
    with card("account_subscription"):
        card_title("Subscription")
        if running is None:
            st.caption(f"None runs: the account is on the default plan, {literal(book.settings.default_plan)}.")
            return
        facts(
            ("Plan", running.plan),
            ("Status", running.status.replace("_", " ")),
            ("Fee", f"{exact_money(running.fee_nanos)}, {running.cycle}"),
            ("Since", moment(running.started_at)),
            ("Trial until", moment(running.trial_until) if running.trial_until else None),
            ("Next change", _planned(running, book)),
        )
        page_link_of("plan", running.plan)


def _planned(running: Subscription, book: RateBook) -> str:
    if running.cancel_at is None:
        return "none is planned"
    follows = running.next_plan or book.settings.default_plan
    return f"{day(running.cancel_at.date())}: {follows}{f', {running.next_cycle}' if running.next_cycle else ''}"


def _quota(found: AccountDetail) -> None:
    quota = found.quota
    with card("account_quota"):
        note = "" if quota is None else f"UTC month {quota.period}, {quota.days_to_reset} days to reset"
        card_title("Quota", note)
        if quota is None or not quota.quotas:
            st.caption("The plan limits nothing that is counted.")
            return
        for one in quota.quotas:
            _bar(one)


def _bar(one: QuotaState) -> None:
    words = NOUNS[one.name].capitalize()
    used = grouped(one.name, one.used_parts)
    if one.limit_parts is None:
        st.caption(f"{words}: {used}, unlimited")
        return
    share = one.used_parts / one.limit_parts if one.limit_parts else 1.0
    told = f"{words}: {used} of {grouped(one.name, one.limit_parts)} ({one.percent} %){_LEVELS[one.state]}"
    st.progress(min(share, 1.0), text=told)


def _users(found: AccountDetail, person: CurrentPerson) -> None:
    users, name = found.users, found.info.account
    chosen = None
    with card("account_users"):
        file = Csv("account-users", USER_HEADER, lambda: user_lines(users))
        card_title("Users", "Who the members are; calls may name others, too", file if users else None)
        if users:
            state = st.dataframe(
                pd.DataFrame.from_records(user_rows(users)),
                hide_index=True,
                height="content" if len(users) <= 8 else 320,
                column_config={"Since": at()},
                placeholder=MISSING,
                on_select="rerun",
                selection_mode="single-row",
                key="table_account_users",
                alt="Users of the account",
            )
            selected: list[int] = state["selection"]["rows"]
            chosen = users[selected[0]].user if selected and selected[0] < len(users) else None
        else:
            st.caption("No members are registered.")
        gone = "The account is deleted." if found.info.status == "deleted" else None
        missing = gone or (None if chosen else "Select a user in the table first.")
        with st.container(horizontal=True):
            action_button("Add", "user_add", (name,), person, icon=":material/person_add:", missing=gone)
            action_button(
                "Remove",
                "user_remove",
                (name,),
                person,
                icon=":material/person_remove:",
                subject=chosen or "",
                missing=missing,
            )


def _history(found: AccountDetail) -> None:
    past = found.subscriptions
    if not past:
        return
    with card("account_subscriptions"):
        file = Csv("account-subscriptions", SUBSCRIPTION_HEADER, lambda: subscription_lines(past))
        card_title("Subscriptions", "Newest first; a change ends one and begins another", file)
        st.dataframe(
            pd.DataFrame.from_records(subscription_rows(past)),
            hide_index=True,
            height="content" if len(past) <= 8 else 320,
            column_config={
                "Fee": st.column_config.NumberColumn("Fee, USD", format="%,.2f"),
                "Since": at(),
                "Trial until": at(),
                "Ended": at(),
                "Note": st.column_config.TextColumn(width="large"),
            },
            placeholder=MISSING,
            key="table_account_subscriptions",
            alt="Subscriptions of the account",
        )


__all__ = ["MOMENT", "at", "facts", "head", "overview_section"]
