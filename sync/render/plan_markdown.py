"""A plan as Markdown, for the one comment of a pull request that is kept up to date.

It begins with a hidden mark, by which the comment is found again, and says first what moves the most money.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from schema.keys import split_dated
from schema.money import usd_text
from sync.changes import Change
from sync.impact import Impact, Scenario, Sums
from sync.plan import Plan
from sync.presenting import value_text
from sync.render.impact_text import change, moment_of, rise, shown, terms_lines
from sync.render.markdown import cell, code
from sync.render.plan_text import shown_leaves, summary_line

MARK = "<!-- ratecard-plan -->"
LIMIT = 60_000
"""Characters that a comment may take: forges refuse one of 65,536."""

MOST_ROWS = 10
"""How many models, plans and accounts are told by name."""


def plan_markdown(plan: Plan) -> str:
    """The whole plan, unsafe changes first, then the money, then the changes by the money they move.

    When it is too long, the rest of the changes is counted.
    """
    head = list(_head(plan))
    size = sum(len(line) + 1 for line in head)
    lines: list[str] = []
    for index, one in enumerate(ranked(plan)):
        rows = list(_rows(one))
        size += sum(len(row) + 1 for row in rows)
        if size > LIMIT:
            lines += ["", f"… and {len(plan.changes) - index:,} more changes; see `ratecard plan`."]
            break
        lines += rows
    return "\n".join([*head, *lines]) + "\n"


def ranked(plan: Plan) -> list[Change]:
    """The changes by how much money the model of each moves; the others follow in the order of the plan."""
    moved: dict[str, int] = {}
    for scenario in plan.impact.scenarios if plan.impact else ():
        for model, sums in scenario.by_model.items():
            moved[model] = max(moved.get(model, 0), abs(sums.charge.change) + abs(sums.cost.change))
    return sorted(plan.changes, key=lambda one: -moved.get(_model(one), 0))


def _model(change: Change) -> str:
    if change.kind in ("price", "model"):
        return split_dated(change.name)[0] if change.kind == "price" else change.name
    return ""


def _head(plan: Plan) -> Iterator[str]:
    base = f"release {plan.base_release}" if plan.base_release else "an empty database"
    yield MARK
    yield f"### Ratecard: {summary_line(plan) if plan.changes else 'no changes'}"
    yield ""
    yield f"Commit `{plan.commit.sha[:12]}` against {base}."
    if plan.unsafe:
        yield ""
        yield "**Unsafe**: refused unless an option or an approval allows it."
        yield ""
        unsafe_lines = [
            f"- `{unsafe.code}` {code(unsafe.key)}: {cell(unsafe.message)} ({cell(unsafe.way_out)})"
            for unsafe in plan.unsafe
        ]
        yield from _limited(unsafe_lines, LIMIT // 4)
    if plan.impact is not None:
        yield from _money(plan.impact)
    if plan.changes:
        yield ""
        yield "| | entity | field | before | after |"
        yield "|---|---|---|---|---|"


def _limited(lines: Iterable[str], limit: int) -> Iterator[str]:
    size = 0
    for index, line in enumerate(lines := list(lines)):
        size += len(line) + 1
        if size > limit:
            yield f"- … and {len(lines) - index:,} more"
            return
        yield line


def _money(impact: Impact) -> Iterator[str]:
    yield from _usage(impact)
    if impact.plans:
        yield ""
        yield from (f"- plan {code(terms.plan)}: {line}" for terms in impact.plans for line in terms_lines(terms))


def _usage(impact: Impact) -> Iterator[str]:
    told = [scenario for scenario in impact.scenarios if scenario.changes]
    if not impact.scenarios:
        return
    yield ""
    if not impact.events:
        yield f"**Money**: no calls in the last {impact.days} days, so nothing can be re-priced."
        return
    if not told:
        yield f"**Money**: the {impact.events:,} calls of the last {impact.days} days would have come to the same."
        return
    yield f"**Money**: the {impact.events:,} calls of the last {impact.days} days, re-priced."
    for scenario in told:
        yield from _scenario(scenario)
    if impact.dates_left:
        yield ""
        yield f"… and from {impact.dates_left:,} later dates."


def _scenario(scenario: Scenario) -> Iterator[str]:
    total = scenario.total
    yield ""
    yield f"| {moment_of(scenario)} | before | after | change | |"
    yield "|---|--:|--:|--:|--:|"
    for name, pair in (
        ("cost", total.cost),
        ("charge", total.charge),
        ("revenue of usage", total.revenue),
        ("profit of usage", total.profit),
    ):
        yield f"| {name} | {shown(pair.before)} | {shown(pair.after)} | {change(pair)} | {rise(pair)} |"
    before, after = total.margins
    yield f"| margin | {before or ''} | {after or ''} | | |"
    yield from _ranking("model", scenario.by_model)
    yield from _ranking("plan", scenario.by_plan)
    yield from _ranking("account that pays more", scenario.pay_more)
    yield from _ranking("account that pays less", scenario.pay_less)
    if scenario.wallets:
        yield ""
        first = ", ".join(
            f"{code(wallet.account)} ({shown(wallet.lowest)}{f' on {wallet.on}' if wallet.on else ''})"
            for wallet in scenario.wallets[:MOST_ROWS]
        )
        more = len(scenario.wallets) - MOST_ROWS
        yield f"Wallets that would have gone below zero: {first}{f' and {more:,} more' if more > 0 else ''}."
    if scenario.routes:
        yield ""
        routes = ", ".join(f"{events:,} of {code(route)}" for route, events in scenario.routes.items())
        yield f"Calls that would have gone to another model: {routes}."
    if scenario.bound:
        yield ""
        yield f"Summed up, each sum exact to ${usd_text(scenario.bound)}."


def _ranking(title: str, sums: Mapping[str, Sums]) -> Iterator[str]:
    if not sums:
        return
    yield ""
    yield f"| {title} | charge before | after | change | | margin before | after |"
    yield "|---|--:|--:|--:|--:|--:|--:|"
    for name, one in list(sums.items())[:MOST_ROWS]:
        pair, (before, after) = one.charge, one.margins
        amounts = f"{shown(pair.before)} | {shown(pair.after)} | {change(pair)} | {rise(pair)}"
        yield f"| {code(name)} | {amounts} | {before or ''} | {after or ''} |"
    if len(sums) > MOST_ROWS:
        yield f"| … and {len(sums) - MOST_ROWS:,} more | | | | | | |"


def _rows(one: Change) -> Iterator[str]:
    before, after = shown_leaves(one)
    fields = [field for field in dict.fromkeys([*before, *after]) if before.get(field) != after.get(field)]
    for index, field in enumerate(fields or [""]):
        head = f"| {one.action} | {code(one.key)}" if index == 0 else "| |"
        cells = (cell(value_text(said[field])) if field in said else "" for said in (before, after))
        yield f"{head} | {cell(field)} | {' | '.join(cells)} |"


__all__ = ["LIMIT", "MARK", "plan_markdown", "ranked"]
