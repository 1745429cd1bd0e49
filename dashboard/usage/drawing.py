"""What the Usage page and the page of an account draw alike: the sums, the chart over time, and the table."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal

import streamlit as st

from dashboard import charts, data, sources
from dashboard.chart_clicks import Pick, clickable
from dashboard.exports import Csv
from dashboard.filters import Selection
from dashboard.formats import change, count, dollars, exact_money, money
from dashboard.held import FILTERS
from dashboard.judging import judged
from dashboard.layout import card_title
from dashboard.periods import buckets, by_bucket, running
from dashboard.second_currency import InCurrency, beside_in, in_currency
from dashboard.usage.choices import Choices
from dashboard.usage.series import (
    Names,
    Series,
    label,
    largest,
    names_of,
    series_csv,
    series_of,
    shades,
    summed_up,
)
from dashboard.usage.table import METRICS, frame, used_units
from metering.analytics import UsageRow

_MEANINGS = {
    "Cost": "What the providers take.",
    "Charge": "What the calls were charged, however it was met.",
    "Revenue": "Charges met by bought credit, at what was paid for it, and overage. Included credit earns by its fee.",
    "Profit": "Usage revenue less cost. Fees are not in it: they are spread over no calls.",
}


def usage_sums(rows: Sequence[UsageRow], before: Sequence[UsageRow] | None) -> None:
    """The sums of all rows, against those of the days before."""
    with st.grid(5, min_column_width=150, gap="small"):
        for name in ("Requests", "Tokens", "Cost", "Charge", "Revenue"):
            measure, is_money = METRICS[name]
            total = sum(map(measure, rows))
            st.metric(
                "Usage revenue" if name == "Revenue" else name,
                money(total) if is_money else count(total),
                **judged(None if before is None else change(total, sum(map(measure, before))), "neither"),
                border=True,
                height="stretch",
                help=f"{_MEANINGS[name]} Exactly {exact_money(total)}." if is_money else None,
            )


def usage_over_time(
    selection: Selection,
    stamp: str,
    chosen: Choices,
    rows: Sequence[UsageRow],
    *,
    picked: Callable[[Names], None] | None = None,
) -> Names:
    """The title and the chart of a card: the largest names over time, the rest as one, and the whole of before.

    Returns the name that was clicked last, empty at first; `picked` is a callback for such a click.
    """
    engine, starts = sources.engine(), selection.starts
    series = _series(selection, stamp, chosen, rows)

    def file_of(found: Series) -> Csv:
        return series_csv(found, starts, chosen.groups, chosen.metric, is_money=chosen.is_money)

    heading = f"{chosen.title} by {chosen.words}" + (", cumulative" if chosen.cumulative else "")
    note = f"UTC, a bar a {selection.granularity.lower()}; the largest {chosen.top}, the rest as one"
    if picked is not None and {*chosen.groups} & {*FILTERS}:
        note += "; a click shows one alone"
    file = beside_in(
        in_currency(selection, stamp),
        file_of(series),
        1 + len(chosen.groups),
        lambda sums: file_of(_series(selection, stamp, chosen, rows, sums)),
    )
    card_title(heading, note, file)
    outer = list(dict.fromkeys(names[0] for names in series))
    ranking = data.ranking(engine, stamp, chosen.groups[0], sources.utc_now().date())
    colour_of = shades(series, charts.colours(outer, ranking))
    chart = charts.stacked_by_day(
        starts,
        {
            label(names): {start: _length(chosen, value) for start, value in days.items()}
            for names, days in series.items()
        },
        colour_of,
        title=chosen.title,
        is_money=chosen.is_money,
        marks=data.price_releases(engine, stamp, selection.bounds),
        previous=_before(selection, stamp, chosen),
        granularity=selection.granularity,
    )
    named = {label(names): names for names in series}

    def names_behind(mark: Pick) -> Names:
        return named.get(mark.get("Series", ""), ())

    mark = clickable(
        chart,
        f"chart_usage_{selection.key}",
        f"{heading}, over time",
        picked=None if picked is None else lambda mark: picked(names_behind(mark)),
    )
    return names_behind(mark)


def _series(
    selection: Selection, stamp: str, chosen: Choices, rows: Sequence[UsageRow], converted: InCurrency | None = None
) -> Series:
    """The chart's names over time: only they are asked for by day, and the whole, of which they leave the rest."""
    engine, group = sources.engine(), chosen.groups[0]
    shown = largest(rows, chosen.groups, chosen.measure, chosen.top)
    outer = {row.keys[group]: None for row in rows if names_of(row, chosen.groups) in shown}

    def by_day(groups: tuple[str, ...], among: tuple[str, tuple[str | None, ...]] | None) -> list[UsageRow]:
        by = (*groups, "day")
        if converted is not None:
            return converted.usage_by(by, among)
        return data.usage_by(engine, stamp, by, selection.bounds, selection.filters, among)

    named, whole = by_day(chosen.groups, (group, tuple(outer))), by_day((), None)
    series = series_of(shown, named, whole, chosen.groups, chosen.measure, selection.granularity)
    return summed_up(series, selection.starts) if chosen.cumulative else series


def _before(selection: Selection, stamp: str, chosen: Choices) -> list[float]:
    """The whole of the range before, a value for each of its bars."""
    if selection.compared is None:
        return []
    rows = data.usage_by(sources.engine(), stamp, ("day",), selection.compared, selection.filters)
    starts = buckets(selection.period.previous().days(), selection.granularity)
    sums = by_bucket({row.keys["day"]: chosen.measure(row) for row in rows}, selection.granularity)
    sums = running(sums, starts) if chosen.cumulative else sums
    # A line at zero would say nothing, and take a place in the legend.
    return [_length(chosen, sums.get(start, 0)) for start in starts] if any(sums.values()) else []


def _length(chosen: Choices, value: int) -> float:
    return dollars(value) if chosen.is_money else float(value)


def usage_table(rows: Sequence[UsageRow], groups: Sequence[str], key: str, metric: str = "Cost", **more: Any) -> Any:
    """The table of the rows by their groups; `more` goes to `st.dataframe`, whose state it returns."""
    units = used_units(rows)
    columns: dict[str, Any] = {
        name: st.column_config.NumberColumn(
            f"{'Usage ' if name in ('Revenue', 'Profit') else ''}{name}".capitalize() + ", USD",
            format="%,.4f",
            help=_MEANINGS[name],
        )
        for name in ("Cost", "Charge", "Revenue", "Profit")
    }
    columns |= {
        unit: st.column_config.NumberColumn(unit.replace("_", " ").capitalize(), format="localized") for unit in units
    }
    # Of two names each is as wide as it needs: the amounts want the room.
    width: Literal["medium"] | None = "medium" if len(groups) == 1 else None
    columns |= {group.capitalize(): st.column_config.TextColumn(pinned=True, width=width) for group in groups}
    columns["Requests"] = st.column_config.NumberColumn(format="localized")
    columns[f"Share of {metric.lower()}"] = st.column_config.ProgressColumn(
        "Share",
        help=f"Of the {metric.lower()} of all rows.",
        format="%.1f%%",
        min_value=0,
        max_value=100,
        color="primary",
        width="small",
    )
    return st.dataframe(
        frame(rows, *groups, metric=metric),
        hide_index=True,
        column_config=columns,
        height="content" if len(rows) <= 14 else 520,
        key=key,
        alt=f"Usage by {' and '.join(groups)}",
        **more,
    )


__all__ = ["usage_over_time", "usage_sums", "usage_table"]
