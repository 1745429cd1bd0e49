"""The Revenue page's half about subscriptions: MRR and its movements, subscribers by plan, trials."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta

import pandas as pd
import streamlit as st

from dashboard.chart_clicks import clickable
from dashboard.charts import colours, stacked_by_day
from dashboard.formats import MISSING, change, count, dollars, money, points, ratio
from dashboard.judging import Good, judged
from dashboard.layout import card, card_title, empty_state, waiting
from dashboard.links import row_of_links
from dashboard.revenue import data as revenue_data
from dashboard.revenue.charts import month_text
from dashboard.revenue.data import Recurring, recurring_in
from dashboard.revenue.movements import months_csv, movements_card, movements_list
from dashboard.revenue.tables import (
    MRR_MONEY,
    arr_nanos,
    by_plan,
    in_order,
    mrr_records,
    plan_csv,
    plan_records,
)
from dashboard.revenue.trials import trials_card, trials_list
from dashboard.revenue.view import (
    View,
    amount_column,
    balances_in_second_currency,
    converted,
    in_one_currency,
    in_second_currency,
    month_table,
)
from metering.analytics.recurring import PlanSubscribers

_DAY = timedelta(days=1)
MEANINGS = {
    "Starting": "MRR on the day before the month: the ending balance of the month before.",
    "New": "MRR of accounts that pay a fee for the first time, from the day of the first fee (after the trial) on.",
    "Reactivation": "MRR of accounts that pay again after days on which they paid nothing.",
    "Expansion": "What accounts pay more than the day before: upgrades.",
    "Contraction": "What accounts pay less than the day before: downgrades, and monthly fees that became annual ones.",
    "Churn": "MRR of accounts that pay nothing from the day on: cancelled, on a plan without a fee, or on a gift.",
    "Ending": "MRR on the last day of the month (of the running one: today). Starting plus all movements, exactly.",
    "Accounts": "Accounts that pay a fee on the last day of the month.",
    "ARPU": "Average revenue per paying account: MRR on the last day divided by the accounts that pay on it.",
    "MRR churn": "MRR lost by churn in the month, divided by the MRR at its start.",
    "Account churn": "How often an account stopped paying in the month, divided by those that paid at its start.",
}
_MRR = (
    "Monthly recurring revenue: monthly fees and a twelfth of annual ones, of every subscription that pays today. A "
    "fee that is past due goes on; a trial, a gift and a plan without a fee count nothing."
)
_AGAINST = "The change is against the end of last month."
MEASURES = {
    "MRR": (lambda row: row.mrr_nanos, True),
    "Paying accounts": (lambda row: row.paying, False),
    "Trials": (lambda row: row.trials, False),
}


def subscriptions_view(view: View) -> None:
    """Draw it."""
    with waiting():
        found = revenue_data.recurring(view.engine, view.stamp, view.count, view.today, view.now)
    if not found.subscribers:
        empty_state(
            "No subscriptions yet",
            "Nobody has subscribed to a plan in these months. Begin a subscription, or import them with the library.",
            "ratecard subscription start acct-0001 pro --trial",
        )
        return
    _cards(view, found)
    left, right = st.columns([3, 2], gap="small")
    with left:
        movements_card(view, found)
    with right:
        _plans_chart(view, found)
    _months(view, found)
    movements_list(view)
    left, right = st.columns([3, 2], gap="small")
    with left:
        _plans_now(view, found)
        trials_list(view)
    with right:
        trials_card(found)


def _cards(view: View, found: Recurring) -> None:
    months, now, full = found.months, found.months[-1], found.months[-2]
    past_due = sum(row.past_due for row in found.subscribers if row.day == view.today)
    in_trial = sum(row.trials for row in found.subscribers if row.day == view.today)
    ended, converted = sum(row.ended for row in found.trials), sum(row.converted for row in found.trials)
    churned = -full.nanos["churn"]

    def compared(delta: str | None) -> str | None:
        return delta if view.compare else None

    with st.grid(6, min_column_width=140, gap="small"):
        _metric(
            "MRR",
            money(now.ending_nanos),
            [dollars(row.ending_nanos) for row in months],
            f"{_MRR} {_AGAINST}",
            compared(change(now.ending_nanos, now.starting_nanos)),
        )
        _metric(
            "ARR",
            money(arr_nanos(found.subscribers, view.today)),
            [dollars(row.ending_nanos * 12) for row in months],
            "Annual recurring revenue: twelve monthly fees, or the annual one, of each subscription that pays today. "
            + _AGAINST,
            compared(change(now.ending_nanos, now.starting_nanos)),
        )
        _metric(
            "Paying accounts",
            count(now.ending_accounts),
            [float(row.ending_accounts) for row in months],
            f"Accounts that pay a fee today. {count(past_due)} of them are past due; {count(in_trial)} more are in a "
            f"trial. {_AGAINST}",
            compared(f"{now.ending_accounts - now.starting_accounts:+,}"),
        )
        _metric(
            "ARPU",
            MISSING if now.arpu_nanos is None else money(now.arpu_nanos),
            [dollars(row.arpu_nanos or 0) for row in months],
            f"{MEANINGS['ARPU']} {_AGAINST}",
            compared(change(now.arpu_nanos or 0, full.arpu_nanos or 0)),
        )
        _metric(
            f"MRR churn, {full.month:%b}",
            ratio(churned, full.starting_nanos),
            [-row.nanos["churn"] / row.starting_nanos if row.starting_nanos else 0.0 for row in months[:-1]],
            f"{MEANINGS['MRR churn']} Of the last full month, {month_text(full.month)}: {money(churned)} of "
            f"{money(full.starting_nanos)}, by {full.moved['churn']} of {full.starting_accounts} accounts. The "
            "change is against the month before it.",
            compared(points((churned, full.starting_nanos), (-months[-3].nanos["churn"], months[-3].starting_nanos))),
            good="down",
        )
        _metric(
            "Trial conversion",
            ratio(converted, ended),
            [row.converted / row.ended for row in found.trials if row.ended],
            f"Trials that ended in the months shown and became paying, divided by all that ended: {count(converted)} "
            f"of {count(ended)}.",
        )

    sums = {"MRR": now.ending_nanos, "ARR": arr_nanos(found.subscribers, view.today), "ARPU": now.arpu_nanos or 0}
    balances_in_second_currency(view, sums)


def _metric(
    label: str, value: str, trend: Sequence[float], meaning: str, delta: str | None = None, *, good: Good = "up"
) -> None:
    st.metric(
        label,
        value,
        **judged(delta, good),
        border=True,
        chart_data=list(trend),
        chart_type="area",
        height="stretch",
        help=meaning.replace("$", "\\$"),
    )


def _plans_chart(view: View, found: Recurring) -> None:
    with card("mrr_by_plan", height="stretch"):
        note = "At the end of each month; of the running one, today. A click leads to the plan"
        file = view.file_at(plan_csv(found.subscribers), lambda line: view.end_of(line[0]))
        card_title("By plan", note, file)
        measure = st.segmented_control(
            "Measure",
            MEASURES,
            default="MRR",
            required=True,
            key="by_plan",
            bind="query-params",
            label_visibility="collapsed",
        )
        read, is_money = MEASURES[measure or "MRR"]
        series = by_plan(found.subscribers, read)
        if not series:
            st.caption("None in these months.")
            return
        ranking = list(by_plan(found.subscribers, lambda row: row.mrr_nanos or row.trials))
        lengths = {
            plan: {month: dollars(value) if is_money else float(value) for month, value in values.items()}
            for plan, values in series.items()
        }
        chart = stacked_by_day(
            [row.month for row in found.months],
            lengths,
            colours(list(series), ranking),
            title=measure or "MRR",
            is_money=is_money,
            marks=view.marks,
            granularity="Month",
        )
        mark = clickable(chart, "chart_by_plan", f"{measure} by plan and month")
        if mark:
            row_of_links("plan", [mark["Series"]], [0])


def _months(view: View, found: Recurring) -> None:
    with card("mrr_months"):
        note = "Starting balance plus movements is the ending balance; choose a row to list what is behind its month"
        card_title("MRR by month", note, months_csv(view, found.months, "mrr-by-month"))
        records, other = in_one_currency(
            view,
            mrr_records(found.months),
            lambda currency: mrr_records(recurring_in(view.engine, currency, found.months, view.now)),
            MRR_MONEY,
        )
        columns = {name: amount_column(MEANINGS[name], other=other) for name in MRR_MONEY}
        columns["Accounts"] = st.column_config.NumberColumn(format="localized", help=MEANINGS["Accounts"])
        for name in ("MRR churn", "Account churn"):
            columns[name] = st.column_config.NumberColumn(format="percent", help=MEANINGS[name])
        months = [row.month for row in found.months]
        month_table(records, months, "table_mrr_months", columns, "MRR by month")


def _plans_now(view: View, found: Recurring) -> None:
    rows: list[PlanSubscribers] = [row for row in found.subscribers if row.day == view.today]
    with card("plans_now"):
        note = "By plan; accounts without a subscription are on the default plan, and not here"
        card_title("Subscribers now", note, view.file_at(plan_csv(rows, "subscribers-now"), lambda _: view.now))
        if not rows:
            st.caption("No subscription runs today.")
            return
        columns = {
            "Plan": st.column_config.TextColumn(pinned=True),
            "Paying": st.column_config.NumberColumn(format="localized", help="Accounts that pay a fee today."),
            "In trial": st.column_config.NumberColumn(format="localized", help="No fee before the trial is over."),
            "Without a fee": st.column_config.NumberColumn(
                format="localized", help="Subscriptions at no fee: of a free plan, or a gift."
            ),
            "Past due": st.column_config.NumberColumn(
                format="localized", help="Of those that pay: the last fee was not paid. Plan and fee go on."
            ),
            "MRR": amount_column("The plan's part, rounded by itself."),
            "ARPU": amount_column("Its MRR divided by its accounts that pay."),
        }
        ordered = in_order(rows)
        amounts = {"MRR": [row.mrr_nanos for row in ordered]}
        records = in_second_currency(view, plan_records(rows), amounts, [view.now] * len(ordered))
        state = st.dataframe(
            pd.DataFrame.from_records(records),
            hide_index=True,
            column_config=columns | converted(records),
            placeholder=MISSING,
            on_select="rerun",
            selection_mode="single-row",
            key="table_plans_now",
            alt="Subscribers by plan today",
        )
        row_of_links("plan", [row.plan for row in ordered], state["selection"]["rows"])
        _standings({"Trial": sum(row.trials for row in rows), "Past due": sum(row.past_due for row in rows)})


def _standings(numbers: Mapping[str, int]) -> None:
    """Links to the accounts whose subscription is on trial or past due, where there are any."""
    with st.container(horizontal=True, gap="small"):
        for word, number in numbers.items():
            if number:
                st.page_link(
                    "app_pages/accounts.py",
                    label=f"{word}: {count(number)}",
                    icon=":material/arrow_forward:",
                    icon_position="right",
                    query_params={"subscription": word},
                )
