"""Ask whether an account may make a call now, or have more of what a static limit names; 1 when it may not.

With a model its access, its price and the wallet are judged, too, with a feature what it charges; with units, whether
they fit into what is left.
"""

from __future__ import annotations

import argparse
import json
import sys

from sync.command import EXIT_FINDING, add_common

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
        decision = meter.check(
            arguments.account,
            None,
            arguments.model,
            units=arguments.units,
            task=arguments.task,
            feature=arguments.feature,
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


def _print(arguments: argparse.Namespace, told: dict[str, object], lines: list[str]) -> None:
    if arguments.format == "json":
        print(json.dumps(told, indent=2))
    else:
        sys.stdout.writelines(f"{line}\n" for line in lines)


def _require_one_question(arguments: argparse.Namespace) -> None:
    from sync.errors import UsageError

    call = arguments.model or arguments.units or arguments.task or arguments.feature
    if (arguments.limit is None) != (arguments.current is None) or (arguments.adding and arguments.limit is None):
        raise UsageError("a static limit is asked about by --limit and --current, and --adding for more than one")
    if arguments.limit is not None and call:
        raise UsageError("a static limit is no call: leave the model, --units, --task and --feature out")
    if arguments.show and (call or arguments.limit):
        raise UsageError("--show is about the account alone")


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
