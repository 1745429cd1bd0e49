"""The money impact of a plan as text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from schema.keys import moment_text
from schema.money import NANO, round_half_even, usd_text
from sync.impact import Impact, Pair, PlanTerms, Scenario, Sums
from sync.presenting import value_text
from sync.render.style import Style, count, table

MOST_ROWS = 5
"""How many models, plans and accounts are told by name."""

_CENT = NANO // 100


def impact_lines(impact: Impact, style: Style) -> Iterator[str]:
    """What the plan moves: usage, for each moment from which prices change, and the terms of plans.

    Nothing when nothing that is billed changes.
    """
    yield from _usage_lines(impact, style)
    if impact.plans:
        if not impact.scenarios:
            yield ""
        yield style.paint("bold", "subscriptions:")
    for terms in impact.plans:
        yield from (f"  plan {terms.plan}: {line}" for line in terms_lines(terms))


def terms_lines(terms: PlanTerms) -> Iterator[str]:
    """What other terms of a plan mean for the subscriptions that run on it."""
    if not terms.subscriptions:
        yield "no subscription runs on it"
        return
    if terms.included.change:
        pair = terms.together
        who = f"each month of {count(terms.subscriptions, 'subscription')}"
        yield f"{who} includes {shown(pair.before)} -> {shown(pair.after)} of usage, {change(pair)}"
    if terms.fee_changes:
        verb = "keeps its fee" if terms.subscriptions == 1 else "keep their fee"
        yield f"{count(terms.subscriptions, 'subscription')} {verb}; the new fee is for those that begin from now on"


def _usage_lines(impact: Impact, style: Style) -> Iterator[str]:
    told = [scenario for scenario in impact.scenarios if scenario.changes]
    if not impact.scenarios:
        return
    yield ""
    window = f"the {count(impact.events, 'call')} of the last {count(impact.days, 'day')}"
    if not impact.events:
        yield f"money: no calls in the last {count(impact.days, 'day')}, so nothing can be re-priced"
        return
    if not told:
        yield f"money: {window} would have come to the same"
        return
    yield style.paint("bold", f"money: {window}, re-priced")
    for scenario in told:
        yield from _scenario_lines(scenario, style)
    if impact.dates_left:
        yield f"  … and from {count(impact.dates_left, 'later date')}; see --format json"


def moment_of(scenario: Scenario) -> str:
    """`now`, or `from 2026-12-01`."""
    return "now" if scenario.at is None else f"from {moment_text(scenario.at)}"


def _scenario_lines(scenario: Scenario, style: Style) -> Iterator[str]:
    total = scenario.total
    rows = [
        (moment_of(scenario), "before", "after", "change", ""),
        ("cost", *_cells(total.cost)),
        ("charge", *_cells(total.charge)),
        ("revenue of usage", *_cells(total.revenue)),
        ("profit of usage", *_cells(total.profit)),
        ("margin", *(margin or "-" for margin in total.margins), "", ""),
    ]
    head, *body = table(rows)
    yield f"  {style.paint('bold', head)}"
    yield from (f"  {line}" for line in body)
    yield from _ranking("by model", scenario.by_model)
    yield from _ranking("by plan", scenario.by_plan)
    yield from _ranking("accounts that pay more", scenario.pay_more)
    yield from _ranking("accounts that pay less", scenario.pay_less)
    for wallet in scenario.wallets[:MOST_ROWS]:
        when = f" on {wallet.on}" if wallet.on else ""
        yield f"  ! the wallet of {value_text(wallet.account)} would have gone to {shown(wallet.lowest)}{when}"
    if len(scenario.wallets) > MOST_ROWS:
        yield f"  ! and {count(len(scenario.wallets) - MOST_ROWS, 'wallet')} more below zero"
    for route, events in scenario.routes.items():
        yield f"  route {route}: {count(events, 'call')} would have gone to another model"
    if scenario.bound:
        yield f"  summed up, each sum exact to ${usd_text(scenario.bound)}"


def _ranking(title: str, sums: Mapping[str, Sums]) -> Iterator[str]:
    if not sums:
        return
    yield f"  {title}:"
    named = list(sums.items())[:MOST_ROWS]
    costs = any(one.cost.change for _, one in named)
    rows = [
        (
            value_text(name),
            "charge",
            *_arrow(one.charge),
            rise(one.charge),
            *(("cost", *_arrow(one.cost)) if costs else ()),
            _margins(one),
        )
        for name, one in named
    ]
    yield from (f"    {line}" for line in table(rows))
    if len(sums) > MOST_ROWS:
        yield f"    … and {len(sums) - MOST_ROWS:,} more"


def _arrow(pair: Pair) -> tuple[str, str, str]:
    """Both amounts; only one when they are the same."""
    return (shown(pair.before), "->", shown(pair.after)) if pair.change else (shown(pair.before), "", "")


def _margins(sums: Sums) -> str:
    before, after = (margin or "-" for margin in sums.margins)
    return f"margin {before}" if before == after else f"margin {before} -> {after}"


def _cells(pair: Pair) -> tuple[str, str, str, str]:
    return shown(pair.before), shown(pair.after), change(pair), rise(pair)


def change(pair: Pair) -> str:
    """How much an amount rises or falls: `+$0.92`; a dash when it does not."""
    return f"{'+' if pair.change > 0 else ''}{shown(pair.change)}" if pair.change else "-"


def rise(pair: Pair) -> str:
    """By how many percent: `+0.6 %`; empty when that says nothing."""
    if not pair.change or pair.before <= 0:
        return ""
    tenths = round_half_even(pair.change * 1000, pair.before)
    sign = "+" if pair.change > 0 else "-"
    return f"{sign}{abs(tenths) // 10:,}.{abs(tenths) % 10} %"


def shown(nanos: int) -> str:
    """USD to the cent; amounts below a cent exactly."""
    sign, size = "-" if nanos < 0 else "", abs(nanos)
    if size < _CENT:
        return f"{sign}${usd_text(size)}"
    cents = round_half_even(size, _CENT)
    return f"{sign}${cents // 100:,}.{cents % 100:02}"


__all__ = ["change", "impact_lines", "moment_of", "rise", "shown", "terms_lines"]
