"""The inputs of a price: its rates, how it is charged, and units that may be added."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from dashboard.configuration.price_form import FROM, WAYS, PriceTexts, Tiers, addable_units, type_of, unit_label
from dashboard.formats import literal
from schema.documents.base import Multiplier
from schema.faults import value_fault


def price_inputs(before: PriceTexts, prefix: str, plans: Sequence[str] = ()) -> PriceTexts:
    """Draw the inputs, filled with `before`; what stands in them. `prefix` begins their keys.

    `plans` may be given margins of their own.
    """
    names = list(before.rates)
    names += [name for name in st.session_state.get(f"{prefix}more", []) if name not in names]
    with st.grid(2, min_column_width=150, gap="small"):
        rates = {
            name: _number(unit_label(name), before.rates.get(name, ""), f"{prefix}{name}", type_of(name))
            for name in names
        }
    way = st.segmented_control("Charged by", WAYS, default=before.way, required=True, key=f"{prefix}way") or before.way
    margin, plan_margins, charge, credit = before.margin, dict(before.plan_margins), dict(before.charge), before.credits
    with st.grid(2, min_column_width=150, gap="small"):
        if way == "Margin":
            margin = _number("Margin", margin, f"{prefix}margin", Multiplier, meaning="Times the cost.")
            own = st.session_state.get(f"{prefix}own_margins", list(before.plan_margins))
            plan_margins = {
                plan: _number(
                    f"Margin of {literal(plan)}",
                    before.plan_margins.get(plan, margin),
                    f"{prefix}margin_{plan}",
                    Multiplier,
                    f"Margin of {plan}",
                )
                for plan in own
            }
        elif way == "Credits":
            credit = _number("Credit multiplier", credit or "1", f"{prefix}credits", Multiplier)
        else:
            for name in names:
                value, label = before.charge.get(name, rates[name]), f"Charge: {unit_label(name)}"
                charge[name] = _number(label, value, f"{prefix}charge_{name}", type_of(name))
    # All units that the entry lacks, the chosen ones too: a choice that leaves the options is dropped by the next run.
    more = addable_units(before)
    st.multiselect("More units", more, key=f"{prefix}more", format_func=unit_label, placeholder="Add a unit")
    if way == "Margin" and (plans or before.plan_margins):
        st.multiselect(
            "Plans with a margin of their own",
            list(dict.fromkeys([*before.plan_margins, *plans])),
            default=list(before.plan_margins),
            key=f"{prefix}own_margins",
            placeholder="None",
        )
    tokens = [name for name in names if name.startswith("per_million.")]
    tiers = _tiers("Context tiers", before.tiers, tokens, f"{prefix}tier")
    charge_tiers = before.charge_tiers
    if way == "List price":
        charge_tiers = _tiers("Context tiers of the list price", charge_tiers, tokens, f"{prefix}charge_tier")
    return PriceTexts(rates, way, margin, plan_margins, charge, credit, tiers, charge_tiers)


def _tiers(title: str, before: Tiers, tokens: Sequence[str], prefix: str) -> Tiers:
    """The context tiers that there are, and one more; emptied as a whole a tier is none."""
    if not tokens:
        return before
    empty: Mapping[str, str] = {FROM: ""}
    found = []
    with st.expander(title, expanded=bool(before)):
        st.caption("Other rates for a whole call with more input than so many tokens; an empty one stays as above.")
        for place, tier in enumerate([*before, empty]):
            if before and tier is empty:
                st.caption("One more tier:")
            with st.grid(3, min_column_width=120, gap="small"):
                found.append(
                    {
                        name: _number(
                            unit_label(name), tier.get(name, ""), f"{prefix}{place}_{name}", type_of(name)
                        ).strip()
                        for name in dict.fromkeys([FROM, *tokens, *tier])
                    }
                )
    return tuple(tier for tier in found if any(tier.values()))


def _number(label: str, value: str, key: str, annotation: Any, called: str = "", meaning: str | None = None) -> str:
    """An input of a number, and below it what is wrong with what stands there.

    `label` is Markdown; where that is not what the number is `called`, it is said.
    """
    with st.container(gap="xxsmall"):
        text = st.text_input(label, value=value, key=key, help=meaning, max_chars=40)
        if text.strip() and (fault := value_fault(annotation, text.strip(), called or label)):
            st.markdown(f":red[:material/error: {literal(fault)}]")
    return text


__all__ = ["price_inputs"]
