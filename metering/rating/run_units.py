"""Run units of tool calls: how much computing they took. Pure, in whole millionths.

Run units = max(CPU seconds, GPU seconds) x multiplier of the tier + overhead of the tool, rounded half even to
`decimals`, and at least `minimum`. A call that tells neither takes its latency for CPU seconds. An unknown tier counts
1.0 (and is logged), an unknown tool takes the overhead of `default`.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from schema.documents.rates import RunUnitsDocument
from schema.findings import printable
from schema.money import MICRO, micros, round_half_even

DEFAULT_TOOL = "default"
MICROS_PER_MILLISECOND = 1_000

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ToolCall:
    """What a tool call tells; seconds in millionths."""

    tool: str | None
    tier: str | None = None
    cpu_micros: int | None = None
    gpu_micros: int | None = None
    latency_ms: int | None = None

    @property
    def measured(self) -> bool:
        """Whether it tells how long it took."""
        return not self.cpu_micros is self.gpu_micros is self.latency_ms is None


@dataclass(frozen=True, slots=True)
class RunUnits:
    """How run units are counted; all in millionths."""

    minimum: int
    decimals: int
    tiers: dict[str, int]
    overheads: dict[str, int]

    @classmethod
    def from_rows(cls, rows: Iterable[Mapping[str, Any]]) -> RunUnits:
        """From the rows of `run_units`, whose names are minimum, decimals, tier/NAME and tool/NAME."""
        named = {row["name"]: int(row["value_micros"]) for row in rows}
        default = RunUnitsDocument()
        return cls(
            minimum=named.get("minimum", micros(default.minimum)),
            decimals=named.get("decimals", default.decimals * MICRO) // MICRO,
            tiers={name.removeprefix("tier/"): value for name, value in named.items() if name.startswith("tier/")},
            overheads={name.removeprefix("tool/"): value for name, value in named.items() if name.startswith("tool/")},
        )

    def count(self, call: ToolCall) -> int:
        """The run units of a call in millionths."""
        if call.cpu_micros is None and call.gpu_micros is None:
            seconds = (call.latency_ms or 0) * MICROS_PER_MILLISECOND
        else:
            seconds = max(call.cpu_micros or 0, call.gpu_micros or 0)
        overhead = self.overheads.get(call.tool or DEFAULT_TOOL)
        if overhead is None:
            overhead = self.overheads.get(DEFAULT_TOOL, 0)
        step: int = 10 ** (6 - self.decimals)
        exact = seconds * self._multiplier(call.tier) + overhead * MICRO
        rounded: int = round_half_even(exact, MICRO * step) * step
        return max(rounded, self.minimum)

    def estimate(self, calls: Iterable[ToolCall]) -> int:
        """The run units of a request: those of its tool calls together, in millionths."""
        return sum(self.count(call) for call in calls)

    def _multiplier(self, tier: str | None) -> int:
        if tier is None:
            return MICRO
        multiplier = self.tiers.get(tier)
        if multiplier is None:
            _log.warning("tier '%s' is not known; it counts 1.0", printable(tier))
            return MICRO
        return multiplier


__all__ = ["DEFAULT_TOOL", "RunUnits", "ToolCall"]
