"""How the monthly recurring revenue (MRR) moved: pure, in exact whole numbers.

MRR is counted in twelfths of nano-USD: a monthly fee is twelve of them, an annual fee one, so that nothing is divided
before the end. Whatever an account pays on one UTC day and not on the day before is a movement of that day:

- `new`: it pays for the first time; `reactivation`: it pays again, after days on which it did not;
- `expansion`, `contraction`: it pays more, or less, than the day before;
- `churn`: it pays nothing any more: its subscription ended, went to a plan without a fee, or was followed by a gift.

Balances are rounded to nano-USD as `metering.analytics.mrr_nanos` rounds them, and amounts are the steps between
balances: so they sum up, to the nano-dollar.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Literal

from schema.money import round_half_even

Kind = Literal["new", "reactivation", "expansion", "contraction", "churn"]
KINDS: tuple[Kind, ...] = ("new", "reactivation", "expansion", "contraction", "churn")
"""In the order in which a balance is brought forward."""
_ACCOUNTS: dict[Kind, int] = {"new": 1, "reactivation": 1, "expansion": 0, "contraction": 0, "churn": -1}


@dataclass(frozen=True, slots=True)
class Paid:
    """What an account pays on the days from `first` on and before `end`."""

    account_id: int
    twelfths: int
    """Of nano-USD a month."""
    first: date
    end: date | None


@dataclass(frozen=True, slots=True)
class Step:
    """An account's MRR changed on a day; in twelfths of nano-USD."""

    account_id: int
    day: date
    kind: Kind
    before: int
    after: int


@dataclass(frozen=True, slots=True)
class MrrMonth:
    """A calendar month, or the part of it that is over: two balances, and exactly what lies between them."""

    month: date
    """Its first day."""
    end: date
    """The day after the last that is counted."""
    starting_nanos: int
    """MRR on the day before the month."""
    ending_nanos: int
    """MRR on its last day."""
    starting_accounts: int
    ending_accounts: int
    """Accounts that pay on the last day."""
    nanos: dict[Kind, int] = field(default_factory=dict)
    """What each kind of movement came to: contraction and churn are negative."""
    moved: dict[Kind, int] = field(default_factory=dict)
    """How many movements there were of each kind."""

    @property
    def last_day(self) -> date:
        """The last day that is counted."""
        return self.end - timedelta(days=1)

    @property
    def net_nanos(self) -> int:
        """All movements together."""
        return self.ending_nanos - self.starting_nanos

    @property
    def arpu_nanos(self) -> int | None:
        """MRR on the last day divided by the accounts that pay on it; None when nobody does."""
        return round_half_even(self.ending_nanos, self.ending_accounts) if self.ending_accounts else None


def whole(twelfths: int) -> int:
    """Nano-USD from twelfths."""
    return round_half_even(twelfths, 12)


def steps(paid: Iterable[Paid]) -> Iterator[Step]:
    """Every change of every account's MRR, account by account, in the order of time."""
    changes: dict[int, dict[date, int]] = defaultdict(lambda: defaultdict(int))
    for one in paid:
        if one.twelfths and (one.end is None or one.first < one.end):
            days = changes[one.account_id]
            days[one.first] += one.twelfths
            if one.end is not None:
                days[one.end] -= one.twelfths
    for account_id, days in sorted(changes.items()):
        level, known = 0, False
        for day, change in sorted(days.items()):
            if change:
                after = level + change
                yield Step(account_id, day, _kind(level, after, known), level, after)
                level, known = after, True


def _kind(before: int, after: int, known: bool) -> Kind:
    if not before:
        return "reactivation" if known else "new"
    if not after:
        return "churn"
    return "expansion" if after > before else "contraction"


def mrr_months(found: Iterable[Step], months: Sequence[tuple[date, date]]) -> list[MrrMonth]:
    """The movements by month, or by shorter spans: first day and the day after the last of each, without a gap."""
    if not months:
        return []
    twelfths, accounts = 0, 0
    changes: dict[date, Counter[Kind]] = defaultdict(Counter)
    moved: dict[date, Counter[Kind]] = defaultdict(Counter)
    opens, closes = months[0][0], months[-1][1]
    firsts = [first for first, _ in months]
    for step in found:
        if step.day < opens:
            twelfths += step.after - step.before
            accounts += _ACCOUNTS[step.kind]
        elif step.day < closes:
            month = firsts[bisect_right(firsts, step.day) - 1]
            changes[month][step.kind] += step.after - step.before
            moved[month][step.kind] += 1
    rows = []
    for month, end in months:
        starting, starting_accounts = whole(twelfths), accounts
        nanos: dict[Kind, int] = {}
        for kind in KINDS:
            before = whole(twelfths)
            twelfths += changes[month][kind]
            nanos[kind] = whole(twelfths) - before
            accounts += _ACCOUNTS[kind] * moved[month][kind]
        counts = {kind: moved[month][kind] for kind in KINDS}
        rows.append(MrrMonth(month, end, starting, whole(twelfths), starting_accounts, accounts, nanos, counts))
    return rows


def amounts(starting_twelfths: int, found: Iterable[Step]) -> list[tuple[Step, int]]:
    """The movements of a month with their amounts in nano-USD, by kind, the largest first.

    The amounts of a kind sum to what `mrr_months` says of it, exactly.
    """
    ordered = sorted(
        found,
        key=lambda step: (KINDS.index(step.kind), -abs(step.after - step.before), step.day, step.account_id),
    )
    rows = []
    twelfths = starting_twelfths
    for step in ordered:
        before = whole(twelfths)
        twelfths += step.after - step.before
        rows.append((step, whole(twelfths) - before))
    return rows


def calendar(first: date, until: date) -> list[tuple[date, date]]:
    """The months from that of `first` on which begin before `until`; the last ends there at the latest."""
    months = []
    begin = first.replace(day=1)
    while begin < until:
        following = date(begin.year + begin.month // 12, begin.month % 12 + 1, 1)
        months.append((begin, min(following, until)))
        begin = following
    return months


def months_back(today: date, count: int) -> date:
    """The first day of the month that is the first of `count` months which end with that of `today`."""
    months = today.year * 12 + today.month - count
    return date(months // 12, months % 12 + 1, 1)


__all__ = [
    "KINDS",
    "Kind",
    "MrrMonth",
    "Paid",
    "Step",
    "amounts",
    "calendar",
    "months_back",
    "mrr_months",
    "steps",
    "whole",
]
