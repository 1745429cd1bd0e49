"""Queries of the analytics pages, cached: by the stamp of the database, so that new events and releases show at once.

One look at the events serves all that is shown of it, on one page or on several; `metering.analytics` does the sums.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date, timedelta
from typing import ParamSpec, TypeVar

import streamlit as st
from sqlalchemy import Engine, select

from dashboard import looks
from dashboard.charts import Mark
from dashboard.kept_sums import Days, Filters
from dashboard.looks import OLDEST_SECONDS
from dashboard.periods import DEFAULT_PRESET, preset_period
from dashboard.sources import TTL_SECONDS
from dashboard.usage.table import name_of
from metering import analytics
from metering.analytics import Attention, Callers, Converted, DayRow, Period, Sums, UsageRow
from metering.analytics.profit import Earnings, profit
from schema.database import reading
from schema.tables import CONFIG_TABLES, accounts, release_changes
from schema.units import TOKEN_UNITS

_ACTIVE_DAYS = 30
_WHOLE_BY = ("model",)
"""What is looked at for sums by nothing: what else is shown is mostly of models."""
_DAY = timedelta(days=1)
_beside = ThreadPoolExecutor(16, thread_name_prefix="asked beside a page")

Given = ParamSpec("Given")
Found = TypeVar("Found")


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


@dataclass(frozen=True, slots=True)
class Earned:
    """What each plan and each account earned and cost."""

    plans: list[Earnings]
    accounts: list[Earnings]


def ask(question: Callable[Given, Found], *args: Given.args, **kwargs: Given.kwargs) -> Future[Found]:
    """Ask one of the questions of this module while the page goes on and draws what is known."""
    return _beside.submit(question, *args, **kwargs)


@st.cache_data(ttl=TTL_SECONDS, show_spinner=False, max_entries=100)
def daily(_engine: Engine, stamp: str, period: Days, filters: Filters, today: date) -> list[DayRow]:
    """A row a day of a period."""
    usage = usage_by(_engine, stamp, ("day",), period, filters)
    with reading(_engine) as connection:
        return analytics.daily(connection, Period(*period), dict(filters), today=today, usage=usage)


def sums(engine: Engine, stamp: str, period: Days, filters: Filters, today: date) -> Sums:
    """The sums of a period."""
    return analytics.added(daily(engine, stamp, period, filters, today))


def read_both(engine: Engine, stamp: str, period: Days, before: Days | None, filters: Filters) -> None:
    """Look at a period and the one just before it at once; what is asked of either is then known."""
    looks.by_day(engine, stamp, _WHOLE_BY, (before[0] if before else period[0], period[1]), filters)


def sums_of_both(
    engine: Engine, stamp: str, period: Days, before: Days | None, filters: Filters, today: date
) -> tuple[Sums, Sums | None]:
    """The sums of a period and, where it is asked for, of the one just before it."""
    read_both(engine, stamp, period, before, filters)
    now = sums(engine, stamp, period, filters, today)
    return now, None if before is None else sums(engine, stamp, before, filters, today)


@st.cache_data(ttl=TTL_SECONDS, show_spinner=False, max_entries=200)
def usage_by(
    _engine: Engine,
    stamp: str,
    by: tuple[str, ...],
    period: Days,
    filters: Filters,
    among: tuple[str, tuple[str | None, ...]] | None = None,
) -> list[UsageRow]:
    """Sums by columns, dearest first; `among` asks for some names of one of them only.

    By day, which is for charts, they have no other units than tokens for certain.
    """
    groups = tuple(name for name in by if name != "day")
    shared = among is None or among[0] in groups
    rows = looks.by_day(_engine, stamp, groups or _WHOLE_BY, period, filters) if shared else None
    if rows is not None:
        return analytics.summed((row for row in rows if among is None or row.keys[among[0]] in among[1]), by)
    units = TOKEN_UNITS if "day" in by else None
    with reading(_engine) as connection:
        return analytics.usage_by(connection, by, Period(*period), dict(filters), units=units, among=among)


@st.cache_data(ttl=TTL_SECONDS, show_spinner=False, max_entries=50)
def profit_of_both(
    _engine: Engine, stamp: str, period: Days, before: Days | None, filters: Filters, today: date
) -> tuple[Earned, Earned | None]:
    """What plans and accounts earned in a period and, where it is asked for, in the one just before it."""

    def of(days: Days) -> Earned:
        usage = looks.by_plan_and_account(_engine, stamp, days, filters)
        with reading(_engine) as connection:
            return Earned(*profit(connection, Period(*days), dict(filters), today=today, usage=usage))

    return of(period), None if before is None else of(before)


@st.cache_data(ttl=TTL_SECONDS, show_spinner=False, max_entries=10)
def second_currency(_engine: Engine, stamp: str) -> str | None:
    """The currency of the settings in which sums are shown too."""
    with reading(_engine) as connection:
        return analytics.second_currency(connection)[0]


@st.cache_data(ttl=TTL_SECONDS, show_spinner=False, max_entries=100)
def converted(
    _engine: Engine, stamp: str, currency: str, period: Days, filters: Filters, today: date
) -> tuple[Converted, Converted]:
    """The sums of a period with fees, and those of its calls alone, each amount at the rate of its moment.

    Raises NoExchangeRateError for amounts of before the first rate.
    """
    with reading(_engine) as connection:
        exchange = analytics.second_currency(connection)[1]
        asked = (connection, currency, exchange, Period(*period), dict(filters))
        return analytics.totals_in(*asked, today=today), analytics.usage_in(*asked)


def callers(engine: Engine, stamp: str, periods: Sequence[Days], filters: Filters) -> Mapping[Days, Callers]:
    """How many users and accounts called in each of some periods."""
    found = looks.callers(engine, stamp, periods, filters)
    if found is None:
        found = _callers(engine, stamp, tuple(periods), filters)
    return dict(zip(periods, found, strict=True))


@st.cache_data(ttl=OLDEST_SECONDS, show_spinner=False, max_entries=100)
def _callers(_engine: Engine, stamp: str, periods: tuple[Days, ...], filters: Filters) -> list[Callers]:
    with reading(_engine) as connection:
        return analytics.callers_in(connection, [Period(*period) for period in periods], dict(filters))


@st.cache_data(ttl=TTL_SECONDS, show_spinner=False, max_entries=10)
def standing(_engine: Engine, stamp: str, today: date) -> Standing:
    """Active users and recurring revenue as of today."""
    days = list(Period.last(_ACTIVE_DAYS, today).days())
    each, months = [(day, day + _DAY) for day in days], [period.bounds() for period in _months(today)]
    called = callers(_engine, stamp, [*each, *months], ())
    active = [called[day].users for day in each]
    month, last_month = (called[range_].users for range_ in months)
    with reading(_engine) as connection:
        recurring = analytics.mrr_daily(connection, Period(days[0], today + _DAY))
    return Standing(
        active_today=active[-1],
        active_yesterday=active[-2],
        active_month=month,
        active_last_month=last_month,
        active_daily=tuple(active),
        mrr_nanos=recurring[today],
        mrr_before_nanos=recurring[days[0]],
        mrr_daily=tuple(recurring[day] for day in days),
    )


def _months(today: date) -> tuple[Period, Period]:
    """This month so far, and as many days of the month before, so that a running month is compared with its like."""
    tomorrow, month = today + _DAY, today.replace(day=1)
    last_month = (month - _DAY).replace(day=1)
    return Period(month, tomorrow), Period(last_month, min(last_month + (tomorrow - month), month))


@st.cache_data(ttl=TTL_SECONDS, show_spinner=False, max_entries=50)
def price_releases(_engine: Engine, stamp: str, period: Days) -> list[Mark]:
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


@st.cache_data(ttl=TTL_SECONDS, show_spinner=False, max_entries=20)
def attention(_engine: Engine, stamp: str, today: date) -> list[Attention]:
    """What needs a person."""
    with reading(_engine) as connection:
        return analytics.attention(connection, today)


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


def ranking(engine: Engine, stamp: str, group: str, today: date) -> list[str]:
    """Names of a group by their cost of late, whatever is looked at: what fixes each name's colour."""
    period = preset_period(DEFAULT_PRESET, today).bounds()
    return [name_of(row, group) for row in usage_by(engine, stamp, (group,), period, ())]


def forget() -> None:
    """Drop what a change by hand may have changed, such as a refund."""
    for cached in (daily, profit_of_both):
        cached.clear()
