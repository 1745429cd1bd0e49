"""Credit: give it, sell a pack, list what an account holds, refund usage or a purchase, give to all accounts once.

Every change has a key, which makes it happen once: the same command again changes nothing.
"""

from __future__ import annotations

import argparse
import json
import sys
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from sync.command import add_common

if TYPE_CHECKING:
    from metering.audit import Actor
    from metering.wallets.service import Wallets

FORMAT_VERSION = 1


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the actions with their arguments."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    one = actions.add_parser("give", help="give an account credit")
    one.add_argument("account", metavar="ACCOUNT")
    _worth(one)
    one.add_argument(
        "--kind", choices=("promo", "signup", "plan", "purchase"), default="promo", help="(default: promo)"
    )
    one.add_argument("--paid", type=_usd, metavar="USD", help="what was paid for it, for a purchase")
    one.add_argument("--starts", type=_moment, metavar="TIME", help="from then on: a date or a UTC time (default: now)")
    _acting(one)
    one = actions.add_parser("buy", help="put a credit pack that was paid for into a wallet")
    one.add_argument("account", metavar="ACCOUNT")
    one.add_argument("pack", metavar="PACK", help="its name in credit_packs")
    one.add_argument(
        "--paid",
        type=_usd,
        metavar="USD",
        help="what it came to in USD (default: its price, at the exchange rate of the moment)",
    )
    one.add_argument("--expires", type=_moment, metavar="TIME", help="a date or a UTC time (default: never)")
    _acting(one)
    one = actions.add_parser("list", help="the grants of an account, in the order in which they burn")
    one.add_argument("account", metavar="ACCOUNT")
    one.add_argument("--unspent", action="store_true", help="only those with something left")
    add_common(one)
    one = actions.add_parser("refund", help="give back what an event is charged, or take back an unspent purchase")
    one.add_argument("account", metavar="ACCOUNT")
    what = one.add_mutually_exclusive_group(required=True)
    what.add_argument("--event", metavar="EVENT", help="the id of the event whose charge goes back to the wallet")
    what.add_argument("--purchase", metavar="KEY", help="the key of the purchase whose credit is taken back")
    one.add_argument("--usd", type=_usd, metavar="USD", help="so much of it (default: all that there is)")
    _acting(one)
    one = actions.add_parser("cohort", help="give every account that exists the same credit, once")
    _worth(one)
    _acting(one)


def run(arguments: argparse.Namespace) -> int:
    """Do what is asked and print."""
    from metering.meter import Meter
    from sync.context import database_url

    with Meter.open(database_url(arguments, None), listen=False) as meter:
        if arguments.action == "list":
            told, lines = _list(arguments, meter.wallets)
        else:
            told, lines = _ACTIONS[arguments.action](arguments, meter.wallets, _actor(arguments))
    if arguments.format == "json":
        print(json.dumps({"format_version": FORMAT_VERSION, **told}, indent=2))
    else:
        sys.stdout.writelines(f"{line}\n" for line in lines)
    return 0


Shown = tuple[dict[str, Any], list[str]]


def _give(arguments: argparse.Namespace, wallets: Wallets, actor: Actor) -> Shown:
    from sync.render.wallet_text import grant_json, grant_line

    given = wallets.grant(
        arguments.account,
        arguments.kind,
        key=arguments.key,
        usd=arguments.usd,
        credits=arguments.credits,
        paid=arguments.paid or 0,
        starts_at=arguments.starts,
        expires_at=arguments.expires,
        priority=arguments.priority,
        note=arguments.reason,
        actor=actor,
    )
    told = {"grant": grant_json(arguments.account, arguments.key, given)}
    return told, [grant_line(arguments.account, arguments.key, given)]


def _buy(arguments: argparse.Namespace, wallets: Wallets, actor: Actor) -> Shown:
    from sync.render.wallet_text import grant_json, grant_line

    bought = wallets.buy(
        arguments.account,
        arguments.pack,
        key=arguments.key,
        paid=arguments.paid,
        expires_at=arguments.expires,
        actor=actor,
    )
    told = {"grant": grant_json(arguments.account, arguments.key, bought)}
    return told, [grant_line(arguments.account, arguments.key, bought)]


def _refund(arguments: argparse.Namespace, wallets: Wallets, actor: Actor) -> Shown:
    from sync.render import wallet_text

    account, key = arguments.account, arguments.key
    if arguments.event is not None:
        done = wallets.refund_usage(
            account, arguments.event, key=key, usd=arguments.usd, note=arguments.reason, actor=actor
        )
        told = {"refund": wallet_text.adjustment_json(account, arguments.event, done)}
        return told, [wallet_text.adjustment_line(account, arguments.event, done)]
    taken = wallets.refund_purchase(
        account, arguments.purchase, key=key, usd=arguments.usd, note=arguments.reason, actor=actor
    )
    told = {"refund": wallet_text.purchase_refund_json(account, key, taken)}
    return told, [wallet_text.purchase_refund_line(account, taken)]


def _cohort(arguments: argparse.Namespace, wallets: Wallets, actor: Actor) -> Shown:
    from sync.render.wallet_text import cohort_json, cohort_line

    given = wallets.cohort(
        arguments.key,
        usd=arguments.usd,
        credits=arguments.credits,
        expires_at=arguments.expires,
        priority=arguments.priority,
        note=arguments.reason,
        actor=actor,
    )
    return {"cohort": cohort_json(given)}, [cohort_line(given)]


def _list(arguments: argparse.Namespace, wallets: Wallets) -> Shown:
    from sync.render.wallet_text import held_json, held_lines

    now = datetime.now(UTC)
    found = wallets.grants(arguments.account, unspent=arguments.unspent)
    told = {"account": arguments.account, "grants": [held_json(one, now) for one in found]}
    return told, list(held_lines(found, now))


_ACTIONS = {"give": _give, "buy": _buy, "refund": _refund, "cohort": _cohort}


def _worth(parser: argparse.ArgumentParser) -> None:
    worth = parser.add_mutually_exclusive_group(required=True)
    worth.add_argument("--usd", type=_usd, metavar="USD", help="the usage it is worth")
    worth.add_argument("--credits", type=int, metavar="N", help="the same in credits, as settings count them")
    parser.add_argument("--expires", type=_moment, metavar="TIME", help="a date or a UTC time (default: never)")
    parser.add_argument("--priority", type=int, metavar="N", help="lower burns first (default: its kind's)")


def _acting(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--key", required=True, metavar="TEXT", help="makes it happen once, such as a payment's id")
    parser.add_argument("--by", metavar="WHO", help="who does it (default: git's identity, else user@host)")
    parser.add_argument("--reason", metavar="TEXT", help="why; kept in the ledger and in the audit log")
    add_common(parser)


def _actor(arguments: argparse.Namespace) -> Actor:
    from metering.audit import Actor
    from sync.context import acting_person

    return Actor(arguments.by or acting_person(), arguments.reason)


def _usd(text: str) -> Decimal:
    from metering.errors import BadGrantError
    from metering.wallets.giving import amount_nanos
    from schema.money import usd

    try:
        return usd(amount_nanos(text))
    except BadGrantError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _moment(text: str) -> datetime:
    from schema.keys import parse_moment

    try:
        return parse_moment(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"'{text}' is not a date such as 2026-01-31 or a UTC time") from None
