"""The second currency of the settings: amounts in it at the rate that was in force at their moment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import streamlit as st
from sqlalchemy import Engine

from dashboard.data import TTL_SECONDS
from metering import analytics
from metering.errors import NoExchangeRateError
from metering.rating.exchange import USD, ExchangeRates
from schema.database import reading
from schema.money import NANO, round_half_even


@dataclass(frozen=True, slots=True)
class SecondCurrency:
    """A currency with its dated rates. Where no rate is in force, there is no amount."""

    name: str
    exchange: ExchangeRates

    def nanos(self, usd_nanos: int, at: datetime) -> int | None:
        """Thousand-millionths of it, at the rate in force at a moment."""
        try:
            rate = self.exchange.rate(USD, self.name, at)
        except NoExchangeRateError:
            return None
        return round_half_even(usd_nanos * rate.numerator, rate.denominator)

    def amounts(self, usd_nanos: Sequence[int | None], moments: Sequence[datetime]) -> list[float | None]:
        """Amounts of moments for a column of a table: floats, for showing only."""
        pairs = zip(usd_nanos, moments, strict=True)
        found = [None if nanos is None else self.nanos(nanos, at) for nanos, at in pairs]
        return [None if nanos is None else nanos / NANO for nanos in found]


@st.cache_data(ttl=TTL_SECONDS, show_spinner=False, max_entries=10)
def second_currency(_engine: Engine, stamp: str) -> SecondCurrency | None:
    """That of the settings, if they name one."""
    with reading(_engine) as connection:
        name, exchange = analytics.second_currency(connection)
    return None if name is None else SecondCurrency(name, exchange)


__all__ = ["SecondCurrency", "second_currency"]
