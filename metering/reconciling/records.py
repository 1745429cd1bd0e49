"""What both sides of a comparison are brought to: counts of calls, by event or summed up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime

INPUT = ("input", "cache_read", "cache_write", "cache_write_1h", "audio_input")
OUTPUT = ("output", "reasoning", "audio_output")
DETAILS = ("cache_read", "cache_write", "cache_write_1h")
FIRST_DAY, LAST_DAY = date(1970, 1, 1), date(9000, 1, 1)
"""No call was made before the first or from the last on; between them days can be counted with."""
"""Units that are compared by themselves when the other side tells them."""

MEASURES = ("requests", "input", "output", *DETAILS, "cost")
"""What is compared. `input` and `output` are all of it, whichever units it is made of; `cost` is in nano-USD."""


@dataclass(slots=True)
class Theirs:
    """A row of a provider or gateway: one call when it has an id, else a sum over a day and a model."""

    place: str
    """Where it stands, such as `line 12`."""
    day: date
    event_id: str | None
    provider: str | None
    model: str
    counts: dict[str, int]
    """By measure, only those that the row tells."""
    moment: datetime | None = None
    """When the call was, as far as the row tells more than its day."""


@dataclass(slots=True)
class Ours:
    """An event of ours, with what re-rating made of its cost."""

    event_id: str
    account: str
    occurred_at: datetime
    day: date
    model: str
    """`provider/model`."""
    counts: dict[str, int]
    """By measure: all of them."""
    adjusted_output_micros: int
    """Millionths of output tokens as they are priced: multiplied by the reasoning level."""


@dataclass(slots=True)
class Sum:
    """The counts of several rows."""

    rows: int = 0
    counts: dict[str, int] = field(default_factory=dict)
    adjusted_output_micros: int = 0
    place: str = ""
    """Where the first of them stands."""

    def add(self, counts: Mapping[str, int]) -> None:
        """Add the counts of a row."""
        self.rows += 1
        for measure, count in counts.items():
            self.counts[measure] = self.counts.get(measure, 0) + count


def measured(units: Mapping[str, int], cost_nanos: int) -> dict[str, int]:
    """The counts of one call of ours from its units in stored parts."""
    return {
        "requests": 1,
        "input": sum(units.get(unit, 0) for unit in INPUT),
        "output": sum(units.get(unit, 0) for unit in OUTPUT),
        **{unit: units.get(unit, 0) for unit in DETAILS},
        "cost": cost_nanos,
    }


__all__ = ["DETAILS", "FIRST_DAY", "INPUT", "LAST_DAY", "MEASURES", "OUTPUT", "Ours", "Sum", "Theirs", "measured"]
