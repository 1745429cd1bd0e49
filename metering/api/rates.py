"""How often one caller may ask: a bucket of tokens for each, which fills steadily. In the memory of one process."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from time import monotonic

_MOST_CALLERS = 50_000


class Rates:
    """Lets each caller have `per_minute` requests a minute, and as many as `burst` at once. 0 lets all pass.

    May be shared by threads. Of the callers that have been away longest nothing is kept.
    """

    def __init__(self, per_minute: int, burst: int, clock: Callable[[], float] = monotonic) -> None:
        self._per_second = per_minute / 60
        self._burst = burst
        self._clock = clock
        self._buckets: OrderedDict[Hashable, tuple[float, float]] = OrderedDict()
        """By caller: tokens, and when they were counted."""
        self._lock = threading.Lock()

    def take(self, caller: Hashable) -> float:
        """Take a token; 0, or how many seconds from now there is one."""
        return self._ask(caller, 1)

    def look(self, caller: Hashable) -> float:
        """As `take`, without taking."""
        return self._ask(caller, 0)

    def _ask(self, caller: Hashable, taken: int) -> float:
        if not self._per_second:
            return 0
        now = self._clock()
        with self._lock:
            tokens, counted = self._buckets.pop(caller, (float(self._burst), now))
            tokens = min(tokens + (now - counted) * self._per_second, float(self._burst))
            short = tokens < 1
            self._buckets[caller] = (tokens if short else tokens - taken, now)
            while len(self._buckets) > _MOST_CALLERS:
                self._buckets.popitem(last=False)
        return (1 - tokens) / self._per_second if short else 0


__all__ = ["Rates"]
