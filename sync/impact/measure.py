"""Measuring: the usage of a window through two rate books, at each moment from which prices change."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from metering.ratebook import RateBook
from schema.keys import split_model
from schema.money import share_of
from sync.changes import Change
from sync.desired import Rows
from sync.impact.books import build_book
from sync.impact.reach import Reach, find_reach
from sync.impact.repricing import Cell, Key, Repricer, thresholds_of
from sync.impact.rerouting import Rerouting
from sync.impact.result import Impact, Pair, Scenario, ShortWallet, Sums
from sync.impact.usage import Recorded, UsageSource
from sync.impact.wallets import lowest_after, revenue_change
from sync.in_force import arriving

DEFAULT_DAYS = 30
"""Of how many days usage is re-priced when nobody says."""

MOST_SINGLE_CALLS = 200_000
"""Up to how many calls each is priced by itself; beyond that they are summed up and a bound is stated."""

MOST_DATES = 8
"""How many dates from which prices change are shown, the next ones first."""


def measure(
    usage: UsageSource,
    changes: Sequence[Change],
    current: Rows,
    target: Rows,
    in_force: Mapping[str, datetime],
    *,
    now: datetime,
    days: int = DEFAULT_DAYS,
    repriced: Collection[str] | None = (),
    most_single_calls: int = MOST_SINGLE_CALLS,
) -> Impact:
    """Re-price the usage of the `days` before `now` under a plan.

    `in_force` says from when each current price counts; `repriced` names prices that may count from before the apply
    (None: all). Every call is priced as if it happened now, and once more as if it happened when each dated price
    begins. Only reads.
    """
    start = now - timedelta(days=days)
    reach = find_reach(changes, current, target)
    if reach.empty:
        return Impact(days, start, now, 0, ())
    recorded = usage.recorded()
    events = sum(one.events for one in recorded)
    single = _within(reach, recorded) <= most_single_calls
    models = _models(reach, recorded, target)
    after_in_force = {**in_force, **arriving(changes, in_force, now, repriced)}
    before = build_book(current, in_force, models, now=now)
    after = build_book(target, after_in_force, models, now=now)
    rerouting = Rerouting(before.routes, after.routes, reach.providers)
    # A price that arrives late counts from the apply, so what was its date is now.
    dates = [date for date in reach.dates if date > now]
    moments = [None, *dates[:MOST_DATES]]
    repricers = [Repricer(before, after, rerouting, recorded, moment or now) for moment in moments]
    for line in usage.lines(reach, single=single, thresholds=thresholds_of((before, after))):
        for repricer in repricers:
            repricer.add(line)
    scenarios = tuple(
        _scenario(usage, reach, moment, repricer, before, after, now)
        for moment, repricer in zip(moments, repricers, strict=True)
    )
    return Impact(days, start, now, events, scenarios, len(dates) - len(dates[:MOST_DATES]))


def _within(reach: Reach, recorded: Sequence[Recorded]) -> int:
    """How many calls are within reach, at most."""
    if reach.tasks or reach.levels or reach.unregistered:
        return sum(one.events for one in recorded)
    return sum(one.events for one in recorded if (one.provider, one.model) in reach.models)


def _models(reach: Reach, recorded: Sequence[Recorded], target: Rows) -> set[tuple[str, str]]:
    """The models that are looked up: those that were called, and those that changed routes lead to."""
    models = {(one.provider, one.model) for one in recorded}
    for row in target.get("route", {}).values():
        if row["provider"] in reach.providers:
            models |= {split_model(part["model"]) for part in row["targets"]}
    return models


def _scenario(
    usage: UsageSource,
    reach: Reach,
    at: datetime | None,
    repricer: Repricer,
    before: RateBook,
    after: RateBook,
    now: datetime,
) -> Scenario:
    result = repricer.result
    changed = {key: cell for key, cell in result.cells.items() if cell.differs}
    by_account: dict[int, int] = defaultdict(int)
    for key, cell in changed.items():
        by_account[key[0]] += cell.charge_change
    revenue = _revenue(usage, by_account, before, after, now)
    short = _short_wallets(usage, reach, repricer, by_account)
    names = usage.names(by_account.keys() | short.keys())
    shares = _shares(changed, by_account, revenue)
    return Scenario(
        at=at,
        total=_sums(result.cells.items(), shares),
        by_model=_by(result.cells, changed, shares, lambda key: key[1]),
        by_plan=_by(result.cells, changed, shares, lambda key: key[2]),
        by_account=_by(result.cells, changed, shares, lambda key: names.get(key[0], f"account {key[0]}")),
        wallets=tuple(
            ShortWallet(names.get(number, f"account {number}"), lowest, day)
            for number, (lowest, day) in sorted(short.items(), key=lambda item: (item[1], item[0]))
        ),
        routes=dict(sorted(result.routes.items())),
        repriced=result.events,
        bound=result.bound,
    )


def _revenue(
    usage: UsageSource, by_account: Mapping[int, int], before: RateBook, after: RateBook, now: datetime
) -> dict[int, int]:
    """The change of revenue by account."""
    wallets = usage.wallets([number for number, change in by_account.items() if change > 0])
    met = usage.met([number for number, change in by_account.items() if change < 0])
    found: dict[int, int] = {}
    for number, change in by_account.items():
        wallet = wallets.get(number)
        plan = after.plans.get(wallet.state.plan) if wallet is not None else None
        observe = after.settings.observe or (plan is not None and plan.overage == "observe")
        found[number] = revenue_change(wallet, met.get(number), change, now, observe=observe)
    return found


def _shares(changed: Mapping[Key, Cell], by_account: Mapping[int, int], revenue: Mapping[int, int]) -> dict[Key, int]:
    """The change of revenue by cell: an account's, shared out as its change of charge is, to the last nano-USD."""
    shares: dict[Key, int] = {}
    passed: dict[int, int] = defaultdict(int)
    for key, cell in sorted(changed.items()):
        account = key[0]
        whole, part = by_account[account], passed[account]
        passed[account] += cell.charge_change
        shares[key] = share_of(part, passed[account], whole, revenue[account]) if whole else 0
    return shares


def _by(
    cells: Mapping[Key, Cell], changed: Mapping[Key, Cell], shares: Mapping[Key, int], name_of: Callable[[Key], str]
) -> dict[str, Sums]:
    """The sums of those that change, by a name of theirs, the most changed first."""
    names = {name_of(key) for key in changed}
    groups: dict[str, list[tuple[Key, Cell]]] = defaultdict(list)
    for key, cell in cells.items():
        name = name_of(key)
        if name in names:
            groups[name].append((key, cell))
    sums = {name: _sums(group, shares) for name, group in groups.items()}
    order = sorted(sums, key=lambda name: (-abs(sums[name].charge.change), -abs(sums[name].cost.change), name))
    return {name: sums[name] for name in order}


def _sums(cells: Iterable[tuple[Key, Cell]], shares: Mapping[Key, int]) -> Sums:
    events = cost = charge = revenue = cost_change = charge_change = revenue_change = 0
    for key, cell in cells:
        events += cell.events
        cost += cell.cost + cell.cost_before
        charge += cell.charge + cell.charge_before
        revenue += cell.revenue
        cost_change += cell.cost_after - cell.cost_before
        charge_change += cell.charge_change
        revenue_change += shares.get(key, 0)
    return Sums(
        events,
        Pair(cost, cost + cost_change),
        Pair(charge, charge + charge_change),
        Pair(revenue, revenue + revenue_change),
    )


def _short_wallets(
    usage: UsageSource, reach: Reach, repricer: Repricer, by_account: Mapping[int, int]
) -> dict[int, tuple[int, str]]:
    """The accounts whose balance never was below zero and would have been: the lowest, and its day."""
    risen = {number: change for number, change in by_account.items() if change > 0}
    lowest = usage.lowest(risen)
    candidates = {number: low for number, low in lowest.items() if 0 <= low < risen[number]}
    if not candidates:
        return {}
    balances = usage.balances(candidates)
    if not balances:
        return {number: (low - risen[number], "") for number, low in candidates.items()}
    more: dict[int, dict[int, int]] = {number: defaultdict(int) for number in candidates}
    for line in usage.lines(reach, single=True, accounts=candidates):
        before, after = repricer.charges(line)
        if line.posting is not None:
            more[line.account][line.posting] += after - before
    found = {number: lowest_after(balances[number], more[number]) for number in candidates}
    return {number: low for number, low in found.items() if low is not None and low[0] < 0}


__all__ = ["DEFAULT_DAYS", "MOST_SINGLE_CALLS", "measure"]
