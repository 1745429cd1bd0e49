"""How charges meet credit: pure, in whole nano-USD.

An account's balance is what its grants have left, less what it owes, less its overdraft. A debit burns grants that have
started and have not expired when the event occurred: by priority, then earliest expiry (never last), then age.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import NamedTuple

from schema.money import share_of
from schema.units import TOKEN_UNITS

LARGEST_AMOUNT = 10**18
"""Nano-USD that one event or one hold may come to: a thousand million USD can only be a slip."""
LARGEST_BALANCE = 8 * 10**18
"""Nano-USD that a balance may come to, either way: the database holds no more."""
LARGEST_COUNT = 2**63 - 1
"""What a counter stops at: the database holds no more, and no limit is as large."""
_NEVER = datetime.max.replace(tzinfo=UTC)


@dataclass(slots=True)
class Grant:
    """Credit of one account. `face_nanos` is the usage it is worth, `paid_nanos` what was paid for it."""

    id: int
    account_id: int
    kind: str
    face_nanos: int
    paid_nanos: int
    remaining_nanos: int
    priority: int
    starts_at: datetime
    expires_at: datetime | None

    def open_at(self, at: datetime) -> bool:
        """Whether it may be burned by what occurs at a moment."""
        return self.starts_at <= at and (self.expires_at is None or at < self.expires_at)


@dataclass(slots=True)
class AccountState:
    """The state row of an account, as it is locked, changed in memory and written back."""

    account_id: int
    balance_nanos: int
    owed_nanos: int
    overdraft_nanos: int
    plan: str
    plan_since: datetime
    month: date
    month_tokens: int
    month_run_unit_micros: int
    day: date
    day_requests: int
    last_event_at: datetime | None
    held_nanos: int = 0
    """The sum of the open holds."""
    minute: int = 0
    """Minutes since 1970 at which `minute_requests` are counted."""
    minute_requests: int = 0
    due_at: datetime = _NEVER
    """When the next change by time falls due."""

    def count(self, occurred_at: datetime, units: dict[str, int]) -> None:
        """Count an event into the month and the day; those of an earlier month or day are no longer counted."""
        day = occurred_at.date()
        month = day.replace(day=1)
        if month >= self.month:
            if month > self.month:
                self.month, self.month_tokens, self.month_run_unit_micros = month, 0, 0
            for unit, parts in units.items():
                if unit in _TOKENS:
                    self.month_tokens += parts
            self.month_run_unit_micros += units.get("run_unit", 0)
            if self.month_tokens > LARGEST_COUNT or self.month_run_unit_micros > LARGEST_COUNT:
                self.month_tokens = min(self.month_tokens, LARGEST_COUNT)
                self.month_run_unit_micros = min(self.month_run_unit_micros, LARGEST_COUNT)
        if day >= self.day:
            if day > self.day:
                self.day, self.day_requests = day, 0
            self.day_requests += 1
        minute = int(occurred_at.timestamp()) // 60
        if minute >= self.minute:
            if minute > self.minute:
                self.minute, self.minute_requests = minute, 0
            self.minute_requests += 1
        if self.last_event_at is None or occurred_at > self.last_event_at:
            self.last_event_at = occurred_at


class Met(NamedTuple):
    """How a charge was met; the first five sum to it. Revenue is purchased credit at what was paid, and overage."""

    included_nanos: int
    promotional_nanos: int
    purchased_nanos: int
    owed_nanos: int
    overdraft_nanos: int
    revenue_nanos: int


class Wallet:
    """An account's state and its open grants during one transaction; remembers what it burned."""

    __slots__ = ("burned", "changed", "grants", "state")

    def __init__(self, state: AccountState, grants: Iterable[Grant]) -> None:
        self.state = state
        self.grants = sorted(grants, key=burn_order)
        self.burned: dict[int, int] = {}
        """Nano-USD by grant, in the order first burned."""
        self.changed: dict[int, Grant] = {}

    def debit(self, charge_nanos: int, at: datetime, *, observe: bool) -> Met:
        """Take a charge that occurred at a moment: from grants, and what they do not meet as owed or as overdraft.

        It never refuses; `observe` says that what no grant meets is overdraft, usage and not revenue.
        """
        included = promotional = purchased = revenue = 0
        rest = charge_nanos
        for grant in self.grants:
            if not rest:
                break
            remaining = grant.remaining_nanos
            if not remaining or not grant.open_at(at):
                continue
            taken = remaining if remaining < rest else rest
            rest -= taken
            grant.remaining_nanos = remaining - taken
            self.burned[grant.id] = self.burned.get(grant.id, 0) + taken
            self.changed[grant.id] = grant
            if grant.kind == "purchase":
                purchased += taken
                used = grant.face_nanos - remaining
                revenue += share_of(used, used + taken, grant.face_nanos, grant.paid_nanos)
            elif grant.kind == "plan":
                included += taken
            else:
                promotional += taken
        state = self.state
        state.balance_nanos -= charge_nanos
        if observe:
            state.overdraft_nanos += rest
            return Met(included, promotional, purchased, 0, rest, revenue)
        state.owed_nanos += rest
        return Met(included, promotional, purchased, rest, 0, revenue + rest)


class Repaid(NamedTuple):
    """What a new grant repays, and the revenue that this earns."""

    owed_nanos: int
    overdraft_nanos: int
    revenue_nanos: int


def repayment(state: AccountState, face_nanos: int, paid_nanos: int) -> Repaid:
    """What a grant repays when it arrives: first what is owed, whose revenue was earned with the usage, then overdraft.

    Overdraft met by purchased credit is earned now, at what was paid for it.
    """
    owed = min(state.owed_nanos, face_nanos)
    overdraft = min(state.overdraft_nanos, face_nanos - owed)
    return Repaid(owed, overdraft, share_of(owed, owed + overdraft, face_nanos, paid_nanos))


def burn_order(grant: Grant) -> tuple[int, datetime, int]:
    """The order in which grants burn: priority, earliest expiry, age."""
    return grant.priority, grant.expires_at or _NEVER, grant.id


_TOKENS = frozenset(TOKEN_UNITS)

__all__ = [
    "LARGEST_AMOUNT",
    "LARGEST_BALANCE",
    "LARGEST_COUNT",
    "AccountState",
    "Grant",
    "Met",
    "Repaid",
    "Wallet",
    "burn_order",
    "repayment",
]
