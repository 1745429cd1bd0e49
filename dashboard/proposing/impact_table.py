"""The money impact as people read it: amounts before and after, and the tables behind them. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from dashboard.formats import dollars, exact_money, money
from schema.money import usd_text
from sync.impact import Impact, Pair, PlanTerms, Scenario, Sums
from sync.render.impact_text import rise, terms_lines

MOST_ROWS = 10
"""How many models, accounts and plans a table names."""
OTHERS = "Others"

CSV_HEADER = (
    "from",
    "by",
    "name",
    "calls",
    "cost_before_usd",
    "cost_after_usd",
    "charge_before_usd",
    "charge_after_usd",
    "revenue_before_usd",
    "revenue_after_usd",
)
_CENT = 10_000_000


def amount(nanos: int) -> str:
    """USD to the cent; amounts below a cent exactly."""
    return exact_money(nanos) if 0 < abs(nanos) < _CENT else money(nanos)


def difference(pair: Pair) -> str | None:
    """How an amount moves, with its sign; None when it does not."""
    return f"{'+' if pair.change > 0 else ''}{amount(pair.change)}" if pair.change else None


def before_words(pair: Pair) -> str | None:
    """What an amount was, and by how many percent it moves; None when it does not."""
    if not pair.change:
        return None
    percent = rise(pair)
    return f"was {amount(pair.before)}{f', {percent}' if percent else ''}"


def moving(impact: Impact) -> list[Scenario]:
    """The moments at which any amount differs."""
    return [scenario for scenario in impact.scenarios if scenario.changes]


def rows_of(sums: Mapping[str, Sums], name: str) -> list[dict[str, Any]]:
    """The most changed first, the others in one row: USD as numbers for sorting and alignment."""
    named = list(sums.items())
    rows = [_row(name, label, one) for label, one in named[:MOST_ROWS]]
    rest = [one for _, one in named[MOST_ROWS:]]
    if rest:
        rows.append(_row(name, f"{OTHERS} ({len(rest)})", _together(rest)))
    if not any(one.cost.change for one in sums.values()):
        rows = [{column: value for column, value in row.items() if column != "Cost change"} for row in rows]
    return rows


def _row(name: str, label: str, sums: Sums) -> dict[str, Any]:
    return {
        name: label,
        "Charge change": dollars(sums.charge.change),
        "Charge before": dollars(sums.charge.before),
        "Charge after": dollars(sums.charge.after),
        "Cost change": dollars(sums.cost.change),
        "Revenue change": dollars(sums.revenue.change),
        "Calls": sums.events,
    }


def _together(sums: list[Sums]) -> Sums:
    def both(name: str) -> Pair:
        pairs: list[Pair] = [getattr(one, name) for one in sums]
        return Pair(sum(pair.before for pair in pairs), sum(pair.after for pair in pairs))

    return Sums(sum(one.events for one in sums), both("cost"), both("charge"), both("revenue"))


def csv_rows(scenario: Scenario, moment: str) -> Iterator[tuple[object, ...]]:
    """Everything of a moment with exact amounts."""
    groups = {"model": scenario.by_model, "plan": scenario.by_plan, "account": scenario.by_account}
    yield _csv_row(moment, "all", "", scenario.total)
    for group, sums in groups.items():
        for name, one in sums.items():
            yield _csv_row(moment, group, name, one)


def _csv_row(moment: str, by: str, name: str, sums: Sums) -> tuple[object, ...]:
    amounts = [usd_text(nanos) for pair in (sums.cost, sums.charge, sums.revenue) for nanos in pair]
    return moment, by, name, sums.events, *amounts


def terms_words(terms: PlanTerms) -> list[str]:
    """What other terms of a plan mean for its subscriptions, in sentences."""
    return [f"{terms.plan}: {line}" for line in terms_lines(terms)]


__all__ = ["CSV_HEADER", "amount", "before_words", "csv_rows", "difference", "moving", "rows_of", "terms_words"]
