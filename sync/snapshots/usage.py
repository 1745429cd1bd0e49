"""The usage that a snapshot holds."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from metering.wallets.wallet import AccountState, Grant, Met, Wallet
from sync.impact.reach import Reach
from sync.impact.usage import Balance, Kind, Line, Recorded

UNREGISTERED = ("unknown", "unregistered")
"""Provider and model under which calls of models that are not registered stand."""


@dataclass(frozen=True, slots=True)
class SnapshotUsage:
    """See `sync.impact.usage.UsageSource`: what its methods return, kept."""

    kept_recorded: list[Recorded] = field(default_factory=list)
    kept_lines: list[Line] = field(default_factory=list)
    kept_wallets: Mapping[int, tuple[AccountState, list[Grant]]] = field(default_factory=dict)
    kept_met: Mapping[int, Met] = field(default_factory=dict)
    kept_lowest: Mapping[int, int] = field(default_factory=dict)
    kept_subscriptions: Mapping[str, int] = field(default_factory=dict)

    def recorded(self) -> list[Recorded]:
        """All usage, summed up."""
        return self.kept_recorded

    def models(self) -> set[tuple[str, str]]:
        """The models that were called."""
        return {line.kind[:2] for line in self.kept_lines}

    def count(self, reach: Reach) -> int:
        """How many calls are within reach."""
        return sum(line.events for line in self.lines(reach, single=False))

    def lines(
        self,
        reach: Reach,
        *,
        single: bool,
        thresholds: Sequence[int] = (),
        accounts: Collection[int] | None = None,
    ) -> Iterator[Line]:
        """The usage within reach, always summed up, between the thresholds of the export."""
        for line in self.kept_lines:
            if (accounts is None or line.account in accounts) and _within(reach, line):
                yield line

    def names(self, numbers: Collection[int]) -> dict[int, str]:
        """Accounts are called by their numbers."""
        return {number: f"account {number}" for number in numbers}

    def wallets(self, numbers: Collection[int]) -> dict[int, Wallet]:
        """Wallets that may be changed freely."""
        found: dict[int, Wallet] = {}
        for number in numbers:
            if number in self.kept_wallets:
                state, held = self.kept_wallets[number]
                found[number] = Wallet(replace(state), [replace(grant) for grant in held])
        return found

    def met(self, numbers: Collection[int]) -> dict[int, Met]:
        """How the charges were met."""
        return {number: self.kept_met[number] for number in numbers if number in self.kept_met}

    def lowest(self, numbers: Collection[int]) -> dict[int, int]:
        """The lowest balances."""
        return {number: self.kept_lowest[number] for number in numbers if number in self.kept_lowest}

    def balances(self, numbers: Collection[int]) -> dict[int, list[Balance]]:
        """None: only the lowest are kept."""
        return {}

    def subscriptions(self, plans: Collection[str]) -> dict[str, int]:
        """How many ran at the export."""
        return {plan: self.kept_subscriptions[plan] for plan in plans if plan in self.kept_subscriptions}


def _within(reach: Reach, line: Line) -> bool:
    kind = Kind(*line.kind)
    model = (kind.provider, kind.model)
    return (
        reach.everything
        or model in reach.models
        or kind.task in reach.tasks
        or kind.level in reach.levels
        or kind.feature in reach.features
        or (reach.unregistered and model == UNREGISTERED)
    )


__all__ = ["UNREGISTERED", "SnapshotUsage"]
