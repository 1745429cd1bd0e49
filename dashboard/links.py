"""Links from a name in a table to the pages that show what it stands for, and to the numbers narrowed to it."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from dashboard.filters import only
from dashboard.formats import literal
from dashboard.held import FILTERS

_PAGES = {
    "model": (("models", "Model"), ("pricing", "Price")),
    "account": (("accounts", "Account"),),
    "plan": (("plans", "Plan"),),
    "task": (("routing", "Route"),),
}
"""The pages that show what a name stands for, by its kind: the name of the file and the word of the link."""


def open_links(kind: str, name: str, *, numbers: tuple[str, ...] = ("Usage", "Profit")) -> None:
    """Links for a name in a row of a page; `numbers` are the analytics pages that may be narrowed to it."""
    for page, word in _PAGES.get(kind, ()):
        _link(page, word, {kind: name})
    if kind == "plan":
        _link("accounts", "Accounts", {"on_plan": name})
    if kind in FILTERS:
        for title in numbers:
            _link(title.lower(), title, only(**{kind: name}))


def row_of_links(kind: str, names: Sequence[str | None], picked: Sequence[int]) -> None:
    """Below a table of names: the chosen one with its links, or that a row can be chosen."""
    name = names[picked[0]] if picked and picked[0] < len(names) else None
    if name is None:
        st.caption(f"Choose a row to look at the {kind}.")
        return
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.markdown(f"**{literal(name)}**", width="content")
        open_links(kind, name)


def _link(page: str, word: str, query: dict[str, str]) -> None:
    file, icon = f"app_pages/{page}.py", ":material/arrow_forward:"
    st.page_link(file, label=word, icon=icon, icon_position="right", query_params=query)


__all__ = ["open_links", "row_of_links"]
