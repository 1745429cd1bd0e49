"""Charts of the Revenue page: pure functions from rows to Altair charts, with a month a bar.

A click on a bar chooses its month. Amounts are floats of USD here and only here.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import altair as alt

from dashboard.charts import (
    BEFORE,
    HEIGHT,
    PALETTE,
    RELEASE_COLOUR,
    Drawn,
    Mark,
    Row,
    before_line,
    inline,
    legend,
    picking,
    points,
    release_rules,
    time_axis,
    tips,
    value_axis,
)
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


def month_text(month: date) -> str:
    """A month: `Nov 2026`."""
    return f"{month:%b %Y}"


def movements_chart(months: Sequence[MrrMonth], marks: Sequence[Mark] = (), before: Sequence[MrrMonth] = ()) -> Drawn:
    """Stacked bars a month: what came above the axis, what went below it, and a line of the net change.

    `before` are as many months before, whose net change is a dotted line.
    """
    order = {kind: place for place, kind in enumerate(KINDS)}
    rows: list[Row] = [
        {
            "day": row.month.isoformat(),
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
            "day": row.month.isoformat(),
            "Month": month_text(row.month),
            "Movement": "Net",
            "USD": dollars(row.net_nanos),
            "Amount": money(row.net_nanos),
        }
        for row in months
    ]
    first = [row.month for row in months]
    names = [*WORDS.values(), "Net"]
    scale = alt.Scale(domain=names, range=[*COLOURS.values(), RELEASE_COLOUR])
    colour = alt.Color("Movement:N", scale=scale, legend=legend(6), sort=names)
    x = time_axis(first, "Month")
    bars = (
        alt.Chart(inline(rows))
        .mark_bar(cursor="pointer")
        .encode(
            x=x,
            y=alt.Y("USD:Q", stack="zero", axis=value_axis()),
            color=colour,
            order=alt.Order("order:Q"),
            tooltip=tips("Month:N", "Movement:N", "Amount:N", "Movements:Q"),
        )
        .add_params(picking("day"))
    )
    line = (
        alt.Chart(inline(net))
        .mark_line(strokeWidth=1.6, point={"size": 34, "filled": True})
        .encode(x=x, y=alt.Y("USD:Q"), color=colour, tooltip=tips("Month:N", "Movement:N", "Amount:N"))
    )
    layers = [bars, line]
    # A line at zero would say nothing, and take a place in the legend.
    if any(row.net_nanos for row in before):
        past = points(first, BEFORE, [dollars(row.net_nanos) for row in before], "Month")
        layers.append(before_line(past, x, alt.Y("value:Q", axis=value_axis())))
    return alt.layer(*layers, *release_rules(marks, first, "Month"), height=HEIGHT)


def credit_chart(months: Sequence[CreditMonth], marks: Sequence[Mark] = ()) -> Drawn:
    """Two bars a month: the money that came in for credit, and what using credit earned."""
    rows: list[Row] = [
        {"day": row.month.isoformat(), "Month": month_text(row.month), "Series": name, "USD": dollars(nanos)}
        | {"Amount": money(nanos)}
        for row in months
        for name, nanos in ((SOLD, row.paid_nanos), (EARNED, row.earned_nanos))
        if nanos
    ]
    scale = alt.Scale(domain=[SOLD, EARNED], range=[PALETTE[0], PALETTE[1]])
    first = [row.month for row in months]
    bars = (
        alt.Chart(inline(rows))
        .mark_bar(cornerRadiusTopLeft=1, cornerRadiusTopRight=1, cursor="pointer")
        .encode(
            x=time_axis(first, "Month"),
            xOffset=alt.XOffset("Series:N", sort=[SOLD, EARNED]),
            y=alt.Y("USD:Q", axis=value_axis()),
            color=alt.Color("Series:N", scale=scale, legend=legend(6), sort=[SOLD, EARNED]),
            tooltip=tips("Month:N", "Series:N", "Amount:N"),
        )
        .add_params(picking("day"))
    )
    return alt.layer(bars, *release_rules(marks, first, "Month"), height=HEIGHT)
