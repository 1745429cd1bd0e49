"""The chart of a pair's exchange rates. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, time

import altair as alt

from dashboard.charts import HEIGHT, PALETTE, RELEASE_COLOUR, Drawn, Mark
from dashboard.configuration.rate_table import DatedRate, rate_text
from dashboard.formats import day as day_text


def _milliseconds(moment: datetime) -> int:
    return round(moment.timestamp() * 1_000)


def rate_steps(entries: Sequence[DatedRate], until: datetime, marks: Sequence[Mark] = ()) -> Drawn:
    """A line that steps where a rate begins, to `until` at least; rules where releases changed prices.

    `entries` are those of one pair in any order.
    """
    ordered = sorted(entries, key=lambda entry: entry.effective)
    rows = [
        {
            "at": _milliseconds(entry.effective),
            "rate": float(entry.rate),
            "From": day_text(entry.effective.date()),
            "Rate": f"{rate_text(entry.rate)} ({entry.standing})",
        }
        for entry in ordered
    ]
    end = max(until, ordered[-1].effective)
    tail = [*rows, {**rows[-1], "at": _milliseconds(end)}]
    x = alt.X(
        "at:T",
        scale=alt.Scale(type="utc"),
        axis=alt.Axis(title=None, grid=False, format="%b %Y", labelOverlap=True, tickCount=6),
    )
    y = alt.Y("rate:Q", scale=alt.Scale(zero=False), axis=alt.Axis(title=None, tickCount=5, domain=False, ticks=False))
    line = (
        alt.Chart(alt.InlineData(values=tail))
        .mark_line(interpolate="step-after", strokeWidth=2, color=PALETTE[0])
        .encode(x=x, y=y)
    )
    points = (
        alt.Chart(alt.InlineData(values=rows))
        .mark_point(filled=True, size=60, color=PALETTE[0], opacity=1)
        .encode(x=x, y=y, tooltip=["From:N", "Rate:N"])
    )
    first, last = ordered[0].effective.date(), end.date()
    shown = [mark for mark in marks if first <= mark.day <= last]
    return alt.layer(line, points, *_rules(shown, x), height=HEIGHT - 60)


def _rules(marks: Sequence[Mark], x: alt.X) -> list[alt.Chart]:
    if not marks:
        return []
    rows = [
        {
            "at": _milliseconds(_midnight(mark.day)),
            "Released": day_text(mark.day),
            "Release": mark.label,
            "Change": mark.title,
        }
        for mark in marks
    ]
    base = alt.Chart(alt.InlineData(values=rows)).encode(x=x, tooltip=["Released:N", "Release:N", "Change:N"])
    rule = base.mark_rule(color=RELEASE_COLOUR, strokeDash=[4, 3], strokeWidth=1.2, aria=False)
    head = base.mark_point(shape="diamond", size=70, filled=True, color=RELEASE_COLOUR, opacity=1)
    return [rule, head.encode(y=alt.value(0))]


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time.min, UTC)


__all__ = ["rate_steps"]
