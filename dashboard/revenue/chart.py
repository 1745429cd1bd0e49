"""The chart of cost against revenue, as the Overview and the Profit page show it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date

import streamlit as st

from dashboard import charts, data, sources
from dashboard.chart_clicks import clickable
from dashboard.filters import Selection, narrow_days
from dashboard.formats import dollars
from dashboard.layout import card, card_title
from dashboard.periods import buckets, by_bucket
from dashboard.second_currency import beside_in, in_currency
from dashboard.usage.profit_table import daily_csv
from metering.analytics import DayRow


def revenue_chart(
    selection: Selection, stamp: sources.Stamp, days: Sequence[DayRow], before: Sequence[DayRow] = ()
) -> None:
    """A card with revenue by source as bars, cost as a line, and the releases that changed prices."""
    granularity, starts = selection.granularity, selection.starts

    def sums(rows: Sequence[DayRow], amount: Callable[[DayRow], int]) -> list[float]:
        found = by_bucket({row.day: amount(row) for row in rows}, granularity)
        return [dollars(found[start]) for start in buckets((row.day for row in rows), granularity)]

    with card("cost_and_revenue"):
        note = f"USD, a bar a UTC {granularity.lower()}, a click shows its days; diamonds open price releases"
        converted = in_currency(selection, stamp.text)
        file = beside_in(converted, daily_csv(days), 1, lambda sums: daily_csv(sums.daily()))
        card_title("Cost against revenue", note, file)
        if not any(row.revenue_nanos or row.cost_nanos for row in (*days, *before)):
            st.caption("No calls and no fees in these days. Choose more of them, or clear a filter.")
            return
        chart = charts.cost_and_revenue(
            starts,
            {
                "Subscriptions": sums(days, lambda row: row.subscription_nanos),
                "Usage": sums(days, lambda row: row.usage_revenue_nanos + row.repaid_nanos),
            },
            sums(days, lambda row: row.cost_nanos),
            data.price_releases(sources.engine(), stamp.text, selection.bounds),
            sums(before, lambda row: row.revenue_nanos),
            granularity=granularity,
        )
        clickable(
            chart,
            f"chart_cost_and_revenue_{selection.key}",
            f"Cost against revenue by {granularity.lower()}",
            picked=lambda mark: narrow_days(selection, date.fromisoformat(mark["day"])),
        )
        if not selection.fees_count:
            st.caption("Without subscription fees: they are never spread over models, providers or tasks.")
