"""Accounts and their users: create, rename, list, show, suspend, unsuspend, ban, delete; every change is audited."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from sync.command import add_common

if TYPE_CHECKING:
    from metering.accounts.service import Accounts

FORMAT_VERSION = 1


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the actions with their arguments."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    one = actions.add_parser("create", help="on the default plan, with its signup grant")
    one.add_argument("account", metavar="ACCOUNT", help="its name, as calls use it")
    one.add_argument("--name", metavar="TEXT", help="the name that people see")
    _acting(one)
    one = actions.add_parser("rename", help="give it the name that people see")
    one.add_argument("account", metavar="ACCOUNT")
    one.add_argument("name", metavar="TEXT", help="the name that people see; an empty one takes it away")
    _acting(one)
    one = actions.add_parser("list", help="accounts by name; without the deleted ones unless --status says so")
    one.add_argument("--search", metavar="TEXT", help="part of a name, or of a user's id, name or address")
    one.add_argument("--status", metavar="STATUS", help="active, suspended, banned or deleted")
    one.add_argument("--plan", metavar="PLAN", help="only accounts on this plan")
    one.add_argument("--after", metavar="ACCOUNT", help="only accounts after this one")
    one.add_argument("--limit", type=int, default=1_000, metavar="N", help="at most so many (default: 1000)")
    add_common(one, "csv")
    one = actions.add_parser("show", help="one account with its subscriptions")
    one.add_argument("account", metavar="ACCOUNT")
    add_common(one)
    for action, told in (
        ("suspend", "refuse its calls; plan and keys stay"),
        ("unsuspend", "let it call again, also after a ban"),
        ("ban", "refuse its calls, end its subscription, revoke its keys"),
    ):
        one = actions.add_parser(action, help=told)
        one.add_argument("accounts", nargs="+", metavar="ACCOUNT", help="several: all of them or none")
        _acting(one)
    one = actions.add_parser("delete", help="close it for good; its people are forgotten, its bill stays")
    one.add_argument("account", metavar="ACCOUNT")
    one.add_argument("--forfeit", action="store_true", help="although purchased credit is left")
    one.add_argument("--yes", action="store_true", help="needed: a deleted account does not come back")
    _acting(one)
    one = actions.add_parser("users", help="list its users, add or remove one")
    one.add_argument("account", metavar="ACCOUNT")
    one.add_argument("--add", metavar="USER", help="make somebody a user")
    one.add_argument("--name", metavar="TEXT", help="with --add: the user's name")
    one.add_argument("--email", metavar="ADDRESS", help="with --add: the user's address")
    one.add_argument("--role", metavar="ROLE", help="with --add: what the user is there (default: member)")
    one.add_argument("--remove", metavar="USER", help="take a user out; name and address are forgotten")
    one.add_argument("--removed", action="store_true", help="list also who left")
    _acting(one, reason=False)


def run(arguments: argparse.Namespace) -> int:
    """Do what is asked and print."""
    from metering.meter import Meter
    from schema.money import usd_text
    from sync.context import database_url
    from sync.errors import UsageError

    if arguments.action == "delete" and not arguments.yes:
        raise UsageError(f"{arguments.account} would be deleted for good; add --yes")
    if arguments.action == "users":
        _check_users(arguments)
    with Meter.open(database_url(arguments, None), listen=False) as meter:
        if arguments.action == "list":
            return _list(arguments, meter.accounts)
        if arguments.action == "users":
            return _users(arguments, meter.accounts)
        if arguments.action != "show":
            _change(arguments, meter.accounts)
        if arguments.action in ("suspend", "unsuspend", "ban"):
            return _statuses(arguments, meter.accounts)
        found = meter.accounts.show(arguments.account).as_json()
        history = []
        if arguments.action == "show":
            found["available_usd"] = usd_text(meter.balance(arguments.account).available_nanos)
            history = list(meter.subscriptions.of(arguments.account))
    from metering.subscriptions.terms import as_json
    from sync.render.customers_text import field_lines, subscription_line

    if arguments.format == "json":
        told: dict[str, Any] = {"format_version": FORMAT_VERSION, "account": found}
        if arguments.action == "show":
            told["subscriptions"] = [as_json(one) for one in history]
        print(json.dumps(told, indent=2))
    else:
        sys.stdout.writelines(f"{line}\n" for line in field_lines(found))
        sys.stdout.writelines(f"{subscription_line(arguments.account, one)}\n" for one in history)
    return 0


def _acting(parser: argparse.ArgumentParser, *, reason: bool = True) -> None:
    parser.add_argument("--by", metavar="WHO", help="who does it (default: git's identity, else user@host)")
    if reason:
        parser.add_argument("--reason", metavar="TEXT", help="why; kept in the audit log")
    add_common(parser)


def _change(arguments: argparse.Namespace, accounts: Accounts) -> None:
    from sync.context import acting_person

    who = {"by": arguments.by or acting_person(), "reason": arguments.reason}
    if arguments.action == "create":
        accounts.create(arguments.account, name=arguments.name, **who)
    elif arguments.action == "rename":
        accounts.rename(arguments.account, arguments.name or None, **who)
    elif arguments.action == "delete":
        accounts.delete(arguments.account, forfeit=arguments.forfeit, **who)
    else:
        actions: dict[str, Callable[..., None]] = {
            "suspend": accounts.suspend,
            "unsuspend": accounts.unsuspend,
            "ban": accounts.ban,
        }
        actions[arguments.action](*arguments.accounts, **who)


def _list(arguments: argparse.Namespace, accounts: Accounts) -> int:
    from sync.render.customers_text import ACCOUNT_COLUMNS, account_lines, cells
    from sync.render.table import csv_text

    found = accounts.list(
        search=arguments.search,
        status=arguments.status,
        plan=arguments.plan,
        after=arguments.after,
        limit=arguments.limit,
    )
    if arguments.format == "json":
        told = {"format_version": FORMAT_VERSION, "accounts": [one.as_json() for one in found]}
        print(json.dumps(told, indent=2))
    elif arguments.format == "csv":
        print(csv_text(ACCOUNT_COLUMNS, [cells(ACCOUNT_COLUMNS, one.as_json()) for one in found]), end="")
    else:
        sys.stdout.writelines(f"{line}\n" for line in account_lines(found))
    return 0


def _statuses(arguments: argparse.Namespace, accounts: Accounts) -> int:
    found = [accounts.show(name) for name in dict.fromkeys(arguments.accounts)]
    if arguments.format == "json":
        told = {"format_version": FORMAT_VERSION, "accounts": [one.as_json() for one in found]}
        print(json.dumps(told, indent=2))
    else:
        sys.stdout.writelines(f"{one.account} is {one.status}\n" for one in found)
    return 0


def _check_users(arguments: argparse.Namespace) -> None:
    from sync.errors import UsageError

    if arguments.add is not None and arguments.remove is not None:
        raise UsageError("--add and --remove are two changes: make them one after the other")
    if arguments.add is None and (arguments.name or arguments.email or arguments.role):
        raise UsageError("--name, --email and --role describe a user that is added: name it with --add")


def _users(arguments: argparse.Namespace, accounts: Accounts) -> int:
    from sync.context import acting_person
    from sync.render.customers_text import member_lines

    if arguments.add is not None:
        accounts.add_user(
            arguments.account,
            arguments.add,
            by=arguments.by or acting_person(),
            name=arguments.name,
            email=arguments.email,
            role=arguments.role or "member",
        )
    if arguments.remove is not None:
        accounts.remove_user(arguments.account, arguments.remove, by=arguments.by or acting_person())
    found = accounts.users(arguments.account, removed=arguments.removed)
    if arguments.format == "json":
        told = {
            "format_version": FORMAT_VERSION,
            "account": arguments.account,
            "users": [one.as_json() for one in found],
        }
        print(json.dumps(told, indent=2))
    else:
        sys.stdout.writelines(f"{line}\n" for line in member_lines(arguments.account, found))
    return 0
