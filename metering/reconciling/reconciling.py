"""One reconciliation from file to report."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Literal

from sqlalchemy import Connection

from metering.book.ratebook import RateBook
from metering.errors import BadEventError, ImportFileError
from metering.reconciling.comparing import (
    DUPLICATE,
    UNKNOWN_MODEL,
    Finding,
    Limits,
    compare_events,
    compare_sums,
    large_inputs,
)
from metering.reconciling.naming import Names
from metering.reconciling.ours import read_ours
from metering.reconciling.reading import read_rows
from metering.reconciling.records import FIRST_DAY, LAST_DAY, Ours, Sum, Theirs
from metering.reconciling.shapes import SHAPES, Shape
from metering.runtime import Runtime
from schema.keys import split_model

Match = Literal["id", "totals"]
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Options:
    """How to compare. What is None is taken from the file."""

    shape: str | None = None
    match: Match | None = None
    start: date | None = None
    """The first UTC day."""
    end: date | None = None
    """The UTC day after the last one."""
    provider: str | None = None
    """Our name of the provider whose calls the file is about."""
    names: Mapping[str, str] = field(default_factory=dict)
    """Their names of models, with ours."""
    settled: timedelta = timedelta()
    """How long after a call both sides have it: younger ones may be on one side only. Counts for matching by id."""
    limits: Limits = field(default_factory=Limits)


@dataclass(frozen=True, slots=True)
class Report:
    """What came of it. `findings` is empty when both sides agree."""

    shape: str
    match: Match
    start: date
    end: date
    providers: tuple[str, ...]
    theirs: int
    """Rows of theirs in the period."""
    outside: int
    """Rows of theirs outside of it, left out."""
    ours: int
    """Events of ours in the period."""
    assumed: dict[str, str]
    """Names of theirs that were found without the date of their version."""
    findings: tuple[Finding, ...]


def reconcile(runtime: Runtime, path: Path, options: Options) -> Report:
    """Compare our events with a file. Nothing is written.

    Raises ImportFileError for a file that cannot be read, UnregisteredModelError for a name of `options` that is none
    of our models, UnavailableError.
    """
    book = runtime.read(lambda connection: runtime.newest(connection, runtime.now()))
    shape, rows = _read(path, options.shape)
    match = options.match or ("id" if all(row.event_id is not None for row in rows) else "totals")
    if match == "id":
        nameless = next((row.place for row in rows if row.event_id is None), None)
        if nameless is not None:
            raise ImportFileError(f"{path}: {nameless} has no id of an event; compare sums by --match totals")
    start = max(options.start or min(row.day for row in rows), FIRST_DAY)
    end = min(options.end or max(row.day for row in rows) + _DAY, LAST_DAY)
    within = [row for row in rows if start <= row.day < end]
    names = Names(book, options.names, _provider(options, shape, book))
    named = [(row, names.find(row.provider, row.model)) for row in within]
    providers = _providers(options, shape, book, named)
    # By their ids, calls are found whatever our clock and our name of the model say.
    margin, wanted = (_DAY, None) if match == "id" else (timedelta(), providers)

    def read(connection: Connection) -> list[Ours]:
        return list(read_ours(connection, start - margin, end + margin, wanted, book))

    ours = runtime.read(read)
    own = [one for one in ours if start <= one.day < end and split_model(one.model)[0] in providers]
    findings = [
        *_compare(match, ours, own, named, options.limits, runtime.now() - options.settled),
        *large_inputs(own, options.limits),
    ]
    return Report(
        shape=shape.name,
        match=match,
        start=start,
        end=end,
        providers=tuple(sorted(providers)),
        theirs=len(within),
        outside=len(rows) - len(within),
        ours=len(own),
        assumed=names.assumed,
        findings=tuple(findings),
    )


def _read(path: Path, wanted: str | None) -> tuple[Shape, list[Theirs]]:
    found = read_rows(path)
    if not found:
        raise ImportFileError(f"{path} holds no row")
    shape = SHAPES[wanted] if wanted else next((one for one in SHAPES.values() if one.fits(found[0].values)), None)
    if shape is None or not shape.fits(found[0].values):
        raise ImportFileError(
            f"{path} is no {wanted or 'file of usage that is known here'}: {found[0].place} has the fields"
            f" {', '.join(list(found[0].values)[:8])}"
        )
    rows = []
    for row in found:
        try:
            one = shape.read(row)
        except BadEventError as error:
            raise ImportFileError(f"{path}: {row.place}: {error}") from None
        if one is not None:
            rows.append(one)
    if not rows:
        raise ImportFileError(f"{path} counts nothing")
    return shape, rows


def _provider(options: Options, shape: Shape, book: RateBook) -> str | None:
    """Whose calls the file is about, by our name. Raises ImportFileError when that is not known."""
    known = {owner for owner, _ in book.entries}
    provider = options.provider or shape.provider
    if provider is not None and provider not in known:
        raise ImportFileError(
            f"'{provider}' is none of our providers ({', '.join(sorted(known))}); say by --provider which one the file"
            " is about"
        )
    return provider


def _providers(options: Options, shape: Shape, book: RateBook, named: Sequence[tuple[Theirs, str | None]]) -> set[str]:
    """The providers whose calls of ours must be in the file: a file that knows none of a provider is not about it."""
    provider = _provider(options, shape, book)
    if provider is not None:
        return {provider}
    return {split_model(model)[0] for _, model in named if model is not None}


def _compare(
    match: Match,
    ours: Sequence[Ours],
    own: Sequence[Ours],
    named: Sequence[tuple[Theirs, str | None]],
    limits: Limits,
    settled_until: datetime,
) -> Iterator[Finding]:
    """`own` are those of `ours` that have to be in the file."""
    if match == "totals":
        yield from _unknown(named)
        yield from compare_sums(_sums(own), _their_sums(named), limits)
        return
    by_id: dict[str, list[Ours]] = defaultdict(list)
    for one in ours:
        by_id[one.event_id].append(one)
    theirs: dict[str, tuple[Theirs, str | None]] = {}
    for row, model in named:
        event_id = str(row.event_id)
        if event_id in theirs:
            yield Finding(DUPLICATE, event_id, row.day, f"also {theirs[event_id][0].place}", place=row.place)
        else:
            theirs[event_id] = (row, model)
    yield from _unknown([pair for event_id, pair in theirs.items() if event_id not in by_id])
    yield from compare_events(by_id, own, theirs, limits, settled_until)


def _sums(own: Sequence[Ours]) -> dict[tuple[date, str], Sum]:
    sums: dict[tuple[date, str], Sum] = defaultdict(Sum)
    for one in own:
        total = sums[one.day, one.model]
        total.add(one.counts)
        total.adjusted_output_micros += one.adjusted_output_micros
    return sums


def _their_sums(named: Sequence[tuple[Theirs, str | None]]) -> dict[tuple[date, str], Sum]:
    sums: dict[tuple[date, str], Sum] = defaultdict(Sum)
    for row, model in named:
        if model is not None:
            total = sums[row.day, model]
            total.place = total.place or row.place
            total.add(row.counts)
    return sums


def _unknown(named: Sequence[tuple[Theirs, str | None]]) -> Iterator[Finding]:
    """One finding a name of theirs that is none of our models."""
    first: dict[str, Theirs] = {}
    count: dict[str, int] = defaultdict(int)
    for row, model in named:
        if model is None:
            first.setdefault(row.model, row)
            count[row.model] += 1
    for name, row in first.items():
        rows = f"{count[name]:,} row{'s' if count[name] != 1 else ''}"
        message = f"{rows} of a model that is none of ours; say which one it is by --name '{name}=PROVIDER/MODEL'"
        yield Finding(UNKNOWN_MODEL, name, row.day, message, place=row.place)


__all__ = ["Match", "Options", "Report", "reconcile"]
