"""Accounts as people browse them: filtered, sorted and cut into pages by the database, with what they used lately."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, case, func, literal, select

from metering.accounts.listing import LARGEST_PAGE, LISTED, AccountInfo, info_query, matching
from metering.errors import AccountError
from schema.tables import account_state, accounts
from schema.tables.base import UtcTime

SORTS = ("account", "name", "plan", "status", "created", "last_active", "balance", "usage", "revenue")
COUNTED = ("tokens_per_month", "run_units_per_month", "requests_per_day")
"""The quotas whose use a list shows, each in the stored parts of its counter."""
_COUNTERS = dict(zip(COUNTED, ("month_tokens", "month_run_unit_micros", "day_requests"), strict=True))


@dataclass(frozen=True, slots=True)
class Choice:
    """Which accounts a list is about; see `metering.accounts.listing.matching`."""

    search: str | None = None
    status: str | None = None
    plan: str | None = None
    subscription: str | None = None

    def conditions(self) -> list[ColumnElement[bool]]:
        """What an account of the list fulfils. Raises AccountError."""
        return matching(search=self.search or None, status=self.status, plan=self.plan, subscription=self.subscription)


@dataclass(frozen=True, slots=True)
class Order:
    """How a list is sorted; accounts that are alike go by name."""

    by: str = "account"
    descending: bool = False
    quotas: Mapping[str, tuple[str, int]] | None = None
    """For `usage`: by plan the quota that counts (of `COUNTED`) and its limit in stored parts."""
    revenue: Mapping[int, int] | None = None
    """For `revenue`: nano-USD by the id of the account."""


@dataclass(frozen=True, slots=True)
class AccountRow:
    """An account of a list, with what it used of each of `COUNTED` in the periods that run."""

    id: int
    info: AccountInfo
    used: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class AccountTotals:
    """All accounts of a choice together; amounts in nano-USD."""

    count: int
    balance_nanos: int
    owed_nanos: int


def browse_accounts(
    connection: Connection, choice: Choice, order: Order, *, now: datetime, offset: int = 0, limit: int = 50
) -> list[AccountRow]:
    """A page of accounts. Raises AccountError."""
    if not 1 <= limit <= LARGEST_PAGE:
        raise AccountError(f"a page has 1 to {LARGEST_PAGE} accounts, not {limit}")
    query = info_query(accounts.c.id, *(_used(quota, now) for quota in COUNTED))
    if order.by == "revenue":
        ids = _dearest(connection, choice, order)[max(0, offset) :][:limit]
        places = {number: place for place, number in enumerate(ids)}
        return sorted(_rows(connection, query.where(accounts.c.id.in_(ids))), key=lambda row: places[row.id])
    value = _value(order, now)
    query = query.where(*choice.conditions()).order_by(value.desc() if order.descending else value, accounts.c.account)
    return _rows(connection, query.offset(max(0, offset)).limit(limit))


def _rows(connection: Connection, query: Select[Any]) -> list[AccountRow]:
    width = len(AccountInfo.__slots__)
    return [
        AccountRow(row[width], AccountInfo(*row[:width]), dict(zip(COUNTED, map(int, row[width + 1 :]), strict=True)))
        for row in connection.execute(query)
    ]


def _dearest(connection: Connection, choice: Choice, order: Order) -> list[int]:
    """The ids of all accounts of a choice by what they earned, which no column tells: only ids are read for it."""
    query = select(accounts.c.id).select_from(LISTED).where(*choice.conditions()).order_by(accounts.c.account)
    earned, sign = order.revenue or {}, -1 if order.descending else 1
    return sorted(connection.execute(query).scalars(), key=lambda number: sign * earned.get(number, 0))


def sum_accounts(connection: Connection, choice: Choice) -> AccountTotals:
    """How many accounts a choice has, and what they have and owe."""
    state = account_state.c
    sums = (func.coalesce(func.sum(column), 0) for column in (state.balance_nanos, state.owed_nanos))
    query = select(func.count(), *sums).select_from(LISTED).where(*choice.conditions())
    return AccountTotals(*map(int, connection.execute(query).one()))


def count_statuses(connection: Connection) -> dict[str, int]:
    """How many accounts are of each status; statuses that none is of are absent."""
    table = accounts.c
    query = select(table.status, func.count()).group_by(table.status)
    return {status: int(number) for status, number in connection.execute(query)}


def _used(quota: str, now: datetime) -> ColumnElement[int]:
    """What the counter of a quota says for the period that runs: 0 when it counted an earlier one."""
    state = account_state.c
    today = now.astimezone(UTC).date()
    counter = state[_COUNTERS[quota]]
    since = state.day >= today if quota == "requests_per_day" else state.month >= today.replace(day=1)
    return case((since, counter), else_=0)


def _value(order: Order, now: datetime) -> ColumnElement[Any]:
    account, state = accounts.c, account_state.c
    if order.by == "usage":
        shares = [
            (state.plan == plan, _used(quota, now) * 1.0 / limit)
            for plan, (quota, limit) in (order.quotas or {}).items()
            if limit
        ]
        return case(*shares, else_=-1.0) if shares else account.account
    columns: dict[str, ColumnElement[Any]] = {
        "account": account.account,
        "name": func.lower(func.coalesce(account.name, account.account)),
        "plan": state.plan,
        "status": account.status,
        "created": account.created_at,
        # Whoever never called comes last of the most recent, on both databases.
        "last_active": func.coalesce(state.last_event_at, literal(datetime.min.replace(tzinfo=UTC), UtcTime())),
        "balance": state.balance_nanos,
    }
    if order.by not in columns:
        raise AccountError(f"'{order.by}' is nothing to sort by: {', '.join(SORTS)}")
    return columns[order.by]


__all__ = [
    "COUNTED",
    "SORTS",
    "AccountRow",
    "AccountTotals",
    "Choice",
    "Order",
    "browse_accounts",
    "count_statuses",
    "sum_accounts",
]
