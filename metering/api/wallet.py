"""The wallet: what the account has, the credit that it burns, and its transactions, newest first."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from fastapi import Query, Request
from pydantic import Field

from metering.accounts.activity import Posting
from metering.api.access import caller_of, router
from metering.api.catalogue import CreditsAnswer
from metering.api.currency import Currency, WalletInCurrency
from metering.api.errors import BadRequestError
from metering.api.fields import Answer, Usd
from metering.api.paging import PAGE, Cursor, Limit, cursor_of, id_of
from metering.errors import BadEventError
from metering.meter import Meter
from metering.wallets.credits import CreditDisplay
from metering.wallets.transactions import HeldGrant
from schema.money import plain, usd_text

routes = router("read", tag="wallet")

Kind = Literal["grant", "debit", "purchase", "refund", "adjustment", "expiry"]


class GrantAnswer(Answer):
    """Credit with something left."""

    key: str
    kind: Literal["plan", "signup", "promo", "purchase"]
    state: str = Field(description="open, pending (it begins later) or expired (and not taken out yet).")
    face_usd: Usd
    paid_usd: Usd
    remaining_usd: Usd
    priority: int
    starts_at: str
    expires_at: str | None

    @classmethod
    def of(cls, grant: HeldGrant, now: datetime) -> GrantAnswer:
        """A grant as it is told."""
        return cls.model_validate(
            {
                "key": grant.key,
                "kind": grant.kind,
                "state": grant.state_at(now),
                "face_usd": usd_text(grant.face_nanos),
                "paid_usd": usd_text(grant.paid_nanos),
                "remaining_usd": usd_text(grant.remaining_nanos),
                "priority": grant.priority,
                "starts_at": grant.starts_at.isoformat(),
                "expires_at": None if grant.expires_at is None else grant.expires_at.isoformat(),
            }
        )


class WalletAnswer(Answer):
    """What the account has now."""

    account: str
    plan: str
    balance_usd: Usd = Field(description="The sum of its transactions; below zero when it owes.")
    available_usd: Usd = Field(description="What can be spent: without open holds and credit that is not open.")
    held_usd: Usd
    owed_usd: Usd
    balance_credits: str
    available_credits: str
    credits: CreditsAnswer
    in_currency: WalletInCurrency | None = Field(description="The same in a second currency; null without one.")
    grants: list[GrantAnswer] = Field(description="In the order in which they burn.")


class TransactionAnswer(Answer):
    """A posting of the ledger; amounts are positive into the wallet."""

    id: str = Field(description="Unique in the account.")
    kind: Kind
    amount_usd: Usd
    amount_credits: str
    balance_usd: Usd = Field(description="Of the account after it.")
    occurred_at: str
    recorded_at: str
    reverses: str | None = Field(description="The transaction that it unwinds, wholly or in part.")

    @classmethod
    def of(cls, posting: Posting, display: CreditDisplay) -> TransactionAnswer:
        """A posting as it is told."""
        one = posting.transaction
        return cls.model_validate(
            {
                "id": one.key,
                "kind": one.kind,
                "amount_usd": usd_text(one.amount_nanos),
                "amount_credits": plain(display.amount(one.amount_nanos)),
                "balance_usd": usd_text(one.balance_nanos),
                "occurred_at": one.occurred_at.isoformat(),
                "recorded_at": one.recorded_at.isoformat(),
                "reverses": posting.reverses,
            }
        )


class TransactionsAnswer(Answer):
    """A page of transactions, newest first."""

    transactions: list[TransactionAnswer]
    next_cursor: str | None = Field(description="Of the next page; null when this one is not full.")


@routes.get("/v1/wallet")
def wallet(request: Request, currency: Currency = None) -> WalletAnswer:
    """What the account has, in USD and in credits, and the grants that have something left."""
    meter: Meter = request.app.state.meter
    account = caller_of(request).account
    balance = meter.balance(account)
    display = meter.wallets.display()
    now: datetime = request.app.state.now()
    amounts = {name: getattr(balance, f"{name}_nanos") for name in ("balance", "available", "held", "owed")}
    return WalletAnswer(
        account=account,
        plan=balance.plan,
        balance_usd=usd_text(balance.balance_nanos),
        available_usd=usd_text(balance.available_nanos),
        held_usd=usd_text(balance.held_nanos),
        owed_usd=usd_text(balance.owed_nanos),
        balance_credits=plain(display.amount(balance.balance_nanos)),
        available_credits=plain(display.amount(balance.available_nanos)),
        credits=CreditsAnswer.of(display),
        in_currency=WalletInCurrency.of(amounts, meter.book, currency, now),
        grants=[GrantAnswer.of(grant, now) for grant in meter.wallets.grants(account, unspent=True)],
    )


@routes.get("/v1/transactions")
def transactions(
    request: Request,
    limit: Limit = PAGE,
    cursor: Cursor = None,
    kind: Annotated[Kind | None, Query(description="Only of this kind.")] = None,
) -> TransactionsAnswer:
    """The postings of the account, newest first, page by page."""
    meter: Meter = request.app.state.meter
    try:
        found = meter.activity.postings(caller_of(request).account, limit=limit, after=id_of(cursor), kind=kind)
    except BadEventError:
        raise BadRequestError("cursor: it is none that was given out") from None
    display = meter.wallets.display()
    return TransactionsAnswer(
        transactions=[TransactionAnswer.of(one, display) for one in found],
        next_cursor=cursor_of(found[-1].transaction.key) if len(found) == limit else None,
    )


__all__ = ["routes"]
