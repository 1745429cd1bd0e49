"""Profit: cost against revenue, margins by model and plan, what loses money, and what it costs to serve a plan."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from datetime import date

import streamlit as st

from dashboard import data, sources
from dashboard.ahead import read_farther_at_rest
from dashboard.chart_clicks import clickable
from dashboard.filters import Selection, describe, describe_changes, filter_bar, narrow
from dashboard.formats import MISSING, brief_money, change, dollars, exact_money, literal, money, points, ratio
from dashboard.judging import Good, judged
from dashboard.layout import card, card_title, empty_state, page_header, waiting
from dashboard.links import row_of_links
from dashboard.revenue.chart import revenue_chart
from dashboard.second_currency import InCurrency, beside_in, in_currency
from dashboard.session import require, require_data
from dashboard.usage.charts import margins
from dashboard.usage.converted_sums import converted_sums
from dashboard.usage.profit_table import (
    Converted,
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
from metering.analytics import Sums
from metering.analytics.profit import Earnings
from metering.errors import NoExchangeRateError

TOP = 10
_SOLD = {
    "model": ("charged", "Charges against cost: fees and included credit are not spread over models"),
    "plan": ("revenue", "Fees and usage revenue against cost"),
}
"""By what margins are shown: what stands against the cost, and what to know of it."""
_SHARES = {
    "Usage": "Usage revenue: charges met by bought credit, at what was paid for it, and overage.",
    "Cost an account": "Cost divided by the accounts that called.",
    "Usage an account": "Usage revenue divided by the accounts that called.",
    "Fee a subscriber": "Fees divided by the accounts that paid one for the range or a part of it.",
}
_BEHIND = (
    ("What recurs", "app_pages/revenue.py", None),
    ("What it cost", "app_pages/usage.py", {"metric": "Cost"}),
    ("What was charged", "app_pages/usage.py", {"metric": "Charge"}),
)
"""The pages behind the sums; they keep the range and the filters."""
SHOWN = 500
"""How many losses are listed; the CSV has them all."""


def _totals(selection: Selection, now: Sums, before: Sums | None) -> None:
    # A day that has begun is not judged against a whole one.
    up: Good = "neither" if selection.is_running_day else "up"
    down: Good = "neither" if selection.is_running_day else "down"

    def card_of(label: str, nanos: int, past: int | None, help_text: str, good: Good = up) -> None:
        st.metric(
            label,
            money(nanos),
            **judged(None if past is None else change(nanos, past), good),
            border=True,
            height="stretch",
            help=f"{help_text} Exactly {exact_money(nanos)}.",
        )

    past = (before.revenue_nanos, before.cost_nanos, before.profit_nanos, before.charge_nanos) if before else [None] * 4
    with st.grid(5, min_column_width=150, gap="small"):
        card_of("Revenue", now.revenue_nanos, past[0], "Fees, usage and repaid overdraft.")
        card_of("Cost", now.cost_nanos, past[1], "What the providers take.", down)
        card_of("Profit", now.profit_nanos, past[2], "Revenue less cost.")
        margin = (now.profit_nanos, now.revenue_nanos)
        st.metric(
            "Profit margin",
            ratio(*margin),
            **judged(points(margin, (before.profit_nanos, before.revenue_nanos)) if before else None, up),
            border=True,
            height="stretch",
            help="Profit as a share of revenue.",
        )
        card_of(
            "Charged",
            now.charge_nanos,
            past[3],
            "What calls were charged, also from included and promotional credit, which is no revenue.",
        )


def _margins(
    selection: Selection,
    what: str,
    found: Sequence[Margin],
    before: Sequence[Margin],
    options: Mapping[str, Sequence[str]],
    converted: InCurrency | None,
) -> None:
    sold, note = _SOLD[what]
    name = f"margin-by-{what}"
    file = beside_in(
        converted,
        margin_csv(name, found, what, sold, before),
        1,
        lambda sums: margin_csv(name, _margins_in(sums, what), what, sold, before),
    )
    with card(f"margin_by_{what}"):
        card_title(f"Margin by {what}", note, file)
        if not found:
            st.caption("Nothing was sold in this range.")
            return
        bars = [
            (row.name, row.share, row.text + (f" of {brief_money(row.sold_nanos)}" if row.sold_nanos else ""))
            for row in found[:TOP]
        ]
        clickable(
            margins(bars, {row.name: (row.share, row.text) for row in before}),
            f"chart_margin_by_{what}_{selection.key}",
            f"Margin by {what}",
            picked=lambda mark: narrow(**{what: mark["Name"]}) if mark["Name"] in options[what] else None,
        )
        words = [f"{len(found) - TOP} more are in the CSV."] if len(found) > TOP else []
        words += ["A line is the margin of the days before."] if before else []
        if words:
            st.caption(" ".join(words))


def _margins_in(sums: InCurrency, what: str) -> list[Margin]:
    """Margins in the second currency."""
    if what == "model":
        return model_margins(sums.usage_by(("model",)))
    plans, accounts = sums.profit()
    return plan_margins(plans) if what == "plan" else account_margins(accounts)


def _in_columns(converted: InCurrency | None, what: str) -> Converted | None:
    """Margins by name for columns of a table; none without an exchange rate, as the card of the sums says."""
    try:
        found = [] if converted is None else _margins_in(converted, what)
    except NoExchangeRateError:
        return None
    return None if converted is None else (converted.currency.name, {row.name: row for row in found})


def _losses(
    selection: Selection, key: str, found: Sequence[Margin], what: str, sold: str, converted: InCurrency | None
) -> None:
    rows = losses(found)
    name = what.lower()
    file = beside_in(
        converted,
        margin_csv(key.replace("_", "-"), rows, name, sold.lower()),
        1,
        lambda sums: margin_csv(key, _margins_in(sums, name), name, sold.lower()),
    )
    with card(key):
        number = f"{len(rows):,} {name}{'s' if len(rows) != 1 else ''}"
        card_title(
            f"{what}s that lose money",
            f"USD; {number} of {len(found):,}: {sold.lower()} below cost; the largest loss first",
            file,
        )
        if not rows:
            st.caption(f"None: every {name} with calls in this range brought more than it cost.")
            return
        shown = loss_frame(rows[:SHOWN], what, sold, _in_columns(converted, name))
        amounts = ("Cost", sold, "Loss")
        event = st.dataframe(
            shown,
            hide_index=True,
            column_config={
                what: st.column_config.TextColumn(pinned=True),
                "Margin": st.column_config.TextColumn(alignment="right"),
            }
            | {
                column: st.column_config.NumberColumn(format="%,.4f")
                for column in shown.columns
                if column.startswith(amounts)
            },
            height="content" if len(rows) <= 8 else 330,
            key=f"table_{key}_{selection.key}",
            on_select="rerun",
            selection_mode="single-row",
            placeholder=MISSING,
            alt=f"{what}s that lose money",
        )
        row_of_links(name, [row.name for row in rows[:SHOWN]], event.selection.rows)


def _serve(selection: Selection, plans: Sequence[Earnings], totals: Sums, converted: InCurrency | None) -> None:
    with card("cost_to_serve"):
        note = (
            "USD; what a plan's accounts cost beside what they bring; a subscriber paid a fee for a part of the range"
        )
        file = beside_in(converted, serve_csv(plans), 1, lambda sums: serve_csv(sums.profit()[0]))
        card_title("Cost to serve by plan", note, file)
        amounts = (
            "Fees",
            "Usage",
            "Cost",
            "Profit",
            "Cost an account",
            "Usage an account",
            "Fee a subscriber",
        )
        found = serve_frame(plans)
        columns = _columns(converted, plans)
        for name, values in columns.items():
            found[name] = values
        state = st.dataframe(
            found,
            hide_index=True,
            column_config={
                "Plan": st.column_config.TextColumn(pinned=True, width="small"),
                "Margin": st.column_config.TextColumn(alignment="right"),
            }
            | {
                name: st.column_config.NumberColumn(format="%,.2f", help=_SHARES.get(name))
                for name in (*amounts, *columns)
            },
            height="content",
            key=f"table_cost_to_serve_{selection.key}",
            placeholder=MISSING,
            on_select="rerun",
            selection_mode="single-row",
            alt="Cost to serve by plan",
        )
        if totals.repaid_nanos:
            repaid = money(totals.repaid_nanos)
            st.caption(f"Besides, purchases repaid overdraft of {literal(repaid)}, which belongs to no plan.")
        row_of_links("plan", [row.name for row in plans], state["selection"]["rows"])


def _columns(converted: InCurrency | None, plans: Sequence[Earnings]) -> dict[str, list[float | None]]:
    """A column in the second currency when it is wanted, each amount at the dated rate in force when it arose.

    The sums are in a card of their own, and the file has a column beside each of USD.
    """
    try:
        found = {} if converted is None else {row.name: row for row in converted.profit()[0]}
    except NoExchangeRateError:
        return {}
    if converted is None:
        return {}
    return {f"Profit, {converted.currency.name}": [dollars(found[plan.name].profit_nanos) for plan in plans]}


def _draw(
    selection: Selection,
    stamp: sources.Stamp,
    totals: Sums,
    earning: Future[tuple[data.Earned, data.Earned | None]],
    options: Mapping[str, Sequence[str]],
) -> None:
    engine, today = sources.engine(), sources.utc_now().date()
    shown, compared, filters = selection.bounds, selection.compared, selection.filters
    days = data.daily(engine, stamp.text, shown, filters, today)
    days_before = data.daily(engine, stamp.text, compared, filters, today) if compared else []
    revenue_chart(selection, stamp, days, days_before)

    def models(bounds: tuple[date, date]) -> list[Margin]:
        return model_margins(data.usage_by(engine, stamp.text, ("model",), bounds, filters))

    with waiting():
        earned, before = earning.result()
    converted = in_currency(selection, stamp.text)
    left, right = st.columns(2, gap="small")
    with left:
        by_model = models(shown)
        _margins(selection, "model", by_model, models(compared) if compared else [], options, converted)
        _losses(selection, "losing_models", by_model, "Model", "Charged", converted)
    with right:
        before_by_plan = plan_margins(before.plans) if before else []
        _margins(selection, "plan", plan_margins(earned.plans), before_by_plan, options, converted)
        accounts = account_margins(earned.accounts)
        _losses(selection, "losing_accounts", accounts, "Account", "Revenue", converted)
    _serve(selection, earned.plans, totals, converted)


def page() -> None:
    """Draw the page."""
    person = require("viewer")
    stamp = require_data()
    today = sources.utc_now().date()
    page_header("Profit", "What is left of the revenue, and where it is lost", person, stamp.as_of)
    engine = sources.engine()
    options = data.filter_options(engine, stamp.text)
    selection = filter_bar(today, options, currency=data.second_currency(engine, stamp.text))
    asked = (engine, stamp.text, selection.bounds, selection.compared, selection.filters, today)
    earning = data.ask(data.profit_of_both, *asked)
    with waiting():
        totals, before = data.sums_of_both(*asked)
    if not totals.requests and not totals.revenue_nanos:
        advice = f"Nothing was called or earned for {describe(selection)}. Choose more days, or clear a filter."
        empty_state("Nothing to show here", advice)
        return
    _totals(selection, totals, before)
    with st.container(horizontal=True, vertical_alignment="center", gap="medium"):
        st.caption(describe_changes(selection, bool(before and (before.requests or before.revenue_nanos))))
        for label, page, query in _BEHIND:
            st.page_link(page, label=label, icon=":material/arrow_forward:", query_params=query)
    converted_sums(selection, stamp)
    _draw(selection, stamp, totals, earning, options)
    read_farther_at_rest(stamp, today)


page()
