"""Looks at many things at once, each in a thread, and waits for none of them too long."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from threading import Lock
from time import perf_counter

from sync.doctor.finding import Check, Level

THREADS = 16
WAIT_SECONDS = 4.0
_LEVELS: tuple[Level, ...] = ("ok", "warn", "fail")
_log = logging.getLogger("ratecard.dashboard")
Look = Callable[[], Iterable[Check]]


@dataclass(frozen=True, slots=True)
class Report:
    """What one look found, and how long it took; None when it has not come back."""

    name: str
    checks: tuple[Check, ...]
    seconds: float | None

    @property
    def level(self) -> Level:
        """The worst of what was found."""
        return worst(check.level for check in self.checks)


def worst(levels: Iterable[Level]) -> Level:
    """The worst of some levels; ok when there is none."""
    return max(levels, key=_LEVELS.index, default="ok")


class Rounds:
    """Threads that look. A look that has not come back is not begun again: however often somebody asks, one waits."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="health")
        self._lock = Lock()
        self._running: dict[str, Future[Report]] = {}

    def make(self, looks: Mapping[str, Look], seconds: float = WAIT_SECONDS) -> list[Report]:
        """What each look found, in their order."""
        with self._lock:
            for name, look in looks.items():
                running = self._running.get(name)
                if running is None or running.done():
                    self._running[name] = self._threads.submit(_looked, name, look)
            futures = {name: self._running[name] for name in looks}
        wait(futures.values(), timeout=seconds)
        return [future.result() if future.done() else _late(name, seconds) for name, future in futures.items()]


def _looked(name: str, look: Look) -> Report:
    began = perf_counter()
    try:
        checks = tuple(look())
    except Exception as error:
        # One look that fails must not take the others from the page.
        _log.exception("the health check of %s failed", name)
        checks = (Check(name, "fail", f"the check failed: {type(error).__name__}", "look at the dashboard's log"),)
    return Report(name, checks, perf_counter() - began)


def _late(name: str, seconds: float) -> Report:
    return Report(name, (Check(name, "fail", f"no answer within {seconds:g} s", "look whether it is reached"),), None)


__all__ = ["WAIT_SECONDS", "Look", "Report", "Rounds", "worst"]
