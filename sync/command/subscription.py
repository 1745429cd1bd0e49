"""Subscriptions: start, change, cancel, keep, extend, gift; every change is audited and in force at once.

A dearer plan follows at once; a cheaper one, and a cancellation, when what is paid for has run out.
"""

from __future__ import annotations

import argparse
import json
import sys
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sync.command import add_common

if TYPE_CHECKING:
    from metering.subscriptions.service import Subscriptions
    from metering.subscriptions.subscribing import When
    from metering.subscriptions.subscriptions import Subscription

FORMAT_VERSION = 1


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the actions with their arguments."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    one = _action(actions, "start", "begin a subscription of an account that has none", plan=True)
    one.add_argument("--cycle", default="monthly", choices=("monthly", "annual"), help="(default: monthly)")
    one.add_argument("--trial", action="store_true", help="begin with the plan's trial; an account has one trial")
    one.add_argument("--fee", type=_usd, metavar="USD", help="the fee of a cycle that was agreed (default: the plan's)")
    one.add_argument("--since", type=_moment, metavar="TIME", help="begin in the past: a date or a UTC time")
    for name, told in (
        ("change", "another plan or cycle: a dearer one now, a cheaper one when the cycle ends"),
        ("upgrade", "a plan with a larger fee, now"),
        ("downgrade", "a plan with a smaller fee, when the cycle ends"),
    ):
        one = _action(actions, name, told, plan=True)
        one.add_argument("--cycle", choices=("monthly", "annual"), help="(default: as it is)")
        one.add_argument("--when", choices=("now", "period-end"), help="now, or when what is paid for has run out")
        one.add_argument("--fee", type=_usd, metavar="USD", help="the fee of a cycle that was agreed, now")
    one = _action(actions, "cancel", "end it when what is paid for has run out")
    group = one.add_mutually_exclusive_group()
    group.add_argument("--now", action="store_true", help="end it now")
    group.add_argument("--at", type=_moment, metavar="TIME", help="end it then: a date or a UTC time")
    _action(actions, "keep", "take back a cancellation or a change that has not happened yet")
    one = _action(actions, "extend", "move the end of a trial, a gift or another planned end")
    one.add_argument("--days", type=int, required=True, metavar="N", help="by so many days")
    one = _action(actions, "gift", "a plan without a fee for some months; what is paid for goes on after it", plan=True)
    one.add_argument("--months", type=int, required=True, metavar="N", help="for so many months")
    _action(actions, "past-due", "a fee was not paid: the plan stays, its next credit waits")
    _action(actions, "paid", "the fee that was past due is paid")
    one = actions.add_parser("list", help="the subscriptions that run, or all of one account")
    one.add_argument("account", nargs="?", metavar="ACCOUNT", help="all of this account, oldest first")
    one.add_argument("--plan", metavar="PLAN", help="only of this plan")
    one.add_argument("--status", choices=("trial", "active", "past_due", "cancelled"), help="only of this status")
    add_common(one)


def run(arguments: argparse.Namespace) -> int:
    """Do what is asked and print."""
    from metering.meter import Meter
    from metering.subscriptions.terms import as_json
    from sync.context import database_url
    from sync.errors import UsageError
    from sync.render.customers_text import subscription_line

    if arguments.action == "list" and arguments.account is None and arguments.status == "cancelled":
        raise UsageError("subscriptions that ended are listed by account: name one")
    with Meter.open(database_url(arguments, None), listen=False) as meter:
        if arguments.action == "list":
            return _list(arguments, meter.subscriptions)
        one = _change(arguments, meter.subscriptions)
    if arguments.format == "json":
        told = {"format_version": FORMAT_VERSION, "account": arguments.account, "subscription": as_json(one)}
        print(json.dumps(told, indent=2))
    else:
        print(subscription_line(arguments.account, one))
    return 0


def _action(actions: Any, name: str, told: str, *, plan: bool = False) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = actions.add_parser(name, help=told)
    parser.add_argument("account", metavar="ACCOUNT", help="its name, as calls use it")
    if plan:
        parser.add_argument("plan", metavar="PLAN", help="the plan's slug")
    parser.add_argument("--by", metavar="WHO", help="who does it (default: git's identity, else user@host)")
    parser.add_argument("--reason", metavar="TEXT", help="why; kept in the audit log")
    add_common(parser)
    return parser


def _change(arguments: argparse.Namespace, subscriptions: Subscriptions) -> Subscription:
    from sync.context import acting_person

    action, account = arguments.action, arguments.account
    who = {"by": arguments.by or acting_person(), "reason": arguments.reason}
    if action == "start":
        return subscriptions.start(
            account,
            arguments.plan,
            cycle=arguments.cycle,
            trial=arguments.trial,
            fee_nanos=arguments.fee,
            since=arguments.since,
            **who,
        )
    if action in ("change", "upgrade", "downgrade"):
        usual: dict[str, When | None] = {"change": None, "upgrade": "now", "downgrade": "period_end"}
        whens: dict[str | None, When | None] = {None: usual[action], "now": "now", "period-end": "period_end"}
        return subscriptions.change(
            account,
            arguments.plan,
            cycle=arguments.cycle,
            when=whens[arguments.when],
            only=None if action == "change" else action,
            fee_nanos=arguments.fee,
            **who,
        )
    if action == "cancel":
        when: When | datetime = "now" if arguments.now else arguments.at or "period_end"
        return subscriptions.cancel(account, when=when, **who)
    if action == "extend":
        return subscriptions.extend(account, arguments.days, **who)
    if action == "gift":
        return subscriptions.gift(account, arguments.plan, arguments.months, **who)
    simple = {"keep": subscriptions.keep, "past-due": subscriptions.past_due, "paid": subscriptions.paid}
    return simple[action](account, **who)


def _list(arguments: argparse.Namespace, subscriptions: Subscriptions) -> int:
    from metering.subscriptions.terms import as_json
    from sync.render.customers_text import subscription_lines

    if arguments.account is None:
        found = subscriptions.list(plan=arguments.plan, status=arguments.status)
    else:
        found = [
            (arguments.account, one)
            for one in subscriptions.of(arguments.account)
            if arguments.plan in (None, one.plan) and arguments.status in (None, one.status)
        ]
    rows = [(account, as_json(one)) for account, one in found]
    if arguments.format == "json":
        told = {"format_version": FORMAT_VERSION, "subscriptions": [{"account": name, **row} for name, row in rows]}
        print(json.dumps(told, indent=2))
    else:
        sys.stdout.writelines(f"{line}\n" for line in subscription_lines(rows))
    return 0


def _usd(text: str) -> int:
    from decimal import Decimal, InvalidOperation

    from schema.money import nanos

    try:
        amount = nanos(Decimal(text))
    except InvalidOperation:
        raise argparse.ArgumentTypeError(f"'{text}' is not an amount such as 19.50") from None
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    if not 0 <= amount <= 10**18:
        raise argparse.ArgumentTypeError(f"a fee of {text} is below nothing, or beyond a thousand million")
    return amount


def _moment(text: str) -> datetime:
    from schema.keys import parse_moment

    try:
        return parse_moment(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"'{text}' is not a time such as 2026-01-31 or 2026-01-31T12:00:00Z") from None
