"""Choices that all pages share: widgets that belong to no page, and an address that says all of them.

What Streamlit tells the browser of the address is an entry of the browser's history each time, and so a press of Back.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from dashboard.periods import DEFAULT_PRESET, GRANULARITIES

DEFAULTS = {"range": DEFAULT_PRESET, "per": GRANULARITIES[0], "compare": True, "converted": False}
"""What the address does not say; no filter is none of the names."""


@contextmanager
def as_if_of_the_entry_script() -> Iterator[None]:
    """What is drawn in the block belongs to no page: Streamlit keeps what the entry script draws."""
    context = get_script_run_ctx()
    if context is None:
        yield
        return
    with context.run_with_active_hash(context.pages_manager.main_script_hash):
        yield


def let_go(names: Sequence[str]) -> None:
    """Let the address keep choices that were drawn, on whichever page comes next.

    With a page switch Streamlit takes what it has bound to widgets out of the address, also what an entry of the
    browser's history says of the page that a press of Back leads to. The browser goes on to write them.
    """
    context = get_script_run_ctx()
    if context is None:
        return
    with context.session_state.query_params() as address:
        for name in names:
            binding = address.get_binding_for_param(name)
            if binding is not None:
                address.unbind_widget(binding.widget_id)


def choose(chosen: Mapping[str, Any]) -> None:
    """Set widgets of the bar, before they are drawn; the address changes once.

    Each widget would tell the browser of its own change, and each message is an entry of the browser's history, a
    press of Back more. So all but one are written without a message; that of the last one tells them all.
    """
    st.session_state.update(chosen)
    context = get_script_run_ctx()
    if context is None:
        return
    with context.session_state.query_params() as address:
        texts = {name: words(name, value) for name, value in chosen.items()}
        changed = [name for name, text in texts.items() if text != (address.get_all(name) or None)]
        for name in changed[:-1]:
            text = texts[name]
            if text is None:
                address.discard_param_no_forward_msg(name)
            else:
                address.set_with_no_forward_msg(name, text[0] if len(text) == 1 else text)


def words(name: str, value: Any) -> list[str] | None:
    """A choice as the address says it; None for what it leaves out."""
    if value is None or value == DEFAULTS.get(name):
        return None
    if isinstance(value, bool):
        return [str(value).lower()]
    return [value] if isinstance(value, str) else [day.isoformat() for day in value]


__all__ = ["DEFAULTS", "as_if_of_the_entry_script", "choose", "let_go", "words"]
