"""Overview: what was earned, what it cost, and what needs attention."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

import streamlit as st

from dashboard import charts, data, sources
from dashboard.ahead import read_farther_at_rest
from dashboard.chart_clicks import clickable
from dashboard.filters import Selection, describe_changes, filter_bar, narrow
from dashboard.formats import brief_money, change, count, dollars, literal, money, points, ratio
from dashboard.judging import Good, judged
from dashboard.kept_sums import Days
from dashboard.layout import card, card_title, empty_state, page_header, waiting
from dashboard.revenue.chart import revenue_chart
from dashboard.second_currency import beside_in, in_currency
from dashboard.session import require, require_data
from dashboard.usage.converted_sums import converted_sums
from dashboard.usage.table import name_of, usage_csv
from metering.analytics import Attention, Callers, DayRow, Period, Sums

TOP_MODELS = 8
_LINKS = {
    "UNPRICED_EVENTS": ("app_pages/pricing.py", "model", "Set a price"),
    "SOLD_BELOW_COST": ("app_pages/pricing.py", "model", "Look at the price"),
    "BELOW_ZERO": ("app_pages/accounts.py", "account", "Look at the account"),
}
_BELOW_ZERO = {"sort": "Balance", "order": "Lowest first"}
"""The query of the list of accounts that begins with those."""
_BEHIND = (
    ("Profit", "app_pages/profit.py", None),
    ("What recurs", "app_pages/revenue.py", None),
    ("Calls", "app_pages/usage.py", {"metric": "Requests"}),
    ("Users", "app_pages/usage.py", {"by": "User", "metric": "Requests"}),
    ("Accounts", "app_pages/usage.py", {"by": "Account", "metric": "Requests"}),
)
"""The pages behind the numbers; they keep the range and the filters."""


def _metric(
    label: str,
    value: str,
    delta: str | None,
    trend: Sequence[float],
    *,
    good: Good = "up",
    help: str | None = None,  # noqa: A002 - as st.metric has it
) -> None:
    st.metric(
        label,
        value,
        **judged(delta, good),
        border=True,
        height="stretch",
        chart_data=list(trend) if len(trend) > 1 else None,
        chart_type="area",
        help=help,
    )


def _cards(
    selection: Selection,
    figures: tuple[Sums, Callers],
    figures_before: tuple[Sums, Callers] | None,
    days: Sequence[DayRow],
    calling: Mapping[Days, Callers],
    standing: data.Standing,
) -> None:
    """The numbers of the range; their trends leave today out, which is not over."""
    now, who = figures
    before, who_before = figures_before or (None, None)

    def against(name: str) -> str | None:
        return change(getattr(now, name), getattr(before, name)) if before else None

    def callers_against(name: str) -> str | None:
        return change(getattr(who, name), getattr(who_before, name)) if who_before else None

    margin = (now.profit_nanos, now.revenue_nanos)
    margin_before = (before.profit_nanos, before.revenue_nanos) if before else (0, 0)
    margins = [row.profit_nanos / row.revenue_nanos if row.revenue_nanos else 0.0 for row in days]
    active = [float(number) for number in standing.active_daily[:-1]]
    called = [calling[Period.last(1, row.day).bounds()] for row in days]
    # A day that has begun is not judged against a whole one.
    up: Good = "neither" if selection.is_running_day else "up"
    down: Good = "neither" if selection.is_running_day else "down"
    with st.grid(5, min_column_width=165, gap="small"):
        _metric(
            "Revenue",
            money(now.revenue_nanos),
            against("revenue_nanos"),
            [dollars(row.revenue_nanos) for row in days],
            help="Subscription fees accrued by day, purchased credit as it is used, and overage.",
            good=up,
        )
        _metric(
            "Cost",
            money(now.cost_nanos),
            against("cost_nanos"),
            [dollars(row.cost_nanos) for row in days],
            help="What the providers take.",
            good=down,
        )
        _metric(
            "Profit",
            money(now.profit_nanos),
            against("profit_nanos"),
            [dollars(row.profit_nanos) for row in days],
            help="Revenue less cost.",
            good=up,
        )
        _metric(
            "Profit margin",
            ratio(*margin),
            points(margin, margin_before) if before else None,
            margins,
            help="Profit as a share of revenue.",
            good=up,
        )
        _metric(
            "MRR",
            money(standing.mrr_nanos),
            change(standing.mrr_nanos, standing.mrr_before_nanos) if before else None,
            [dollars(nanos) for nanos in standing.mrr_daily],
            help="Monthly recurring revenue today: monthly fees and a twelfth of annual ones. Against 30 days ago.",
        )
        _metric("Requests", count(now.requests), against("requests"), [float(row.requests) for row in days], good=up)
        _metric(
            "Users",
            count(who.users),
            callers_against("users"),
            [float(one.users) for one in called],
            help="Who called in the range. The trend is of users a day.",
            good=up,
        )
        _metric(
            "Accounts",
            count(who.accounts),
            callers_against("accounts"),
            [float(one.accounts) for one in called],
            help="Accounts that called in the range. The trend is of accounts a day.",
            good=up,
        )
        _metric(
            "Active today",
            count(standing.active_today),
            change(standing.active_today, standing.active_yesterday) if before else None,
            active[-7:],
            good="neither",
            help="Users with a call since 00:00 UTC, against all of yesterday.",
        )
        _metric(
            "Active this month",
            count(standing.active_month),
            change(standing.active_month, standing.active_last_month) if before else None,
            active,
            help="Users with a call this month, against as many days of the month before.",
        )


def _models_chart(selection: Selection, stamp: sources.Stamp, today: date) -> None:
    engine = sources.engine()
    with card("cost_by_model"):
        rows = data.usage_by(engine, stamp.text, ("model",), selection.bounds, selection.filters)
        converted = in_currency(selection, stamp.text)
        file = beside_in(
            converted, usage_csv(rows, "model"), 1, lambda sums: usage_csv(sums.usage_by(("model",)), "model")
        )
        card_title("Cost by model", f"The {TOP_MODELS} dearest; a click shows one alone", file)
        if not rows:
            st.caption("No calls in these days. Choose more of them, or clear a filter.")
            return
        shown = [(name_of(row, "model"), row.cost_nanos) for row in rows[:TOP_MODELS]]
        rest = sum(row.cost_nanos for row in rows[TOP_MODELS:])
        if rest:
            shown.append((charts.OTHER, rest))
        order = data.ranking(engine, stamp.text, "model", today)
        colour_of = charts.colours([name for name, _ in shown], order)
        bars = [(name, dollars(nanos), brief_money(nanos)) for name, nanos in shown]
        clickable(
            charts.ranking(bars, colour_of, title="Cost"),
            f"chart_cost_by_model_{selection.key}",
            "Cost by model",
            picked=lambda mark: None if mark["Name"] == charts.OTHER else narrow(model=mark["Name"]),
        )


def _attention(found: Sequence[Attention]) -> None:
    with card("attention"):
        card_title("Needs attention")
        if not found:
            st.caption("Nothing: every call is priced, no model is sold below cost, no account is below zero.")
        for item in found[:8]:
            with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
                st.markdown(f":orange[:material/error:] {literal(item.message)}", width="content")
                page, parameter, label = _LINKS.get(item.code, ("app_pages/usage.py", "", "Look"))
                parameters = {parameter: item.target} if parameter else None
                if item.code == "BELOW_ZERO" and item.count > 1:
                    label, parameters = "Look at them", _BELOW_ZERO
                st.page_link(
                    page, label=label, icon=":material/arrow_forward:", icon_position="right", query_params=parameters
                )
        if len(found) > 8:
            st.caption(f"and {len(found) - 8} more")


def page() -> None:
    """Draw the page."""
    person = require("viewer")
    stamp = require_data()
    today = sources.utc_now().date()
    page_header("Overview", "What was earned and what it cost", person, stamp.as_of)
    engine = sources.engine()
    selection = filter_bar(
        today, data.filter_options(engine, stamp.text), currency=data.second_currency(engine, stamp.text)
    )
    if stamp.as_of is None:
        empty_state(
            "No calls recorded yet",
            "The rate card is applied. Record calls with the metering library, or import a file of them.",
            "ratecard meter import usage.csv",
        )
    arguments = (selection.filters, today)
    shown, compared = selection.bounds, selection.compared
    by_day = [Period.last(1, day).bounds() for day in selection.days]
    asked = [shown, *([compared] if compared else []), *by_day]
    who_called = data.ask(data.callers, engine, stamp.text, asked, selection.filters)
    what_holds = data.ask(data.standing, engine, stamp.text, today)
    with waiting():
        now, before = data.sums_of_both(engine, stamp.text, shown, compared, *arguments)
        days = data.daily(engine, stamp.text, shown, *arguments)
        days_before = data.daily(engine, stamp.text, compared, *arguments) if compared else []
    cards = st.container()
    with st.container(horizontal=True, vertical_alignment="center", gap="medium"):
        st.caption(describe_changes(selection, bool(before and (before.requests or before.revenue_nanos))))
        for label, page_file, query in _BEHIND:
            st.page_link(page_file, label=label, icon=":material/arrow_forward:", query_params=query)
    converted_sums(selection, stamp)
    if selection.filters:
        st.caption("MRR and the active users of today and this month are of everybody: no filter acts on them.")
    left, right = st.columns([3, 2], gap="small")
    with left:
        revenue_chart(selection, stamp, days, days_before)
    with right:
        _models_chart(selection, stamp, today)
    _attention(data.attention(engine, stamp.text, today))
    # Last, as who called takes longest to count: the browser draws the charts meanwhile.
    with cards:
        with waiting():
            standing, calling = what_holds.result(), who_called.result()
        finished = [row for row in days if row.day < today] or days
        figures_before = (before, calling[compared]) if before and compared else None
        _cards(selection, (now, calling[shown]), figures_before, finished, calling, standing)
    read_farther_at_rest(stamp, today)


page()
