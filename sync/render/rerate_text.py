"""A re-rating as text and JSON: what it changes, and what was written."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from metering.rerating import Survey, Tally, Written
from schema.money import round_half_even, usd, usd_text
from sync.presenting import value_text
from sync.render.style import Style, count, table

FORMAT_VERSION = 1
_SHOWN = 20
"""Models, and accounts, that are shown as text."""


def survey_lines(found: Survey, style: Style) -> Iterator[str]:
    """What would change: by model, then the accounts whose charges change most."""
    scope, release, total = found.scope, found.release, found.total
    until = "on" if scope.end is None else f"to {scope.end}"
    yield style.paint(
        "bold", f"re-rating from {scope.start} {until} by release {release.id} (commit {release.commit[:12]})"
    )
    if not total.events:
        yield "no event occurred then"
        return
    head = ("MODEL", "EVENTS", "CHANGED", "BILLED NOW", "UNPRICED", "COST $", "CHARGE $")
    rows = [_model_row(value_text(name), tally) for name, tally in list(found.models.items())[:_SHOWN]]
    yield from table([head, *rows, _model_row("total", total)])
    yield from _more(len(found.models), "model")
    if total.unpriced:
        yield f"{count(total.unpriced, 'event')} that no price covers: left as they are"
    if total.refunded:
        yield f"{count(total.refunded, 'event')} whose charge was refunded as a whole: not charged again"
    if not found.writes:
        yield "nothing changes"
        return
    rows = [
        (value_text(name), count(tally.events, "event"), _signed(tally.charge_delta_nanos))
        for name, tally in list(found.accounts.items())[:_SHOWN]
    ]
    yield style.paint("bold", f"{count(len(found.accounts), 'account')}, by the change of the charge in $:")
    yield from (f"  {line}" for line in table(rows))
    yield from _more(len(found.accounts), "account")


def written_line(written: Written) -> str:
    """What was written, in one line."""
    repeated = f" ({written.repeated:,} were there already)" if written.repeated else ""
    return (
        f"{count(written.adjustments, 'adjustment')} written{repeated}: cost {_signed(written.cost_delta_nanos)},"
        f" charge {_signed(written.charge_delta_nanos)}, revenue {_signed(written.revenue_delta_nanos)} USD"
    )


def survey_json(found: Survey, written: Written | None) -> dict[str, Any]:
    """The contract of `--format json`: money as decimal strings of USD. `written` is null when nothing was."""
    return {
        "format_version": FORMAT_VERSION,
        "scope": found.scope.as_json(),
        "release": found.release.id,
        "commit": found.release.commit,
        "adjustments": found.writes,
        "total": _tally_json(found.total),
        "models": [{"model": name, **_tally_json(tally)} for name, tally in found.models.items()],
        "accounts": [
            {
                "account": name,
                "adjustments": tally.events,
                "cost_delta_usd": usd_text(tally.cost_delta_nanos),
                "charge_delta_usd": usd_text(tally.charge_delta_nanos),
            }
            for name, tally in found.accounts.items()
        ],
        "written": None
        if written is None
        else {
            "adjustments": written.adjustments,
            "repeated": written.repeated,
            "cost_delta_usd": usd_text(written.cost_delta_nanos),
            "charge_delta_usd": usd_text(written.charge_delta_nanos),
            "revenue_delta_usd": usd_text(written.revenue_delta_nanos),
        },
    }


def _model_row(name: str, tally: Tally) -> tuple[str, ...]:
    numbers = (tally.events, tally.changed, tally.billed, tally.unpriced)
    money = (tally.cost_delta_nanos, tally.charge_delta_nanos)
    return (name, *(f"{number:,}" for number in numbers), *map(_signed, money))


def _tally_json(tally: Tally) -> dict[str, Any]:
    return {
        "events": tally.events,
        "changed": tally.changed,
        "billed": tally.billed,
        "unpriced": tally.unpriced,
        "refunded": tally.refunded,
        "cost_delta_usd": usd_text(tally.cost_delta_nanos),
        "charge_raised_usd": usd_text(tally.charge_raised_nanos),
        "charge_lowered_usd": usd_text(tally.charge_lowered_nanos),
        "charge_delta_usd": usd_text(tally.charge_delta_nanos),
    }


def _more(whole: int, noun: str) -> Iterator[str]:
    if whole > _SHOWN:
        yield f"  and {count(whole - _SHOWN, f'more {noun}')}: see --format json"


def _signed(nanos: int) -> str:
    """USD with a sign, to four decimals."""
    return f"{usd(round_half_even(nanos, 10**5) * 10**5):+,.4f}" if nanos else "0"


__all__ = ["survey_json", "survey_lines", "written_line"]
