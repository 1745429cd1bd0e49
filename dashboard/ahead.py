"""Reading ahead: what people choose next is asked of the database while nobody waits."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from datetime import date
from functools import partial
from threading import Lock, Timer
from time import monotonic

from sqlalchemy.exc import SQLAlchemyError

from dashboard import data, sources
from dashboard.periods import DEFAULT_PRESET, WIDEST_LENGTH, preset_period
from dashboard.sources import Stamp
from schema.errors import RatecardError

_REST_SECONDS = 1.0
"""How long after the last page was sent: the browser has drawn it by then, and somebody reads it."""
_PAUSE_SECONDS = 30.0
_MOST_EVENTS = 3_000_000
"""Beyond so many, looking at what may not be wanted costs the database too much."""


class _AtRest:
    """Does things one by one once no page was asked for in a while, until one is; and not all again too soon."""

    def __init__(self) -> None:
        self.timer: Timer | None = None
        self._done_at = -_PAUSE_SECONDS
        self._turn = Lock()

    def interrupt(self) -> None:
        """Do nothing more of it."""
        with self._turn:
            if self.timer is not None:
                self.timer.cancel()
            self.timer = None

    def later(self, tasks: Sequence[Callable[[], object]]) -> None:
        """Instead of what was to be done before."""
        self.interrupt()
        with self._turn:
            self.timer = timer = Timer(_REST_SECONDS, lambda: self._do(tasks, timer))
            timer.daemon = True
            timer.start()

    def _do(self, tasks: Sequence[Callable[[], object]], timer: Timer) -> None:
        if monotonic() - self._done_at < _PAUSE_SECONDS:
            return
        for task in tasks:
            if self.timer is not timer:
                return
            _try(task)
        self._done_at = monotonic()


_at_rest = _AtRest()


def read_first() -> None:
    """Ask for what the Overview, Usage and Profit show of the default range; pages find it cached."""
    _try(_first)


def interrupt() -> None:
    """A page is asked for: nothing more is read ahead until it is drawn."""
    _at_rest.interrupt()


def read_farther_at_rest(stamp: Stamp, today: date) -> None:
    """Ask for what they show of the widest range, once no page was asked for in a while; called when one is drawn."""
    if stamp.arrived.newest[0] <= _MOST_EVENTS:
        _at_rest.later(_looks(stamp, WIDEST_LENGTH, today))


def _first() -> None:
    today = sources.utc_now().date()
    stamp = sources.read_stamp() if sources.state()[0] == "current" else None
    if stamp is None:
        return
    for look in _looks(stamp, DEFAULT_PRESET, today):
        look()
    data.standing(sources.engine(), stamp.text, today)
    data.attention(sources.engine(), stamp.text, today)


def _looks(stamp: Stamp, preset: str, today: date) -> list[Callable[[], object]]:
    engine, period = sources.engine(), preset_period(preset, today)
    both = period.bounds(), period.previous().bounds()
    return [
        partial(data.sums_of_both, engine, stamp.text, *both, (), today),
        partial(data.callers, engine, stamp.text, both, ()),
        partial(data.profit_of_both, engine, stamp.text, *both, (), today),
    ]


def _try(task: Callable[[], object]) -> None:
    try:
        task()
    except (RatecardError, SQLAlchemyError) as error:
        # The page that asks again says it to somebody who can mend it.
        logging.getLogger("ratecard.dashboard").warning("the next sums could not be read ahead: %s", error)


__all__ = ["interrupt", "read_farther_at_rest", "read_first"]
