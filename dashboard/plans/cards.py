"""Plans as cards: what each costs and includes, who is on it, and what it brings."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import streamlit as st

from dashboard.configuration.labels import label_of
from dashboard.filters import only
from dashboard.formats import MISSING, count, literal, money
from dashboard.layout import card
from dashboard.plans.figures import (
    OVERAGE_WORDS,
    PlanFigures,
    amount_words,
    fee_words,
    limit_words,
    saving_words,
)
from metering.book.entities import Plan
from sync.render.style import count as numbered

MOST_CARDS = 12
_MOST_LIMITS = 3
_NO_ANNUAL = {None: "Agreed with each customer", 0: "No fee"}


def totals_row(whole: PlanFigures, plans: Sequence[Plan]) -> None:
    """What all plans come to."""
    with st.grid(5, border=True, gap="small", min_column_width=150):
        st.metric("Plans on sale", count(sum(1 for plan in plans if plan.active)))
        st.metric("Accounts", count(whole.accounts), help="On any plan, with a subscription or by default.")
        st.metric(
            "Subscribers",
            count(whole.subscribers),
            f"{count(whole.paying)} paying, {count(whole.trials)} in trial",
            delta_color="off",
            delta_arrow="off",
        )
        st.metric("MRR", money(whole.mrr_nanos), help="Monthly fees, and a twelfth of annual ones, as of today.")
        st.metric("ARR", money(whole.twelfths), help="Twelve times the monthly recurring revenue.")


def plan_cards(
    plans: Sequence[Plan],
    figures: Mapping[str, PlanFigures],
    models: Mapping[str, int],
    *,
    default: str | None,
    chosen: str | None,
    choose: Callable[[str], None],
) -> None:
    """A card for each plan; those beyond the twelfth stand in the table only."""
    with st.grid(2, gap="small", min_column_width=265):
        for plan in plans[:MOST_CARDS]:
            with card(f"plan_card_{plan.slug}"):
                _card(plan, figures.get(plan.slug, PlanFigures()), models.get(plan.slug, 0), default)
                st.button(
                    "Open" if plan.slug != chosen else "Opened",
                    key=f"open_{plan.slug}",
                    icon=":material/tune:",
                    disabled=plan.slug == chosen,
                    on_click=choose,
                    args=(plan.slug,),
                    width="stretch",
                )
    if len(plans) > MOST_CARDS:
        st.caption(f"and {len(plans) - MOST_CARDS} more in the table below")


def _card(plan: Plan, figures: PlanFigures, models: int, default: str | None) -> None:
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        st.subheader(literal(plan.name), anchor=False, width="content")
        if not plan.active:
            st.badge("Not on sale", color="gray")
        elif plan.slug == default:
            st.badge("Default", color="blue", help="Accounts without a subscription are on it.")
    offer_lines(plan, models)
    with st.container(horizontal=True, gap="medium"):
        st.metric("Subscribers", count(figures.subscribers), width="content")
        st.metric("MRR", money(figures.mrr_nanos), width="content")
    words = [f"{count(figures.trials)} in trial"] if figures.trials else []
    words += [f"{count(figures.past_due)} past due"] if figures.past_due else []
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.page_link(
            "app_pages/accounts.py",
            label=numbered(figures.accounts, "account"),
            icon=":material/groups:",
            query_params={"on_plan": plan.slug},
        )
        st.page_link(
            "app_pages/usage.py", label="Usage", icon=":material/bar_chart:", query_params=only(plan=plan.slug)
        )
        if words:
            st.caption(" · ".join(words), width="content")


def offer_lines(plan: Plan, models: int) -> None:
    """What a plan offers, as on a page of prices."""
    fee = literal(fee_words(plan))
    each = " a month" if plan.monthly_nanos else ""
    st.markdown(f"**{fee}**{each}")
    if plan.annual_nanos is None:
        st.caption(_NO_ANNUAL.get(plan.monthly_nanos, "No annual fee"))
    else:
        saved = saving_words(plan)
        st.caption(
            f"{literal(amount_words(plan.annual_nanos, plan.currency))} a year"
            f"{f', saves {literal(saved)}' if saved != MISSING else ''}"
        )
    included = f"{money(plan.included_nanos)} of usage included; then" if plan.included_nanos else "No usage included;"
    lines = [f"{included} {OVERAGE_WORDS.get(plan.overage, plan.overage)}"]
    lines += [f"{plan.trial_days} days of trial"] if plan.trial_days else []
    lines.append(f"{numbered(models, 'model')} (class {plan.access})")
    lines += [f"{label_of(name)}: {limit_words(plan, name)}" for name in list(plan.limits)[:_MOST_LIMITS]]
    st.markdown("\n".join(f"- {literal(line)}" for line in lines))


__all__ = ["MOST_CARDS", "offer_lines", "plan_cards", "totals_row"]
