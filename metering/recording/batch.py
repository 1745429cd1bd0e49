"""What a batch of events comes to, while it is decided in memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from metering.errors import MeteringError
from metering.holds.placing import HoldRow
from metering.quotas.alerts import Counters
from metering.rating.appraisal import Appraisal
from metering.subscriptions.subscriptions import Subscription
from metering.usage import Event
from metering.wallets.wallet import Met, Wallet


@dataclass(slots=True)
class AccountBatch:
    """An account behind its lock, and what the batch makes of it."""

    wallet: Wallet
    posting_id: int
    charged: int = 0
    first_event: str | None = None
    """The first event that was charged: it names the posting."""
    last_at: datetime | None = None
    history: Sequence[Subscription] = ()
    """Read when an event occurred before the plan of the state row began."""
    before: Counters | None = None
    """The counters before the first event that was counted; None when none was."""


@dataclass(slots=True)
class NewEvent:
    """An event about to be written, and its place among the outcomes."""

    index: int
    usage_id: int
    event: Event
    account: AccountBatch
    plan: str
    worth: Appraisal
    met: Met


@dataclass(slots=True)
class Batch:
    """What becomes of each event; all places are those among the events that were asked for."""

    new: list[NewEvent] = field(default_factory=list)
    repeats: dict[int, int] = field(default_factory=dict)
    """Row of the event that was recorded before, by place."""
    twice: dict[int, int] = field(default_factory=dict)
    """Place of the event earlier in the same batch, by place."""
    errors: dict[int, MeteringError] = field(default_factory=dict)
    unregistered: dict[tuple[str | None, str], MeteringError] = field(default_factory=dict)
    """By provider and model: finding what may have been meant takes time, and rows of a file repeat their slips."""
    holds: dict[int, HoldRow] = field(default_factory=dict)
    """What is settled with an event, by its place."""
    captured: list[tuple[HoldRow, str]] = field(default_factory=list)
    """The holds that were settled, and with which event."""


__all__ = ["AccountBatch", "Batch", "NewEvent"]
