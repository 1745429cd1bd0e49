"""The tables of an account's page and the lines of their CSV: grants, postings, keys, subscriptions, users. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

from dashboard.formats import dollars
from metering.accounts.keys import ApiKey
from metering.accounts.members import Member
from metering.subscriptions.subscriptions import Subscription
from metering.wallets.transactions import HeldGrant, Transaction
from schema.keys import moment_text
from schema.money import usd_text

GRANT_HEADER = (
    "key",
    "kind",
    "state",
    "worth_usd",
    "paid_usd",
    "remaining_usd",
    "priority",
    "starts_at",
    "expires_at",
    "created_at",
    "note",
)
POSTING_HEADER = ("id", "occurred_at", "recorded_at", "kind", "amount_usd", "balance_usd", "key", "reverses", "note")
KEY_HEADER = (
    "key_id",
    "name",
    "scope",
    "state",
    "created_at",
    "created_by",
    "expires_at",
    "revoked_at",
    "last_used_at",
)
SUBSCRIPTION_HEADER = (
    "id",
    "plan",
    "status",
    "cycle",
    "fee_usd",
    "started_at",
    "trial_until",
    "cancel_at",
    "next_plan",
    "next_cycle",
    "ended_at",
    "note",
)
USER_HEADER = ("user", "name", "email", "role", "created_at")

Row = dict[str, Any]


def grant_rows(grants: Sequence[HeldGrant], now: datetime) -> list[Row]:
    """Grants, given in the order in which they burn: those with something left, then the rest, newest first.

    Amounts are USD as floats, for showing only.
    """
    left = [one for one in grants if one.state_at(now) in ("open", "pending")]
    over = [one for one in grants if one.state_at(now) not in ("open", "pending")]
    over.sort(key=lambda one: one.starts_at, reverse=True)
    return [
        {
            "Kind": one.kind,
            "State": one.state_at(now),
            "Remaining": dollars(one.remaining_nanos),
            "Worth": dollars(one.face_nanos),
            "Left": one.remaining_nanos / one.face_nanos,
            "Paid": dollars(one.paid_nanos),
            "Starts": one.starts_at,
            "Expires": one.expires_at,
            "Priority": one.priority,
            "Key": one.key,
            "Note": one.note,
        }
        for one in [*left, *over]
    ]


def grant_lines(grants: Iterable[HeldGrant], now: datetime) -> Iterator[list[object]]:
    """The same with exact amounts."""
    for one in grants:
        amounts = (usd_text(one.face_nanos), usd_text(one.paid_nanos), usd_text(one.remaining_nanos))
        moments = (_text(one.starts_at), _text(one.expires_at), _text(one.created_at))
        yield [one.key, one.kind, one.state_at(now), *amounts, one.priority, *moments, one.note]


def posting_rows(postings: Sequence[Transaction]) -> list[Row]:
    """Postings as they were asked for. Amounts are USD as floats, for showing only."""
    return [
        {
            "When": one.occurred_at,
            "Kind": one.kind,
            "Amount": dollars(one.amount_nanos),
            "Balance": dollars(one.balance_nanos),
            "Key": one.key,
            "Unwinds": one.reverses,
            "Posting": one.id,
            "Note": one.note,
        }
        for one in postings
    ]


def posting_lines(postings: Iterable[Transaction]) -> Iterator[list[object]]:
    """The same with exact amounts."""
    for one in postings:
        amounts = (usd_text(one.amount_nanos), usd_text(one.balance_nanos))
        yield [
            one.id,
            _text(one.occurred_at),
            _text(one.recorded_at),
            one.kind,
            *amounts,
            one.key,
            one.reverses,
            one.note,
        ]


def key_rows(keys: Sequence[ApiKey], now: datetime) -> list[Row]:
    """Keys with everything but their secrets."""
    return [
        {
            "Key": one.key_id,
            "Name": one.name,
            "Scope": one.scope,
            "State": one.state(now),
            "Last used": one.last_used_at,
            "Created": one.created_at,
            "Created by": one.created_by,
            "Expires": one.expires_at,
            "Revoked": one.revoked_at,
        }
        for one in keys
    ]


def key_lines(keys: Iterable[ApiKey], now: datetime) -> Iterator[list[object]]:
    """The same for a file."""
    for one in keys:
        moments = (_text(one.expires_at), _text(one.revoked_at), _text(one.last_used_at))
        yield [one.key_id, one.name, one.scope, one.state(now), _text(one.created_at), one.created_by, *moments]


def subscription_rows(subscriptions: Sequence[Subscription]) -> list[Row]:
    """Subscriptions, the newest first."""
    return [
        {
            "Plan": one.plan,
            "Status": one.status.replace("_", " "),
            "Cycle": one.cycle,
            "Fee": dollars(one.fee_nanos),
            "Since": one.started_at,
            "Trial until": one.trial_until,
            "Ended": one.ended_at,
            "Note": one.note,
        }
        for one in reversed(subscriptions)
    ]


def subscription_lines(subscriptions: Iterable[Subscription]) -> Iterator[list[object]]:
    """The same, oldest first, with exact fees."""
    for one in subscriptions:
        yield [
            one.id,
            one.plan,
            one.status,
            one.cycle,
            usd_text(one.fee_nanos),
            _text(one.started_at),
            _text(one.trial_until),
            _text(one.cancel_at),
            one.next_plan,
            one.next_cycle,
            _text(one.ended_at),
            one.note,
        ]


def user_rows(users: Sequence[Member]) -> list[Row]:
    """The members of an account."""
    return [
        {"User": one.user, "Name": one.name, "Address": one.email, "Role": one.role, "Since": one.created_at}
        for one in users
    ]


def user_lines(users: Iterable[Member]) -> Iterator[list[object]]:
    """The same for a file."""
    for one in users:
        yield [one.user, one.name, one.email, one.role, _text(one.created_at)]


def _text(at: datetime | None) -> str | None:
    return None if at is None else moment_text(at)


__all__ = [
    "GRANT_HEADER",
    "KEY_HEADER",
    "POSTING_HEADER",
    "SUBSCRIPTION_HEADER",
    "USER_HEADER",
    "grant_lines",
    "grant_rows",
    "key_lines",
    "key_rows",
    "posting_lines",
    "posting_rows",
    "subscription_lines",
    "subscription_rows",
    "user_lines",
    "user_rows",
]
