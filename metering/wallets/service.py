"""Wallets: what people and payments do to the credit of accounts; each change once by its key, audited if wanted."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from metering.accounts.accounts import Balance, account_id, read_balance
from metering.audit import Actor
from metering.book.ratebook import RateBook
from metering.corrections.corrections import Adjustment
from metering.corrections.refunds import PurchaseRefund, refund_purchase, refund_usage
from metering.errors import BadCorrectionError, BadGrantError
from metering.runtime import Runtime
from metering.usage import Quantity
from metering.wallets.credits import CreditDisplay
from metering.wallets.giving import (
    COHORT_KEY,
    Round,
    amount_nanos,
    audit_change,
    buy_pack,
    face_nanos,
    give_grant,
    give_round,
)
from metering.wallets.grants import Terms
from metering.wallets.transactions import HeldGrant, Transaction, read_grants, read_transactions
from metering.wallets.wallet import Grant
from schema.money import usd_text


@dataclass(frozen=True, slots=True)
class Cohort:
    """A grant to all accounts that existed at a moment, each once."""

    key: str
    face_nanos: int
    as_of: datetime
    """When it was first given: younger accounts are no part of it."""
    added: int
    """How many accounts got it this time."""
    accounts: int
    """How many have it."""


class Wallets:
    """Gives, sells, refunds and lists credit. Every method raises UnavailableError when the database is away."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    def grant(
        self,
        account: str,
        kind: str,
        *,
        key: str,
        usd: Quantity | None = None,
        credits: int | None = None,  # noqa: A002 - what customers know them as
        paid: Quantity = 0,
        starts_at: datetime | None = None,
        expires_at: datetime | None = None,
        priority: int | None = None,
        note: str | None = None,
        actor: Actor | None = None,
    ) -> Grant:
        """Give an account credit worth `usd` of usage, or so many `credits`; `paid` is what was paid for it, in USD.

        `kind` is plan, signup, promo or purchase. The same `key` again returns the first grant. An unknown account is
        created when settings say so. Raises BadGrantError, EventConflictError, UnknownAccountError.
        """

        def give(connection: Connection, book: RateBook, now: datetime) -> Grant:
            face = face_nanos(book, usd, credits)
            terms = Terms(kind, face, key, amount_nanos(paid), starts_at, expires_at, priority, note)
            return give_grant(connection, account, terms, book, now=now, actor=actor)

        return self._runtime.change(give)

    def buy(
        self,
        account: str,
        pack: str,
        *,
        key: str,
        paid: Quantity | None = None,
        expires_at: datetime | None = None,
        actor: Actor | None = None,
    ) -> Grant:
        """Put a credit pack that was paid for into a wallet; `paid` is what it came to in USD, if not its price.

        A price in another currency counts at the exchange rate in force now. The same `key` again returns the first
        purchase, also when the pack has another price by then. Raises BadGrantError for a pack that is not sold,
        EventConflictError, UnknownAccountError.
        """
        money = None if paid is None else amount_nanos(paid)
        return self._runtime.change(
            lambda connection, book, now: buy_pack(
                connection,
                account,
                pack,
                book,
                key=key,
                paid_nanos=money,
                expires_at=expires_at,
                now=now,
                actor=actor,
            )
        )

    def cohort(
        self,
        key: str,
        *,
        usd: Quantity | None = None,
        credits: int | None = None,  # noqa: A002 - what customers know them as
        kind: str = "promo",
        expires_at: datetime | None = None,
        priority: int | None = None,
        note: str | None = None,
        actor: Actor | None = None,
    ) -> Cohort:
        """Give every account that exists now the same credit, once; suspended accounts too, banned and deleted not.

        Accounts are served in rounds, each in a transaction of its own. The same key again goes on where it was
        interrupted: accounts that are younger than its first grant get nothing. Raises BadGrantError,
        EventConflictError.
        """
        if not key.strip():
            raise BadGrantError("a cohort needs a key, which makes it happen once")
        last: int | None = 0
        added = 0
        while True:

            def give(connection: Connection, book: RateBook, now: datetime, after: int = last or 0) -> Round:
                terms = Terms(
                    kind,
                    face_nanos(book, usd, credits),
                    f"{COHORT_KEY}{key}",
                    expires_at=expires_at,
                    priority=priority,
                    note=note,
                )
                return give_round(connection, terms, after=after, now=now, actor=actor)

            done = self._runtime.change(give)
            added += done.added
            last = done.last
            if last is None:
                return Cohort(key, done.face_nanos, done.as_of, added, done.accounts)

    def refund_usage(
        self,
        account: str,
        event_id: str,
        *,
        key: str,
        usd: Quantity | None = None,
        note: str | None = None,
        actor: Actor | None = None,
    ) -> Adjustment:
        """Give back what an event is charged, or `usd` of it, to the grants that it burned.

        The same key again returns the first refund. Raises BadCorrectionError, EventConflictError,
        UnknownAccountError.
        """
        asked = None if usd is None else amount_nanos(usd, BadCorrectionError)

        def refund(connection: Connection, book: RateBook, now: datetime) -> Adjustment:
            number = account_id(connection, account)
            done = refund_usage(
                connection, number, event_id, key=key, amount_nanos=asked, book=book, now=now, note=note
            )
            after = {"event": event_id, "key": key, "usd": usd_text(-done.charge_nanos)}
            audit_change(connection, actor, "refund usage", account, now, after, done.repeated)
            return done

        return self._runtime.change(refund)

    def refund_purchase(
        self,
        account: str,
        purchase: str,
        *,
        key: str,
        usd: Quantity | None = None,
        note: str | None = None,
        actor: Actor | None = None,
    ) -> PurchaseRefund:
        """Take back the unspent credit of a purchase (its key), or `usd` of it; tells the money to give back.

        The same key again returns the first refund. Raises BadCorrectionError, EventConflictError,
        UnknownAccountError.
        """
        asked = None if usd is None else amount_nanos(usd, BadCorrectionError)

        def refund(connection: Connection, book: RateBook, now: datetime) -> PurchaseRefund:
            number = account_id(connection, account)
            done = refund_purchase(connection, number, purchase, key=key, amount_nanos=asked, now=now, note=note)
            after = {
                "purchase": purchase,
                "key": key,
                "usd": usd_text(done.credit_nanos),
                "money_usd": usd_text(done.money_nanos),
            }
            audit_change(connection, actor, "refund purchase", account, now, after, done.repeated)
            return done

        return self._runtime.change(refund)

    def balance(self, account: str) -> Balance:
        """What an account has now. Raises UnknownAccountError."""
        now = self._runtime.now()
        return self._runtime.read(lambda connection: read_balance(connection, account, now=now))

    def transactions(
        self, account: str, *, limit: int = 100, before: int | None = None, kind: str | None = None
    ) -> list[Transaction]:
        """Postings, newest first: at most `limit` (1 to 1,000), those before the posting `before`.

        Raises UnknownAccountError.
        """
        return self._runtime.read(
            lambda connection: read_transactions(
                connection, account_id(connection, account), limit=limit, before=before, kind=kind
            )
        )

    def grants(self, account: str, *, unspent: bool = False) -> list[HeldGrant]:
        """Grants in the order in which they burn; with `unspent`, those with something left. Raises
        UnknownAccountError."""
        return self._runtime.read(
            lambda connection: read_grants(connection, account_id(connection, account), unspent=unspent)
        )

    def display(self) -> CreditDisplay:
        """How amounts are shown in credits."""
        return CreditDisplay.of(self._runtime.book(self._runtime.now()).settings)


__all__ = ["Cohort", "Wallets"]
