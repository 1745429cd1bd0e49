"""What a store reads and writes, in terms that no driver is needed for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, NamedTuple, Protocol

from metering.wallets.wallet import AccountState, Grant
from schema.tables import UNIT_COLUMNS

EVENT_COLUMNS = (
    "id",
    "account_id",
    "event_id",
    "occurred_at",
    "recorded_at",
    "day",
    "user_id",
    "provider",
    "model",
    "plan",
    "task",
    "feature",
    "tool",
    "tier",
    "reasoning_level",
    "cpu_seconds_micros",
    "gpu_seconds_micros",
    "latency_ms",
    "details",
    "status",
    "price_id",
    "release_id",
    "posting_id",
    "cost_nanos",
    "charge_nanos",
    "included_nanos",
    "promotional_nanos",
    "purchased_nanos",
    "owed_nanos",
    "overdraft_nanos",
    "revenue_nanos",
    *UNIT_COLUMNS.values(),
)
"""The columns of an event's row, in the order in which stores take them."""

KEY_COLUMNS = ("account_id", "event_id", "usage_id", "content_hash")
POSTING_COLUMNS = (
    "id",
    "account_id",
    "kind",
    "amount_nanos",
    "balance_nanos",
    "revenue_nanos",
    "burned",
    "idempotency_key",
    "occurred_at",
    "recorded_at",
    "note",
)
STATE_COLUMNS = (
    "account_id",
    "balance_nanos",
    "owed_nanos",
    "overdraft_nanos",
    "plan",
    "plan_since",
    "month",
    "month_tokens",
    "month_run_unit_micros",
    "day",
    "day_requests",
    "last_event_at",
    "held_nanos",
    "minute",
    "minute_requests",
    "due_at",
)
CHANGED_COLUMNS = tuple(name for name in STATE_COLUMNS if name not in ("account_id", "plan", "plan_since", "due_at"))
"""What a debit changes of a state row."""
GRANT_COLUMNS = (
    "id",
    "account_id",
    "kind",
    "face_nanos",
    "paid_nanos",
    "remaining_nanos",
    "priority",
    "starts_at",
    "expires_at",
)


class PostingRow(NamedTuple):
    """A posting; `burned` is JSON text, moments are as `Store.moment` gives them."""

    id: int
    account_id: int
    kind: str
    amount_nanos: int
    balance_nanos: int
    revenue_nanos: int
    burned: str
    idempotency_key: str
    occurred_at: Any
    recorded_at: Any
    note: str | None


class Version(NamedTuple):
    """Which version of a state row: it is another one after every transaction that changed the account's money."""

    session: object
    """The session that saw it: to others the number tells nothing, and after a failover it may come again."""
    number: str
    """Empty when the session does not know it."""


@dataclass(frozen=True, slots=True)
class Locked:
    """What stands behind the locks: nobody else changes it until the transaction ends."""

    states: dict[int, AccountState]
    grants: dict[int, list[Grant]]
    """With something remaining, by account."""
    known: dict[tuple[int, str], tuple[int, bytes]]
    """Row and content hash of those of the asked events that are already recorded."""
    release_id: int | None
    """The newest release."""
    event_ids: Sequence[int]
    """Free ids for as many events as were asked for."""
    posting_ids: Sequence[int]
    """A free id for a posting of each account."""
    version: Version | None = None
    """Of the state row, where one account was locked."""


@dataclass(frozen=True, slots=True)
class Changes:
    """What a transaction writes, in rows of the accounts that it locked."""

    states: Sequence[AccountState]
    """Changed, as are the grants; everything else is new."""
    grants: Sequence[Grant] = ()
    postings: Sequence[PostingRow] = ()
    events: Sequence[Sequence[Any]] = ()
    """In the order of `EVENT_COLUMNS`."""
    keys: Sequence[tuple[int, str, int, bytes]] = ()
    """In the order of `KEY_COLUMNS`."""


class Store(Protocol):
    """Statements on one connection, in the transaction that its owner began for writing."""

    def moment(self, value: datetime) -> Any:
        """A moment in UTC as the driver takes it."""

    def day(self, value: date) -> Any:
        """A day as the driver takes it."""

    def lock(self, account_ids: Sequence[int], keys: Sequence[tuple[int, str]], events: int) -> Locked:
        """Lock the state rows of accounts, in the order of their ids, and read what a debit needs.

        `keys` are the events (account and event id) that are about to be recorded, `events` how many ids they need.
        """

    def write(self, changes: Changes) -> bool:
        """Write, set-based. False when a store that writes only under a condition wrote nothing."""

    def leave(self, account_id: int) -> Version:
        """The version at which an account was left, whose state was just written and which alone was changed."""


__all__ = [
    "CHANGED_COLUMNS",
    "EVENT_COLUMNS",
    "GRANT_COLUMNS",
    "KEY_COLUMNS",
    "POSTING_COLUMNS",
    "STATE_COLUMNS",
    "Changes",
    "Locked",
    "PostingRow",
    "Store",
    "Version",
]
