"""What the forms of the configuration pages start from, with a word where that is nothing or broken."""

from __future__ import annotations

from datetime import datetime

import streamlit as st

from dashboard.formats import literal
from dashboard.proposing.bases import Base
from dashboard.proposing.drafts import base_with_draft
from dashboard.proposing.preview import findings_list
from sync.render.style import count as numbered

_SHOWN = 3


def form_base(now: datetime) -> Base | None:
    """The base branch with the draft; drawn above it what keeps a person from editing, and how to mend it."""
    base = base_with_draft(now)
    if base is None:
        st.caption(
            "To edit, start the dashboard in the clone that holds config/, on a repository with its base branch."
        )
        return None
    if base.faults:
        st.warning(
            f"{literal(base.shown)} does not validate: {numbered(len(base.faults), 'error')}. What cannot be read is "
            "missing from the forms, and nothing can be proposed until it is mended in git; `ratecard validate` "
            "lists everything.",
            icon=":material/error:",
        )
        findings_list(base.faults[:_SHOWN])
    if base.unfit:
        st.warning(
            f"Your draft does not fit {literal(base.shown)} as it is now, so the form starts without it: "
            f"{literal(base.unfit)}",
            icon=":material/call_split:",
        )
        st.page_link("app_pages/draft.py", label="Settle the draft", icon=":material/arrow_forward:")
    return base


__all__ = ["form_base"]
