"""Sum up usage: requests, units, cost, charge, revenue and profit by one or more columns."""

from __future__ import annotations

import argparse
import csv
import json
import sys
from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

from sync.command import add_common

if TYPE_CHECKING:
    from metering.analytics import Converted, Totals, UsageRow

_MONEY = ("cost", "charge", "revenue", "profit")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    from sync.days import read_day

    add_common(parser, "csv")
    parser.add_argument(
        "--by",
        type=_by,
        default=("model",),
        metavar="COLUMN[,COLUMN…]",
        help="provider, model, account, user, plan, task, feature, tool, tier or day (default: model)",
    )
    parser.add_argument(
        "--from", dest="start", type=read_day, metavar="DATE", help="the first UTC day (default: all time)"
    )
    parser.add_argument("--to", dest="end", type=read_day, metavar="DATE", help="the UTC day after the last one")


def run(arguments: argparse.Namespace) -> int:
    """Print the sums of a period, dearest first."""
    from metering.analytics import Period, second_currency, totals, totals_in, usage_by
    from metering.errors import NoExchangeRateError
    from schema.database import reading, require_current
    from sync.context import database_url, opened
    from sync.errors import UsageError

    if arguments.start and arguments.end and arguments.start > arguments.end:
        raise UsageError(f"--from {arguments.start} is after --to {arguments.end}")
    period = Period(arguments.start, arguments.end)
    today = datetime.now(UTC).date()
    converted: Converted | NoExchangeRateError | None = None
    with opened(database_url(arguments, None)) as engine:
        require_current(engine)
        with reading(engine) as connection:
            rows = usage_by(connection, arguments.by, period)
            total = totals(connection, period, today=today)
            currency, exchange = second_currency(connection)
            if currency is not None and arguments.format != "csv":
                try:
                    converted = totals_in(connection, currency, exchange, period, today=today)
                except NoExchangeRateError as error:
                    # What is known in USD is told all the same.
                    converted = error
    if arguments.format == "json":
        print(json.dumps(as_json(rows, total, converted), indent=2))
    elif arguments.format == "csv":
        csv.writer(sys.stdout, lineterminator="\n").writerows(as_csv(rows, arguments.by))
    else:
        print(as_text(rows, total, arguments.by, converted))
    return 0


def _by(text: str) -> tuple[str, ...]:
    from metering.analytics import BY
    from schema.findings import did_you_mean

    names = tuple(dict.fromkeys(name.strip() for name in text.split(",")))
    for name in names:
        if name not in BY:
            hint = did_you_mean(name, BY) or f"; it is one of {', '.join(BY)}"
            raise argparse.ArgumentTypeError(f"'{name}' is not a column{hint}")
    return names


def as_json(rows: Sequence[UsageRow], total: Totals, converted: Converted | Exception | None = None) -> dict[str, Any]:
    """The contract of `--format json`: money as decimal strings of USD, units exact.

    Where the setting `currency` names a second currency, the total has `in_currency`: the amounts in it, or why they
    are not known.
    """
    from schema.money import usd_text

    return {
        "rows": [
            {name: value.isoformat() if isinstance(value, date) else value for name, value in row.keys.items()}
            | {"requests": row.requests, "units": _exact_units(row.units)}
            | {f"{name}_usd": usd_text(getattr(row, f"{name}_nanos")) for name in _MONEY}
            for row in rows
        ],
        "total": {
            "requests": total.requests,
            "users": total.users,
            "accounts": total.accounts,
            "units": _exact_units(total.units),
            "cost_usd": usd_text(total.cost_nanos),
            "charge_usd": usd_text(total.charge_nanos),
            "usage_revenue_usd": usd_text(total.usage_revenue_nanos),
            "repaid_usd": usd_text(total.repaid_nanos),
            "subscription_usd": usd_text(total.subscription_nanos),
            "revenue_usd": usd_text(total.revenue_nanos),
            "profit_usd": usd_text(total.profit_nanos),
            **({} if converted is None else {"in_currency": _in_currency(converted)}),
        },
    }


def _in_currency(converted: Converted | Exception) -> dict[str, str]:
    from schema.money import usd_text

    if isinstance(converted, Exception):
        return {"unknown": str(converted)}
    amounts = {name: usd_text(getattr(converted, f"{name}_nanos")) for name in _MONEY}
    return {"currency": converted.currency, **amounts}


def _exact_units(units: dict[str, int]) -> dict[str, int | str]:
    from schema.units import DECIMAL_UNITS

    return {unit: _unit_text(unit, count) if unit in DECIMAL_UNITS else count for unit, count in units.items()}


def _unit_text(unit: str, count: int) -> str:
    from schema.money import multiplier_text
    from schema.units import DECIMAL_UNITS

    return multiplier_text(count) if unit in DECIMAL_UNITS else str(count)


def as_csv(rows: Sequence[UsageRow], by: Sequence[str]) -> list[list[str]]:
    """A header and a line for each row: exact, and no text of a caller can act as a formula in a spreadsheet."""
    from schema.money import usd_text

    units = _occurring(rows)
    table = [[*by, "requests", *units, *(f"{name}_usd" for name in _MONEY)]]
    for row in rows:
        keys = [_neutral("" if key is None else str(key)) for key in row.keys.values()]
        counts = [_unit_text(unit, row.units.get(unit, 0)) for unit in units]
        money = [usd_text(getattr(row, f"{name}_nanos")) for name in _MONEY]
        table.append([*keys, str(row.requests), *counts, *money])
    return table


def _neutral(text: str) -> str:
    return f"'{text}" if text.startswith(_FORMULA) else text


def _occurring(rows: Sequence[UsageRow]) -> list[str]:
    from schema.units import UNITS

    return [unit for unit in UNITS if any(unit in row.units for row in rows)]


def as_text(
    rows: Sequence[UsageRow], total: Totals, by: Sequence[str], converted: Converted | Exception | None = None
) -> str:
    """An aligned table in USD to four decimals, then the total with subscriptions, also in a second currency."""
    from schema.findings import printable

    units = _occurring(rows)
    table = [[*by, "requests", *units, *(f"{name} $" for name in _MONEY)]]
    for row in rows:
        keys = ["-" if key is None else printable(str(key)) for key in row.keys.values()]
        table.append([*keys, *_numbers(row.requests, row.units, units, row)])
    width = len(by) - 1
    table.append(["total", *[""] * width, *_numbers(total.requests, total.units, units, total)])
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    lines = [
        "  ".join(
            f"{cell:<{size}}" if place < len(by) else f"{cell:>{size}}"
            for place, (cell, size) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in table
    ]
    parts = [("usage", total.usage_revenue_nanos), ("subscriptions", total.subscription_nanos)]
    if total.repaid_nanos:
        parts.append(("repaid overdraft", total.repaid_nanos))
    lines.append("revenue: " + ", ".join(f"{name} ${_dollars(amount)}" for name, amount in parts))
    if isinstance(converted, Exception):
        lines.append(f"in a second currency: {printable(str(converted))}")
    elif converted is not None:
        amounts = (f"{name} {_dollars(getattr(converted, f'{name}_nanos'))}" for name in _MONEY)
        lines.append(f"in {converted.currency}: {', '.join(amounts)}")
    return "\n".join(lines)


def _numbers(requests: int, counts: dict[str, int], units: Sequence[str], money: UsageRow | Totals) -> list[str]:
    shown = [_grouped(_unit_text(unit, counts.get(unit, 0))) for unit in units]
    return [f"{requests:,}", *shown, *(_dollars(getattr(money, f"{name}_nanos")) for name in _MONEY)]


def _grouped(number: str) -> str:
    whole, point, decimals = number.partition(".")
    return f"{int(whole):,}{point}{decimals}"


def _dollars(amount_nanos: int) -> str:
    from schema.money import round_half_even, usd

    return f"{usd(round_half_even(amount_nanos, 10**5) * 10**5):,.4f}"
