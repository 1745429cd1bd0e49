"""Accounts, users, subscriptions and API keys as people read them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from schema.findings import printable
from schema.keys import moment_text
from schema.money import usd_text
from sync.render.table import table_lines

if TYPE_CHECKING:
    from metering.accounts.keys import ApiKey, NewKey
    from metering.accounts.listing import AccountInfo
    from metering.accounts.members import Member
    from metering.subscriptions.renewal import Renewed
    from metering.subscriptions.subscriptions import Subscription

ACCOUNT_COLUMNS = (
    "account",
    "name",
    "status",
    "plan",
    "subscription",
    "cancel_at",
    "balance_usd",
    "owed_usd",
    "users",
    "created_at",
    "last_event_at",
)
"""The columns of the list of accounts, as text and as CSV."""

_RIGHT = frozenset({"balance_usd", "owed_usd", "users", "fee_usd"})


def cells(columns: Sequence[str], row: Mapping[str, Any]) -> list[str]:
    """The named fields of a JSON row as text; what is null is empty."""
    return ["" if row[name] is None else str(row[name]) for name in columns]


def account_lines(found: Sequence[AccountInfo]) -> Iterator[str]:
    """A table of accounts, or that there are none."""
    if not found:
        yield "no accounts"
        return
    rows = [cells(ACCOUNT_COLUMNS, one.as_json()) for one in found]
    yield from table_lines(ACCOUNT_COLUMNS, rows, right=_RIGHT)


def field_lines(row: Mapping[str, Any]) -> Iterator[str]:
    """One thing, a field a line; fields without a value are left out."""
    shown = {name: value for name, value in row.items() if value is not None}
    width = max(map(len, shown))
    for name, value in shown.items():
        yield f"{name:<{width}}  {printable(str(value))}"


def member_lines(account: str, found: Sequence[Member]) -> Iterator[str]:
    """A table of users, or that there are none."""
    if not found:
        yield f"{printable(account)} has no users"
        return
    columns = ("user", "name", "email", "role", "created_at", "removed_at")
    yield from table_lines(columns, [cells(columns, one.as_json()) for one in found], right=_RIGHT)


def key_lines(found: Sequence[ApiKey], now: datetime) -> Iterator[str]:
    """A table of keys, or that there are none."""
    if not found:
        yield "no keys"
        return
    columns = ("key_id", "account", "scope", "name", "state", "created_at", "expires_at", "last_used_at")
    yield from table_lines(columns, [cells(columns, one.as_json(now)) for one in found], right=_RIGHT)


def new_key_lines(made: NewKey) -> Iterator[str]:
    """A new key, with its text for once."""
    key = made.key
    owner = "administrators" if key.account is None else f"account {printable(key.account)}"
    until = "" if key.expires_at is None else f", valid until {moment_text(key.expires_at)}"
    yield f"key {key.key_id} of {owner}, scope {key.scope}{until}"
    yield made.text
    yield "Keep it now: only its hash is stored, and nobody can show it again."


def subscription_lines(found: Sequence[tuple[str, Mapping[str, Any]]]) -> Iterator[str]:
    """A table of subscriptions with their accounts, or that there are none."""
    if not found:
        yield "no subscriptions"
        return
    columns = ("account", "plan", "status", "cycle", "fee_usd", "started_at", "trial_until", "cancel_at", "ended_at")
    rows = [cells(columns, {"account": account, **row}) for account, row in found]
    yield from table_lines(columns, rows, right=_RIGHT)


def subscription_line(account: str, one: Subscription) -> str:
    """What a subscription is now, and what is planned for it, in one line."""
    fee = f"{usd_text(one.fee_nanos)} USD {'a year' if one.cycle == 'annual' else 'a month'}"
    parts = [f"{printable(account)}: {one.plan}, {one.status}, {fee} since {moment_text(one.started_at)}"]
    if one.status == "trial" and one.trial_until is not None:
        parts.append(f"free until {moment_text(one.trial_until)}")
    if one.ended_at is not None:
        parts.append(f"ended {moment_text(one.ended_at)}")
    elif one.cancel_at is not None:
        what = "then the default plan" if one.next_plan is None else f"then {one.next_plan} ({one.next_cycle})"
        parts.append(f"until {moment_text(one.cancel_at)}, {what}")
    return "; ".join(parts)


def renewed_line(done: Renewed) -> str:
    """What a renewal did, in one line."""
    if not done.accounts:
        return "nothing was due"
    return (
        f"{done.accounts:,} account{'' if done.accounts == 1 else 's'}: {usd_text(done.granted_nanos)} USD of credit"
        f" granted, {usd_text(done.expired_nanos)} USD expired; {done.trials_ended:,} trials and"
        f" {done.subscriptions_ended:,} subscriptions ended, {done.holds_expired:,} holds expired"
    )


__all__ = [
    "ACCOUNT_COLUMNS",
    "account_lines",
    "cells",
    "field_lines",
    "key_lines",
    "member_lines",
    "new_key_lines",
    "renewed_line",
    "subscription_line",
    "subscription_lines",
]
