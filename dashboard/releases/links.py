"""Where the dashboard shows a thing: the page and the query of an entity, a release or an account."""

from __future__ import annotations

import streamlit as st

from dashboard.formats import literal
from schema.keys import split_dated

_NAMED_PAGES = {"account": "accounts", "plan": "plans", "release": "releases"}
_PLAIN_PAGES = {"setting": "settings", "access": "access", "feature": "features", "pack": "packs", "rate": "rates"}
_MODEL_PAGES = {"model": "models", "price": "pricing"}


def place_of(kind: str, name: str) -> tuple[str, dict[str, str]] | None:
    """The page's file and its query; None for what has no page of its own."""
    if kind in _MODEL_PAGES:
        return f"app_pages/{_MODEL_PAGES[kind]}.py", {"model": split_dated(name)[0]}
    if kind == "route":
        provider, _, task = name.partition("/")
        return "app_pages/routing.py", {"provider_table": provider, "task": task}
    if kind in _NAMED_PAGES:
        return f"app_pages/{_NAMED_PAGES[kind]}.py", {kind: name}
    return (f"app_pages/{_PLAIN_PAGES[kind]}.py", {}) if kind in _PLAIN_PAGES else None


def page_link_of(kind: str, name: str) -> None:
    """A link to where a thing is shown, if it is shown anywhere."""
    place = place_of(kind, name)
    if place is not None:
        label = literal(f"Open {kind} {name}")
        st.page_link(place[0], label=label, icon=":material/arrow_forward:", query_params=place[1])
