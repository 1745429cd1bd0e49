"""The example call of a form, before and after its edit."""

from __future__ import annotations

import streamlit as st

from dashboard.configuration.compared import compared
from dashboard.configuration.example_cost import Example, difference
from dashboard.formats import exact_money, literal


def example_panel(words: str, before: Example | None, after: Example | None) -> None:
    """The example call before and after the edit."""
    st.markdown(f"**Example call** · {literal(words)}" if words else "**Example call**")
    if after is None:
        st.caption("No price for such a call yet: fill in the rates.")
        return
    with st.grid(3, min_column_width=160, gap="small"):
        _example("Cost", after.cost_nanos, before.cost_nanos if before else None, "inverse")
        _example("Charge", after.charge_nanos, before.charge_nanos if before else None, "normal")
        compared("Charge ÷ cost", after.margin, before.margin if before else None)


def _example(label: str, after: int, before: int | None, good: str) -> None:
    delta = None if before is None else difference(after, before)
    words = f"was {exact_money(before)}" if before is not None and delta else None
    st.metric(
        label,
        exact_money(after),
        delta,
        delta_color="inverse" if good == "inverse" else "normal",
        delta_description=words,
    )


__all__ = ["example_panel"]
