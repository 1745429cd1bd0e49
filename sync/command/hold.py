"""Set credit aside for a call, and settle it: capture what was used, or release it.

The same hold, the same event again changes nothing, so that a script may try again.
"""

from __future__ import annotations

import argparse
import json
import sys
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from sync.command import add_common
from sync.command.check import units_argument

if TYPE_CHECKING:
    from metering.meter import Meter

FORMAT_VERSION = 1
_ENDLESS_MINUTES = 10**6
_MOST = 1_000
Shown = tuple[dict[str, Any], list[str]]


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the actions with their arguments."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    one = actions.add_parser("place", help="set credit aside for the most that a call may come to")
    one.add_argument("account", metavar="ACCOUNT")
    one.add_argument("model", metavar="MODEL", help="PROVIDER/MODEL, or an alias")
    one.add_argument("--input", default="0", metavar="N", help="units of input (default: 0)")
    one.add_argument("--max-output", type=int, metavar="N", help="the largest output (default: the model's)")
    one.add_argument("--units", type=units_argument, metavar="UNIT=N[,UNIT=N…]", help="instead: all that it may count")
    one.add_argument("--task", metavar="TASK", help="the task of the call")
    _charged(one)
    one.add_argument("--id", metavar="ID", help="its id, unique in the account (default: a new one)")
    one.add_argument("--minutes", type=int, default=15, metavar="N", help="how long it lasts (default: 15)")
    add_common(one)
    one = actions.add_parser("capture", help="record what the call used, and give the rest back")
    one.add_argument("account", metavar="ACCOUNT")
    one.add_argument("id", metavar="HOLD")
    one.add_argument("--event", required=True, metavar="ID", help="the event's id, unique in the account")
    one.add_argument("--units", type=units_argument, required=True, metavar="UNIT=N[,UNIT=N…]", help="what was used")
    one.add_argument("--model", metavar="MODEL", help="what answered, when it was another (a fallback)")
    one.add_argument("--task", metavar="TASK", help="the task of the call (default: the hold's)")
    _charged(one)
    one.add_argument("--user", metavar="USER", help="the member who called")
    add_common(one)
    one = actions.add_parser("release", help="give the credit of a call that was not made back")
    one.add_argument("account", metavar="ACCOUNT")
    one.add_argument("id", metavar="HOLD")
    add_common(one)
    one = actions.add_parser("list", help="the holds of an account, newest first")
    one.add_argument("account", metavar="ACCOUNT")
    one.add_argument("--open", action="store_true", help="only those that are not settled")
    one.add_argument("--most", type=int, default=100, metavar="N", help="at most so many (default: 100)")
    add_common(one)


def _charged(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--feature", metavar="FEATURE", help="the feature that the call uses")
    parser.add_argument("--reasoning-level", metavar="LEVEL", help="how hard the model is to think")


def run(arguments: argparse.Namespace) -> int:
    """Do what is asked and print."""
    from metering.meter import Meter
    from sync.context import database_url

    # Without a spool: whoever waits for the answer hears it when the database is away, and tries again.
    with Meter.open(database_url(arguments, None), listen=False, spool="") as meter:
        told, lines = _ACTIONS[arguments.action](arguments, meter)
    if arguments.format == "json":
        print(json.dumps({"format_version": FORMAT_VERSION, **told}, indent=2))
    else:
        sys.stdout.writelines(f"{line}\n" for line in lines)
    return 0


def _place(arguments: argparse.Namespace, meter: Meter) -> Shown:
    from sync.render.hold_text import hold_json, hold_line

    asked = {"units": arguments.units} if arguments.units else {}
    hold = meter.hold(
        arguments.account,
        None,
        arguments.model,
        input=arguments.input,
        max_output=arguments.max_output,
        task=arguments.task,
        feature=arguments.feature,
        reasoning_level=arguments.reasoning_level,
        hold_id=arguments.id,
        # Too long in either way; what is much longer no duration can hold.
        lifetime=timedelta(minutes=max(-1, min(arguments.minutes, _ENDLESS_MINUTES))),
        **asked,
    )
    row = meter.holds.row(arguments.account, hold.hold_id)
    return {"hold": hold_json(arguments.account, row)}, [hold_line(row)]


def _capture(arguments: argparse.Namespace, meter: Meter) -> Shown:
    from metering.receipts import Receipt
    from metering.usage import Usage
    from sync.render.hold_text import hold_json, receipt_json, receipt_lines

    hold = meter.holds.find(arguments.account, arguments.id)
    receipt = hold.capture(
        Usage(
            event_id=arguments.event,
            model=arguments.model,
            units=arguments.units,
            task=arguments.task,
            feature=arguments.feature,
            reasoning_level=arguments.reasoning_level,
            user=arguments.user,
        )
    )
    assert isinstance(receipt, Receipt)  # noqa: S101 - there is no spool
    row = meter.holds.row(arguments.account, arguments.id)
    told = {"hold": hold_json(arguments.account, row), "receipt": receipt_json(receipt)}
    return told, receipt_lines(receipt)


def _release(arguments: argparse.Namespace, meter: Meter) -> Shown:
    from sync.render.hold_text import hold_json, hold_line

    row = meter.holds.release(arguments.account, arguments.id)
    return {"hold": hold_json(arguments.account, row)}, [hold_line(row)]


def _list(arguments: argparse.Namespace, meter: Meter) -> Shown:
    from sync.errors import UsageError
    from sync.render.hold_text import hold_json, hold_lines

    if not 1 <= arguments.most <= _MOST:
        raise UsageError(f"--most is a number from 1 to {_MOST}, not {arguments.most}")
    rows = meter.holds.rows(arguments.account, open_only=arguments.open, limit=arguments.most)
    return {"holds": [hold_json(arguments.account, row) for row in rows]}, hold_lines(rows)


_ACTIONS = {"place": _place, "capture": _capture, "release": _release, "list": _list}
