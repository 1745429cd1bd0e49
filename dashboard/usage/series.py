"""Usage over time as the chart stacks it: the largest names, the rest as one, by day, week or month. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date

from dashboard.charts import OTHER
from dashboard.exports import Csv
from dashboard.periods import by_bucket, running
from dashboard.usage.table import name_of
from metering.analytics import UsageRow
from schema.money import usd_text

Measure = Callable[[UsageRow], int]
Names = tuple[str, ...]
"""The name of a group, or of a group and of a subgroup in it."""
_PALEST = 0.76
OTHERS: Names = (OTHER,)
Series = dict[Names, dict[date, int]]
"""By name and first day of each bar, in the order of the stack."""


def names_of(row: UsageRow, groups: Sequence[str]) -> Names:
    """The names of a row's group and subgroup."""
    return tuple(name_of(row, group) for group in groups)


def label(names: Names) -> str:
    """A name as legends show it: `pro · chat_response`."""
    return " \u00b7 ".join(names)


def largest(rows: Sequence[UsageRow], groups: Sequence[str], measure: Measure, limit: int) -> list[Names]:
    """The `limit` largest rows by their names, subgroups of a group beside each other; the largest group first."""
    ordered = sorted(rows, key=lambda row: (-measure(row), names_of(row, groups)))[:limit]
    whole: dict[str, int] = {}
    for row in ordered:
        group = name_of(row, groups[0])
        whole[group] = whole.get(group, 0) + measure(row)
    ordered.sort(key=lambda row: (-whole[name_of(row, groups[0])], names_of(row, groups)[0], -measure(row)))
    return [names_of(row, groups) for row in ordered if measure(row)]


def series_of(
    shown: Sequence[Names],
    rows: Sequence[UsageRow],
    whole: Sequence[UsageRow],
    groups: Sequence[str],
    measure: Measure,
    granularity: str,
) -> Series:
    """The names that are shown over time, and what is left of the whole as `OTHERS`.

    `rows` are by the groups and day, for at least the names that are shown; `whole` is by day.
    """
    found: Series = {names: {} for names in shown}
    rest = {row.keys["day"]: measure(row) for row in whole}
    for row in rows:
        days = found.get(names_of(row, groups))
        if days is not None:
            day = row.keys["day"]
            days[day] = days.get(day, 0) + measure(row)
            rest[day] = rest.get(day, 0) - measure(row)
    if any(rest.values()):
        found[OTHERS] = rest
    return {names: by_bucket(days, granularity) for names, days in found.items()}


def summed_up(series: Series, starts: Sequence[date]) -> Series:
    """The same, each bar with all that was before it in the range."""
    return {names: running(days, starts) for names, days in series.items()}


def shades(series: Series, colour_of: Mapping[str, str]) -> dict[str, str]:
    """The colour of each label: that of its group, paler from subgroup to subgroup; many of them share the range."""
    parts: dict[str, list[Names]] = {}
    for names in series:
        parts.setdefault(names[0], []).append(names)
    steps = {group: min(0.2, _PALEST / max(1, len(found) - 1)) for group, found in parts.items()}
    return {
        label(names): _paler(colour_of[names[0]], steps[names[0]] * parts[names[0]].index(names)) for names in series
    }


def _paler(colour: str, share: float) -> str:
    parts = (int(colour[at : at + 2], 16) for at in (1, 3, 5))
    return "#" + "".join(f"{round(part + (255 - part) * share):02x}" for part in parts)


def within(
    rows: Sequence[UsageRow], groups: Sequence[str], measure: Measure, limit: int
) -> tuple[list[str], list[str], dict[tuple[str, str], int]]:
    """Subgroups within groups: the largest of both in order, the rest as one, and the sum of each pair."""
    sums: tuple[dict[str, int], dict[str, int]] = ({}, {})
    for row in rows:
        for held, group in zip(sums, groups, strict=True):
            held[name_of(row, group)] = held.get(name_of(row, group), 0) + measure(row)
    outer, inner = (sorted(held, key=lambda name: (-held[name], name))[:limit] for held in sums)
    found = paired(rows, groups, measure, outer, inner)
    rest = [[OTHER] if any(pair[side] == OTHER for pair in found) else [] for side in (0, 1)]
    return [*outer, *rest[0]], [*inner, *rest[1]], found


def paired(
    rows: Sequence[UsageRow], groups: Sequence[str], measure: Measure, outer: Sequence[str], inner: Sequence[str]
) -> dict[tuple[str, str], int]:
    """The sum of each pair of an outer and an inner name, all other names as one."""
    found: dict[tuple[str, str], int] = {}
    for row in rows:
        group, subgroup = names_of(row, groups)
        pair = (group if group in outer else OTHER, subgroup if subgroup in inner else OTHER)
        found[pair] = found.get(pair, 0) + measure(row)
    return {pair: value for pair, value in found.items() if value}


def series_csv(series: Series, starts: Sequence[date], groups: Sequence[str], metric: str, *, is_money: bool) -> Csv:
    """The chart as CSV: a line for each bar and name, with exact amounts."""
    header = ["from", *groups, f"{metric.lower()}_usd" if is_money else metric.lower()]
    width = len(groups)
    return Csv(
        f"usage-over-time-by-{'-'.join(groups)}",
        header,
        lambda: [
            [
                start.isoformat(),
                *names,
                *[""] * (width - len(names)),
                usd_text(days[start]) if is_money else days[start],
            ]
            for start in starts
            for names, days in series.items()
            if days.get(start)
        ],
    )


def pairs_csv(pairs: Mapping[tuple[str, str], int], groups: Sequence[str], metric: str, *, is_money: bool) -> Csv:
    """Subgroups within groups as CSV, as `within` found them, with exact amounts."""
    header = [*groups, f"{metric.lower()}_usd" if is_money else metric.lower()]
    lines = [[*pair, usd_text(value) if is_money else value] for pair, value in pairs.items()]
    return Csv(f"usage-by-{groups[1]}-within-{groups[0]}", header, lambda: lines)
