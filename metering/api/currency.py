"""Amounts in a second currency: the one that is asked for, else that of the setting `currency`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated

from fastapi import Query
from pydantic import Field

from metering.analytics import Converted
from metering.api.fields import Answer
from metering.book.ratebook import RateBook
from metering.errors import NoExchangeRateError
from metering.rating.exchange import USD, exchanged
from schema.money import usd_text

Currency = Annotated[
    str | None,
    Query(
        pattern="^[A-Z]{3}$",
        description="A second currency, ISO 4217; else that of the setting `currency`, if it names one.",
        examples=["ZAR"],
    ),
]
Money = Annotated[str, Field(pattern=r"^-?[0-9]+([.][0-9]{1,9})?$", examples=["0.155733"])]
_UNKNOWN = Field(None, description="Why there are no amounts: no exchange rate is in force. Else null.")


class UsageInCurrency(Answer):
    """The total in a second currency: each event at the exchange rate of its moment, the sum rounded once."""

    currency: str
    charge: Money | None
    cost: Money | None = Field(description="What the provider takes; null for keys that only read.")
    unknown: str | None = _UNKNOWN

    @classmethod
    def of(cls, found: Converted | NoExchangeRateError, currency: str, *, sees_cost: bool) -> UsageInCurrency:
        """Sums as a caller is told them."""
        if isinstance(found, NoExchangeRateError):
            return cls(currency=currency, charge=None, cost=None, unknown=str(found))
        cost = usd_text(found.cost_nanos) if sees_cost else None
        return cls(currency=currency, charge=usd_text(found.charge_nanos), cost=cost)


class WalletInCurrency(Answer):
    """What the account has, in a second currency at the exchange rate in force now."""

    currency: str
    balance: Money | None
    available: Money | None
    held: Money | None
    owed: Money | None
    unknown: str | None = _UNKNOWN

    @classmethod
    def of(
        cls, amounts: Mapping[str, int], book: RateBook, asked: str | None, now: datetime
    ) -> WalletInCurrency | None:
        """Amounts in nano-USD by the names of the fields, as they are told; None when no currency is wanted."""
        currency = asked or book.setting("currency")
        if currency is None or (asked is None and currency == USD):
            return None
        try:
            rate = book.exchange.rate(USD, currency, now)
        except NoExchangeRateError as error:
            return cls(currency=currency, **dict.fromkeys(amounts), unknown=str(error))
        return cls(currency=currency, **{name: usd_text(exchanged(nanos, rate)) for name, nanos in amounts.items()})


__all__ = ["Currency", "UsageInCurrency", "WalletInCurrency"]
