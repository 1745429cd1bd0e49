"""Charts: pure functions from rows to Altair charts.

What a click on a mark chooses is in the parameter PICKED, on a release's diamond in RELEASE; `chart_clicks` reads both.
Days are ordinal texts `YYYY-MM-DD`, so that no browser's time zone moves a bar. Amounts are floats of USD here and only
here: they are lengths, not money.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import altair as alt
from altair.utils.schemapi import disable_debug_mode

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
OTHER_COLOUR = "#c3cad7"
MUTED_COLOUR = "#727d93"
"""Of texts beside the bars."""
SUBSCRIPTION_COLOUR = "#4c6fff"
USAGE_COLOUR = "#8ea4ff"
COST_COLOUR = "#f0883e"
RELEASE_COLOUR = "#8a93a6"
HEIGHT = 320
BEFORE = "Before"
"""The series of the days before, where they are compared."""
PICKED, RELEASE = "picked", "release"
_TICKS = 12
_LONG_NAME = 30

# The page has a theme, and parts are not checked one by one: the tests check whole charts.
alt.theme.enable("none")
disable_debug_mode()

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


def time_axis(days: Sequence[date], granularity: str = "Day") -> alt.X:
    """An ordinal axis of the first days of bars, with a few of them named."""
    domain = [day.isoformat() for day in days]
    scale = alt.Scale(domain=domain, paddingInner=0.25, paddingOuter=0.1)
    return alt.X("day:O", scale=scale, axis=_day_axis(days, granularity))


def _number(longest: float, *, is_money: bool = True) -> str:
    """The format of an axis: thousands as `k`; small amounts in cents, as `m` would be read as millions."""
    sign = "$" if is_money else ""
    if longest >= 1_000:
        return f"{sign}~s"
    return f"{sign},~r" if longest >= 5 or not is_money else f"{sign},.2f" if longest >= 0.05 else f"{sign},~g"


def value_axis(number: str = "$~s", **more: Any) -> alt.Axis:
    """The upright axis: a few amounts, without lines of its own."""
    # Zero has no thousands: Vega would write `$0k` beside `$1k`.
    labels = "datum.value ? datum.label : replace(datum.label, regexp('[a-zA-Z]'), '')"
    return alt.Axis(format=number, labelExpr=labels, title=None, tickCount=5, domain=False, ticks=False, **more)


def legend(columns: int = 5, symbol: str = "square", **more: Any) -> alt.Legend:
    """Names with their colours above the chart."""
    asked = {"labelLimit": 190} | more
    return alt.Legend(title=None, orient="top", direction="horizontal", columns=columns, symbolType=symbol, **asked)


def tips(*fields: str) -> list[alt.Tooltip]:
    """What a mark tells of its row. Altair takes long to find out what a list of texts is."""
    return [alt.Tooltip(field) for field in fields]


def spec(drawn: Drawn) -> dict[str, Any]:
    """A chart as the browser gets it. It is not checked, which takes longer than to draw it."""
    found: dict[str, Any] = drawn.to_dict(validate=False)
    # Half of the last day's name stands beyond its bar; legends beside each other would reach beyond narrow charts.
    below = {"legend": {"layout": {"top": {"direction": "vertical", "anchor": "start", "margin": -12}}}}
    return {**found, "padding": {"right": 14}, "config": {**found.get("config", {}), **below}}


def inline(rows: Sequence[Row]) -> alt.InlineData:
    """Rows as the data of a layer: a tuple, as Altair copies a list again with each thing that is said of a chart."""
    return alt.InlineData(values=tuple(rows))


def picking(*fields: str, by_legend: bool = False) -> alt.Parameter:
    """What a click on a mark chooses, by fields of its row; with `by_legend` also a click on the legend."""
    bind = "legend" if by_legend else alt.Undefined
    return alt.selection_point(name=PICKED, fields=list(fields), on="click", bind=bind)


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
    tooltip = tips("Released:N", "Release:N", "Change:N")
    base = alt.Chart(inline(rows)).encode(x=time_axis(days, granularity), tooltip=tooltip)
    rule = base.mark_rule(color=RELEASE_COLOUR, strokeDash=[4, 3], strokeWidth=1.2, aria=False)
    head = base.mark_point(
        shape="diamond", size=70, filled=True, color=RELEASE_COLOUR, opacity=1, description="release", cursor="pointer"
    ).encode(y=alt.value(0))
    return [rule, head.add_params(alt.selection_point(name=RELEASE, fields=["Release"], on="click"))]


def points(
    days: Sequence[date], name: str, values: Sequence[float], granularity: str, *, decimals: int | None = 2
) -> list[Row]:
    """A series as rows of a chart; without decimals its values are counts."""
    return [
        {"day": day.isoformat(), "Day": bucket_text(day, granularity), "Series": name, "value": value}
        | {"Amount": f"{value:,.0f}" if decimals is None else f"{'-' if value < 0 else ''}${abs(value):,.{decimals}f}"}
        for day, value in zip(days, values, strict=False)
    ]


def _line(rows: Sequence[Row], x: alt.X, y: alt.Y, colour: alt.Color) -> alt.Chart:
    """A line through the days."""
    line = alt.Chart(inline(rows)).mark_line(
        strokeWidth=2.4, interpolate="monotone", point={"size": 18 if len(rows) > 1 else 90, "filled": True}
    )
    encoded: alt.Chart = line.encode(
        x=x, y=y, color=colour, tooltip=[alt.Tooltip("Day:N", title="When"), *tips("Series:N", "Amount:N")]
    )
    return encoded


def before_line(rows: Sequence[Row], x: alt.X, y: alt.Y) -> alt.Chart:
    """A dotted line of the days before, beside those of now, with an entry of its own in the legend that is dotted too.

    It is no series of the others' scale of colours, whose names all have a square there.
    """
    scale = alt.Scale(domain=[BEFORE], range=[[3, 3]])
    drawn = legend(symbol="stroke", symbolStrokeColor=RELEASE_COLOUR, symbolStrokeWidth=1.6, symbolSize=300)
    # By a field of its own: a legend of a field that has colours would take its line from them, and draw none.
    dash = alt.StrokeDash("Line:N", scale=scale, legend=drawn)
    base = alt.Chart(inline([row | {"Line": BEFORE} for row in rows]))
    line = base.mark_line(color=RELEASE_COLOUR, strokeWidth=1.6, interpolate="monotone").encode(x=x)
    if len(rows) == 1:
        # There is no line through one bar, but one across it.
        across = {"x": x.bandPosition(0), "x2": alt.X2("day:O", bandPosition=1)}
        line = base.mark_rule(color=RELEASE_COLOUR, strokeWidth=1.6).encode(**across)
    encoded: alt.Chart = line.encode(
        y=y, strokeDash=dash, tooltip=[alt.Tooltip("Day:N", title="Beside"), *tips("Series:N", "Amount:N")]
    )
    return encoded


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
    rows = [
        point | {"order": place}
        for place, (name, values) in enumerate(revenue.items())
        for point in points(days, name, values, granularity)
    ]
    names = [*revenue, "Cost"]
    shades = [*(SUBSCRIPTION_COLOUR, USAGE_COLOUR)[: len(revenue)], COST_COLOUR]
    longest = [*cost, *previous, *(sum(values) for values in zip(*revenue.values(), strict=True))]
    colour = alt.Color("Series:N", scale=alt.Scale(domain=names, range=shades), legend=legend())
    x, y = time_axis(days, granularity), alt.Y("value:Q", axis=value_axis(_number(max(longest, default=0.0))))
    bars = (
        alt.Chart(inline(rows))
        .mark_bar(cornerRadiusTopLeft=1, cornerRadiusTopRight=1, cursor="pointer")
        .encode(
            x=x,
            y=y,
            color=colour,
            order=alt.Order("order:Q"),
            tooltip=[alt.Tooltip("Day:N", title="When"), *tips("Series:N", "Amount:N")],
        )
        .add_params(picking("day"))
    )
    lines = [_line(points(days, "Cost", cost, granularity), x, y, colour)]
    # A line at zero would say nothing, and take a place in the legend.
    if any(previous):
        lines.append(before_line(points(days, BEFORE, previous, granularity), x, y))
    return alt.layer(bars, *lines, *release_rules(marks, days, granularity), height=HEIGHT)


def lines_over_time(
    days: Sequence[date],
    series: Mapping[str, Sequence[float]],
    palette: Sequence[str],
    marks: Sequence[Mark] = (),
    *,
    granularity: str = "Day",
) -> Drawn:
    """A line of USD for each series, in the colours of a palette."""
    names = list(series)
    longest = max((value for values in series.values() for value in values), default=0.0)
    scale = alt.Scale(domain=names, range=list(palette[: len(names)]))
    colour = alt.Color("Series:N", scale=scale, legend=legend(), sort=names)
    x, y = time_axis(days, granularity), alt.Y("value:Q", axis=value_axis(_number(longest)))
    lines = [
        _line(points(days, name, values, granularity), x, y, colour).add_params(*([] if place else [picking("day")]))
        for place, (name, values) in enumerate(series.items())
    ]
    return alt.layer(*lines, *release_rules(marks, days, granularity), height=HEIGHT)


def stacked_by_day(
    days: Sequence[date],
    series: Mapping[str, Mapping[date, float]],
    colour_of: Mapping[str, str],
    *,
    title: str,
    is_money: bool,
    marks: Sequence[Mark] = (),
    previous: Sequence[float] = (),
    granularity: str = "Day",
) -> Drawn:
    """Stacked bars a day, one colour a name; `series` in the order of the stack, from the axis up.

    `previous` is the whole of the range before, shown as a dotted line; `title` names the measure.
    """
    decimals = 4 if is_money else None
    rows = [
        point | {"order": place}
        for place, (name, values) in enumerate(series.items())
        for point in points(days, name, [values.get(day, 0.0) for day in days], granularity, decimals=decimals)
        if point["value"]
    ]
    names = list(series)
    whole = [sum(values.get(day, 0.0) for values in series.values()) for day in days]
    scale = alt.Scale(domain=names, range=[colour_of[name] for name in names])
    # Names of pairs tell themselves apart at their ends.
    named = legend(3, labelLimit=300) if any(len(name) > _LONG_NAME for name in names) else legend()
    colour = alt.Color("Series:N", scale=scale, legend=named, sort=names)
    axis = value_axis(_number(max([*whole, *previous], default=0.0), is_money=is_money))
    x, y = time_axis(days, granularity), alt.Y("value:Q", stack="zero", axis=axis)
    bars = (
        alt.Chart(inline(rows))
        .mark_bar(cursor="pointer")
        .encode(
            x=x,
            y=y,
            color=colour,
            order=alt.Order("order:Q"),
            tooltip=[
                alt.Tooltip("Day:N", title="When"),
                alt.Tooltip("Series:N", title="Name"),
                alt.Tooltip("Amount:N", title=title),
            ],
        )
        .add_params(picking("Series", by_legend=True))
    )
    lines = []
    if previous:
        before = points(days, BEFORE, previous, granularity, decimals=decimals)
        lines.append(before_line(before, x, alt.Y("value:Q", axis=axis)))
    return alt.layer(bars, *lines, *release_rules(marks, days, granularity), height=HEIGHT)


def ranking(rows: Sequence[tuple[str, float, str]], colour_of: Mapping[str, str], *, title: str) -> Drawn:
    """Horizontal bars, longest first as given: `(name, length, text)`."""
    values = [{"Name": name, "value": value, title: text} for name, value, text in rows]
    names = [name for name, _, _ in rows]
    longest = max((value for _, value, _ in rows), default=0.0)
    base = alt.Chart(inline(values)).encode(
        y=alt.Y("Name:N", sort=names, title=None, axis=alt.Axis(labelLimit=190, domain=False, ticks=False)),
        tooltip=tips("Name:N", f"{title}:N"),
    )
    # Room on the right for the texts, which stand behind the bars' ends.
    x = alt.X("value:Q", axis=None, scale=alt.Scale(domain=[0, longest * 1.25 or 1]))
    scale = alt.Scale(domain=names, range=[colour_of[name] for name in names])
    bars = (
        base.mark_bar(cornerRadiusEnd=3, height={"band": 0.62}, cursor="pointer")
        .encode(x=x, color=alt.Color("Name:N", scale=scale, legend=None))
        .add_params(picking("Name"))
    )
    texts = base.mark_text(align="left", dx=6, color=MUTED_COLOUR, aria=False).encode(x=x, text=alt.Text(f"{title}:N"))
    return alt.layer(bars, texts, height=HEIGHT)
