"""Two sides compared: by the ids of events, or by sums over days and models. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from metering.reconciling.records import MEASURES, Ours, Sum, Theirs
from schema.money import MICRO, multiplier_text, round_half_even, usd_text

MISSING = "MISSING"
"""They count a call that we did not record: it was not billed."""
ORPHAN = "ORPHAN"
"""We recorded a call that they do not count."""
DIFFERS = "DIFFERS"
"""Both know it, and count otherwise."""
OUTPUT_RATIO = "OUTPUT_RATIO"
"""The output that we price is too large a multiple of theirs."""
LARGE_INPUT = "LARGE_INPUT"
"""The input of one call is suspiciously large."""
UNKNOWN_MODEL = "UNKNOWN_MODEL"
"""They name a model that is none of ours."""
DUPLICATE = "DUPLICATE"
"""Their file tells the same call twice."""

CODES = (MISSING, ORPHAN, DIFFERS, OUTPUT_RATIO, LARGE_INPUT, UNKNOWN_MODEL, DUPLICATE)


@dataclass(frozen=True, slots=True)
class Limits:
    """From where on a difference is a finding."""

    output_ratio_micros: int = 2_000_000
    """Adjusted output over theirs, in millionths: more is suspicious."""
    large_input: int = 100_000
    """Input tokens of one call: more is suspicious."""
    tolerance_micros: int = 0
    """Share of their count by which ours may differ, in millionths."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that a person should look at. `target` is an event's id, or `provider/model`."""

    code: str
    target: str
    day: date
    message: str
    account: str | None = None
    measure: str | None = None
    ours: str | None = None
    theirs: str | None = None
    place: str | None = None


def compare_events(
    ours: Mapping[str, Sequence[Ours]],
    own: Sequence[Ours],
    theirs: Mapping[str, tuple[Theirs, str | None]],
    limits: Limits,
    settled_until: datetime,
) -> Iterator[Finding]:
    """Compare by event id. `theirs` has our name of the model beside each row; it may be unknown.

    Calls after `settled_until` may be on one side only.
    `ours` may reach beyond the period on both sides, since two clocks part a day differently, and beyond the provider:
    `own` are those that they have to know. One id may be several events of ours, of as many accounts.
    """
    for event_id, (row, model) in theirs.items():
        found = ours.get(event_id, ())
        if not found:
            if model is not None and (row.moment is None or row.moment <= settled_until):
                told = ", ".join(
                    f"{count:,} {name}" for name, count in row.counts.items() if name in ("input", "output")
                )
                yield Finding(MISSING, event_id, row.day, f"{model}: {told or 'a call'} not recorded", place=row.place)
            continue
        account = found[0].account
        if model is not None and found[0].model != model:
            yield Finding(
                DIFFERS,
                event_id,
                row.day,
                f"recorded as {found[0].model}, they say {row.model}",
                account,
                "model",
                found[0].model,
                row.model,
                row.place,
            )
        total = Sum()
        for one in found:
            total.add(one.counts)
            total.adjusted_output_micros += one.adjusted_output_micros
        yield from _differences(event_id, row.day, total, row.counts, 1, limits, account, row.place)
    for one in own:
        if one.event_id not in theirs and one.occurred_at <= settled_until:
            yield Finding(ORPHAN, one.event_id, one.day, f"{one.model}: they do not know it", one.account)


def compare_sums(
    ours: Mapping[tuple[date, str], Sum], theirs: Mapping[tuple[date, str], Sum], limits: Limits
) -> Iterator[Finding]:
    """Compare by day and model."""
    for day, model in sorted(ours.keys() | theirs.keys()):
        own, other = ours.get((day, model)), theirs.get((day, model))
        if own is None and other is not None:
            yield Finding(MISSING, model, day, "no call of it is recorded on that day", place=other.place)
        elif own is not None and other is None:
            yield Finding(ORPHAN, model, day, f"{own.rows:,} calls are recorded, they know none of that day")
        elif own is not None and other is not None:
            yield from _differences(model, day, own, other.counts, own.rows + other.rows, limits, None, other.place)


def large_inputs(ours: Sequence[Ours], limits: Limits) -> Iterator[Finding]:
    """Our events with more input than a call should have."""
    for one in ours:
        size = one.counts["input"]
        if size > limits.large_input:
            message = f"{one.model}: an input of {size:,} tokens, more than {limits.large_input:,}"
            yield Finding(LARGE_INPUT, one.event_id, one.day, message, one.account, "input", str(size))


def _differences(
    target: str,
    day: date,
    own: Sum,
    theirs: Mapping[str, int],
    rounded: int,
    limits: Limits,
    account: str | None,
    place: str,
) -> Iterator[Finding]:
    """Where counts differ; `rounded` amounts of cost were each rounded to a nano-dollar."""
    for measure in MEASURES:
        other = theirs.get(measure)
        if other is None:
            continue
        count = own.counts.get(measure, 0)
        allowed = limits.tolerance_micros * abs(other)
        if measure == "cost":
            allowed += rounded * MICRO
        if abs(count - other) * MICRO > allowed:
            shown = _text(measure, count), _text(measure, other)
            message = f"{measure} {shown[0]}, theirs {shown[1]}"
            yield Finding(DIFFERS, target, day, message, account, measure, *shown, place)
    actual = theirs.get("output")
    if actual is not None and own.adjusted_output_micros > limits.output_ratio_micros * actual:
        shown = multiplier_text(own.adjusted_output_micros), str(actual)
        ratio = (
            f", {multiplier_text(round_half_even(own.adjusted_output_micros, actual * 1_000) * 1_000)} times"
            if actual
            else ""
        )
        message = f"output priced as {shown[0]}, theirs {shown[1]}{ratio}"
        yield Finding(OUTPUT_RATIO, target, day, message, account, "output", *shown, place)


def _text(measure: str, count: int) -> str:
    return usd_text(count) if measure == "cost" else str(count)


__all__ = [
    "CODES",
    "DIFFERS",
    "DUPLICATE",
    "LARGE_INPUT",
    "MISSING",
    "ORPHAN",
    "OUTPUT_RATIO",
    "UNKNOWN_MODEL",
    "Finding",
    "Limits",
    "compare_events",
    "compare_sums",
    "large_inputs",
]
