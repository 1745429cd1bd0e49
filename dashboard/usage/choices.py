"""What the Usage page is asked: by what to group, what to measure, how many names to show; kept in the URL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import streamlit as st

from dashboard.filters import narrow
from dashboard.formats import literal
from dashboard.held import FILTERS
from dashboard.links import open_links
from dashboard.usage.series import Measure
from dashboard.usage.table import GROUPS, METRICS, name_of
from metering.analytics import UsageRow

TOPS = ("5", "8", "12", "20")


@dataclass(frozen=True, slots=True)
class Choices:
    """How usage is laid out."""

    groups: tuple[str, ...]
    """One column, or a column and another one within it."""
    metric: str
    top: int
    cumulative: bool

    @property
    def measure(self) -> Measure:
        """How a row says the metric."""
        return METRICS[self.metric][0]

    @property
    def is_money(self) -> bool:
        """Whether it is nano-USD."""
        return METRICS[self.metric][1]

    @property
    def title(self) -> str:
        """The metric in words: revenue of calls is not all that is earned."""
        return "Usage revenue" if self.metric == "Revenue" else self.metric

    @property
    def words(self) -> str:
        """`plan and task`."""
        return " and ".join(self.groups)


def choices() -> Choices:
    """Draw the choices and read them."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small", key="usage_choices"):
        group = st.segmented_control("Group by", GROUPS, default="Model", required=True, key="by", bind="query-params")
        inner = [name for name in GROUPS if name != group]
        within = st.selectbox(
            "and within it by",
            inner,
            index=None,
            key="within",
            bind="query-params",
            placeholder="nothing more",
            width=160,
        )
        metric = st.segmented_control(
            "Measure", METRICS, default="Cost", required=True, key="metric", bind="query-params"
        )
        top = st.selectbox("Largest", TOPS, index=1, key="top", bind="query-params", width=90)
        cumulative = st.toggle(
            "Cumulative", key="cumulative", bind="query-params", help="Each bar with all that was before it."
        )
    groups = (GROUPS[group or "Model"], *([GROUPS[within]] if within else []))
    return Choices(groups, metric or "Cost", int(top or TOPS[1]), cumulative)


def row_links(row: UsageRow | None, groups: Sequence[str], options: Mapping[str, Sequence[str]]) -> None:
    """What can be done with the chosen row of the table: open what its names stand for, or narrow the page to it."""
    if row is None:
        st.caption("Choose a row to open what it names, or to see nothing else.")
        return
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="usage_row"):
        for group in groups:
            value = row.keys[group]
            st.markdown(f"**{literal(name_of(row, group))}**", width="content")
            if value is None:
                continue
            open_links(group, str(value), numbers=("Profit",))
            if group in FILTERS and value in options.get(group, ()):
                st.button(
                    f"Only this {group}",
                    icon=":material/filter_alt:",
                    type="tertiary",
                    key=f"narrow_{group}",
                    on_click=narrow,
                    kwargs={group: value},
                )
