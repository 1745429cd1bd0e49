"""What was chosen in the filter bar, held for all pages: also those that do not draw it have it in their address.

A page that is opened or reloaded begins with what its address says, so that nothing is lost by any page in between.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any
from urllib.parse import parse_qs

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from dashboard.address import DEFAULTS, choose, let_go, words
from dashboard.periods import GRANULARITIES, PRESETS, choosable

FILTERS = ("model", "plan", "account", "provider", "task")
ONLY = {name: f"only_{name}" for name in FILTERS}
"""Their names in the URL: a page that shows a model, plan or account says `model`, `plan` or `account` there."""
TOGGLES = ("compare", "converted")
BAR = ("range", "per", *TOGGLES, "dates")
WHOLE_BAR = (*BAR, *ONLY.values())
_HELD = "held_choices"
_ENTERED = "entered_page"
_TAKEN = "page_that_took_choices"


def enter_page(today: date) -> None:
    """On another page: hold what its address says, else what was chosen before, and let the address say all of it.

    The entry script calls this before the page. Streamlit drops a parameter of a link when the page before had a widget
    of that name, and with a switch all that no widget is bound to: the link from a model to its price would lead to no
    model.
    """
    context = get_script_run_ctx()
    if context is None or st.session_state.get(_ENTERED) == context.page_script_hash:
        return
    st.session_state[_ENTERED] = page = context.page_script_hash
    query = parse_qs(context.query_string)
    said, before = _said(query, today), _held()
    # A page that was left while it drew the bar had no time to.
    let_go(WHOLE_BAR)
    links = {name: query[name] for name in FILTERS if name in query and name not in st.query_params}
    if context.is_history_navigation or before is None:
        # The address alone says it, and Streamlit gives it to the widgets.
        st.session_state[_HELD] = DEFAULTS | said
        st.session_state[_TAKEN] = page if before is None else None
    else:
        # A link that narrows the numbers starts from none of the filters before.
        narrowed = any(name in query for name in ONLY.values())
        kept = {name: value for name, value in before.items() if not (narrowed and name in ONLY.values())}
        st.session_state[_HELD] = kept | said
        links |= choices()
    # What the server tells the browser replaces the whole address: not without need.
    if any(st.query_params.get_all(name) != texts for name, texts in links.items()):
        st.query_params.update(links)


def take(drawn: Sequence[str], options: Mapping[str, Sequence[str]]) -> None:
    """Set widgets of the bar to what is held, before a page draws them for the first time since it was entered."""
    context, held = get_script_run_ctx(), _held()
    if context is None or held is None or st.session_state.get(_TAKEN) == context.page_script_hash:
        return
    st.session_state[_TAKEN] = context.page_script_hash
    if context.is_history_navigation:
        return
    chosen = {name: held[name] for name in drawn if name in held}
    for name, key in ONLY.items():
        if key in drawn and chosen.get(key) not in options.get(name, ()):
            chosen[key] = None
            st.query_params.pop(key, None)
    # Without a range of one's own they are not drawn, and would not tell the browser.
    if chosen.get("range") != "Custom":
        chosen.pop("dates", None)
    choose(chosen)


def hold(drawn: Sequence[str]) -> None:
    """Hold what the widgets of the bar are set to, once they are drawn."""
    found = {name: st.session_state[name] for name in drawn if name in st.session_state}
    st.session_state[_HELD] = (_held() or {}) | found


def choices() -> dict[str, list[str]]:
    """The query that says what is held, for the address of a page."""
    held = _held() or {}
    texts = {name: words(name, value) for name, value in held.items() if name != "dates" or _is_custom(held)}
    return {name: text for name, text in texts.items() if text is not None}


def _held() -> dict[str, Any] | None:
    return st.session_state.get(_HELD)


def _is_custom(held: Mapping[str, Any]) -> bool:
    return held.get("range") == "Custom"


def _said(query: Mapping[str, Sequence[str]], today: date) -> dict[str, Any]:
    """What an address says of the bar, as its widgets read it, without what could not be chosen there."""
    said: dict[str, Any] = {}
    for name, texts in query.items():
        first, last = texts[0], texts[-1]
        if (name == "range" and first in PRESETS) or (name == "per" and first in GRANULARITIES):
            said[name] = first
        elif name in ONLY.values():
            said[name] = last
        elif name in TOGGLES and last in ("true", "false"):
            said[name] = last == "true"
    days = _days(query.get("dates", ()), today)
    return said | ({"dates": days} if days else {})


def _days(texts: Sequence[str], today: date) -> tuple[date, ...]:
    """The first and last day of an address; none where there could be no such range."""
    try:
        days = sorted(datetime.strptime(text, "%Y-%m-%d").date() for text in texts)  # noqa: DTZ007 - a day, no moment
    except ValueError:
        return ()
    return tuple(dict.fromkeys((days[0], days[-1]))) if days and choosable(days, today) else ()


__all__ = ["BAR", "FILTERS", "ONLY", "TOGGLES", "WHOLE_BAR", "choices", "enter_page", "hold", "take"]
