"""Show which model serves a task: the one that the runtime would call, for a key or drawn by the weights."""

from __future__ import annotations

import argparse
import json
import sys

from sync.command import EXIT_FINDING, add_common


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("provider", metavar="PROVIDER", help="whose routing table")
    parser.add_argument("task", metavar="TASK", nargs="?", help="the task (default: the line _default)")
    parser.add_argument(
        "--key", metavar="K", help="what keeps a caller on one side of a split, such as a user (default: drawn anew)"
    )
    parser.add_argument(
        "--explain",
        action="store_true",
        help="show the line that matches, the split, the key's place, prices, fallbacks",
    )
    add_common(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print the model; 1 when it may not be called."""
    from secrets import token_hex

    from metering.meter import Meter
    from sync.context import database_url
    from sync.render.route_text import route_json, route_lines
    from sync.render.style import Style

    key = token_hex(16) if arguments.key is None else arguments.key
    with Meter.open(database_url(arguments, None), listen=False) as meter:
        found = meter.explain_route(arguments.provider, arguments.task, key=key)
        status = meter.status
    refusal = found.chosen.refusal
    drawn = arguments.key is None
    if arguments.format == "json":
        print(json.dumps(route_json(found, status, drawn=drawn), indent=2))
    elif arguments.explain:
        sys.stdout.writelines(f"{line}\n" for line in route_lines(found, status, Style.of_terminal(), drawn=drawn))
    elif refusal is None:
        print(found.chosen.model)
    if refusal is not None:
        print(f"ratecard: {refusal} [{refusal.code}]", file=sys.stderr)
        return EXIT_FINDING
    return 0
