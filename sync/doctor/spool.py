"""What is kept on disk for a database that was away: does it wait, was some of it refused, is there room?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import Engine

from metering.book.file import database_name
from metering.spool import SPOOL_VARIABLE, SpoolState, limit_of, look
from sync.doctor.finding import Check, Reporter
from sync.render.style import age_text, count

_SAY = Reporter("spool")
_DRAIN = "ratecard meter drain"
_NEARLY = 0.8
_SOON = timedelta(seconds=30)
"""A server records what waits within seconds."""


def check_spool(engine: Engine, environment: Mapping[str, str], now: datetime) -> Iterator[Check]:
    """The folder that RATECARD_SPOOL names; nothing is said without it. Nothing is asked of the database."""
    folder = environment.get(SPOOL_VARIABLE)
    if folder:
        yield from _SAY.guarded(lambda: _checked(folder, engine, environment, now), f"mend {SPOOL_VARIABLE}")


def _checked(folder: str, engine: Engine, environment: Mapping[str, str], now: datetime) -> Iterator[Check]:
    try:
        yield from spool_checks(look(Path(folder), database_name(engine), limit_of(environment)), now)
    except OSError as error:
        yield _SAY.fail(f"{folder} cannot be read: {error.strerror}", f"mend {SPOOL_VARIABLE}")


def spool_checks(state: SpoolState, now: datetime) -> Iterator[Check]:
    """What a state of the folder means. Pure."""
    room = f"{state.bytes / 1_000_000:,.1f} of {state.limit / 1_000_000:,.0f} MB"
    if not state.waiting:
        yield _SAY.ok(f"{state.folder}: no call waits; {room}")
    else:
        age = timedelta() if state.oldest is None else now - state.oldest
        words = (
            f"{state.folder}: {count(state.waiting, 'call')} {_have(state.waiting)} waited for {age_text(age)}; {room}"
        )
        yield _SAY.ok(words) if age < _SOON else _SAY.warn(words, f"look at the database, then {_DRAIN}")
    if state.bytes >= state.limit * _NEARLY:
        advice = "bring the database back, or raise RATECARD_SPOOL_MB: when it is full, calls are refused"
        yield _SAY.fail(f"it is nearly full: {room}", advice)
    if state.rejects:
        codes = ", ".join(f"{number:,} {code}" for code, number in sorted(state.refused.items()))
        words = f"{count(state.rejects, 'call')} that waited {'was' if state.rejects == 1 else 'were'} refused: {codes}"
        yield _SAY.warn(words, f"{_DRAIN} lists them; mend the cause, then {_DRAIN} --again")
    for name, number in sorted(state.elsewhere.items()):
        words = f"{count(number, 'call')} {'waits' if number == 1 else 'wait'} for another database, {name}"
        yield _SAY.warn(words, f"should it have moved here: {_DRAIN} --moved-from {name}")
    for fault in state.faults:
        yield _SAY.fail(f"not read: {fault}", "look at the file; what is in it is not recorded")


def _have(number: int) -> str:
    return "has" if number == 1 else "have"


__all__ = ["check_spool", "spool_checks"]
