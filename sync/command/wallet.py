"""Wallets: what an account has, and every posting that made it so."""

from __future__ import annotations

import argparse
import json
import sys
from datetime import UTC, datetime

from sync.command import add_common

FORMAT_VERSION = 1


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the actions with their arguments."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    one = actions.add_parser("show", help="balance, what can be spent, and the grants with something left")
    one.add_argument("account", metavar="ACCOUNT")
    add_common(one)
    one = actions.add_parser("transactions", help="postings, newest first")
    one.add_argument("account", metavar="ACCOUNT")
    one.add_argument("--limit", type=int, default=100, metavar="N", help="at most so many, up to 1000 (default: 100)")
    one.add_argument("--before", type=int, metavar="ID", help="only postings older than this one")
    one.add_argument(
        "--kind",
        choices=("grant", "purchase", "debit", "refund", "adjustment", "expiry"),
        help="only postings of this kind",
    )
    add_common(one, "csv")


def run(arguments: argparse.Namespace) -> int:
    """Print what was asked for."""
    return _show(arguments) if arguments.action == "show" else _transactions(arguments)


def _show(arguments: argparse.Namespace) -> int:
    from metering.meter import Meter
    from sync.context import database_url
    from sync.render.wallet_text import balance_json, balance_lines, held_json, held_lines

    with Meter.open(database_url(arguments, None), listen=False) as meter:
        balance = meter.wallets.balance(arguments.account)
        grants = meter.wallets.grants(arguments.account, unspent=True)
        display = meter.wallets.display()
    now = datetime.now(UTC)
    if arguments.format == "json":
        told = {"wallet": balance_json(balance, display), "grants": [held_json(one, now) for one in grants]}
        print(json.dumps({"format_version": FORMAT_VERSION, **told}, indent=2))
    else:
        lines = [*balance_lines(balance, display), *held_lines(grants, now)]
        sys.stdout.writelines(f"{line}\n" for line in lines)
    return 0


def _transactions(arguments: argparse.Namespace) -> int:
    from metering.meter import Meter
    from metering.wallets.transactions import MOST
    from sync.context import database_url
    from sync.errors import UsageError
    from sync.render.table import csv_text
    from sync.render.wallet_text import TRANSACTION_COLUMNS, transaction_json, transaction_lines

    if not 1 <= arguments.limit <= MOST:
        raise UsageError(f"--limit is a number from 1 to {MOST}, not {arguments.limit}")
    with Meter.open(database_url(arguments, None), listen=False) as meter:
        found = meter.wallets.transactions(
            arguments.account, limit=arguments.limit, before=arguments.before, kind=arguments.kind
        )
    rows = [transaction_json(one) for one in found]
    if arguments.format == "json":
        told = {"account": arguments.account, "transactions": rows}
        print(json.dumps({"format_version": FORMAT_VERSION, **told}, indent=2))
    elif arguments.format == "csv":
        cells = [["" if row[name] is None else str(row[name]) for name in TRANSACTION_COLUMNS] for row in rows]
        print(csv_text(TRANSACTION_COLUMNS, cells), end="")
    else:
        sys.stdout.writelines(f"{line}\n" for line in transaction_lines(found))
    return 0
