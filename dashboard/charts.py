"""Charts: pure functions from rows to Altair charts.

Days are ordinal texts `YYYY-MM-DD`, so that no browser's time zone moves a bar. Amounts are floats of USD here and only
here: they are lengths, not money.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import altair as alt

from dashboard.formats import day as day_text
from dashboard.periods import bucket, bucket_text

PALETTE = (
    "#4c6fff",
    "#12a594",
    "#f0883e",
    "#d6508a",
    "#8457e8",
    "#2f9bd6",
    "#6fa82e",
    "#cf5a42",
    "#a67c52",
    "#5b7896",
    "#b89a14",
    "#2c7f70",
)
"""Colours that are told apart on light and on dark ground."""

OTHER = "Other"
OTHER_COLOUR = "#98a1b3"
SUBSCRIPTION_COLOUR = "#4c6fff"
USAGE_COLOUR = "#8ea4ff"
COST_COLOUR = "#f0883e"
RELEASE_COLOUR = "#8a93a6"
HEIGHT = 320
_TICKS = 10

Row = dict[str, Any]
Drawn = alt.LayerChart | alt.FacetChart


@dataclass(frozen=True, slots=True)
class Mark:
    """A release on the time axis."""

    day: date
    label: str
    title: str


def colours(names: Sequence[str], ranking: Sequence[str]) -> dict[str, str]:
    """A colour a name that does not change with filters: its place in `ranking` chooses; shown names never clash."""
    places = {name: place for place, name in enumerate(ranking)}
    taken: dict[str, str] = {}
    for name in sorted((name for name in names if name != OTHER), key=lambda name: (places.get(name, 10**9), name)):
        first = places.get(name, len(places))
        options = [PALETTE[(first + step) % len(PALETTE)] for step in range(len(PALETTE))]
        free = [colour for colour in options if colour not in taken.values()]
        taken[name] = (free or options)[0]
    return taken | ({OTHER: OTHER_COLOUR} if OTHER in names else {})


def _day_axis(days: Sequence[date], granularity: str) -> alt.Axis:
    step = max(1, -(-len(days) // _TICKS))
    shown = [day.isoformat() for day in reversed(days[::-1][::step])]
    return alt.Axis(
        values=shown,
        labelExpr=f"utcFormat(toDate(datum.value), '{'%b %Y' if granularity == 'Month' else '%-d %b'}')",
        labelAngle=0,
        labelFlush=False,
        labelOverlap=True,
        ticks=False,
        domain=True,
        title=None,
        grid=False,
    )


def _x(days: Sequence[date], granularity: str = "Day") -> alt.X:
    domain = [day.isoformat() for day in days]
    scale = alt.Scale(domain=domain, paddingInner=0.25, paddingOuter=0.1)
    return alt.X("day:O", scale=scale, axis=_day_axis(days, granularity))


def _number(longest: float, *, is_money: bool = True) -> str:
    """The format of an axis: thousands as `k`; small amounts in cents, as `m` would be read as millions."""
    sign = "$" if is_money else ""
    if longest >= 1_000:
        return f"{sign}~s"
    return f"{sign},~r" if longest >= 5 or not is_money else f"{sign},.2f" if longest >= 0.05 else f"{sign},~g"


def _dollar_axis(title: str | None = None, number: str = "$~s") -> alt.Axis:
    return alt.Axis(format=number, title=title, tickCount=5, domain=False, ticks=False)


def _legend() -> alt.Legend:
    return alt.Legend(title=None, orient="top", direction="horizontal", columns=5, labelLimit=190, symbolType="square")


def _data(rows: Sequence[Row]) -> alt.InlineData:
    return alt.InlineData(values=list(rows))


def release_rules(marks: Sequence[Mark], days: Sequence[date], granularity: str = "Day") -> list[alt.Chart]:
    """Dashed rules with a diamond on top where releases changed prices; several of a day, week or month share one."""
    by_day: dict[date, list[Mark]] = {}
    shown = set(days)
    for mark in marks:
        start = bucket(mark.day, granularity)
        if start in shown:
            by_day.setdefault(start, []).append(mark)
    if not by_day:
        return []
    rows = [
        {
            "day": day.isoformat(),
            "Released": ", ".join(dict.fromkeys(day_text(mark.day) for mark in found)),
            "Release": ", ".join(mark.label for mark in found),
            "Change": " · ".join(mark.title for mark in found),
        }
        for day, found in sorted(by_day.items())
    ]
    tooltip = ["Released:N", "Release:N", "Change:N"]
    base = alt.Chart(_data(rows)).encode(x=_x(days, granularity), tooltip=tooltip)
    rule = base.mark_rule(color=RELEASE_COLOUR, strokeDash=[4, 3], strokeWidth=1.2, aria=False)
    head = base.mark_point(
        shape="diamond", size=70, filled=True, color=RELEASE_COLOUR, opacity=1, description="release"
    ).encode(y=alt.value(0))
    return [rule, head]


def cost_and_revenue(
    days: Sequence[date],
    revenue: Mapping[str, Sequence[float]],
    cost: Sequence[float],
    marks: Sequence[Mark] = (),
    previous: Sequence[float] = (),
    *,
    granularity: str = "Day",
) -> Drawn:
    """Stacked bars of revenue by source, a line of cost, rules for releases.

    `revenue` maps a source to USD a day, `previous` is the revenue of the range before (shown as a dotted line).
    """
    order = {name: place for place, name in enumerate(revenue)}
    rows = [
        {
            "day": day.isoformat(),
            "Day": bucket_text(day, granularity),
            "Series": name,
            "USD": values[place],
            "order": order[name],
            "Amount": f"${values[place]:,.2f}",
        }
        for name, values in revenue.items()
        for place, day in enumerate(days)
    ]
    line = [
        {
            "day": day.isoformat(),
            "Day": bucket_text(day, granularity),
            "Series": "Cost",
            "USD": amount,
            "Amount": f"${amount:,.2f}",
        }
        for day, amount in zip(days, cost, strict=True)
    ]
    names = [*revenue, "Cost"]
    scale_colours = [*(SUBSCRIPTION_COLOUR, USAGE_COLOUR)[: len(revenue)], COST_COLOUR]
    if previous:
        names.append("Revenue before")
        scale_colours.append(OTHER_COLOUR)
    longest = [*cost, *previous, *(sum(values) for values in zip(*revenue.values(), strict=True))]
    colour = alt.Color("Series:N", scale=alt.Scale(domain=names, range=scale_colours), legend=_legend())
    y = alt.Y("USD:Q", axis=_dollar_axis(number=_number(max(longest, default=0.0))))
    tooltip = [alt.Tooltip("Day:N", title="When"), "Series:N", "Amount:N"]
    layers: list[Any] = [
        alt.Chart(_data(rows))
        .mark_bar(cornerRadiusTopLeft=1, cornerRadiusTopRight=1)
        .encode(x=_x(days, granularity), y=y, color=colour, order=alt.Order("order:Q"), tooltip=tooltip),
        alt.Chart(_data(line))
        .mark_line(strokeWidth=2.4, interpolate="monotone", point={"size": 18, "filled": True})
        .encode(x=_x(days, granularity), y=y, color=colour, tooltip=tooltip),
    ]
    if previous:
        ghost = [
            {"day": day.isoformat(), "Day": bucket_text(day, granularity), "Series": "Revenue before", "USD": amount}
            | {"Amount": f"${amount:,.2f}"}
            for day, amount in zip(days, previous, strict=False)
        ]
        layers.append(
            alt.Chart(_data(ghost))
            .mark_line(strokeWidth=1.6, strokeDash=[3, 3], interpolate="monotone")
            .encode(x=_x(days, granularity), y=y, color=colour, tooltip=tooltip)
        )
    return alt.layer(*layers, *release_rules(marks, days, granularity)).properties(height=HEIGHT)


def stacked_by_day(
    days: Sequence[date],
    series: Mapping[str, Mapping[date, float]],
    colour_of: Mapping[str, str],
    *,
    title: str,
    is_money: bool,
    marks: Sequence[Mark] = (),
    granularity: str = "Day",
) -> Drawn:
    """Stacked bars a day, one colour a name; `series` in the order of the stack, from the axis up."""
    rows = [
        {
            "day": day.isoformat(),
            "Day": bucket_text(day, granularity),
            "Name": name,
            "value": values.get(day, 0.0),
            "order": place,
            title: f"${values.get(day, 0.0):,.4f}" if is_money else f"{values.get(day, 0.0):,.0f}",
        }
        for place, (name, values) in enumerate(series.items())
        for day in days
        if values.get(day, 0.0)
    ]
    names = list(series)
    longest = max((sum(values.get(day, 0.0) for values in series.values()) for day in days), default=0.0)
    scale = alt.Scale(domain=names, range=[colour_of[name] for name in names])
    bars = (
        alt.Chart(_data(rows))
        .mark_bar()
        .encode(
            x=_x(days, granularity),
            y=alt.Y("value:Q", stack="zero", axis=_dollar_axis(number=_number(longest, is_money=is_money))),
            color=alt.Color("Name:N", scale=scale, legend=_legend(), sort=names),
            order=alt.Order("order:Q"),
            tooltip=[alt.Tooltip("Day:N", title="When"), "Name:N", f"{title}:N"],
        )
    )
    return alt.layer(bars, *release_rules(marks, days, granularity)).properties(height=HEIGHT)


def ranking(rows: Sequence[tuple[str, float, str]], colour_of: Mapping[str, str], *, title: str) -> Drawn:
    """Horizontal bars, longest first as given: `(name, length, text)`."""
    values = [{"Name": name, "value": value, title: text} for name, value, text in rows]
    names = [name for name, _, _ in rows]
    longest = max((value for _, value, _ in rows), default=0.0)
    base = alt.Chart(_data(values)).encode(
        y=alt.Y("Name:N", sort=names, title=None, axis=alt.Axis(labelLimit=190, domain=False, ticks=False)),
        tooltip=["Name:N", f"{title}:N"],
    )
    # Room on the right for the texts, which stand behind the bars' ends.
    x = alt.X("value:Q", axis=None, scale=alt.Scale(domain=[0, longest * 1.25 or 1]))
    scale = alt.Scale(domain=names, range=[colour_of[name] for name in names])
    bars = base.mark_bar(cornerRadiusEnd=3, height={"band": 0.62}).encode(
        x=x, color=alt.Color("Name:N", scale=scale, legend=None)
    )
    texts = base.mark_text(align="left", dx=6, color=OTHER_COLOUR, aria=False).encode(x=x, text=alt.Text(f"{title}:N"))
    return alt.layer(bars, texts).properties(height=HEIGHT)
