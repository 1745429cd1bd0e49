"""Do what time has made due: credit of periods, ends of trials and subscriptions, credit and holds that expired.

Recording does it for the account at hand; this is for all the others. Run it from a scheduler, once an hour or oftener;
run again, it changes nothing.
"""

from __future__ import annotations

import argparse
import json
import sys

from sync.command import EXIT_FINDING, add_common

FORMAT_VERSION = 1


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_common(parser)


def run(arguments: argparse.Namespace) -> int:
    """Renew and print; 1 when an account could not be renewed."""
    from metering.meter import Meter
    from schema.money import usd_text
    from sync.context import database_url
    from sync.render.customers_text import renewed_line

    with Meter.open(database_url(arguments, None), listen=False) as meter:
        done = meter.accounts.renew()
    if arguments.format == "json":
        told = {
            "format_version": FORMAT_VERSION,
            "accounts": done.accounts,
            "granted_usd": usd_text(done.granted_nanos),
            "expired_usd": usd_text(done.expired_nanos),
            "trials_ended": done.trials_ended,
            "subscriptions_ended": done.subscriptions_ended,
            "holds_expired": done.holds_expired,
            "failed": done.failed,
        }
        print(json.dumps(told, indent=2))
    else:
        print(renewed_line(done))
    if done.failed:
        many = "1 account" if done.failed == 1 else f"{done.failed:,} accounts"
        print(f"ratecard: {many} could not be renewed; the log says why", file=sys.stderr)
        return EXIT_FINDING
    return 0
