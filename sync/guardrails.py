"""Guardrails of the policy: limits in money and in numbers that a plan may not cross without an approval.

Two policies count: that of the last release and that of the plan, the stricter of the two for each limit, so that no
change loosens the guard that it passes. A guardrail judges what changes; what is there already stays.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from metering.book.settings import read_settings
from metering.rating.price import Price
from metering.rating.rating import tables_at
from schema.keys import moment_text
from schema.money import MICRO, micros, multiplier_text, usd_text
from schema.units import UNITS
from sync.changes import Change
from sync.desired import Row, Rows
from sync.impact.result import Impact, Scenario, Sums
from sync.unsafe import Unsafe

MOST_ACCOUNTS = 20
"""Of how many accounts a rising bill is told one by one, the worst first."""

_BURN_SETTINGS = frozenset({"credit_burn", "credits_per_dollar"})


@dataclass(frozen=True, slots=True)
class Limits:
    """The guardrails in force; None sets no limit."""

    lowest_margin: int | None = None
    """In millionths."""
    largest_bill_rise_percent: int | None = None
    no_price_below_cost: bool = False
    max_update_percent: int | None = None
    max_delete_percent: int | None = None


def read_limits(*configurations: Rows) -> Limits:
    """The strictest guardrails among the rows of some configurations."""
    found = [
        row["value"]
        for rows in configurations
        if (row := rows.get("policy", {}).get("guardrails")) is not None and row["value"] is not None
    ]
    margins = [micros(Decimal(one["lowest_margin"])) for one in found if one.get("lowest_margin") is not None]
    return Limits(
        lowest_margin=max(margins, default=None),
        largest_bill_rise_percent=_least(found, "largest_bill_rise_percent"),
        no_price_below_cost=any(one.get("no_price_below_cost") for one in found),
        max_update_percent=_least(found, "max_update_percent"),
        max_delete_percent=_least(found, "max_delete_percent"),
    )


def _least(found: Sequence[Mapping[str, Any]], name: str) -> int | None:
    return min((int(one[name]) for one in found if one.get(name) is not None), default=None)


def find_breaches(
    changes: Sequence[Change], current: Rows, target: Rows, impact: Impact, limits: Limits
) -> Iterator[Unsafe]:
    """Every limit that a plan crosses."""
    yield from _low_prices(changes, target, limits)
    if limits.largest_bill_rise_percent is not None:
        yield from _risen_bills(impact, limits.largest_bill_rise_percent)
    yield from _large_shares(changes, current, limits)


def _low_prices(changes: Sequence[Change], target: Rows, limits: Limits) -> Iterator[Unsafe]:
    if limits.lowest_margin is None and not limits.no_price_below_cost:
        return
    settings = read_settings({name: row["value"] for name, row in target.get("setting", {}).items()})
    for key, row in _judged_prices(changes, target):
        price = Price.compile(row, settings.credit_burn)
        margin, where = _lowest_margin(price)
        if limits.lowest_margin is not None and margin < limits.lowest_margin * MICRO:
            message = f"its margin of {_shown(margin)}{where} is below {multiplier_text(limits.lowest_margin)}"
            yield Unsafe("LOWEST_MARGIN", key, message)
        if limits.no_price_below_cost and margin < MICRO * MICRO:
            yield Unsafe("PRICE_BELOW_COST", key, f"it sells below cost: {_shown(margin)} times the cost{where}")


def _judged_prices(changes: Sequence[Change], target: Rows) -> Iterator[tuple[str, Row]]:
    burn_changes = any(change.kind == "setting" and change.name in _BURN_SETTINGS for change in changes)
    changed = {
        change.name: change.after
        for change in changes
        if change.kind == "price" and change.after is not None and change.moves_money
    }
    for name, row in target.get("price", {}).items():
        if name in changed or (burn_changes and row["credits_micros"] is not None):
            yield f"price {name}", row


def _lowest_margin(price: Price) -> tuple[int, str]:
    """The smallest ratio of charge to cost, in millionths of a millionth, and what it is of."""
    if price.margin_micros is not None:
        margins = {"": price.margin_micros} | {
            f" for {plan}": margin for plan, margin in sorted(price.plan_margins.items())
        }
        where = min(margins, key=lambda where: margins[where])
        return margins[where] * MICRO, where
    found: list[tuple[int, str]] = []
    starts = {start for start, _ in (*price.costs_above, *price.charges_above)}
    for size in (0, *sorted(start + 1 for start in starts)):
        costs, charges = tables_at(price, size)
        for unit in UNITS:
            if not costs.get(unit) or unit not in (charges or {}):
                continue
            charge = (charges or {})[unit] * price.charge_factor * price.cost_divisor * MICRO * MICRO
            above = f" above an input of {size - 1:,}" if size else ""
            found.append((charge // (costs[unit] * price.charge_divisor), f" for {unit}{above}"))
    # A price that costs nothing has no margin that could be too low.
    return min(found, key=lambda one: one[0], default=(MICRO**3, ""))


def _shown(ratio: int) -> str:
    return multiplier_text(ratio // MICRO)


def _risen_bills(impact: Impact, percent: int) -> Iterator[Unsafe]:
    worst: dict[str, tuple[Sums, Scenario]] = {}
    for scenario in impact.scenarios:
        for account, sums in scenario.pay_more.items():
            bill = sums.charge
            if bill.after * 100 <= bill.before * (100 + percent):
                continue
            if account not in worst or bill.change > worst[account][0].charge.change:
                worst[account] = sums, scenario
    ordered = sorted(worst, key=lambda account: (-worst[account][0].charge.change, account))
    for account in ordered[:MOST_ACCOUNTS]:
        sums, scenario = worst[account]
        bill = sums.charge
        rise = f"by {(bill.change * 100 + bill.before - 1) // bill.before:,} %" if bill.before > 0 else "from nothing"
        when = "" if scenario.at is None else f" from {moment_text(scenario.at)} on"
        message = (
            f"its bill of the last {impact.days} days would rise {rise}{when}, from ${usd_text(bill.before)}"
            f" to ${usd_text(bill.after)}; {percent} % is allowed"
        )
        yield Unsafe("BILL_RISE", f"account {account}", message)
    if len(ordered) > MOST_ACCOUNTS:
        more = len(ordered) - MOST_ACCOUNTS
        yield Unsafe(
            "BILL_RISE", "accounts", f"the bills of {more:,} more accounts would rise by more than {percent} %"
        )


def _large_shares(changes: Sequence[Change], current: Rows, limits: Limits) -> Iterator[Unsafe]:
    counts = Counter((change.kind, change.action) for change in changes)
    for kind, rows in current.items():
        for action, code, percent in (
            ("update", "TOO_MANY_UPDATES", limits.max_update_percent),
            ("delete", "TOO_MANY_DELETES", limits.max_delete_percent),
        ):
            changed = counts[kind, action]  # type: ignore[index]
            if percent is None or not rows or changed <= allowed(len(rows), percent):
                continue
            message = f"{changed:,} of {len(rows):,} would be {action}d; {percent} % is allowed"
            yield Unsafe(code, kind, message)


def allowed(count: int, percent: int) -> int:
    """How many of `count` entities a share allows: in a small set one, because its share is always large."""
    return max(1, count * percent // 100) if percent else 0


__all__ = ["Limits", "allowed", "find_breaches", "read_limits"]
