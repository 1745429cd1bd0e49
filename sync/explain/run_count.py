"""How the run units of a tool call were counted, step by step, exactly as `metering.rating.run_units` counts them."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from metering.rating.run_units import DEFAULT_TOOL, MICROS_PER_MILLISECOND, RunUnits, ToolCall
from schema.money import MICRO


@dataclass(frozen=True, slots=True)
class RunCount:
    """Seconds x multiplier + overhead, rounded, and at least the minimum; all in run units or seconds."""

    measured_by: str
    """Which of the times was taken: `cpu`, `gpu` or `latency`."""
    seconds: Fraction
    tier: str | None
    """The tier whose multiplier it is; None when the call named none that is known."""
    multiplier: Fraction
    tool: str | None
    """The tool whose overhead it is; None when there is neither the tool's nor a `default`."""
    overhead: Fraction
    decimals: int
    minimum: Fraction
    counted: Fraction

    @property
    def exact(self) -> Fraction:
        """Before rounding and the minimum."""
        return self.seconds * self.multiplier + self.overhead

    @property
    def names(self) -> tuple[str, ...]:
        """The lines of the configuration that it was counted by."""
        found = [f"tier/{self.tier}"] if self.tier is not None else []
        found += [f"tool/{self.tool}"] if self.tool is not None else []
        return (*found, *(("minimum",) if self.counted == self.minimum else ()))


def count_run(units: RunUnits, call: ToolCall, counted_micros: int) -> RunCount | None:
    """The steps to the run units that were counted; None when they are not the steps to it: the caller counted."""
    if not call.measured or not counted_micros or units.count(call) != counted_micros:
        return None
    cpu, gpu = call.cpu_micros, call.gpu_micros
    if cpu is None and gpu is None:
        measured_by, seconds = "latency", (call.latency_ms or 0) * MICROS_PER_MILLISECOND
    else:
        measured_by, seconds = ("gpu", gpu or 0) if (gpu or 0) > (cpu or 0) else ("cpu", cpu or 0)
    tool = next((name for name in (call.tool, DEFAULT_TOOL) if name in units.overheads), None)
    tier = call.tier if call.tier in units.tiers else None
    return RunCount(
        measured_by=measured_by,
        seconds=Fraction(seconds, MICRO),
        tier=tier,
        multiplier=Fraction(units.tiers[tier], MICRO) if tier is not None else Fraction(1),
        tool=tool,
        overhead=Fraction(units.overheads[tool], MICRO) if tool is not None else Fraction(),
        decimals=units.decimals,
        minimum=Fraction(units.minimum, MICRO),
        counted=Fraction(counted_micros, MICRO),
    )


__all__ = ["RunCount", "count_run"]
