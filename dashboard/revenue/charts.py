"""Charts of the Revenue page: pure functions from rows to Altair charts, with a month a bar.

Months are ordinal texts `YYYY-MM-DD` of their first day. Amounts are floats of USD here and only here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import altair as alt

from dashboard.charts import HEIGHT, PALETTE, RELEASE_COLOUR, Drawn, Mark
from dashboard.formats import day as day_text
from dashboard.formats import dollars, money
from metering.analytics.credit import CreditMonth
from metering.analytics.movements import KINDS, Kind, MrrMonth

WORDS: dict[Kind, str] = {
    "new": "New",
    "reactivation": "Reactivation",
    "expansion": "Expansion",
    "contraction": "Contraction",
    "churn": "Churn",
}
COLOURS: dict[Kind, str] = {
    "new": "#4c6fff",
    "reactivation": "#2f9bd6",
    "expansion": "#12a594",
    "contraction": "#f0883e",
    "churn": "#cf5a42",
}
SOLD, EARNED = "Paid for credit", "Earned by its use"
_TICKS = 12

Row = dict[str, Any]


def month_text(month: date) -> str:
    """A month: `Nov 2026`."""
    return f"{month:%b %Y}"


def movements_chart(months: Sequence[MrrMonth], marks: Sequence[Mark] = ()) -> Drawn:
    """Stacked bars a month: what came above the axis, what went below it, and a line of the net change."""
    order = {kind: place for place, kind in enumerate(KINDS)}
    rows: list[Row] = [
        {
            "month": row.month.isoformat(),
            "Month": month_text(row.month),
            "Movement": WORDS[kind],
            "USD": dollars(row.nanos[kind]),
            "order": order[kind],
            "Amount": money(row.nanos[kind]),
            "Movements": row.moved[kind],
        }
        for row in months
        for kind in KINDS
        if row.nanos[kind]
    ]
    net: list[Row] = [
        {
            "month": row.month.isoformat(),
            "Month": month_text(row.month),
            "Movement": "Net",
            "USD": dollars(row.ending_nanos - row.starting_nanos),
            "Amount": money(row.ending_nanos - row.starting_nanos),
        }
        for row in months
    ]
    first = [row.month for row in months]
    names = [*WORDS.values(), "Net"]
    scale = alt.Scale(domain=names, range=[*COLOURS.values(), RELEASE_COLOUR])
    colour = alt.Color("Movement:N", scale=scale, legend=_legend(), sort=names)
    y = alt.Y("USD:Q", stack="zero", axis=_dollar_axis())
    bars = (
        alt.Chart(_data(rows))
        .mark_bar()
        .encode(
            x=_x(first),
            y=y,
            color=colour,
            order=alt.Order("order:Q"),
            tooltip=["Month:N", "Movement:N", "Amount:N", "Movements:Q"],
        )
    )
    line = (
        alt.Chart(_data(net))
        .mark_line(strokeWidth=1.6, point={"size": 34, "filled": True})
        .encode(x=_x(first), y=alt.Y("USD:Q"), color=colour, tooltip=["Month:N", "Movement:N", "Amount:N"])
    )
    return alt.layer(bars, line, *_rules(marks, first)).properties(height=HEIGHT)


def stacked_by_month(
    months: Sequence[date],
    series: Mapping[str, Mapping[date, int]],
    colour_of: Mapping[str, str],
    *,
    title: str,
    is_money: bool,
    marks: Sequence[Mark] = (),
) -> Drawn:
    """Stacked bars a month, one colour a name; values are nano-USD or counts."""
    rows: list[Row] = []
    for place, (name, values) in enumerate(series.items()):
        for month in months:
            if value := values.get(month, 0):
                text = money(value) if is_money else f"{value:,}"
                length = dollars(value) if is_money else float(value)
                row = {"month": month.isoformat(), "Month": month_text(month), "Plan": name, "value": length}
                rows.append(row | {"order": place, title: text})
    names = list(series)
    scale = alt.Scale(domain=names, range=[colour_of[name] for name in names])
    bars = (
        alt.Chart(_data(rows))
        .mark_bar()
        .encode(
            x=_x(months),
            y=alt.Y("value:Q", stack="zero", axis=_dollar_axis() if is_money else _count_axis()),
            color=alt.Color("Plan:N", scale=scale, legend=_legend(), sort=names),
            order=alt.Order("order:Q"),
            tooltip=["Month:N", "Plan:N", f"{title}:N"],
        )
    )
    return alt.layer(bars, *_rules(marks, months)).properties(height=HEIGHT)


def credit_chart(months: Sequence[CreditMonth], marks: Sequence[Mark] = ()) -> Drawn:
    """Two bars a month: the money that came in for credit, and what using credit earned."""
    rows: list[Row] = [
        {"month": row.month.isoformat(), "Month": month_text(row.month), "Series": name, "USD": dollars(nanos)}
        | {"Amount": money(nanos)}
        for row in months
        for name, nanos in ((SOLD, row.paid_nanos), (EARNED, row.earned_nanos))
        if nanos
    ]
    scale = alt.Scale(domain=[SOLD, EARNED], range=[PALETTE[0], PALETTE[1]])
    first = [row.month for row in months]
    bars = (
        alt.Chart(_data(rows))
        .mark_bar(cornerRadiusTopLeft=1, cornerRadiusTopRight=1)
        .encode(
            x=_x(first),
            xOffset=alt.XOffset("Series:N", sort=[SOLD, EARNED]),
            y=alt.Y("USD:Q", axis=_dollar_axis()),
            color=alt.Color("Series:N", scale=scale, legend=_legend(), sort=[SOLD, EARNED]),
            tooltip=["Month:N", "Series:N", "Amount:N"],
        )
    )
    return alt.layer(bars, *_rules(marks, first)).properties(height=HEIGHT)


def _x(months: Sequence[date]) -> alt.X:
    domain = [month.isoformat() for month in months]
    step = max(1, -(-len(domain) // _TICKS))
    axis = alt.Axis(
        values=domain[::-1][::step][::-1],
        labelExpr="utcFormat(toDate(datum.value), '%b %y')",
        labelAngle=0,
        labelFlush=False,
        labelOverlap=True,
        ticks=False,
        domain=True,
        title=None,
        grid=False,
    )
    return alt.X("month:O", scale=alt.Scale(domain=domain, paddingInner=0.3, paddingOuter=0.1), axis=axis)


def _rules(marks: Sequence[Mark], months: Sequence[date]) -> list[alt.Chart]:
    """A diamond over each month in which releases changed prices."""
    shown = set(months)
    by_month: dict[date, list[Mark]] = {}
    for mark in marks:
        if mark.day.replace(day=1) in shown:
            by_month.setdefault(mark.day.replace(day=1), []).append(mark)
    if not by_month:
        return []
    rows = [
        {
            "month": month.isoformat(),
            "Released": ", ".join(dict.fromkeys(day_text(mark.day) for mark in found)),
            "Release": ", ".join(mark.label for mark in found),
            "Change": " · ".join(mark.title for mark in found),
        }
        for month, found in sorted(by_month.items())
    ]
    base = alt.Chart(_data(rows)).encode(x=_x(months), tooltip=["Released:N", "Release:N", "Change:N"])
    rule = base.mark_rule(color=RELEASE_COLOUR, strokeDash=[4, 3], strokeWidth=1.2, aria=False)
    head = base.mark_point(
        shape="diamond", size=70, filled=True, color=RELEASE_COLOUR, opacity=1, description="release"
    ).encode(y=alt.value(0))
    return [rule, head]


def _legend() -> alt.Legend:
    return alt.Legend(title=None, orient="top", direction="horizontal", columns=6, labelLimit=190, symbolType="square")


def _dollar_axis() -> alt.Axis:
    return alt.Axis(format="$~s", title=None, tickCount=5, domain=False, ticks=False)


def _count_axis() -> alt.Axis:
    return alt.Axis(format="~s", title=None, tickCount=5, tickMinStep=1, domain=False, ticks=False)


def _data(rows: Sequence[Row]) -> alt.InlineData:
    return alt.InlineData(values=list(rows))
