"""The calls behind an account's usage, newest first; each leads to why it was charged what it was."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from typing import Any

import pandas as pd
import streamlit as st

from dashboard import sources
from dashboard.accounts.data import PAGE_SIZE
from dashboard.accounts.detail import at
from dashboard.accounts.paging import pager, place_of
from dashboard.converted_csv import at_moments
from dashboard.exports import Csv
from dashboard.filters import Selection
from dashboard.formats import MISSING, dollars, literal
from dashboard.layout import card, card_title
from dashboard.periods import period_text
from dashboard.second_currency import SecondCurrency
from metering.accounts.accounts import account_id
from metering.analytics import PastEvent, history
from metering.analytics.history import MOST
from metering.analytics.period import midnight
from schema.database import reading
from schema.keys import moment_text, parse_moment
from schema.money import usd_text

HEADER = (
    "event",
    "occurred_at",
    "user",
    "model",
    "plan",
    "task",
    "feature",
    "status",
    "cost_usd",
    "charge_usd",
    "adjusted_usd",
)


def model_of(call: PastEvent) -> str | None:
    """Provider and model, where there is one."""
    return f"{call.provider}/{call.model}" if call.model else None


def call_rows(calls: Sequence[PastEvent]) -> list[dict[str, Any]]:
    """The table on the page. Amounts are USD as floats, for showing only."""
    return [
        {
            "When": call.occurred_at,
            "Event": call.event_id,
            "User": call.user,
            "Model": model_of(call),
            "Task": call.task,
            "Status": call.status,
            "Cost": dollars(call.cost_nanos),
            "Charge": dollars(call.charge_nanos),
            "Adjusted": dollars(call.adjusted_nanos) if call.adjusted_nanos else None,
        }
        for call in calls
    ]


def call_lines(calls: Sequence[PastEvent]) -> Iterator[list[object]]:
    """The same with exact amounts."""
    for call in calls:
        named = (call.user, model_of(call), call.plan, call.task, call.feature, call.status)
        amounts = map(usd_text, (call.cost_nanos, call.charge_nanos, call.adjusted_nanos))
        yield [call.event_id, moment_text(call.occurred_at), *named, *amounts]


def _read(account: str, bounds: tuple[date, date], after: str | None, limit: int) -> list[PastEvent]:
    start, end = (midnight(day) for day in bounds)
    with reading(sources.engine()) as connection:
        return history(connection, account_id(connection, account), start=start, end=end, after=after, limit=limit)


def _all(account: str, bounds: tuple[date, date]) -> Iterator[list[object]]:
    after: str | None = None
    while calls := _read(account, bounds, after, MOST):
        yield from call_lines(calls)
        after = calls[-1].event_id


def calls_csv(account: str, bounds: tuple[date, date], currency: SecondCurrency | None) -> Csv:
    """All calls of some days; with a second currency, each amount in it at the rate of the call's moment."""
    file = Csv("account-calls", HEADER, lambda: _all(account, bounds))
    if currency is None:
        return file
    occurred = HEADER.index("occurred_at")
    return at_moments(file, currency.name, currency.nanos, lambda row: parse_moment(str(row[occurred])))


def explain_link(event: str, account: str) -> None:
    """A link to why an event was charged what it was."""
    st.page_link(
        "app_pages/releases.py",
        label=f"Explain {literal(event)}",
        icon=":material/arrow_forward:",
        query_params={"event": event, "account": account},
    )


def calls_card(account: str, selection: Selection, currency: SecondCurrency | None) -> None:
    """A page of the calls of the range."""
    after, bounds = place_of("calls", account, selection.key), selection.bounds
    calls = _read(account, bounds, None if after is None else str(after), PAGE_SIZE + 1)
    with card("account_calls"):
        words = f"{period_text(selection.period)}, newest first; choose one to see why it was charged what it was"
        card_title("Calls", words, calls_csv(account, bounds, currency))
        shown = calls[:PAGE_SIZE]
        state = st.dataframe(
            pd.DataFrame.from_records(call_rows(shown)),
            hide_index=True,
            height="content" if len(shown) <= 12 else 460,
            column_config={
                "When": at(),
                "Event": st.column_config.TextColumn(width="medium"),
                **{
                    name: st.column_config.NumberColumn(f"{name}, USD", format="%,.6f")
                    for name in ("Cost", "Charge", "Adjusted")
                },
            },
            placeholder=MISSING,
            on_select="rerun",
            selection_mode="single-row",
            key=f"table_account_calls_{selection.key}_{after}",
            alt="Calls of the account",
        )
        for place in state["selection"]["rows"]:
            if place < len(shown):
                explain_link(shown[place].event_id, account)
        pager("calls", account, selection.key, [call.event_id for call in calls])


__all__ = ["HEADER", "call_lines", "call_rows", "calls_card", "calls_csv", "explain_link", "model_of"]
