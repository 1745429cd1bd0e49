"""A reconciliation as text, JSON and CSV."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from metering.reconciling import Finding, Report
from schema.findings import printable
from sync.render.style import count, table

FORMAT_VERSION = 1
_SHOWN = 50
"""Findings that are shown as text."""
_FIELDS = ("code", "day", "target", "account", "measure", "ours", "theirs", "place", "message")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def report_lines(report: Report) -> Iterator[str]:
    """What was compared, then the findings, most of a code first."""
    by = "event id" if report.match == "id" else "day and model"
    providers = ", ".join(map(printable, report.providers)) or "no provider of ours"
    yield (
        f"{report.start} to {report.end}, {providers}: {count(report.ours, 'event')} of ours,"
        f" {count(report.theirs, 'row')} of theirs ({report.shape}), compared by {by}"
    )
    if report.outside:
        yield f"{count(report.outside, 'row')} of theirs outside of these days left out"
    for theirs, ours in report.assumed.items():
        yield f"{printable(theirs)} is taken for {printable(ours)}"
    if not report.findings:
        yield "both sides agree"
        return
    rows = [_line(one) for one in report.findings[:_SHOWN]]
    yield from table([("CODE", "DAY", "TARGET", "ACCOUNT", "FINDING"), *rows])
    if len(report.findings) > _SHOWN:
        yield f"and {len(report.findings) - _SHOWN:,} more: see --format csv"


def summary(report: Report) -> str:
    """How many findings there are of each code, in one line."""
    codes = Counter(one.code for one in report.findings)
    summed = ", ".join(f"{number:,} {code}" for code, number in codes.most_common())
    return f"{count(len(report.findings), 'finding')}: {summed}"


def report_json(report: Report) -> dict[str, Any]:
    """The contract of `--format json`; costs are decimal strings of USD."""
    return {
        "format_version": FORMAT_VERSION,
        "ok": not report.findings,
        "shape": report.shape,
        "match": report.match,
        "from": report.start.isoformat(),
        "to": report.end.isoformat(),
        "providers": list(report.providers),
        "ours": report.ours,
        "theirs": report.theirs,
        "outside": report.outside,
        "assumed_names": report.assumed,
        "counts": dict(sorted(Counter(one.code for one in report.findings).items())),
        "findings": [
            {name: getattr(one, name) for name in _FIELDS} | {"day": one.day.isoformat()} for one in report.findings
        ],
    }


def report_csv(report: Report) -> Iterator[list[str]]:
    """A header and a line for each finding; no text of a file can act as a formula in a spreadsheet."""
    yield list(_FIELDS)
    for one in report.findings:
        values = ["" if getattr(one, name) is None else str(getattr(one, name)) for name in _FIELDS]
        yield [f"'{value}" if value.startswith(_FORMULA) else value for value in values]


def _line(one: Finding) -> tuple[str, ...]:
    where = f" ({one.place})" if one.place else ""
    cells = (one.code, one.day.isoformat(), one.target, one.account or "-", f"{one.message}{where}")
    return tuple(map(printable, cells))


__all__ = ["report_csv", "report_json", "report_lines"]
