"""Queries of the Accounts page. What people change is read anew on every run; only sums over usage are cached."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import streamlit as st
from sqlalchemy import Connection, Engine

from dashboard import data, sources
from dashboard.accounts import table as account_table
from dashboard.accounts.table import Quotas
from dashboard.sources import TTL_SECONDS
from metering.accounts.accounts import Balance, account_id, read_balance
from metering.accounts.audited import account_entries
from metering.accounts.browsing import (
    AccountRow,
    AccountTotals,
    Choice,
    Order,
    browse_accounts,
    count_statuses,
    sum_accounts,
)
from metering.accounts.keys import ApiKey, list_keys
from metering.accounts.listing import AccountInfo, show_account
from metering.accounts.members import Member, users_of
from metering.analytics import Period
from metering.analytics.earnings import revenue_by_account
from metering.audit_log import AuditEntry
from metering.book.ratebook import RateBook
from metering.quotas.overview import QuotaOverview, overview
from metering.quotas.standing import read_standing
from metering.subscriptions.subscriptions import Subscription, subscriptions_of
from metering.wallets.transactions import HeldGrant, Transaction, read_grants, read_transactions
from schema.database import reading

PAGE_SIZE = 50
_BATCH = 1_000


@dataclass(frozen=True, slots=True)
class AccountPage:
    """A page of the list, with what its accounts earned this month and how many there are in all."""

    rows: list[AccountRow]
    revenue: dict[int, int]
    totals: AccountTotals
    statuses: dict[str, int]


@dataclass(frozen=True, slots=True)
class AccountDetail:
    """What the head of an account's page tells."""

    info: AccountInfo
    balance: Balance
    users: list[Member]
    subscriptions: list[Subscription]
    quota: QuotaOverview | None
    revenue_nanos: int
    """This month, so far."""


def month_of(today: date) -> tuple[date, date]:
    """The running month, through today."""
    return today.replace(day=1), today + timedelta(days=1)


@st.cache_data(ttl=TTL_SECONDS, show_spinner=False, max_entries=100)
def _revenue(_engine: Engine, stamp: str, today: date, ids: tuple[int, ...] | None) -> dict[int, int]:
    with reading(_engine) as connection:
        return revenue_by_account(connection, Period(*month_of(today)), today=today, account_ids=ids)


def forget() -> None:
    """Drop the sums that a change by hand may have changed, such as a refund."""
    _revenue.clear()
    data.forget()


def list_page(
    stamp: str, choice: Choice, by: str, descending: bool, page: int, quotas: Quotas, now: datetime
) -> AccountPage:
    """A page of the list, from 1 on; beyond the last one there is nothing. Raises AccountError."""
    engine = sources.engine()
    everyone = _revenue(engine, stamp, now.date(), None) if by == "revenue" else None
    order = Order(by, descending, quotas, everyone)
    with reading(engine) as connection:
        offset = (page - 1) * PAGE_SIZE
        rows = browse_accounts(connection, choice, order, now=now, offset=offset, limit=PAGE_SIZE)
        totals, statuses = sum_accounts(connection, choice), count_statuses(connection)
    revenue = everyone if everyone is not None else _revenue(engine, stamp, now.date(), tuple(row.id for row in rows))
    return AccountPage(rows, revenue, totals, statuses)


def csv_rows(
    stamp: str, choice: Choice, by: str, descending: bool, quotas: Quotas, now: datetime
) -> Iterator[list[object]]:
    """The lines of the CSV: all pages of the list, a batch at a time from one view of the database."""
    engine = sources.engine()
    revenue = _revenue(engine, stamp, now.date(), None)
    order = Order(by, descending, quotas, revenue)
    with reading(engine) as connection:
        yield from account_table.csv_lines(_all(connection, choice, order, now), quotas, revenue)


def _all(connection: Connection, choice: Choice, order: Order, now: datetime) -> Iterator[AccountRow]:
    offset = 0
    while rows := browse_accounts(connection, choice, order, now=now, offset=offset, limit=_BATCH):
        yield from rows
        offset += _BATCH


def detail(stamp: str, account: str, book: RateBook, now: datetime) -> AccountDetail:
    """An account. Raises UnknownAccountError."""
    engine = sources.engine()
    with reading(engine) as connection:
        number = account_id(connection, account)
        standing = read_standing(connection, account, now)
        found = (
            show_account(connection, account),
            read_balance(connection, account, now=now),
            users_of(connection, account),
            subscriptions_of(connection, [number])[number],
        )
    quota = None if standing is None else overview(book, standing, now)
    return AccountDetail(*found, quota, _revenue(engine, stamp, now.date(), (number,)).get(number, 0))


def grants(account: str) -> list[HeldGrant]:
    """The grants of an account in the order in which they burn."""
    with reading(sources.engine()) as connection:
        return read_grants(connection, account_id(connection, account))


def postings(account: str, kind: str | None, before: int | None, limit: int = PAGE_SIZE) -> list[Transaction]:
    """Postings, newest first."""
    with reading(sources.engine()) as connection:
        number = account_id(connection, account)
        return read_transactions(connection, number, limit=limit, before=before, kind=kind)


def all_postings(account: str, kind: str | None) -> Iterator[Transaction]:
    """All of them, newest first, for a file."""
    last: int | None = None
    while found := postings(account, kind, last, _BATCH):
        yield from found
        last = found[-1].id


def keys(account: str, now: datetime) -> list[ApiKey]:
    """All keys of an account, also those that are over, newest first."""
    with reading(sources.engine()) as connection:
        return list_keys(connection, now=now, account=account, all_states=True)


def entries(account: str, before: int | None, limit: int = PAGE_SIZE) -> list[AuditEntry]:
    """What was done about an account, newest first."""
    with reading(sources.engine()) as connection:
        return account_entries(connection, account, limit=limit, before=before)


def all_entries(account: str) -> Iterator[AuditEntry]:
    """All of it, newest first, for a file."""
    last: int | None = None
    while found := entries(account, last, _BATCH):
        yield from found
        last = found[-1].id


__all__ = [
    "PAGE_SIZE",
    "AccountDetail",
    "AccountPage",
    "all_entries",
    "all_postings",
    "csv_rows",
    "detail",
    "entries",
    "forget",
    "grants",
    "keys",
    "list_page",
    "month_of",
    "postings",
]
