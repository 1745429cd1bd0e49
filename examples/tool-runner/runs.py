"""Runs of a day at tool-runner: a request is estimated before it is run, its tool calls are recorded after."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from decimal import Decimal

from metering.meter import Meter
from metering.rating.run_units import ToolCall
from metering.usage import Usage
from schema.money import nanos
from schema.units import MILLION

SALES = "Sales <sales@example.com>"

Run = tuple[str, str | None, str | None, str | None, int | None]
"""Tool, tier, CPU seconds, GPU seconds, and the latency in milliseconds of a tool that tells neither."""

FIRST: tuple[Run, ...] = (
    ("sandbox_execute", "standard", "2.5", None, None),
    ("build_module", "heavy", "10", "20", None),
    ("a-tool-nobody-knows", "ultra", None, None, 1500),
    ("write_module_code", None, "0", None, None),
)
REQUEST: tuple[Run, ...] = (
    ("validate_module", "ultra", "15", None, None),
    ("install_module", "heavy", "10", None, None),
    ("sandbox_execute", None, "1", None, None),
)
LAST: tuple[Run, ...] = (("sandbox_execute", None, "0", None, None),)
TEAM: tuple[Run, ...] = (("build_module", "ultra", "900", "1663", None), ("sandbox_execute", None, "9.3", None, None))
TEAM_LAST: tuple[Run, ...] = (("sandbox_execute", None, "0.8", None, None),)
ENTERPRISE: tuple[Run, ...] = (
    ("a-tool-nobody-knows", "a-tier-nobody-knows", "10000", None, None),
    ("a-tool-nobody-knows", "heavy", "0.12345", None, None),
)


def estimate(meter: Meter, runs: Sequence[Run]) -> Decimal:
    """Run units of a request: those of its tool calls together."""
    calls = [ToolCall(tool, tier, _micros(cpu), _micros(gpu), latency) for tool, tier, cpu, gpu, latency in runs]
    return Decimal(meter.book.run_units.estimate(calls)) / MILLION


def run(meter: Meter, organisation: str, request: str, runs: Sequence[Run]) -> None:
    """Ask whether a request still fits, then record its tool calls."""
    units = estimate(meter, runs)
    exceeds = meter.would_exceed(organisation, {"run_unit": units})
    for number, (tool, tier, cpu, gpu, latency) in enumerate(runs, 1):
        meter.record(
            Usage(
                event_id=f"{request}-{number}",
                account=organisation,
                tool=tool,
                tier=tier,
                cpu_seconds=cpu,
                gpu_seconds=gpu,
                latency_ms=latency,
            )
        )
    decision = meter.check(organisation)
    used = decision.quotas[0]
    limit = "unlimited" if used.limit is None else used.limit
    answer = "may go on" if decision.allowed else decision.code
    print(f"{organisation:<11}  estimate {units}, exceeds: {exceeds}  used {used.used} of {limit}  {answer}")


def main() -> None:
    """Run the day's requests."""
    logging.basicConfig(format="%(levelname)s %(message)s")
    with Meter.open(os.environ["RATECARD_DATABASE_URL"]) as meter:
        meter.accounts.create("observatory", by=SALES)
        meter.subscriptions.start("observatory", "enterprise", by=SALES, fee_nanos=nanos(Decimal(500)))
        run(meter, "garage", "garage-a", FIRST)
        run(meter, "garage", "garage-b", REQUEST)
        run(meter, "garage", "garage-c", LAST)
        run(meter, "forge", "forge-a", TEAM)
        run(meter, "forge", "forge-b", TEAM_LAST)
        run(meter, "observatory", "observatory-a", ENTERPRISE)


def _micros(seconds: str | None) -> int | None:
    return None if seconds is None else int(Decimal(seconds) * MILLION)


if __name__ == "__main__":
    main()
