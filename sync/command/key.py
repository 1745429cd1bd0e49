"""API keys: create, list, rotate, revoke. A key is shown once, when it is made; the database keeps its hash."""

from __future__ import annotations

import argparse
import json
import sys
from datetime import UTC, datetime, timedelta
from typing import Any

from sync.command import add_common

FORMAT_VERSION = 1


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the actions with their arguments."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    one = actions.add_parser("create", help="a key of an account, or of administrators")
    owner = one.add_mutually_exclusive_group(required=True)
    owner.add_argument("account", nargs="?", metavar="ACCOUNT", help="whose key it is")
    owner.add_argument("--admin", action="store_true", help="a key of no account, for administration")
    one.add_argument("--scope", choices=("read", "meter"), help="read, or meter to record as well (default: meter)")
    one.add_argument("--name", metavar="TEXT", help="what it is for")
    one.add_argument("--days", type=int, metavar="N", help="valid for so many days (default: until it is revoked)")
    _acting(one)
    one = actions.add_parser("rotate", help="a new key in place of another, which goes on for a while")
    one.add_argument("key_id", metavar="KEY_ID", help="the part between rk_ and the second _")
    one.add_argument("--overlap-hours", type=int, default=24, metavar="N", help="how long it goes on (default: 24)")
    _acting(one)
    one = actions.add_parser("revoke", help="end a key now")
    one.add_argument("key_id", metavar="KEY_ID", help="the part between rk_ and the second _")
    _acting(one)
    one = actions.add_parser("list", help="keys, the newest first")
    one.add_argument("account", nargs="?", metavar="ACCOUNT", help="only of this account")
    one.add_argument("--all", action="store_true", help="also those that expired or were revoked")
    add_common(one)


def run(arguments: argparse.Namespace) -> int:
    """Do what is asked and print."""
    from metering.meter import Meter
    from sync.context import acting_person, database_url
    from sync.render.customers_text import key_lines, new_key_lines

    _check(arguments)
    now = datetime.now(UTC)
    with Meter.open(database_url(arguments, None), listen=False) as meter:
        if arguments.action == "list":
            found = meter.keys.list(account=arguments.account, all_states=arguments.all)
            told: dict[str, Any] = {"keys": [key.as_json(now) for key in found]}
            lines = key_lines(found, now)
        elif arguments.action == "revoke":
            key = meter.keys.revoke(arguments.key_id, by=arguments.by or acting_person(), reason=arguments.reason)
            told, lines = {"key": key.as_json(now)}, iter([f"key {key.key_id} is revoked"])
        else:
            who = {"by": arguments.by or acting_person(), "reason": arguments.reason}
            if arguments.action == "create":
                made = meter.keys.create(
                    "admin" if arguments.admin else arguments.scope or "meter",
                    account=arguments.account,
                    name=arguments.name,
                    expires_at=None if arguments.days is None else now + timedelta(days=arguments.days),
                    **who,
                )
            else:
                made = meter.keys.rotate(arguments.key_id, overlap=timedelta(hours=arguments.overlap_hours), **who)
            told, lines = {"key": made.key.as_json(now), "text": made.text}, new_key_lines(made)
    if arguments.format == "json":
        print(json.dumps({"format_version": FORMAT_VERSION, **told}, indent=2))
    else:
        sys.stdout.writelines(f"{line}\n" for line in lines)
    return 0


def _acting(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--by", metavar="WHO", help="who does it (default: git's identity, else user@host)")
    parser.add_argument("--reason", metavar="TEXT", help="why; kept in the audit log")
    add_common(parser)


def _check(arguments: argparse.Namespace) -> None:
    from sync.errors import UsageError

    if arguments.action == "create" and arguments.admin and arguments.scope:
        raise UsageError("an administrator's key has the scope admin; leave --scope out")
    if arguments.action == "create" and arguments.days is not None and not 1 <= arguments.days <= 36_500:
        raise UsageError("--days is 1 to 36500")
    if arguments.action == "rotate" and not 0 <= arguments.overlap_hours <= 8_760:
        raise UsageError("--overlap-hours is 0 to 8760")
