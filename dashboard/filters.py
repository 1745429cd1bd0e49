"""The filter bar: one range of days and one set of filters for all analytics pages, kept in the URL."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from zlib import crc32

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from dashboard.address import as_if_of_the_entry_script, choose, let_go
from dashboard.formats import literal
from dashboard.held import BAR, FILTERS, ONLY, TOGGLES, WHOLE_BAR, hold, take
from dashboard.kept_sums import Filters
from dashboard.periods import (
    DEFAULT_PRESET,
    GRANULARITIES,
    PRESETS,
    buckets,
    earliest,
    last_day,
    period_text,
    preset_period,
)
from metering.analytics import Period


@dataclass(frozen=True, slots=True)
class Selection:
    """What the person has chosen: days, filters, what a bar stands for, and whether to compare with the days before."""

    period: Period
    compare: bool
    filters: Filters = ()
    granularity: str = GRANULARITIES[0]
    converted: bool = False
    """Whether the sums are wanted in the second currency too."""
    today: date | None = None
    """The running day, where it is the last of them."""

    @property
    def is_running_day(self) -> bool:
        """Whether it is only a day that is not over: less than all of the day before means nothing yet."""
        return self.days == [self.today]

    @property
    def bounds(self) -> tuple[date, date]:
        """First day and the day after the last."""
        return self.period.bounds()

    @property
    def compared(self) -> tuple[date, date] | None:
        """The same number of days just before, where they are compared with."""
        return self.period.previous().bounds() if self.compare else None

    @property
    def days(self) -> list[date]:
        """Every day in order."""
        return list(self.period.days())

    @property
    def starts(self) -> list[date]:
        """The first day of what each bar of a chart stands for."""
        return buckets(self.period.days(), self.granularity)

    @property
    def key(self) -> str:
        """A text for the key of a widget that must begin anew with other days or filters: a chosen row, say."""
        return f"{crc32(repr((self.bounds, self.filters)).encode()):08x}"

    @property
    def fees_count(self) -> bool:
        """Whether subscription fees are part of the numbers: they are never spread over models, tasks or users."""
        return not {name for name, _ in self.filters} - {"account", "plan"}


def only(**filters: str) -> dict[str, str]:
    """The query of a link to an analytics page that is narrowed: `only(account="acct-0001")`."""
    return {ONLY[name]: value for name, value in filters.items()}


def narrow(**filters: str) -> None:
    """Narrow the page to a model, plan, account, provider or task; a callback."""
    choose(only(**filters))


def narrow_days(selection: Selection, start: date) -> None:
    """Narrow the page to the days of one bar of its charts; a callback."""
    first, end = selection.bounds
    last = min(last_day(start, selection.granularity), end - timedelta(days=1))
    days = max(start, first), last
    choose({"dates": days, "range": "Custom"})


def filter_bar(
    today: date, options: Mapping[str, Sequence[str]] | None = None, *, currency: str | None = None
) -> Selection:
    """Draw the bar and read it.

    With `options`, filters by model, plan, account, provider and task are offered; with a `currency`, sums in it.
    """
    drawn = BAR if options is None else WHOLE_BAR
    bar = st.container(horizontal=True, vertical_alignment="center", gap="small", key="filter_bar")
    with _shared_by_pages(drawn, options), bar:
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
                min_value=earliest(today),
                max_value=today,
                format="YYYY-MM-DD",
                key="dates",
                bind="query-params",
                label_visibility="collapsed",
                width=230,
            )
            custom = tuple(picked) if isinstance(picked, (tuple, list)) else ()
        granularity = st.segmented_control(
            "One bar is a",
            GRANULARITIES,
            default=GRANULARITIES[0],
            required=True,
            key="per",
            bind="query-params",
            label_visibility="collapsed",
        )
        filters = _filters(options) if options is not None else ()
        compare = _compare_toggle()
        converted = _converted_toggle(currency)
    if filters:
        _chips(filters)
    period = preset_period(preset, today, custom)
    running = today if period.bounds()[1] > today else None
    return Selection(period, compare, filters, granularity or GRANULARITIES[0], converted, running)


def shared_toggles(currency: str | None) -> tuple[bool, bool]:
    """The bar's questions whether to compare, and whether amounts are wanted in a currency too; for other bars."""
    with _shared_by_pages(TOGGLES, None):
        return _compare_toggle(), _converted_toggle(currency)


def _compare_toggle() -> bool:
    return st.toggle("Compare with the period before", value=True, key="compare", bind="query-params")


def _converted_toggle(currency: str | None) -> bool:
    if currency is None:
        return False
    return st.toggle(f"Also in {literal(currency)}", key="converted", bind="query-params")


@contextmanager
def _shared_by_pages(drawn: Sequence[str], options: Mapping[str, Sequence[str]] | None) -> Iterator[None]:
    """Make widgets the same widgets on every page, as if the entry script had drawn them.

    A widget belongs to the page that draws it, and a page that was opened or reloaded with choices in the URL would
    lose them with the first switch to another page. What the entry script draws is kept. `drawn` are the names of
    those of this page.
    """
    take(drawn, options or {})
    with as_if_of_the_entry_script():
        yield
    hold(drawn)
    let_go(drawn)


def _filters(options: Mapping[str, Sequence[str]]) -> Filters:
    active = sum(1 for name in FILTERS if _wanted(name, options.get(name, ())))
    label = f"Filters ({active})" if active else "Filters"
    with st.popover(label, icon=":material/filter_alt:", type="primary" if active else "secondary"):
        for name in FILTERS:
            st.selectbox(
                name.capitalize(),
                options.get(name, ()),
                index=None,
                key=ONLY[name],
                bind="query-params",
                placeholder=f"Every {name}",
            )
        st.button("Clear filters", on_click=_clear, args=FILTERS, disabled=not active, width="stretch")
    return tuple((name, value) for name in FILTERS if (value := st.session_state.get(ONLY[name])))


def _chips(filters: Filters) -> None:
    """What the numbers are narrowed to, each with a click that ends it: nobody should overlook a filter."""
    with st.container(horizontal=True, vertical_alignment="center", gap="xsmall", key="filter_chips"):
        st.caption("Only", width="content")
        for name, value in filters:
            st.button(
                f"{name} {literal(value)}",
                icon=":material/close:",
                icon_position="right",
                key=f"chip_{name}",
                on_click=_clear,
                args=(name,),
                help=f"Show every {name} again",
            )


def _wanted(name: str, options: Sequence[str]) -> str | None:
    """The filter's value, also on the first run and after the browser's Back, when only the URL knows it."""
    context, key = get_script_run_ctx(), ONLY[name]
    held = key in st.session_state and not (context and context.is_history_navigation)
    value = st.session_state[key] if held else st.query_params.get(key)
    return value if value in options else None


def _clear(*names: str) -> None:
    choose({ONLY[name]: None for name in names})


def describe_changes(selection: Selection, before: bool) -> str:
    """The range in words, and what its changes are against, if there is anything `before` it."""
    words = period_text(selection.period) + (" so far" if selection.is_running_day else "")
    if not selection.compare:
        return words
    earlier = period_text(selection.period.previous())
    return f"{words}; changes against {earlier}" if before else f"{words}; nothing before to compare with"


def describe(selection: Selection) -> str:
    """The range and the filters in words."""
    words = [period_text(selection.period)]
    words += [f"{name} {value}" for name, value in selection.filters]
    return ", ".join(words)
