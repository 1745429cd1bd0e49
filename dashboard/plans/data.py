"""Queries of the Plans page: who is on which plan. Cached by the stamp of the database."""

from __future__ import annotations

from datetime import date, datetime

import streamlit as st
from sqlalchemy import Engine

from dashboard.plans.figures import PlanFigures
from metering.analytics.plan_accounts import accounts_above, accounts_by_plan
from metering.analytics.recurring import subscribers
from schema.database import reading

TTL_SECONDS = 60


@st.cache_data(ttl=TTL_SECONDS, show_spinner=False, max_entries=20)
def plan_figures(_engine: Engine, stamp: str, today: date) -> dict[str, PlanFigures]:
    """Subscribers, trials and MRR of each plan that has an account or a subscription."""
    with reading(_engine) as connection:
        on_plan = accounts_by_plan(connection)
        subscribed = {row.plan: row for row in subscribers(connection, [today])}
    found = {}
    for plan in on_plan.keys() | subscribed.keys():
        row = subscribed.get(plan)
        number = on_plan.get(plan, 0)
        if row is None:
            found[plan] = PlanFigures(number)
        else:
            found[plan] = PlanFigures(number, row.paying, row.trials, row.without_fee, row.past_due, row.twelfths)
    return found


@st.cache_data(ttl=TTL_SECONDS, show_spinner=False, max_entries=50)
def above_limits(
    _engine: Engine, stamp: str, plan: str, limits: tuple[tuple[str, int], ...], now: datetime
) -> dict[str, int]:
    """How many accounts have used more than limits would allow, by limit. `now` is a whole minute."""
    with reading(_engine) as connection:
        return accounts_above(connection, plan, dict(limits), now)


__all__ = ["above_limits", "plan_figures"]
