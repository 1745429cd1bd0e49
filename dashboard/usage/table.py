"""Usage as a table: what can be measured, the frame on the page, and its CSV. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pandas as pd

from dashboard.exports import Csv
from dashboard.formats import dollars
from metering.analytics import UsageRow
from schema.money import plain, usd, usd_text
from schema.units import DECIMAL_UNITS, MILLION, TOKEN_UNITS, UNITS

GROUPS = {
    "Model": "model",
    "Provider": "provider",
    "Account": "account",
    "User": "user",
    "Plan": "plan",
    "Task": "task",
    "Feature": "feature",
    "Tool": "tool",
    "Tier": "tier",
}
"""What usage is grouped by: the word on the page and the column."""


def tokens(row: UsageRow) -> int:
    """The tokens of all kinds that a row's calls used."""
    return sum(row.units.get(unit, 0) for unit in TOKEN_UNITS)


METRICS: dict[str, tuple[Callable[[UsageRow], int], bool]] = {
    "Cost": (lambda row: row.cost_nanos, True),
    "Charge": (lambda row: row.charge_nanos, True),
    "Revenue": (lambda row: row.revenue_nanos, True),
    "Requests": (lambda row: row.requests, False),
    "Tokens": (tokens, False),
}
"""What can be charted: how a row says it, and whether it is nano-USD."""


def name_of(row: UsageRow, group: str) -> str:
    """The name of a row's group; usage that names none is called so."""
    value = row.keys[group]
    return f"(no {group})" if value is None else str(value)


def top_names(rows: Sequence[UsageRow], group: str, measure: Callable[[UsageRow], int], limit: int) -> list[str]:
    """The `limit` names with the largest values, largest first."""
    ordered = sorted(rows, key=lambda row: (-measure(row), name_of(row, group)))
    return [name_of(row, group) for row in ordered[:limit]]


def used_units(rows: Sequence[UsageRow]) -> list[str]:
    """The units that occur, in their usual order."""
    return [unit for unit in UNITS if any(unit in row.units for row in rows)]


def frame(rows: Sequence[UsageRow], *groups: str, metric: str = "Cost") -> pd.DataFrame:
    """The table on the page. Amounts are USD as floats, for sorting and showing only."""
    measure, _ = METRICS[metric]
    total = sum(map(measure, rows))
    units = used_units(rows)
    return pd.DataFrame.from_records(
        [
            {
                **{group.capitalize(): name_of(row, group) for group in groups},
                "Requests": row.requests,
                "Cost": dollars(row.cost_nanos),
                f"Share of {metric.lower()}": 100 * measure(row) / total if total else 0.0,
                "Charge": dollars(row.charge_nanos),
                "Revenue": dollars(row.revenue_nanos),
                "Profit": dollars(row.profit_nanos),
                **{unit: row.units.get(unit, 0) / (MILLION if unit in DECIMAL_UNITS else 1) for unit in units},
            }
            for row in rows
        ]
    )


def usage_csv(rows: Sequence[UsageRow], *groups: str) -> Csv:
    """The table as CSV with exact amounts."""
    units = used_units(rows)
    header = [*groups, "requests", *units, "cost_usd", "charge_usd", "revenue_usd", "profit_usd"]
    return Csv(f"usage-by-{'-'.join(groups)}", header, lambda: [_csv_row(row, groups, units) for row in rows])


def _csv_row(row: UsageRow, groups: Sequence[str], units: Sequence[str]) -> list[object]:
    amounts = (row.cost_nanos, row.charge_nanos, row.revenue_nanos, row.profit_nanos)
    counts = [_count_text(row, unit) for unit in units]
    return [
        *(name_of(row, group) for group in groups),
        row.requests,
        *counts,
        *(usd_text(amount) for amount in amounts),
    ]


def _count_text(row: UsageRow, unit: str) -> str:
    stored = row.units.get(unit, 0)
    # Stored millionths of a decimal unit become its decimals: 1e-6 is a thousand times 1e-9.
    return plain(usd(stored * 1_000)) if unit in DECIMAL_UNITS else str(stored)
