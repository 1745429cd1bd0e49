"""Accounts as a table: the quota whose use is shown, the frame of a page, and the lines of the CSV. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from hashlib import sha256

import pandas as pd

from dashboard.formats import MISSING, day, dollars
from metering.accounts.browsing import COUNTED, AccountRow
from metering.book.entities import Plan
from metering.book.ratebook import RateBook
from metering.quotas.limits import grouped, limit_parts
from schema.keys import moment_text
from schema.money import usd_text

SORTS = {
    "Last active": "last_active",
    "Revenue this month": "revenue",
    "Usage": "usage",
    "Balance": "balance",
    "Account": "account",
    "Name": "name",
    "Plan": "plan",
    "Status": "status",
    "Created": "created",
}
"""What the list can be sorted by: the word on the page and the name of the order."""
SUBSCRIPTIONS = {"None": "none", "Trial": "trial", "Active": "active", "Past due": "past_due"}
COLUMNS = (
    "account",
    "name",
    "status",
    "plan",
    "subscription",
    "ends_at",
    "quota",
    "used",
    "limit",
    "revenue_month_usd",
    "balance_usd",
    "owed_usd",
    "held_usd",
    "users",
    "created_at",
    "last_active_at",
)
"""Of the CSV."""
OPEN = "Open"
_NOUNS = {"tokens_per_month": "tokens", "run_units_per_month": "run units", "requests_per_day": "requests today"}

Quotas = Mapping[str, tuple[str, int]]
"""By plan: the quota whose use is shown, and its limit in stored parts."""


def shown_quota(plan: Plan) -> tuple[str, int] | None:
    """The first of the counted quotas that a plan limits, with its limit in stored parts."""
    for quota in COUNTED:
        limit = limit_parts(plan, quota)
        if limit:
            return quota, limit
    return None


def shown_quotas(book: RateBook) -> dict[str, tuple[str, int]]:
    """The same for every plan of a rate book that limits any."""
    return {slug: found for slug, plan in book.plans.items() if (found := shown_quota(plan)) is not None}


def share_used(row: AccountRow, quotas: Quotas) -> float | None:
    """How much of the shown quota is used, 1.0 for all; None when the plan limits nothing that is counted."""
    found = quotas.get(row.info.plan)
    return None if found is None else row.used[found[0]] / found[1]


def used_words(row: AccountRow, quotas: Quotas) -> str:
    """`123,456 of 500,000 tokens`; without a limit the tokens of the month."""
    found = quotas.get(row.info.plan)
    if found is None:
        return f"{grouped('tokens_per_month', row.used['tokens_per_month'])} tokens"
    quota, limit = found
    return f"{grouped(quota, row.used[quota])} of {grouped(quota, limit)} {_NOUNS[quota]}"


def subscription_words(row: AccountRow) -> str:
    """The subscription that runs and its planned end: `active, until 3 Dec 2026`."""
    info = row.info
    if info.subscription is None:
        return MISSING
    words = info.subscription.replace("_", " ")
    return words if info.cancel_at is None else f"{words}, until {day(info.cancel_at.date())}"


def frame(rows: Sequence[AccountRow], quotas: Quotas, revenue: Mapping[int, int]) -> pd.DataFrame:
    """A page of the table. Amounts are USD as floats, for showing only."""
    return pd.DataFrame.from_records(
        [
            {
                OPEN: OPEN,
                "Account": row.info.account,
                "Name": row.info.name,
                "Status": row.info.status,
                "Plan": row.info.plan,
                "Usage": None if (share := share_used(row, quotas)) is None else int(share * 100),
                "Revenue this month": dollars(revenue.get(row.id, 0)),
                "Balance": dollars(row.info.balance_nanos),
                "Last active": row.info.last_event_at,
                "Used": used_words(row, quotas),
                "Subscription": subscription_words(row),
                "Created": row.info.created_at,
            }
            for row in rows
        ]
    )


def csv_lines(rows: Iterable[AccountRow], quotas: Quotas, revenue: Mapping[int, int]) -> Iterator[list[object]]:
    """The lines of the CSV, with exact amounts; quantities in stored parts are told in whole units."""
    for row in rows:
        info = row.info
        quota, limit = quotas.get(info.plan, ("tokens_per_month", None))
        yield [
            info.account,
            info.name,
            info.status,
            info.plan,
            info.subscription,
            None if info.cancel_at is None else moment_text(info.cancel_at),
            quota,
            grouped(quota, row.used[quota]).replace(",", ""),
            None if limit is None else grouped(quota, limit).replace(",", ""),
            usd_text(revenue.get(row.id, 0)),
            usd_text(info.balance_nanos),
            usd_text(info.owed_nanos),
            usd_text(info.held_nanos),
            info.users,
            moment_text(info.created_at),
            None if info.last_event_at is None else moment_text(info.last_event_at),
        ]


def table_key(names: Sequence[str]) -> str:
    """The key of the table of these accounts: another page or order is another table, with nothing selected."""
    return f"table_accounts_{sha256(repr(tuple(names)).encode(errors='backslashreplace')).hexdigest()[:12]}"


__all__ = [
    "COLUMNS",
    "OPEN",
    "SORTS",
    "SUBSCRIPTIONS",
    "csv_lines",
    "frame",
    "share_used",
    "shown_quota",
    "shown_quotas",
    "subscription_words",
    "table_key",
    "used_words",
]
