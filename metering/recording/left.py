"""What transactions of this process left of accounts, for the next call of each."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime

from metering.storage import Version
from metering.usage import Event
from metering.wallets.wallet import AccountState, Grant, Wallet

KEPT = 10_000
"""Accounts that are kept: about a kilobyte each."""


@dataclass(slots=True)
class Left:
    """An account as a committed transaction of this process left it."""

    state: AccountState
    grants: list[Grant]
    """With something remaining."""
    version: Version
    found: Version
    """What that transaction found."""
    calm: bool = True
    """Whether nobody else wrote to the account between this transaction and ours before it: then the next one will
    probably find it as it was left, too.
    """

    @classmethod
    def by(cls, wallet: Wallet, version: Version, *, found: Version) -> Left:
        """What a wallet is left as."""
        return cls(wallet.state, [grant for grant in wallet.grants if grant.remaining_nanos], version, found)

    def serves(self, event: Event, now: datetime) -> bool:
        """Whether the account's next event can be decided from this."""
        return self.calm and self.state.due_at > now and event.occurred_at >= self.state.plan_since


class LeftAccounts:
    """The accounts that were left last, for threads to share: who takes one has it alone."""

    def __init__(self) -> None:
        self._left: OrderedDict[int, Left] = OrderedDict()

    def look(self, account_id: int) -> Left | None:
        """What was left of an account; it stays."""
        return self._left.get(account_id)

    def take(self, account_id: int) -> Left | None:
        """What was left of an account; it is no longer kept."""
        return self._left.pop(account_id, None)

    def keep(self, left: Left) -> None:
        """Keep what a transaction left."""
        number = left.state.account_id
        earlier = self._left.pop(number, None)
        left.calm = earlier is None or earlier.version.number == left.found.number
        self._left[number] = left
        if len(self._left) > KEPT:
            self._left.popitem(last=False)

    def put_back(self, left: Left) -> None:
        """Keep what was taken as it is."""
        self._left[left.state.account_id] = left


__all__ = ["Left", "LeftAccounts"]
