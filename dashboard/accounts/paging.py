"""Lists of an account that are read page by page, newest first: where a page begins, and the buttons to turn it."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from dashboard.accounts.data import PAGE_SIZE

_PAGES = "account_pages"
Mark = int | str
"""What names a row, such as its id."""


def place_of(name: str, account: str, kind: str | None) -> Mark | None:
    """Before which row the page begins that is shown; `kind` is what the list is narrowed to."""
    trail: list[Mark] = st.session_state.get(_PAGES, {}).get((name, account, kind), [])
    return trail[-1] if trail else None


def _turn(name: str, account: str, kind: str | None, to: Mark | None) -> None:
    trail: list[Mark] = st.session_state.setdefault(_PAGES, {}).setdefault((name, account, kind), [])
    if to is None:
        trail.pop()
    else:
        trail.append(to)


def pager(name: str, account: str, kind: str | None, marks: Sequence[Mark]) -> None:
    """Newer and older; `marks` are those of the page, and one more when an older page follows."""
    newer, older = place_of(name, account, kind) is not None, len(marks) > PAGE_SIZE
    if not newer and not older:
        return
    with st.container(horizontal=True):
        st.button(
            "Newer",
            icon=":material/chevron_left:",
            key=f"newer_{name}",
            disabled=not newer,
            on_click=_turn,
            args=(name, account, kind, None),
        )
        st.button(
            "Older",
            icon=":material/chevron_right:",
            icon_position="right",
            key=f"older_{name}",
            disabled=not older,
            on_click=_turn,
            args=(name, account, kind, marks[PAGE_SIZE - 1] if older else None),
        )


__all__ = ["pager", "place_of"]
