"""What edits would have moved: the calls of the last days re-priced under them, drawn beside any diff."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import pandas as pd
import streamlit as st

from dashboard import sources
from dashboard.exports import Csv, csv_button
from dashboard.formats import count, literal
from dashboard.proposing.impact_data import digest, impact_of
from dashboard.proposing.impact_table import (
    CSV_HEADER,
    amount,
    before_words,
    csv_rows,
    difference,
    moving,
    rows_of,
    terms_words,
)
from schema.errors import RatecardError
from sync.impact import Impact, Pair, Scenario, Sums
from sync.proposal_text import slug
from sync.render.impact_text import moment_of
from sync.submit import Preview

_ASKED = "impact_asked"
_MOST_WALLETS = 5


def impact_panel(shown: Preview, *, key: str, now: datetime) -> None:
    """A button, and behind it the impact of a preview. Asked for once, it stays until the edits change."""
    if not shown.validation.ok:
        st.caption("The money impact shows once there is no error left.")
        return
    if sources.state()[0] != "current":
        return
    stamp = sources.read_stamp()
    if stamp is None:
        return
    edits = digest(shown)
    asked: dict[str, str] = st.session_state.setdefault(_ASKED, {})
    if asked.get(key) != edits:
        st.button(
            "Show the money impact",
            key=f"impact_{key}",
            icon=":material/query_stats:",
            help="Re-price the calls of the last 30 days under this edit. Nothing is written.",
            on_click=asked.__setitem__,
            args=(key, edits),
        )
        return
    try:
        with st.spinner("Re-pricing the calls of the last 30 days"):
            impact = impact_of(shown, stamp.text, now)
    except RatecardError as error:
        st.error(literal(str(error)), icon=":material/error:")
        return
    _draw(impact, key)


def _draw(impact: Impact, key: str) -> None:
    told = moving(impact)
    chosen: Scenario | None = None
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        st.markdown(f"**Money impact** · the last {impact.days} days re-priced", width="content")
        if told:
            moments = [moment_of(scenario) for scenario in told]
            first = st.session_state.get(f"moment_{key}")
            chosen = told[moments.index(first)] if first in moments else told[0]
            found, name = chosen, moment_of(chosen).replace(" ", "-")
            csv_button(Csv(f"impact-{slug(key)}-{name}", CSV_HEADER, lambda: csv_rows(found, moment_of(found))))
    if chosen is None:
        st.caption(_nothing(impact))
    else:
        if len(told) > 1:
            st.segmented_control(
                "As if all calls happened",
                [moment_of(scenario) for scenario in told],
                default=moment_of(told[0]),
                required=True,
                key=f"moment_{key}",
            )
        elif chosen.at is not None:
            st.caption(f"As if all calls happened {moment_of(chosen)}")
        _scenario(chosen, impact, key)
    for terms in impact.plans:
        for line in terms_words(terms):
            st.markdown(f":blue[:material/card_membership:] {literal(line)}")


def _nothing(impact: Impact) -> str:
    if not impact.scenarios:
        return "Nothing that calls are billed by changes." if not impact.plans else "No call is billed otherwise."
    if not impact.events:
        return f"No calls in the last {impact.days} days, so nothing can be re-priced."
    return f"The {count(impact.events)} calls would have come to the same."


def _scenario(scenario: Scenario, impact: Impact, key: str) -> None:
    total = scenario.total
    with st.grid(4, min_column_width=190, gap="small"):
        _metric("Cost", total.cost, "inverse")
        _metric("Charge", total.charge, "normal")
        _metric("Revenue", total.revenue, "normal", "Of usage, without fees: what wallets and invoices pay for it.")
        _metric("Profit", total.profit, "normal", "Revenue of usage less its cost.")
    groups: tuple[tuple[str, str, Mapping[str, Sums]], ...] = (
        ("Models", "Model", scenario.by_model),
        ("Accounts", "Account", scenario.by_account),
        ("Plans", "Plan", scenario.by_plan),
    )
    tabs = st.tabs([f"{title} ({len(sums):,})" for title, _, sums in groups])
    for tab, (title, name, sums) in zip(tabs, groups, strict=True):
        with tab:
            _table(title, name, sums, key)
    for wallet in scenario.wallets[:_MOST_WALLETS]:
        when = f" on {wallet.on}" if wallet.on else ""
        words = f"The wallet of {wallet.account} would have gone to {amount(wallet.lowest)}{when}"
        st.markdown(f":orange[:material/warning:] {literal(words)}")
    if len(scenario.wallets) > _MOST_WALLETS:
        st.caption(f"and {count(len(scenario.wallets) - _MOST_WALLETS)} more wallets below zero")
    for route, events in scenario.routes.items():
        words = f"{route}: {count(events)} calls would have gone to another model"
        st.markdown(f":blue[:material/alt_route:] {literal(words)}")
    exactness = f", each sum exact to {amount(scenario.bound)}" if scenario.bound else ""
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        st.caption(f"{count(scenario.repriced)} of {count(impact.events)} calls re-priced{exactness}", width="content")
        st.page_link(
            "app_pages/usage.py",
            label="Their usage",
            icon=":material/arrow_forward:",
            icon_position="right",
            query_params={"range": f"{impact.days} days"},
        )


def _metric(label: str, pair: Pair, good: str, words: str | None = None) -> None:
    st.metric(
        label,
        amount(pair.after),
        difference(pair),
        delta_color="inverse" if good == "inverse" else "normal",
        delta_description=before_words(pair),
        help=words,
    )


def _table(title: str, name: str, sums: Mapping[str, Sums], key: str) -> None:
    if not sums:
        st.caption("None comes to another amount.")
        return
    usd = st.column_config.NumberColumn(format="dollar")
    amounts = ("Charge change", "Charge before", "Charge after", "Cost change", "Revenue change")
    st.dataframe(
        pd.DataFrame.from_records(rows_of(sums, name)),
        hide_index=True,
        height="content",
        key=f"impact_{title}_{key}",
        column_config={
            name: st.column_config.TextColumn(pinned=True, width="medium"),
            **dict.fromkeys(amounts, usd),
            "Calls": st.column_config.NumberColumn(format="localized"),
        },
        alt=f"{title} that the edit moves most",
    )


__all__ = ["impact_panel"]
