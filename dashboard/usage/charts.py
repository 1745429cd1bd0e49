"""Charts of the Usage and Profit pages: pure functions from rows to Altair charts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import altair as alt

from dashboard.charts import COST_COLOUR, MUTED_COLOUR, Drawn, inline, legend, picking, tips
from dashboard.formats import MISSING

GAIN_COLOUR = "#12a594"
_ROW_HEIGHT = 34
_LEGEND_COLUMNS = 5


def shares(
    groups: Sequence[str],
    subgroups: Sequence[str],
    values: Mapping[tuple[str, str], tuple[float, str]],
    colour_of: Mapping[str, str],
    *,
    title: str,
) -> Drawn:
    """A horizontal bar a group, stacked by subgroup: `values` are `(length, text)` by the pair."""
    order = {name: place for place, name in enumerate(subgroups)}
    rows = [
        {"Group": group, "Part": part, "value": length, "order": order[part], title: text}
        for (group, part), (length, text) in values.items()
    ]
    scale = alt.Scale(domain=list(subgroups), range=[colour_of[name] for name in subgroups])
    bars = (
        alt.Chart(inline(rows))
        .mark_bar(height={"band": 0.66}, cursor="pointer")
        .encode(
            y=alt.Y("Group:N", sort=list(groups), title=None, axis=alt.Axis(labelLimit=230, domain=False, ticks=False)),
            x=alt.X("value:Q", stack="zero", axis=None),
            color=alt.Color("Part:N", scale=scale, legend=legend(_LEGEND_COLUMNS), sort=list(subgroups)),
            order=alt.Order("order:Q"),
            tooltip=tips("Group:N", "Part:N", f"{title}:N"),
        )
        .add_params(picking("Group", "Part"))
    )
    legend_rows = -(-len(subgroups) // _LEGEND_COLUMNS)
    # Streamlit fits the whole chart into this height, with the legend.
    return alt.layer(bars, height=_ROW_HEIGHT * max(3, len(groups)) + 30 + 24 * legend_rows)


def margins(rows: Sequence[tuple[str, float, str]], before: Mapping[str, tuple[float, str]] | None = None) -> Drawn:
    """Horizontal bars from a line at zero, in the given order: `(name, margin as a share, text)`; losses go left.

    `before` are shares and texts of the days before by name, each shown as a short line across its bar.
    """
    past = before or {}
    lowest = min([0.0, *(share for _, share, _ in rows), *(past[name][0] for name, _, _ in rows if name in past)])
    # Far below zero a bar says no more than its text, and would leave the others no room.
    floor = max(-1.0, lowest)
    values = [
        {
            "Name": name,
            "value": max(share, floor),
            "Margin": text,
            "Before": past[name][1] if name in past else MISSING,
            "before": max(past[name][0], floor) if name in past else None,
            "Kind": "loss" if share < 0 else "gain",
            "end": max(share, past[name][0] if name in past else 0.0, 0.0),
        }
        for name, share, text in rows
    ]
    names = [name for name, _, _ in rows]
    base = alt.Chart(inline(values)).encode(
        y=alt.Y("Name:N", sort=names, title=None, axis=alt.Axis(labelLimit=190, domain=False, ticks=False)),
        tooltip=tips("Name:N", "Margin:N", *(["Before:N"] if past else [])),
    )
    # Room on the right for the texts, which stand behind the bars' ends.
    scale = alt.Scale(domain=[floor, 1.5 - 0.5 * floor])
    kinds = alt.Scale(domain=["gain", "loss"], range=[GAIN_COLOUR, COST_COLOUR])
    bars = (
        base.mark_bar(cornerRadiusEnd=3, height={"band": 0.62}, cursor="pointer")
        .encode(x=alt.X("value:Q", axis=None, scale=scale), color=alt.Color("Kind:N", scale=kinds, legend=None))
        .add_params(picking("Name"))
    )
    texts = base.mark_text(align="left", dx=6, color=MUTED_COLOUR, aria=False).encode(
        x=alt.X("end:Q", axis=None, scale=scale), text=alt.Text("Margin:N")
    )
    ticks = base.mark_tick(thickness=2, color=MUTED_COLOUR, aria=False, height={"band": 0.8}).encode(
        x=alt.X("before:Q", axis=None, scale=scale)
    )
    layers = [bars, texts, *([ticks] if past else [])]
    return alt.layer(*layers, height=_ROW_HEIGHT * max(3, len(rows)) + 10)
