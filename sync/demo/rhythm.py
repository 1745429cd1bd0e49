"""When the demo's calls happen: one weight for each hour of 90 days, so that days and weeks have their shape.

Pure whole numbers: the same window gives the same moments on every machine.
"""

from __future__ import annotations

from bisect import bisect_right
from datetime import UTC, datetime, time, timedelta
from itertools import accumulate

DAYS = 90
"""The length of the window; it ends at the anchor."""

_HOURS = (34, 30, 27, 25, 26, 30, 38, 50, 66, 80, 88, 90, 84, 87, 94, 96, 93, 86, 76, 66, 57, 50, 44, 38)
"""Weight of each UTC hour."""
_WEEKDAYS = (96, 102, 105, 103, 94, 46, 40)
"""Weight of each day from Monday on."""
_FIRST, _LAST = 70, 130
"""Weight of the first and of the last day: use grows."""

_HOUR_MICROSECONDS = 3_600_000_000


class Rhythm:
    """The window of 90 days that ends at a moment: full UTC days, the last one up to the anchor."""

    def __init__(self, anchor: datetime) -> None:
        midnight = datetime.combine(anchor.astimezone(UTC).date(), time.min, UTC)
        self.start = midnight - timedelta(days=DAYS - 1)
        self.end = anchor
        length = (anchor - self.start) // timedelta(microseconds=1)
        weights = []
        for hour in range(-(-length // _HOUR_MICROSECONDS)):
            microseconds = min(_HOUR_MICROSECONDS, length - hour * _HOUR_MICROSECONDS)
            weights.append(self._weight(hour) * microseconds)
        self._reached = [0, *accumulate(weights)]

    def _weight(self, hour: int) -> int:
        day = hour // 24
        weekday = (self.start + timedelta(days=day)).weekday()
        growth = _FIRST * (DAYS - 1) + (_LAST - _FIRST) * day
        return _HOURS[hour % 24] * _WEEKDAYS[weekday] * growth

    def moment(self, part: int, whole: int) -> datetime:
        """When `part` of `whole` of all calls have happened; 0 is the window's start, `whole` its end."""
        target = self._reached[-1] * part // whole
        hour = min(bisect_right(self._reached, target), len(self._reached) - 1) - 1
        into, weight = target - self._reached[hour], self._reached[hour + 1] - self._reached[hour]
        begun = hour * _HOUR_MICROSECONDS
        length = min(_HOUR_MICROSECONDS, (self.end - self.start) // timedelta(microseconds=1) - begun)
        return self.start + timedelta(microseconds=begun + into * length // weight)
