"""Charts on the page, whose marks lead somewhere: to what a bar is made of, or to the release of a diamond."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import streamlit as st

from dashboard.charts import PICKED, RELEASE, Drawn, spec

Pick = Mapping[str, Any]
"""The fields of the mark that was clicked."""


def clickable(drawn: Drawn, key: str, alt: str, *, picked: Callable[[Pick], None] | None = None) -> Pick:
    """Draw a chart; returns what was clicked last, empty at first. A click on a release's diamond opens the release.

    `picked` is a callback for a click on another mark.
    """

    def chosen() -> None:
        mark, release = _clicked(st.session_state[key])
        if mark and not release and picked is not None:
            picked(mark)

    mark, release = _clicked(st.vega_lite_chart(spec(drawn), key=key, alt=alt, on_select=chosen))
    if release:
        # Of several releases of a day the last is opened; its page leads to the others.
        newest = str(release["Release"]).split(", ")[-1]
        st.switch_page("app_pages/releases.py", query_params={"release": newest})
    return mark


def _clicked(state: Any) -> tuple[Pick, Pick]:
    """The fields of the mark, and of the release, that was clicked; a click acts on both, and finds what is its own."""
    found = [(state["selection"].get(name) or [{}])[-1] for name in (PICKED, RELEASE)]
    mark, release = ({field: value for field, value in row.items() if value is not None} for row in found)
    return mark, release


__all__ = ["Pick", "clickable"]
