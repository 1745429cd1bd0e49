"""Where the dashboard shows a thing: the page and the query of an entity, a release or an account."""

from __future__ import annotations

import streamlit as st

from dashboard.formats import literal
from schema.keys import split_dated

Place = tuple[str, dict[str, str]]

_PAGES = {
    "access": ("access", "person"),
    "account": ("accounts", "account"),
    "entry": ("audit", "entry"),
    "feature": ("features", "feature"),
    "model": ("models", "model"),
    "pack": ("packs", "pack"),
    "plan": ("plans", "plan"),
    "price": ("pricing", "model"),
    "release": ("releases", "release"),
}
"""The page of a thing, and the parameter that names it there."""
_TABLES: dict[str, Place] = {
    "policy": ("app_pages/settings.py", {"group": "Policy"}),
    "reasoning": ("app_pages/features.py", {"view": "Reasoning"}),
    "rate": ("app_pages/rates.py", {}),
    "run_unit": ("app_pages/features.py", {"view": "Run units"}),
    "setting": ("app_pages/settings.py", {}),
}
"""Things that are shown together."""


def place_of(kind: str, name: str) -> Place | None:
    """The page's file and its query; None for what has no page of its own."""
    if kind == "route":
        provider, _, task = name.partition("/")
        return "app_pages/routing.py", {"provider_table": provider, "task": task}
    if kind == "task":
        return "app_pages/routing.py", {"routing_view": "Tasks", "task": name}
    if kind in _PAGES:
        page, parameter = _PAGES[kind]
        return f"app_pages/{page}.py", {parameter: split_dated(name)[0] if kind == "price" else name}
    return _TABLES.get(kind)


def page_link_of(kind: str, name: str) -> None:
    """A link to where a thing is shown, if it is shown anywhere."""
    place = place_of(kind, name)
    if place is not None:
        label = literal(f"Open {kind} {name}")
        st.page_link(place[0], label=label, icon=":material/arrow_forward:", query_params=place[1])


__all__ = ["Place", "page_link_of", "place_of"]
