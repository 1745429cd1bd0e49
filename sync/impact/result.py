"""What a plan moves in money, as frozen data. Amounts are whole nano-USD."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from schema.keys import moment_text
from schema.money import MICRO, multiplier_text, round_half_even, usd_text

MOST_ACCOUNTS = 100
"""How many accounts JSON names at each end."""

_MARGIN_STEP = 100


class Pair(NamedTuple):
    """An amount before and after."""

    before: int
    after: int

    @property
    def change(self) -> int:
        """How much it rises."""
        return self.after - self.before

    def as_json(self) -> dict[str, str]:
        """Both as USD."""
        return {"before": usd_text(self.before), "after": usd_text(self.after)}


class Sums(NamedTuple):
    """Cost, charge and revenue of some calls before and after."""

    events: int
    cost: Pair
    charge: Pair
    revenue: Pair

    @property
    def profit(self) -> Pair:
        """Revenue less cost."""
        return Pair(self.revenue.before - self.cost.before, self.revenue.after - self.cost.after)

    @property
    def margins(self) -> tuple[str | None, str | None]:
        """Charge over cost before and after, to four decimals; None without cost."""
        return _margin(self.charge.before, self.cost.before), _margin(self.charge.after, self.cost.after)

    def as_json(self) -> dict[str, Any]:
        """The sums as they stand in `plan --format json`."""
        before, after = self.margins
        return {
            "events": self.events,
            "cost_usd": self.cost.as_json(),
            "charge_usd": self.charge.as_json(),
            "revenue_usd": self.revenue.as_json(),
            "profit_usd": self.profit.as_json(),
            "margin": {"before": before, "after": after},
        }


def _margin(charge: int, cost: int) -> str | None:
    if cost <= 0:
        return None
    return multiplier_text(round_half_even(charge * MICRO, cost * _MARGIN_STEP) * _MARGIN_STEP)


class ShortWallet(NamedTuple):
    """A wallet that would have gone below zero, and did not."""

    account: str
    lowest: int
    on: str
    """The UTC day on which it would have been lowest; empty when only the sum is known."""

    def as_json(self) -> dict[str, Any]:
        """As it stands in `plan --format json`."""
        return {"account": self.account, "lowest_usd": usd_text(self.lowest), "on": self.on or None}


@dataclass(frozen=True, slots=True)
class Scenario:
    """The usage re-priced as if it all happened at one moment: now, or when a dated price begins."""

    at: datetime | None
    """None is now."""
    total: Sums
    """Of all calls in the window, also those whose price does not change."""
    by_model: Mapping[str, Sums]
    """Of the re-priced calls of each model whose sums change, the most changed first."""
    by_plan: Mapping[str, Sums]
    """Of all calls, like those by account."""
    by_account: Mapping[str, Sums]
    wallets: tuple[ShortWallet, ...]
    routes: Mapping[str, int]
    """How many calls each changed route would have sent to another model, by `provider/task`."""
    repriced: int
    """Calls whose cost or charge may differ."""
    bound: int
    """No sum of cost or charge is further from the exact one than this; 0 when each call was priced by itself."""

    @property
    def changes(self) -> bool:
        """Whether any amount differs."""
        return bool(self.by_model or self.by_account)

    @property
    def pay_more(self) -> dict[str, Sums]:
        """The accounts whose bill rises, by how much."""
        risen = ((name, sums) for name, sums in self.by_account.items() if sums.charge.change > 0)
        return dict(sorted(risen, key=lambda item: (-item[1].charge.change, item[0])))

    @property
    def pay_less(self) -> dict[str, Sums]:
        """The accounts whose bill falls, by how much."""
        fallen = ((name, sums) for name, sums in self.by_account.items() if sums.charge.change < 0)
        return dict(sorted(fallen, key=lambda item: (item[1].charge.change, item[0])))

    def as_json(self) -> dict[str, Any]:
        """The scenario as it stands in `plan --format json`."""
        return {
            "from": "now" if self.at is None else moment_text(self.at),
            "total": self.total.as_json(),
            "by_model": [{"model": name, **sums.as_json()} for name, sums in self.by_model.items()],
            "by_plan": [{"plan": name, **sums.as_json()} for name, sums in self.by_plan.items()],
            "by_account": {
                "changed": len(self.by_account),
                "pay_more": _accounts(self.pay_more),
                "pay_less": _accounts(self.pay_less),
            },
            "wallets_below_zero": [wallet.as_json() for wallet in self.wallets],
            "rerouted": [{"route": name, "events": count} for name, count in self.routes.items()],
            "repriced_events": self.repriced,
            "exact": not self.bound,
            "bound_usd": usd_text(self.bound),
        }


class PlanTerms(NamedTuple):
    """A plan whose included credit or fee changes. Amounts are of one subscription."""

    plan: str
    subscriptions: int
    """How many run on it."""
    included: Pair
    """What a month includes."""
    fee_changes: bool
    """Whether a fee differs: that of running subscriptions stays as it was agreed."""

    @property
    def together(self) -> Pair:
        """What a month of all subscriptions includes."""
        return Pair(self.included.before * self.subscriptions, self.included.after * self.subscriptions)

    def as_json(self) -> dict[str, Any]:
        """As it stands in `plan --format json`."""
        return {
            "plan": self.plan,
            "subscriptions": self.subscriptions,
            "included_usd": self.together.as_json(),
            "fee_changes": self.fee_changes,
        }


def _accounts(found: Mapping[str, Sums]) -> list[dict[str, Any]]:
    return [{"account": name, **sums.as_json()} for name, sums in list(found.items())[:MOST_ACCOUNTS]]


@dataclass(frozen=True, slots=True)
class Impact:
    """The usage of a window re-priced under a plan. Without scenarios nothing that is billed changes."""

    days: int
    start: datetime
    end: datetime
    events: int
    """Calls in the window; 0 when nothing that is billed changes, because then none is read."""
    scenarios: tuple[Scenario, ...]
    dates_left: int = 0
    """Dates from which prices change that no scenario shows."""
    plans: tuple[PlanTerms, ...] = ()
    """The plans whose terms change."""

    def as_json(self) -> dict[str, Any]:
        """The impact as it stands in `plan --format json`."""
        return {
            "days": self.days,
            "from": moment_text(self.start),
            "to": moment_text(self.end),
            "events": self.events,
            "scenarios": [scenario.as_json() for scenario in self.scenarios],
            "dates_left": self.dates_left,
            "plans": [terms.as_json() for terms in self.plans],
        }


__all__ = ["Impact", "Pair", "PlanTerms", "Scenario", "ShortWallet", "Sums"]
