"""Queries of the analytics pages, cached: by the stamp of the database, so that new events and releases show at once.

Every function opens one read transaction and asks `metering.analytics`; nothing here sums.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Literal

import streamlit as st
from sqlalchemy import Engine, select

from dashboard.charts import Mark
from dashboard.usage.table import name_of
from metering import analytics
from metering.analytics import Attention, Converted, DayRow, Period, Totals, UsageRow
from metering.analytics.profit import Earnings, profit_by_account, profit_by_plan
from schema.database import reading
from schema.tables import CONFIG_TABLES, accounts, release_changes
from schema.units import TOKEN_UNITS

TTL_SECONDS = 60
_ACTIVE_DAYS = 30

Filters = tuple[tuple[str, str], ...]
"""Column and wanted value, in a form that a cache can key by."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What holds today, whatever the range: who is active, and recurring revenue, each with its own trend."""

    active_today: int
    active_yesterday: int
    active_month: int
    active_last_month: int
    active_daily: tuple[int, ...]
    mrr_nanos: int
    mrr_before_nanos: int
    mrr_daily: tuple[int, ...]


@st.cache_data(ttl=TTL_SECONDS, show_spinner=False, max_entries=200)
def totals(_engine: Engine, stamp: str, period: tuple[date, date], filters: Filters, today: date) -> Totals:
    """The sums of a period."""
    with reading(_engine) as connection:
        return analytics.totals(connection, Period(*period), dict(filters), today=today)


@st.cache_data(ttl=TTL_SECONDS, show_spinner=False, max_entries=200)
def daily(_engine: Engine, stamp: str, period: tuple[date, date], filters: Filters, today: date) -> list[DayRow]:
    """A row a day of a period."""
    with reading(_engine) as connection:
        return analytics.daily(connection, Period(*period), dict(filters), today=today)


@st.cache_data(ttl=TTL_SECONDS, show_spinner=False, max_entries=200)
def usage_by(
    _engine: Engine, stamp: str, by: tuple[str, ...], period: tuple[date, date] | None, filters: Filters
) -> list[UsageRow]:
    """Sums by columns, dearest first; without a period over all time."""
    with reading(_engine) as connection:
        return analytics.usage_by(connection, by, Period(*period) if period else Period(), dict(filters))


@st.cache_data(ttl=TTL_SECONDS, show_spinner=False, max_entries=100)
def usage_among(
    _engine: Engine,
    stamp: str,
    by: tuple[str, ...],
    period: tuple[date, date],
    filters: Filters,
    among: tuple[str, tuple[str | None, ...]] | None,
) -> list[UsageRow]:
    """Sums by columns for charts: of some names only, and of units only the tokens."""
    with reading(_engine) as connection:
        return analytics.usage_by(connection, by, Period(*period), dict(filters), units=TOKEN_UNITS, among=among)


@st.cache_data(ttl=TTL_SECONDS, show_spinner=False, max_entries=100)
def profit_by(
    _engine: Engine,
    stamp: str,
    group: Literal["plan", "account"],
    period: tuple[date, date],
    filters: Filters,
    today: date,
) -> list[Earnings]:
    """What each plan or each account earned and cost."""
    ask = profit_by_plan if group == "plan" else profit_by_account
    with reading(_engine) as connection:
        return ask(connection, Period(*period), dict(filters), today=today)


@st.cache_data(ttl=TTL_SECONDS, show_spinner=False, max_entries=10)
def second_currency(_engine: Engine, stamp: str) -> str | None:
    """The currency of the settings in which sums are shown too."""
    with reading(_engine) as connection:
        return analytics.second_currency(connection)[0]


@st.cache_data(ttl=TTL_SECONDS, show_spinner=False, max_entries=100)
def converted(
    _engine: Engine, stamp: str, currency: str, period: tuple[date, date], filters: Filters, today: date
) -> tuple[Converted, Converted]:
    """The sums of a period with fees, and those of its calls alone, each amount at the rate of its moment.

    Raises NoExchangeRateError for amounts of before the first rate.
    """
    with reading(_engine) as connection:
        exchange = analytics.second_currency(connection)[1]
        asked = (connection, currency, exchange, Period(*period), dict(filters))
        return analytics.totals_in(*asked, today=today), analytics.usage_in(*asked)


@st.cache_data(ttl=TTL_SECONDS, show_spinner=False, max_entries=50)
def standing(_engine: Engine, stamp: str, today: date) -> Standing:
    """Active users and recurring revenue as of today."""
    tomorrow = today + timedelta(days=1)
    month = today.replace(day=1)
    last_month = (month - timedelta(days=1)).replace(day=1)
    # The same number of days of the month before, so that a running month is compared with its like.
    last_until = min(last_month + (tomorrow - month), month)
    days = [today - timedelta(days=back) for back in range(_ACTIVE_DAYS - 1, -1, -1)]
    with reading(_engine) as connection:
        active = [analytics.active_users(connection, Period(day, day + timedelta(days=1))) for day in days]
        recurring = analytics.mrr_daily(connection, Period(days[0], tomorrow))
        return Standing(
            active_today=active[-1],
            active_yesterday=active[-2],
            active_month=analytics.active_users(connection, Period(month, tomorrow)),
            active_last_month=analytics.active_users(connection, Period(last_month, last_until)),
            active_daily=tuple(active),
            mrr_nanos=recurring[today],
            mrr_before_nanos=recurring[days[0]],
            mrr_daily=tuple(recurring[day] for day in days),
        )


@st.cache_data(ttl=TTL_SECONDS, show_spinner=False, max_entries=50)
def price_releases(_engine: Engine, stamp: str, period: tuple[date, date]) -> list[Mark]:
    """The releases of a period that changed prices, to be marked on time axes."""
    with reading(_engine) as connection:
        found = analytics.releases_between(connection, Period(*period))
        changed = select(release_changes.c.release_id).where(release_changes.c.kind == "price").distinct()
        pricing = set(connection.execute(changed).scalars())
    return [
        Mark(row.applied_at.date(), row.label or row.commit_sha[:8], row.title or f"release {row.id}")
        for row in found
        if row.id in pricing
    ]


@st.cache_data(ttl=60, show_spinner=False, max_entries=20)
def attention(_engine: Engine, stamp: str, now: datetime) -> list[Attention]:
    """What needs a person. `now` is a whole minute, so that reruns share an answer."""
    with reading(_engine) as connection:
        return analytics.attention(connection, now)


@st.cache_data(ttl=TTL_SECONDS, show_spinner=False, max_entries=10)
def filter_options(_engine: Engine, stamp: str) -> dict[str, list[str]]:
    """What a filter may be set to: every model and plan of the rate card, every account, every provider and task."""
    with reading(_engine) as connection:
        model, plan, task = (CONFIG_TABLES[kind].table for kind in ("model", "plan", "task"))
        models = connection.execute(select(model.c.provider, model.c.model).distinct()).all()
        return {
            "provider": sorted({provider for provider, _ in models}),
            "model": sorted(f"{provider}/{name}" for provider, name in models),
            "plan": sorted(set(connection.execute(select(plan.c.plan)).scalars())),
            "account": sorted(connection.execute(select(accounts.c.account)).scalars()),
            "task": sorted(set(connection.execute(select(task.c.task)).scalars())),
        }


@st.cache_data(ttl=TTL_SECONDS, show_spinner=False, max_entries=50)
def all_time_ranking(_engine: Engine, stamp_release: str, group: str) -> list[str]:
    """Names of a group by cost over all time: what fixes each name's colour."""
    with reading(_engine) as connection:
        return [name_of(row, group) for row in analytics.usage_by(connection, (group,), Period(), units=())]
