"""The inputs of a plan's form, and the quick picks that fill them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import streamlit as st

from dashboard.configuration.entity_form import Field, Texts
from dashboard.configuration.entity_inputs import draw_fields
from dashboard.plans.form import (
    ANNUAL_PICKS,
    FEE_KINDS,
    LIMIT_PICKS,
    TRIAL_PICKS,
    FeeKind,
    PlanFields,
    annual_pick,
    limit_pick,
)

_PICKED = "picked"


def picked_texts(prefix: str, before: Texts) -> tuple[Texts, str]:
    """What the inputs start with, and the prefix of their keys: both change with every quick pick."""
    number, texts = st.session_state.get(f"{prefix}{_PICKED}", (0, {}))
    return {**before, **{name: text for name, text in texts.items() if name in before}}, f"{prefix}{number}_"


def _pick(prefix: str, now: Texts, changed: Mapping[str, str]) -> None:
    number, _ = st.session_state.get(f"{prefix}{_PICKED}", (0, {}))
    st.session_state[f"{prefix}{_PICKED}"] = (number + 1, {**now, **changed})


def _typed(fields: PlanFields, drawn: Texts, inputs: str) -> dict[str, str]:
    """What stands in the inputs at the click, which may be newer than what the page shows."""
    texts = dict(drawn)
    for field in (*fields.others, *fields.fees):
        key = f"{inputs}{field.id}"
        if key not in st.session_state:
            continue
        value = st.session_state[key]
        if isinstance(value, bool):
            texts[field.id] = "true" if value else "false"
        elif isinstance(value, list):
            texts[field.id] = ", ".join(value)
        else:
            texts[field.id] = str(value or "")
    return texts


def quick_picks(
    fields: PlanFields, drawn: Texts, prefix: str, inputs: str, sources: Mapping[str, Texts], others: Sequence[str]
) -> None:
    """Buttons that fill several inputs at once. `sources` are the texts of other plans, by slug."""

    def annual(pick: str) -> None:
        typed = _typed(fields, drawn, inputs)
        found = annual_pick(typed[fields.one("price.monthly").id], pick)
        _pick(prefix, typed, {} if found is None else {fields.one("price.annual").id: found})

    def trial(days: str) -> None:
        _pick(prefix, _typed(fields, drawn, inputs), {fields.one("trial_days").id: days})

    def limits(pick: str) -> None:
        typed = _typed(fields, drawn, inputs)
        _pick(prefix, typed, {field.id: limit_pick(typed[field.id], pick) for field in fields.limits})

    def copy() -> None:
        chosen = st.session_state.get(f"{prefix}copy_from")
        kept = {field.id for field in fields.words}
        texts = sources.get(str(chosen), {})
        _pick(
            prefix,
            _typed(fields, drawn, inputs),
            {name: text for name, text in texts.items() if name not in kept},
        )

    with st.popover("Quick picks", icon=":material/bolt:"):
        _buttons("Annual fee", list(ANNUAL_PICKS), annual, inputs)
        _buttons("Trial, in days", list(TRIAL_PICKS), trial, inputs)
        _buttons("Limits", list(LIMIT_PICKS), limits, inputs)
        if others:
            with st.container(horizontal=True, vertical_alignment="bottom"):
                st.selectbox("Copy from", others, key=f"{prefix}copy_from")
                st.button("Copy", key=f"{inputs}copy", on_click=copy, help="Everything but name and description.")


def _buttons(title: str, picks: list[str], action: object, inputs: str) -> None:
    st.caption(title)
    with st.container(horizontal=True, gap="xsmall"):
        for pick in picks:
            st.button(pick, key=f"{inputs}pick_{title}_{pick}", on_click=action, args=(pick,))  # type: ignore[arg-type]


def plan_inputs(
    fields: PlanFields, before: Texts, inputs: str, *, kind: FeeKind, known_features: Sequence[str]
) -> tuple[dict[str, str], FeeKind]:
    """Draw the inputs; what stands in them."""
    texts = dict(before)
    texts |= draw_fields(fields.words, before, inputs)
    chosen = st.segmented_control("Fee", FEE_KINDS, default=kind, required=True, key=f"{inputs}fee_kind") or kind
    if chosen == "Fixed fee":
        texts |= draw_fields(fields.fees, before, inputs)
    texts |= draw_fields(fields.terms, before, inputs)
    st.markdown("**Limits**")
    st.caption("A whole number, or `unlimited`; an empty one is no limit of this plan.")
    texts |= draw_fields(fields.limits, before, inputs, columns=3)
    texts[fields.features.id] = _features(fields.features, before[fields.features.id], known_features, inputs)
    with st.expander("LiteLLM budget", expanded=any(before[field.id] for field in fields.litellm)):
        texts |= draw_fields(fields.litellm, before, inputs)
    return texts, chosen


def _features(field: Field, text: str, known: Sequence[str], inputs: str) -> str:
    has = [item.strip() for item in text.split(",") if item.strip()]
    chosen = st.multiselect(
        "Features",
        list(dict.fromkeys([*known, *has])),
        default=has,
        key=f"{inputs}{field.id}",
        accept_new_options=True,
        placeholder="None; type a new one",
        help="What the plan unlocks, for the product to ask.",
    )
    return ", ".join(chosen)


__all__ = ["picked_texts", "plan_inputs", "quick_picks"]
