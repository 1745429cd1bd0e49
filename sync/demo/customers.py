"""Who makes the demo's calls: sixty accounts with a year of subscriptions, and what they bought.

Everything follows from an account's number and the anchor day. Accounts are organisations with neutral names.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal

from metering.book.entities import Pack, Plan
from schema.money import nanos

_NAMES = (
    "Alder",
    "Basalt",
    "Cedar",
    "Delta",
    "Ember",
    "Fjord",
    "Granite",
    "Harbor",
    "Island",
    "Juniper",
    "Kelp",
    "Lumen",
)
_KINDS = ("Works", "Labs", "Studio", "Supply", "Systems")


@dataclass(frozen=True, slots=True)
class Rungs:
    """The plans of a configuration as the demo's ladder: free, the smallest and the largest fee, and by agreement."""

    free: str
    small: str
    large: str
    agreed: str

    @classmethod
    def of(cls, plans: Mapping[str, Plan], default: str) -> Rungs:
        """From the active plans; where a rung is missing, the one below stands in."""
        active = [plan for plan in plans.values() if plan.active]
        paid = sorted((plan.monthly_nanos, plan.slug) for plan in active if plan.monthly_nanos)
        custom = sorted(plan.slug for plan in active if plan.monthly_nanos is None)
        small = paid[0][1] if paid else default
        large = paid[-1][1] if paid else default
        return cls(default, small, large, custom[0] if custom else large)


@dataclass(frozen=True, slots=True)
class Step:
    """A subscription of a customer, from `days` before the anchor day until the next step."""

    days: int
    plan: str
    cycle: str = "monthly"
    agreed_nanos: int | None = None
    """The fee per cycle, when the plan leaves it to an agreement."""
    trial: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Customer:
    """An account of the demo."""

    number: int = 0
    steps: tuple[Step, ...]
    users: int = 1
    weight: int
    """Its share of all calls."""
    provider: int | None = None
    """Its main provider, by place; drawn from its number when None."""
    dearest: frozenset[str] = frozenset()
    """The traces whose calls ask for the dearest model of the provider instead of the routed one."""
    purchases: tuple[tuple[int, str], ...] = ()
    """Packs bought: days before the anchor day, and the pack's size."""

    @property
    def account(self) -> str:
        """The name that calls use."""
        return f"acct-{self.number:04d}"

    @property
    def name(self) -> str:
        """The name that people see."""
        return f"{_NAMES[self.number % len(_NAMES)]} {_KINDS[self.number // len(_NAMES) % len(_KINDS)]}"

    def user(self, draw: int) -> str:
        """One of its users."""
        return f"user-{self.number:04d}-{draw % self.users + 1:02d}"

    def moment(self, anchor: datetime, days: int) -> datetime:
        """When it acts on a day: in the morning, each customer at its own minute."""
        day = datetime.combine(anchor.astimezone(UTC).date(), time.min, UTC) - timedelta(days=days)
        return min(day + timedelta(hours=6, minutes=3 * self.number), anchor)

    def joined(self, anchor: datetime) -> datetime:
        """When the account was made."""
        return self.moment(anchor, self.steps[0].days)

    def plan_at(self, anchor: datetime, at: datetime) -> str:
        """Its plan at a moment after it joined."""
        current = self.steps[0].plan
        for step in self.steps[1:]:
            if self.moment(anchor, step.days) <= at:
                current = step.plan
        return current


def customers(rungs: Rungs) -> list[Customer]:
    """All sixty, by number."""
    told = [*_agreed(rungs), *_large(rungs), *_small(rungs), *_gone(rungs), *_prepaid(rungs), *_free(rungs)]
    # A step that has no divisor in common with their count scatters the kinds over the numbers.
    numbered = [replace(one, number=index * 23 % len(told) + 1) for index, one in enumerate(told)]
    return sorted(numbered, key=lambda customer: customer.number)


def _usd(amount: str) -> int:
    return nanos(Decimal(amount))


def _agreed(rungs: Rungs) -> list[Customer]:
    """Six large customers with a fee of their own: three owe their usage, three prepay it with packs."""
    conv = frozenset({"conv"})
    packs = ((88, "large"), (55, "large"), (21, "large"))

    def steps(days: int, cycle: str, fee: str) -> tuple[Step, ...]:
        return (Step(days, rungs.large), Step(days - 61, rungs.agreed, cycle, _usd(fee)))

    return [
        Customer(steps=steps(350, "monthly", "60"), users=14, weight=2_000, provider=0, dearest=conv),
        Customer(steps=steps(240, "monthly", "45"), users=9, weight=2_300, provider=1),
        Customer(steps=steps(265, "monthly", "39"), users=7, weight=2_600, provider=2),
        Customer(steps=steps(300, "annual", "480"), users=12, weight=1_900, provider=1, dearest=conv, purchases=packs),
        Customer(steps=steps(190, "monthly", "75"), users=8, weight=1_700, provider=0, dearest=conv, purchases=packs),
        Customer(steps=steps(222, "monthly", "40"), users=10, weight=2_600, purchases=packs[:1]),
    ]


def _large(rungs: Rungs) -> list[Customer]:
    """Six teams: one uses more than its plan includes, one pays by the year, two came up from the smaller plan."""
    small, large = rungs.small, rungs.large
    heavy = frozenset({"code", "conv"})
    return [
        Customer(steps=(Step(251, large, trial=True),), users=5, weight=3_800, provider=0, dearest=heavy),
        Customer(steps=(Step(330, large, "annual"),), users=4, weight=750),
        Customer(steps=(Step(200, small, trial=True), Step(52, large)), users=5, weight=750),
        Customer(steps=(Step(142, small), Step(24, large)), users=3, weight=750),
        Customer(steps=(Step(118, large, trial=True),), users=4, weight=750),
        Customer(steps=(Step(298, large),), users=5, weight=750),
    ]


def _small(rungs: Rungs) -> list[Customer]:
    """Fourteen, joined over the year: three pay by the year, two are in their trial, one came down from the larger."""
    cycles = ["annual" if index % 4 == 1 else "monthly" for index in range(11)]
    begun = [Step(360 - 27 * index, rungs.small, cycle, trial=True) for index, cycle in enumerate(cycles)]
    trials = [Step(days, rungs.small, trial=True) for days in (6, 10)]
    came_down = (Step(310, rungs.large), Step(128, rungs.small))
    return [
        *(Customer(steps=(step,), weight=330) for step in begun),
        *(Customer(steps=(step,), weight=420) for step in trials),
        Customer(steps=came_down, weight=330),
    ]


def _gone(rungs: Rungs) -> list[Customer]:
    """Four that paid for a while and went back to the free plan."""
    spans = [(340, 250), (270, 120), (180, 66), (97, 31)]
    return [Customer(steps=(Step(start, rungs.small), Step(end, rungs.free)), weight=90) for start, end in spans]


def _prepaid(rungs: Rungs) -> list[Customer]:
    """Four on the free plan that buy packs instead of a subscription."""
    packs = ((87, "small"), (40, "middle"))
    return [Customer(steps=(Step(95 + 50 * index, rungs.free),), weight=600, purchases=packs) for index in range(4)]


def _free(rungs: Rungs) -> list[Customer]:
    """Twenty-six that try it, one more every thirteen days."""
    return [Customer(steps=(Step(362 - 13 * index, rungs.free),), weight=45) for index in range(26)]


def packs_by_size(packs: Mapping[str, Pack]) -> dict[str, Pack]:
    """The active packs as `small`, `middle` and `large`; none when nothing is sold."""
    sold = sorted((pack for pack in packs.values() if pack.active), key=lambda pack: (pack.price_nanos, pack.name))
    if not sold:
        return {}
    return {"small": sold[0], "middle": sold[len(sold) // 2], "large": sold[-1]}
