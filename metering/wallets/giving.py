"""Giving credit: to one account, as a pack that was paid for, or to all accounts together; audited if wanted.

Nothing here commits. Each change happens once for its key.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from sqlalchemy import Connection, func, select

from metering.accounts.accounts import ensure_accounts
from metering.audit import Actor, note
from metering.book.entities import Pack
from metering.book.ratebook import RateBook
from metering.book.settings import credits_to_nanos
from metering.errors import BadCorrectionError, BadEventError, BadGrantError, NoExchangeRateError, UnknownAccountError
from metering.given import name as given_name
from metering.rating.exchange import USD, exchanged
from metering.usage import Quantity
from metering.wallets.grants import Terms, add_grants
from metering.wallets.wallet import Grant
from schema.findings import did_you_mean
from schema.money import nanos, usd_text
from schema.tables import accounts, grants

COHORT_KEY = "cohort:"
"""What the keys of grants begin with that all accounts got together."""
_CHUNK = 500


def give_grant(
    connection: Connection, account: str, terms: Terms, book: RateBook, *, now: datetime, actor: Actor | None = None
) -> Grant:
    """Give a grant to an account by its name, which is created when settings say so; see `add_grants`."""
    number = ensure_accounts(connection, [account], book.settings, now=now).get(account)
    if number is None:
        raise UnknownAccountError(f"there is no account '{account}'")
    given = add_grants(connection, [number], terms, now=now)
    after = {"kind": terms.kind, "key": terms.key, "usd": usd_text(terms.face_nanos)}
    if terms.paid_nanos:
        after["paid_usd"] = usd_text(terms.paid_nanos)
    audit_change(connection, actor, "grant", account, now, after, not given.added)
    return given.grants[number]


def buy_pack(
    connection: Connection,
    account: str,
    pack: str,
    book: RateBook,
    *,
    key: str,
    now: datetime,
    paid_nanos: int | None = None,
    expires_at: datetime | None = None,
    actor: Actor | None = None,
) -> Grant:
    """Put a pack into a wallet; see `Wallets.buy`."""
    told = f"pack {pack}"
    given_name("account", account, BadEventError)
    given_name("the key of a purchase", key, BadGrantError)
    given_name("the name of a pack", pack, BadGrantError)
    known = _purchase(connection, account, key, told)
    if known is not None:
        return known
    sold = _sold(book, pack)
    face = credits_to_nanos(sold.credits, book.settings.credits_per_dollar)
    paid = _price(sold, book, now) if paid_nanos is None else paid_nanos
    terms = Terms("purchase", face, key, paid, expires_at=expires_at, note=told)
    return give_grant(connection, account, terms, book, now=now, actor=actor)


@dataclass(frozen=True, slots=True)
class Round:
    """Some accounts of a cohort, served in one transaction."""

    face_nanos: int
    as_of: datetime
    """When the cohort's first grant was given."""
    added: int
    accounts: int
    """How many have the grant, when this round was the last one."""
    last: int | None
    """The last account that was served; None when there are no more."""


def give_round(connection: Connection, terms: Terms, *, after: int, now: datetime, actor: Actor | None = None) -> Round:
    """Give a cohort's grant to the next accounts, in the order of their ids."""
    given_name("the key of a cohort", terms.key, BadGrantError)
    grant, table = grants.c, accounts.c
    as_of: datetime | None = connection.execute(
        select(func.min(grant.created_at, type_=grant.created_at.type)).where(grant.idempotency_key == terms.key)
    ).scalar_one()
    if as_of is None:
        as_of = now
        audit_change(
            connection,
            actor,
            "grant cohort",
            None,
            now,
            {"key": terms.key.removeprefix(COHORT_KEY), "kind": terms.kind, "usd": usd_text(terms.face_nanos)},
            False,
        )
    query = (
        select(table.id)
        .where(table.id > after, table.created_at <= as_of, table.status.in_(("active", "suspended")))
        .order_by(table.id)
        .limit(_CHUNK)
    )
    ids = list(connection.execute(query).scalars())
    added = len(add_grants(connection, ids, terms, now=now).added)
    if len(ids) == _CHUNK:
        return Round(terms.face_nanos, as_of, added, 0, ids[-1])
    have = connection.execute(select(func.count()).where(grant.idempotency_key == terms.key)).scalar_one()
    return Round(terms.face_nanos, as_of, added, int(have), None)


def face_nanos(book: RateBook, usd: Quantity | None, credits: int | None) -> int:  # noqa: A002
    """What a grant of USD, or of credits, is worth in nano-USD. Raises BadGrantError unless one of the two is given."""
    if (usd is None) == (credits is None):
        raise BadGrantError("a grant is worth either USD or credits: give one of the two")
    if credits is None:
        return amount_nanos(usd)
    if isinstance(credits, bool) or not isinstance(credits, int):
        raise BadGrantError(f"{credits!r} is no whole number of credits")
    return credits_to_nanos(credits, book.settings.credits_per_dollar)


def amount_nanos(amount: Quantity | None, fault: type[BadGrantError] | type[BadCorrectionError] = BadGrantError) -> int:
    """Nano-USD of an amount in USD; raises `fault` when it is no amount, or a binary float."""
    if isinstance(amount, float):
        raise fault(f"an amount of {amount!r} is a binary float; give an int, a Decimal or text")
    try:
        return nanos(Decimal(amount or 0))
    except InvalidOperation:
        raise fault(f"an amount of {amount!r} is no number") from None
    except ValueError as error:
        raise fault(str(error)) from None


def _sold(book: RateBook, name: str) -> Pack:
    pack = book.packs.get(name)
    if pack is None:
        raise BadGrantError(f"there is no pack '{name}'{did_you_mean(name, book.packs)}")
    if not pack.active:
        raise BadGrantError(f"the pack '{name}' is not sold any more")
    return pack


def _price(pack: Pack, book: RateBook, at: datetime) -> int:
    """What a pack costs in nano-USD, by the exchange rate in force at a moment, rounded once. Raises BadGrantError."""
    try:
        rate = book.exchange.rate(pack.currency, USD, at)
    except NoExchangeRateError as error:
        raise BadGrantError(
            f"the pack '{pack.name}' is priced in {pack.currency}, and {error}: "
            f"add one to exchange_rates.yaml, or say what was paid for it in {USD}"
        ) from None
    return exchanged(pack.price_nanos, rate)


def _purchase(connection: Connection, account: str, key: str, told: str) -> Grant | None:
    """The purchase of the same pack that was made with the same key."""
    grant, table = grants.c, accounts.c
    columns = [grant[name] for name in Grant.__slots__]
    query = (
        select(*columns)
        .join(accounts, table.id == grant.account_id)
        .where(table.account == account, grant.idempotency_key == key, grant.kind == "purchase", grant.note == told)
    )
    found = connection.execute(query).first()
    return None if found is None else Grant(*found)


def audit_change(
    connection: Connection,
    actor: Actor | None,
    action: str,
    account: str | None,
    now: datetime,
    after: dict[str, Any],
    repeated: bool,
) -> None:
    """Note who changed an account (None: all of them), unless nobody is named or nothing was changed this time."""
    if actor is not None and not repeated:
        target = "accounts" if account is None else f"account {account}"
        note(connection, actor, action, target, at=now, after=after)


__all__ = [
    "COHORT_KEY",
    "Round",
    "amount_nanos",
    "audit_change",
    "buy_pack",
    "face_nanos",
    "give_grant",
    "give_round",
]
