"""Measuring: the usage of a window through two rate books, at each moment from which prices change."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from metering.book.ratebook import RateBook
from schema.keys import split_model
from schema.money import share_of
from sync.changes import Change
from sync.desired import Rows
from sync.impact.books import build_book
from sync.impact.reach import Reach, find_reach
from sync.impact.repricing import Cell, Key, Repricer, thresholds_of
from sync.impact.rerouting import Rerouting
from sync.impact.result import Impact, Pair, Scenario, ShortWallet, Sums
from sync.impact.terms import changed_terms
from sync.impact.usage import Recorded, UsageSource
from sync.impact.wallets import lowest_after, revenue_change
from sync.in_force import arriving

DEFAULT_DAYS = 30
"""Of how many days usage is re-priced when nobody says."""

MOST_SINGLE_CALLS = 20_000
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
    plans = changed_terms(usage, changes)
    if reach.empty:
        return Impact(days, start, now, 0, (), plans=plans)
    recorded = usage.recorded()
    events = sum(one.events for one in recorded)
    single = events <= most_single_calls or usage.count(reach) <= most_single_calls
    models = _models(usage, reach, target)
    after_in_force = {**in_force, **arriving(changes, in_force, now, repriced)}
    before = build_book(current, in_force, models, now=now)
    after = build_book(target, after_in_force, models, now=now)
    rerouting = Rerouting(before.routes, after.routes, reach.providers)
    # A price that arrives late counts from the apply, so what was its date is now.
    dates = [date for date in reach.dates if date > now]
    moments = [None, *dates[:MOST_DATES]]
    repricers = [Repricer(before, after, rerouting, moment or now) for moment in moments]
    for line in usage.lines(reach, single=single, thresholds=thresholds_of((before, after))):
        for repricer in repricers:
            repricer.add(line)
    scenarios = tuple(
        _scenario(usage, recorded, reach, moment, repricer, now)
        for moment, repricer in zip(moments, repricers, strict=True)
    )
    return Impact(days, start, now, events, scenarios, len(dates) - len(dates[:MOST_DATES]), plans)


def _models(usage: UsageSource, reach: Reach, target: Rows) -> set[tuple[str, str]]:
    """The models that are looked up: those within reach, and those that changed routes lead to."""
    # A task or a level may be asked of any model.
    models = usage.models() if reach.tasks or reach.levels or reach.features or reach.unregistered else set()
    for row in target.get("route", {}).values():
        if row["provider"] in reach.providers:
            models |= {split_model(part["model"]) for part in row["targets"]}
    return models | reach.models


def _scenario(
    usage: UsageSource,
    recorded: Sequence[Recorded],
    reach: Reach,
    at: datetime | None,
    repricer: Repricer,
    now: datetime,
) -> Scenario:
    result = repricer.result
    by_account: dict[int, int] = defaultdict(int)
    for key, cell in result.cells.items():
        if cell.differs:
            by_account[key[0]] += cell.charge_change
    revenue = _revenue(usage, by_account, repricer.after, now)
    short = _short_wallets(usage, reach, repricer, by_account)
    names = usage.names(by_account.keys() | short.keys())
    shares = _shares(result.cells, by_account, revenue)
    return Scenario(
        at=at,
        total=_whole(recorded, result.cells, shares),
        by_model=_by_model(result.cells, shares),
        by_plan=_by(recorded, result.cells, shares, lambda account, plan: plan),
        by_account=_by(recorded, result.cells, shares, lambda account, plan: names.get(account, f"account {account}")),
        wallets=tuple(
            ShortWallet(names.get(number, f"account {number}"), lowest, day)
            for number, (lowest, day) in sorted(short.items(), key=lambda item: (item[1], item[0]))
        ),
        routes=dict(sorted(result.routes.items())),
        repriced=result.events,
        bound=result.bound,
    )


def _revenue(usage: UsageSource, by_account: Mapping[int, int], after: RateBook, now: datetime) -> dict[int, int]:
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


def _shares(cells: Mapping[Key, Cell], by_account: Mapping[int, int], revenue: Mapping[int, int]) -> dict[Key, int]:
    """The change of revenue by cell: an account's, shared out as its change of charge is, to the last nano-USD."""
    shares: dict[Key, int] = {}
    passed: dict[int, int] = defaultdict(int)
    for key, cell in sorted(cells.items(), key=lambda item: item[0]):
        account = key[0]
        whole, part = by_account.get(account, 0), passed[account]
        passed[account] += cell.charge_change
        shares[key] = share_of(part, passed[account], whole, revenue[account]) if whole else 0
    return shares


def _by_model(cells: Mapping[Key, Cell], shares: Mapping[Key, int]) -> dict[str, Sums]:
    """The sums of the re-priced calls of each model that come to something else."""
    groups: dict[str, dict[Key, Cell]] = defaultdict(dict)
    for key, cell in cells.items():
        groups[key[1]][key] = cell
    sums: dict[str, Sums] = {}
    for name, group in groups.items():
        if _differ(group):
            own = [Recorded(0, "", cell.events, cell.cost, cell.charge, cell.revenue) for cell in group.values()]
            sums[name] = _whole(own, group, shares)
    return _ordered(sums)


def _by(
    recorded: Sequence[Recorded],
    cells: Mapping[Key, Cell],
    shares: Mapping[Key, int],
    name_of: Callable[[int, str], str],
) -> dict[str, Sums]:
    """The sums of all calls of those whose calls come to something else, by a name of account and plan."""
    groups: dict[str, dict[Key, Cell]] = defaultdict(dict)
    for key, cell in cells.items():
        groups[name_of(key[0], key[2])][key] = cell
    changed = {name for name, group in groups.items() if _differ(group)}
    bases: dict[str, list[Recorded]] = defaultdict(list)
    for one in recorded:
        name = name_of(one.account, one.plan)
        if name in changed:
            bases[name].append(one)
    return _ordered({name: _whole(bases[name], groups[name], shares) for name in changed})


def _differ(group: Mapping[Key, Cell]) -> bool:
    return any(cell.differs for cell in group.values())


def _ordered(sums: Mapping[str, Sums]) -> dict[str, Sums]:
    """The most changed first."""
    order = sorted(sums, key=lambda name: (-abs(sums[name].charge.change), -abs(sums[name].cost.change), name))
    return {name: sums[name] for name in order}


def _whole(recorded: Iterable[Recorded], cells: Mapping[Key, Cell], shares: Mapping[Key, int]) -> Sums:
    """What was recorded, with the re-priced calls among it as they come to before and after."""
    events = cost = charge = revenue = 0
    for one in recorded:
        events += one.events
        cost += one.cost
        charge += one.charge
        revenue += one.revenue
    cost_change = charge_change = revenue_change = 0
    for key, cell in cells.items():
        cost += cell.cost_before - cell.cost
        charge += cell.charge_before - cell.charge
        cost_change += cell.cost_after - cell.cost_before
        charge_change += cell.charge_change
        revenue_change += shares[key]
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
        if line.posting is not None:
            more[line.account][line.posting] += repricer.charge_change(line)
    found = {number: lowest_after(balances[number], more[number]) for number in candidates}
    return {number: low for number, low in found.items() if low is not None and low[0] < 0}


__all__ = ["DEFAULT_DAYS", "MOST_SINGLE_CALLS", "measure"]
