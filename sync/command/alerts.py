"""List the quotas that were reached (80, 95 and 100 %), and tell them to the webhook that settings name.

`send` tells what is due, each alert once, and tries again later what the webhook did not take: run it from a scheduler,
once a minute.
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
    """Declare the actions with their arguments."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    one = actions.add_parser("list", help="alerts, the newest first")
    one.add_argument("account", nargs="?", metavar="ACCOUNT", help="only of this account")
    one.add_argument("--waiting", action="store_true", help="only those that are still to be told")
    one.add_argument("--limit", type=_count, default=100, metavar="N", help="at most so many (default: 100)")
    add_common(one)
    one = actions.add_parser("send", help="tell what is due")
    one.add_argument("--limit", type=_count, default=100, metavar="N", help="at most so many (default: 100)")
    add_common(one)


def run(arguments: argparse.Namespace) -> int:
    """List or tell, and print; 1 when the webhook did not take all."""
    from metering.meter import Meter
    from sync.context import database_url
    from sync.render.quota_text import alert_lines, alert_row

    with Meter.open(database_url(arguments, None), listen=False) as meter:
        if arguments.action == "send":
            return _send(arguments, meter)
        found = meter.quotas.alerts(arguments.account, waiting=arguments.waiting, limit=arguments.limit)
    if arguments.format == "json":
        told = {"format_version": FORMAT_VERSION, "alerts": [alert_row(alert) for alert in found]}
        print(json.dumps(told, indent=2))
    else:
        sys.stdout.writelines(f"{line}\n" for line in alert_lines(found))
    return 0


def _send(arguments: argparse.Namespace, meter: Meter) -> int:
    done = meter.quotas.deliver(limit=arguments.limit)
    if arguments.format == "json":
        told = {"told": done.told, "failed": done.failed, "given_up": done.given_up, "fault": done.fault}
        print(json.dumps({"format_version": FORMAT_VERSION, **told}, indent=2))
    else:
        print(f"told {done.told}, failed {done.failed}, given up {done.given_up}")
    if done.fault is not None:
        print(f"ratecard: {done.fault}; see `ratecard alerts list --waiting`", file=sys.stderr)
        return EXIT_FINDING
    return 0


def _count(text: str) -> int:
    if not text.isascii() or not text.isdecimal() or not 1 <= int(text[:9]) <= 10_000:
        raise argparse.ArgumentTypeError(f"'{text}' is not a number from 1 to 10000")
    return int(text)
