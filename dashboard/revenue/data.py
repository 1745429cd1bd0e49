"""Queries of the Revenue page, cached by the stamp of the database. Nothing here sums."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import streamlit as st
from sqlalchemy import Engine

from dashboard.revenue.converted import credit_in, mrr_in, spans_of
from dashboard.second_currency import SecondCurrency
from dashboard.sources import TTL_SECONDS
from metering.analytics import Period
from metering.analytics.credit import CreditMonth, Holder, Outstanding, credit_months, holders, outstanding
from metering.analytics.credit_sales import (
    Purchase,
    UsageRefund,
    Withdrawal,
    purchases,
    usage_refunds,
    withdrawals,
)
from metering.analytics.movements import MrrMonth, calendar, months_back
from metering.analytics.period import midnight
from metering.analytics.recurring import (
    Movement,
    PlanSubscribers,
    movements,
    recurring_spans,
    subscribers,
)
from metering.analytics.trials import Trial, TrialMonth, trial_months, trials
from schema.database import reading

SHOWN_HOLDERS = 20
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Recurring:
    """Subscriptions over some months and now."""

    months: list[MrrMonth]
    subscribers: list[PlanSubscribers]
    """At the end of each month; of the running one, today."""
    trials: list[TrialMonth]
    before: list[MrrMonth]
    """As many months before those; their last ends with as many days as the running one has."""


def month_bounds(month: date, today: date) -> tuple[date, date]:
    """The days of a month that have begun."""
    return calendar(month, today + _DAY)[0]


@st.cache_data(ttl=TTL_SECONDS, show_spinner=False, max_entries=20)
def recurring(_engine: Engine, stamp: str, count: int, today: date, now: datetime) -> Recurring:
    """The `count` months that end with that of today; `now` is a whole minute."""
    first, tomorrow = months_back(today, count), today + _DAY
    last = (first - _DAY).replace(day=1)
    until = min(last + (tomorrow - today.replace(day=1)), first)
    spans, earlier = calendar(first, tomorrow), calendar(months_back(last, count), until)
    # What lies between the two, if anything, is a span too: subscriptions are read once.
    between = [(until, first)] if until < first else []
    with reading(_engine) as connection:
        rows = recurring_spans(connection, [*earlier, *between, *spans])
        return Recurring(
            rows[-count:],
            subscribers(connection, [end - _DAY for _, end in spans]),
            trial_months(trials(connection, midnight(first), now), spans),
            rows[:count],
        )


def recurring_in(engine: Engine, currency: SecondCurrency, months: Sequence[MrrMonth], now: datetime) -> list[MrrMonth]:
    """Months of MRR in the second currency, those that can be converted."""
    spans = spans_of(((row.month, row.end) for row in months), currency.conversion)
    with reading(engine) as connection:
        return mrr_in(months, recurring_spans(connection, spans), currency.conversion, now)


@st.cache_data(ttl=TTL_SECONDS, show_spinner=False, max_entries=50)
def movements_of(_engine: Engine, stamp: str, bounds: tuple[date, date]) -> list[Movement]:
    """The movements behind a month."""
    with reading(_engine) as connection:
        return movements(connection, Period(*bounds))


@st.cache_data(ttl=TTL_SECONDS, show_spinner=False, max_entries=50)
def trials_of(_engine: Engine, stamp: str, bounds: tuple[date, date], now: datetime) -> list[Trial]:
    """The trials that ended in a month, newest first."""
    with reading(_engine) as connection:
        return trials(connection, midnight(bounds[0]), min(midnight(bounds[1]), now))[::-1]


@st.cache_data(ttl=TTL_SECONDS, show_spinner=False, max_entries=20)
def credit_by_month(_engine: Engine, stamp: str, count: int, today: date) -> list[CreditMonth]:
    """What happened to purchased credit in the `count` months that end with that of today."""
    with reading(_engine) as connection:
        return credit_months(connection, calendar(months_back(today, count), today + _DAY))


@st.cache_data(ttl=TTL_SECONDS, show_spinner=False, max_entries=20)
def credit_by_month_in(
    _engine: Engine, stamp: str, _currency: SecondCurrency, count: int, today: date
) -> list[CreditMonth]:
    """The same in the second currency, of months that can be converted."""
    months = calendar(months_back(today, count), today + _DAY)
    with reading(_engine) as connection:
        found = credit_months(connection, spans_of(months, _currency.conversion))
    return credit_in(months, found, _currency.conversion)


@st.cache_data(ttl=TTL_SECONDS, show_spinner=False, max_entries=20)
def outstanding_now(_engine: Engine, stamp: str, now: datetime) -> Outstanding:
    """Credit that can still be used."""
    with reading(_engine) as connection:
        return outstanding(connection, now)


@st.cache_data(ttl=TTL_SECONDS, show_spinner=False, max_entries=20)
def top_holders(_engine: Engine, stamp: str, now: datetime, kinds: tuple[str, ...]) -> list[Holder]:
    """The accounts with the most credit of some kinds."""
    with reading(_engine) as connection:
        return holders(connection, now, kinds=kinds, limit=SHOWN_HOLDERS)


def all_holders(engine: Engine, now: datetime, kinds: tuple[str, ...]) -> list[Holder]:
    """All accounts with credit of some kinds, for a file."""
    with reading(engine) as connection:
        return holders(connection, now, kinds=kinds)


@st.cache_data(ttl=TTL_SECONDS, show_spinner=False, max_entries=50)
def purchases_of(_engine: Engine, stamp: str, bounds: tuple[date, date], limit: int) -> list[Purchase]:
    """The newest purchases of a month."""
    with reading(_engine) as connection:
        return purchases(connection, Period(*bounds), limit=limit)


def all_purchases(engine: Engine, bounds: tuple[date, date]) -> list[Purchase]:
    """All purchases of a month, for a file."""
    with reading(engine) as connection:
        return purchases(connection, Period(*bounds))


@st.cache_data(ttl=TTL_SECONDS, show_spinner=False, max_entries=50)
def withdrawals_of(_engine: Engine, stamp: str, bounds: tuple[date, date]) -> list[Withdrawal]:
    """What expired and was refunded of purchases in a month."""
    with reading(_engine) as connection:
        return withdrawals(connection, Period(*bounds))


@st.cache_data(ttl=TTL_SECONDS, show_spinner=False, max_entries=50)
def usage_refunds_of(_engine: Engine, stamp: str, bounds: tuple[date, date]) -> list[UsageRefund]:
    """The usage that was given back in a month."""
    with reading(_engine) as connection:
        return usage_refunds(connection, Period(*bounds))
