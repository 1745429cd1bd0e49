"""The filter bar: one range of days and one set of filters for all analytics pages, kept in the URL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import streamlit as st

from dashboard.data import Filters
from dashboard.periods import DEFAULT_PRESET, PRESETS, period_text, preset_period
from metering.analytics import Period

FILTERS = ("model", "plan", "account", "provider", "task")


@dataclass(frozen=True, slots=True)
class Selection:
    """What the person has chosen: days, filters, and whether to compare with the days before."""

    period: Period
    compare: bool
    filters: Filters = ()

    @property
    def bounds(self) -> tuple[date, date]:
        """First day and the day after the last."""
        return self.period.bounds()

    @property
    def bounds_before(self) -> tuple[date, date]:
        """The same number of days just before."""
        return self.period.previous().bounds()

    @property
    def days(self) -> list[date]:
        """Every day in order."""
        return list(self.period.days())


def filter_bar(today: date, options: Mapping[str, Sequence[str]] | None = None) -> Selection:
    """Draw the bar and read it; with `options`, filters by model, plan, account, provider and task are offered."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small", key="filter_bar"):
        preset = st.segmented_control(
            "Range",
            PRESETS,
            default=DEFAULT_PRESET,
            required=True,
            key="range",
            bind="query-params",
            label_visibility="collapsed",
        )
        custom: tuple[date, ...] = ()
        if preset == "Custom":
            picked = st.date_input(
                "Days",
                value=(today - timedelta(days=29), today),
                max_value=today,
                format="YYYY-MM-DD",
                key="dates",
                bind="query-params",
                label_visibility="collapsed",
                width=230,
            )
            custom = tuple(picked) if isinstance(picked, (tuple, list)) else ()
        compare = st.toggle("Compare with the days before", value=True, key="compare", bind="query-params")
        filters = _filters(options) if options is not None else ()
    period = preset_period(preset, today, custom)
    return Selection(period, compare, filters)


def _filters(options: Mapping[str, Sequence[str]]) -> Filters:
    active = sum(1 for name in FILTERS if _wanted(name, options.get(name, ())))
    label = f"Filters ({active})" if active else "Filters"
    with st.popover(label, icon=":material/filter_alt:", type="primary" if active else "secondary"):
        for name in FILTERS:
            st.selectbox(
                name.capitalize(),
                options.get(name, ()),
                index=None,
                key=name,
                bind="query-params",
                placeholder=f"Every {name}",
            )
        st.button("Clear filters", on_click=_clear, disabled=not active, width="stretch")
    return tuple((name, value) for name in FILTERS if (value := st.session_state.get(name)))


def _wanted(name: str, options: Sequence[str]) -> str | None:
    """The filter's value, also on the first run, when only the URL knows it."""
    value = st.session_state[name] if name in st.session_state else st.query_params.get(name)
    return value if value in options else None


def _clear() -> None:
    for name in FILTERS:
        st.session_state[name] = None


def describe(selection: Selection) -> str:
    """The range and the filters in words."""
    words = [period_text(selection.period)]
    words += [f"{name} {value}" for name, value in selection.filters]
    return ", ".join(words)
