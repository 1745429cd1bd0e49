"""A figure with the edit of a form, beside what it was."""

from __future__ import annotations

import streamlit as st


def compared(label: str, now: str, was: str | None, *, words: str | None = None) -> None:
    """Draw the figure, and what it was where that is another; `words` are its help. All of it is Markdown."""
    changed = was is not None and was != now
    st.metric(label, now, f"was {was}" if changed else None, delta_color="off", delta_arrow="off", help=words)


__all__ = ["compared"]
