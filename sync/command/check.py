"""Ask whether an account may make a call now, or have more of what a static limit names; 1 when it may not.

With a model its access, its price and the wallet are judged, too, with a feature what it charges; with units, whether
they fit into what is left; so do the run units of a tool. --would-exceed asks about the limits alone.
"""

from __future__ import annotations

import argparse
import json
import sys
from typing import TYPE_CHECKING

from sync.command import EXIT_FINDING, add_common

if TYPE_CHECKING:
    from metering.meter import Meter

FORMAT_VERSION = 1


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("account", metavar="ACCOUNT", help="who calls")
    parser.add_argument("model", metavar="MODEL", nargs="?", help="PROVIDER/MODEL, or an alias")
    parser.add_argument(
        "--units", type=units_argument, metavar="UNIT=N[,UNIT=N…]", help="what the call may come to, such as input=4000"
    )
    parser.add_argument("--task", metavar="TASK", help="the task of the call")
    parser.add_argument("--feature", metavar="FEATURE", help="the feature that the call uses, also without a model")
    parser.add_argument("--reasoning-level", metavar="LEVEL", help="how hard the model is to think")
    parser.add_argument("--tool", metavar="TOOL", help="the tool that is called; its run units are judged")
    parser.add_argument("--tier", metavar="TIER", help="with --tool: the tier that it runs on")
    parser.add_argument("--cpu-seconds", metavar="N", help="with --tool: the CPU seconds that it may take")
    parser.add_argument("--gpu-seconds", metavar="N", help="with --tool: the GPU seconds that it may take")
    parser.add_argument("--latency-ms", metavar="N", help="with --tool: how long it may take, without seconds")
    parser.add_argument(
        "--would-exceed",
        action="store_true",
        help="1 when the estimate goes beyond a limit, whatever the plan makes of overage and the wallet holds",
    )
    parser.add_argument("--limit", metavar="NAME", help="a static limit of the plans, such as documents")
    parser.add_argument("--current", metavar="N", help="with --limit: how many there are")
    parser.add_argument("--adding", metavar="N", help="with --limit: how many more are wanted (default: 1)")
    parser.add_argument("--show", action="store_true", help="show how the account stands; refuse nothing")
    add_common(parser)


def run(arguments: argparse.Namespace) -> int:
    """Judge and print."""
    from metering.meter import Meter
    from sync.context import database_url
    from sync.render.quota_text import overview_lines, quota_lines

    _require_one_question(arguments)
    with Meter.open(database_url(arguments, None), listen=False) as meter:
        if arguments.show:
            overview = meter.quotas.state(arguments.account)
            _print(arguments, overview.as_json(), overview_lines(overview))
            return 0
        if arguments.would_exceed:
            return _would_exceed(arguments, meter)
        decision = meter.check(
            arguments.account,
            None,
            arguments.model,
            units=arguments.units,
            task=arguments.task,
            reasoning_level=arguments.reasoning_level,
            feature=arguments.feature,
            tool=arguments.tool,
            tier=arguments.tier,
            cpu_seconds=arguments.cpu_seconds,
            gpu_seconds=arguments.gpu_seconds,
            latency_ms=arguments.latency_ms,
            limit=arguments.limit,
            current=arguments.current,
            adding=arguments.adding or 1,
            # A slip in a name must not open an account.
            create=False,
        )
    _print(arguments, {"format_version": FORMAT_VERSION, **decision.as_json()}, quota_lines(decision.quotas))
    if not decision.allowed:
        print(f"ratecard: {decision.message} [{decision.code}]", file=sys.stderr)
        return EXIT_FINDING
    if arguments.format == "text":
        print(
            f"allowed, as nothing is enforced: {decision.message} [{decision.code}]" if decision.observed else "allowed"
        )
    return 0


def _would_exceed(arguments: argparse.Namespace, meter: Meter) -> int:
    from metering.quotas.checking import tool_call

    tool = tool_call(*_tool(arguments))
    exceeded = meter.quotas.exceeded(arguments.account, arguments.units, tool)
    told = {"account": arguments.account, "would_exceed": bool(exceeded), "exceeded": list(exceeded)}
    line = f"would exceed {', '.join(exceeded)}" if exceeded else "would exceed no limit"
    _print(arguments, {"format_version": FORMAT_VERSION, **told}, [line])
    if not exceeded:
        return 0
    print(f"ratecard: the estimate goes beyond {', '.join(exceeded)}", file=sys.stderr)
    return EXIT_FINDING


def _tool(arguments: argparse.Namespace) -> tuple[str | None, ...]:
    return (
        arguments.tool,
        arguments.tier,
        arguments.cpu_seconds,
        arguments.gpu_seconds,
        arguments.latency_ms,
    )


def _print(arguments: argparse.Namespace, told: dict[str, object], lines: list[str]) -> None:
    if arguments.format == "json":
        print(json.dumps(told, indent=2))
    else:
        sys.stdout.writelines(f"{line}\n" for line in lines)


def _require_one_question(arguments: argparse.Namespace) -> None:
    from sync.errors import UsageError

    tool = any(value is not None for value in _tool(arguments))
    estimate = arguments.units is not None or tool
    told = arguments.task or arguments.feature or arguments.reasoning_level
    call = arguments.model or told or estimate
    if (arguments.limit is None) != (arguments.current is None) or (arguments.adding and arguments.limit is None):
        raise UsageError("a static limit is asked about by --limit and --current, and --adding for more than one")
    if arguments.limit is not None and call:
        raise UsageError("a static limit is no call: leave the model, --units, --task, --feature and --tool out")
    if tool and arguments.tool is None:
        raise UsageError("--tier, --cpu-seconds, --gpu-seconds and --latency-ms are those of a tool: name it by --tool")
    if arguments.show and (call or arguments.limit or arguments.would_exceed):
        raise UsageError("--show is about the account alone")
    alone = not (arguments.model or told or arguments.limit)
    if arguments.would_exceed and not (estimate and alone):
        raise UsageError("--would-exceed takes an estimate, by --units or --tool, and nothing else")


def units_argument(text: str) -> dict[str, str]:
    """Quantities by unit of a call, as `--units` takes them."""
    found: dict[str, str] = {}
    for part in text.split(","):
        unit, equals, quantity = (word.strip() for word in part.partition("="))
        if not unit or not equals or not quantity:
            raise argparse.ArgumentTypeError(f"'{part}' is not of the form UNIT=N, such as input=4000")
        if unit in found:
            raise argparse.ArgumentTypeError(f"'{unit}' is named twice")
        found[unit] = quantity
    return found
