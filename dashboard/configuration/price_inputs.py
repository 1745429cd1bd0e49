"""The inputs of a price: its rates, how it is charged, and units that may be added."""

from __future__ import annotations

import streamlit as st

from dashboard.configuration.price_form import WAYS, PriceTexts, addable_units, unit_label
from dashboard.formats import literal


def price_inputs(before: PriceTexts, prefix: str) -> PriceTexts:
    """Draw the inputs, filled with `before`; what stands in them. `prefix` begins their keys."""
    names = list(before.rates)
    names += [name for name in st.session_state.get(f"{prefix}more", []) if name not in names]
    with st.grid(2, min_column_width=150, gap="small"):
        rates = {
            name: st.text_input(unit_label(name), value=before.rates.get(name, ""), key=f"{prefix}{name}", max_chars=40)
            for name in names
        }
    way = st.segmented_control("Charged by", WAYS, default=before.way, required=True, key=f"{prefix}way") or before.way
    margin, plan_margins, charge, credit = before.margin, dict(before.plan_margins), dict(before.charge), before.credits
    with st.grid(2, min_column_width=150, gap="small"):
        if way == "Margin":
            margin = st.text_input("Margin", value=margin, key=f"{prefix}margin", help="Times the cost.", max_chars=40)
            for plan, value in before.plan_margins.items():
                label = f"Margin of {literal(plan)}"
                plan_margins[plan] = st.text_input(label, value=value, key=f"{prefix}margin_{plan}", max_chars=40)
        elif way == "Credits":
            credit = st.text_input("Credit multiplier", value=credit or "1", key=f"{prefix}credits", max_chars=40)
        else:
            for name in names:
                value = before.charge.get(name, rates[name])
                label = f"Charge: {unit_label(name)}"
                charge[name] = st.text_input(label, value=value, key=f"{prefix}charge_{name}", max_chars=40)
    # All units that the entry lacks, the chosen ones too: a choice that leaves the options is dropped by the next run.
    more = addable_units(before)
    st.multiselect("More units", more, key=f"{prefix}more", format_func=unit_label, placeholder="Add a unit")
    return PriceTexts(rates, way, margin, plan_margins, charge, credit)


__all__ = ["price_inputs"]
