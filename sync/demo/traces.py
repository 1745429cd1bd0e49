"""The two real traces that the package carries: calls to Azure's LLM services in one hour of 2023-11-16."""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Iterator
from datetime import datetime, timedelta
from importlib.resources import files
from typing import NamedTuple

TRACES = ("code", "conv")
WHOLE = 4 * 10**9
"""What `TracedCall.part` is a part of."""


class TracedCall(NamedTuple):
    """One call of a trace. `part` says how far into the demo's window it falls."""

    trace: str
    number: int
    input: int
    output: int
    part: int


def read_trace(name: str) -> Iterator[TracedCall]:
    """The calls of a trace in its order.

    Their place is three quarters by rank and one quarter by the trace's own clock: the order and some of the bursts are
    kept, but no day stays empty.
    """
    packed = (files("sync.demo") / "data" / f"AzureLLMInferenceTrace_{name}.csv.gz").read_bytes()
    rows = list(csv.DictReader(io.StringIO(gzip.decompress(packed).decode())))
    clock = [datetime.fromisoformat(row["TIMESTAMP"]) for row in rows]
    length = (clock[-1] - clock[0]) // timedelta(microseconds=1)
    quarter = WHOLE // 4
    for rank, (row, moment) in enumerate(zip(rows, clock, strict=True)):
        by_rank = 3 * quarter * rank // (len(rows) - 1)
        by_clock = quarter * ((moment - clock[0]) // timedelta(microseconds=1)) // length
        yield TracedCall(name, rank + 1, int(row["ContextTokens"]), int(row["GeneratedTokens"]), by_rank + by_clock)


def read_traces() -> list[TracedCall]:
    """All calls, in the order in which the demo makes them."""
    return sorted((call for name in TRACES for call in read_trace(name)), key=lambda call: (call.part, call[:2]))
