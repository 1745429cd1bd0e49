"""Profit: cost against revenue, margins by model and plan, what loses money, and what it costs to serve a plan."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from dashboard import data, sources
from dashboard.filters import Selection, describe, filter_bar
from dashboard.formats import change, exact_money, literal, money, points, ratio
from dashboard.layout import card, card_title, empty_state, page_header
from dashboard.periods import period_text
from dashboard.revenue.chart import revenue_chart
from dashboard.session import require, require_data
from dashboard.usage.charts import margins
from dashboard.usage.converted_sums import converted_sums
from dashboard.usage.profit_table import (
    Margin,
    account_margins,
    loss_frame,
    losses,
    margin_csv,
    model_margins,
    plan_margins,
    serve_csv,
    serve_frame,
)
from metering.analytics import Totals
from metering.analytics.profit import Earnings

TOP = 10
SHOWN = 500
"""How many losses are listed; the CSV has them all."""


def _totals(now: Totals, before: Totals | None) -> None:
    def card_of(label: str, nanos: int, past: int | None, help_text: str, *, good: str = "up") -> None:
        st.metric(
            label,
            money(nanos),
            None if past is None else change(nanos, past),
            delta_color="inverse" if good == "down" else "normal",
            border=True,
            help=f"{help_text} Exactly {exact_money(nanos)}.",
        )

    past = (before.revenue_nanos, before.cost_nanos, before.profit_nanos, before.charge_nanos) if before else [None] * 4
    with st.grid(5, min_column_width=150, gap="small"):
        card_of("Revenue", now.revenue_nanos, past[0], "Fees, usage and repaid overdraft.")
        card_of("Cost", now.cost_nanos, past[1], "What the providers take.", good="down")
        card_of("Profit", now.profit_nanos, past[2], "Revenue less cost.")
        margin = (now.profit_nanos, now.revenue_nanos)
        st.metric(
            "Profit margin",
            ratio(*margin),
            points(margin, (before.profit_nanos, before.revenue_nanos)) if before else None,
            border=True,
            help="Profit as a share of revenue.",
        )
        card_of(
            "Charged",
            now.charge_nanos,
            past[3],
            "What calls were charged, also from included and promotional credit, which is no revenue.",
        )


def _margins(title: str, key: str, note: str, found: Sequence[Margin], what: str, sold: str) -> None:
    with card(key):
        card_title(title, note, margin_csv(key.replace("_", "-"), found, what, sold))
        if not found:
            st.caption("Nothing was sold in this range.")
            return
        bars = [
            (row.name, row.share, row.text + (f" of {money(row.sold_nanos)}" if row.sold_nanos else ""))
            for row in found[:TOP]
        ]
        st.altair_chart(margins(bars), key=f"chart_{key}", alt=title)
        if len(found) > TOP:
            st.caption(f"and {len(found) - TOP} more in the CSV")


def _losses(
    selection: Selection, key: str, found: Sequence[Margin], what: str, sold: str, pages: Sequence[tuple[str, str]]
) -> None:
    rows = losses(found)
    name = what.lower()
    with card(key):
        number = f"{len(rows):,} {name}{'s' if len(rows) != 1 else ''}"
        card_title(
            f"{what}s that lose money",
            f"{number} of {len(found):,}: {sold.lower()} below cost; the largest loss first",
            margin_csv(key.replace("_", "-"), rows, name, sold.lower()),
        )
        if not rows:
            st.caption(f"None: every {name} with calls in this range brought more than it cost.")
            return
        event = st.dataframe(
            loss_frame(rows[:SHOWN], what, sold),
            hide_index=True,
            column_config={
                what: st.column_config.TextColumn(pinned=True, width="medium"),
                "Margin": st.column_config.TextColumn(alignment="right"),
            }
            | {
                column: st.column_config.NumberColumn(f"{column}, USD", format="%,.4f")
                for column in ("Cost", sold, "Loss")
            },
            height="content" if len(rows) <= 8 else 330,
            key=f"table_{key}_{selection.key}",
            on_select="rerun",
            selection_mode="single-row",
            alt=f"{what}s that lose money",
        )
        picked = event.selection.rows
        if not picked or picked[0] >= len(rows):
            st.caption(f"Choose a row to open the {name}.")
            return
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.markdown(f"**{literal(rows[picked[0]].name)}**", width="content")
            for page, label in pages:
                st.page_link(
                    page,
                    label=label,
                    icon=":material/arrow_forward:",
                    icon_position="right",
                    query_params={name: rows[picked[0]].name},
                )


def _serve(plans: Sequence[Earnings], totals: Totals) -> None:
    with card("cost_to_serve"):
        note = "What a plan's accounts cost beside what they bring; a subscriber paid a fee for a part of the range"
        card_title("Cost to serve by plan", note, serve_csv(plans))
        amounts = ("Fees", "Usage revenue", "Cost", "Profit")
        shares = ("Cost an account", "Usage revenue an account", "Fee a subscriber")
        st.dataframe(
            serve_frame(plans),
            hide_index=True,
            column_config={
                "Plan": st.column_config.TextColumn(pinned=True, width="small"),
                "Margin": st.column_config.TextColumn(alignment="right"),
            }
            | {name: st.column_config.NumberColumn(f"{name}, USD", format="%,.2f") for name in (*amounts, *shares)},
            height="content",
            key="table_cost_to_serve",
            alt="Cost to serve by plan",
        )
        if totals.repaid_nanos:
            repaid = money(totals.repaid_nanos)
            st.caption(f"Besides, purchases repaid overdraft of {literal(repaid)}, which belongs to no plan.")
        st.page_link("app_pages/plans.py", label="Look at the plans", icon=":material/card_membership:")


def _draw(selection: Selection, stamp: sources.Stamp, totals: Totals) -> None:
    engine, today = sources.engine(), sources.utc_now().date()
    asked = (selection.bounds, selection.filters)
    days = data.daily(engine, stamp.text, *asked, today)
    earlier = (selection.bounds_before, selection.filters, today)
    revenue_chart(selection, stamp, days, data.daily(engine, stamp.text, *earlier) if selection.compare else [])
    by_model = model_margins(data.usage_among(engine, stamp.text, ("model",), *asked, None))
    plans = data.profit_by(engine, stamp.text, "plan", *asked, today)
    left, right = st.columns(2, gap="small")
    with left:
        note = "Charges against cost: fees and included credit are not spread over models"
        _margins("Margin by model", "margin_by_model", note, by_model, "model", "charged")
        _losses(
            selection,
            "losing_models",
            by_model,
            "Model",
            "Charged",
            (("app_pages/pricing.py", "Set a price"), ("app_pages/usage.py", "Usage")),
        )
    with right:
        note = "Fees and usage revenue against cost"
        _margins("Margin by plan", "margin_by_plan", note, plan_margins(plans), "plan", "revenue")
        accounts = account_margins(data.profit_by(engine, stamp.text, "account", *asked, today))
        _losses(
            selection,
            "losing_accounts",
            accounts,
            "Account",
            "Revenue",
            (("app_pages/accounts.py", "Account"), ("app_pages/usage.py", "Usage")),
        )
    _serve(plans, totals)


def page() -> None:
    """Draw the page."""
    person = require("viewer")
    stamp = require_data()
    today = sources.utc_now().date()
    page_header("Profit", "What is left of the revenue, and where it is lost", person, stamp.as_of)
    engine = sources.engine()
    selection = filter_bar(
        today, data.filter_options(engine, stamp.text), currency=data.second_currency(engine, stamp.text)
    )
    totals = data.totals(engine, stamp.text, selection.bounds, selection.filters, today)
    if not totals.requests and not totals.revenue_nanos:
        advice = f"Nothing was called or earned for {describe(selection)}. Choose more days, or clear a filter."
        empty_state("Nothing to show here", advice)
        return
    before = None
    if selection.compare:
        before = data.totals(engine, stamp.text, selection.bounds_before, selection.filters, today)
    _totals(totals, before)
    words = period_text(selection.period)
    st.caption(f"{words}, changes against {period_text(selection.period.previous())}" if before else words)
    converted_sums(selection, stamp)
    _draw(selection, stamp, totals)


page()
