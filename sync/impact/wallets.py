"""What a changed charge does to wallets: the revenue it earns, and balances that would have gone below zero.

A difference counts as the last thing that happened to the wallet. What is charged more is met by the credit that the
wallet holds now, and is owed beyond that. What is charged less is given back in the reverse order of burning: what is
owed first, then overdraft, purchased credit (at what was paid for it), promotional and included credit.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from metering.wallets.wallet import Met, Wallet
from schema.money import round_half_even
from sync.impact.usage import Balance


def revenue_change(wallet: Wallet | None, met: Met | None, change: int, at: datetime, *, observe: bool) -> int:
    """The change of revenue in nano-USD when `change` more is charged; negative when less is.

    `met` says how the window's charges of the account were met.
    """
    if change > 0:
        return wallet.debit(change, at, observe=observe).revenue_nanos if wallet is not None else 0
    if met is None:
        return 0
    rest = -change
    owed = min(rest, met.owed_nanos)
    rest -= owed
    rest -= min(rest, met.overdraft_nanos)
    purchased = min(rest, met.purchased_nanos)
    earned = met.revenue_nanos - met.owed_nanos
    returned = round_half_even(earned * purchased, met.purchased_nanos) if purchased else 0
    return -(owed + returned)


def lowest_after(balances: Iterable[Balance], change_by_posting: Mapping[int, int]) -> tuple[int, str] | None:
    """The lowest balance and its day when each debit takes so much more; None without any balance."""
    lowest: tuple[int, str] | None = None
    more = 0
    for balance in balances:
        more += change_by_posting.get(balance.posting, 0)
        after = balance.balance - more
        if lowest is None or after < lowest[0]:
            lowest = after, balance.day
    return lowest


__all__ = ["lowest_after", "revenue_change"]
