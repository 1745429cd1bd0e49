"""Exchange rates: dated, exact, found either way around."""

from __future__ import annotations

from datetime import UTC, datetime
from fractions import Fraction
from typing import Any

import pytest

from metering.errors import NoExchangeRateError
from metering.meter import Meter
from metering.rating.exchange import ExchangeRates
from tests.metering.rate_card import NOW, apply_rows


def row(base: str, quote: str, month: int, rate: str) -> dict[str, Any]:
    return {
        "base": base,
        "quote": quote,
        "effective": datetime(2026, month, 1, tzinfo=UTC),
        "rate_micros": int(Fraction(rate) * 10**6),
        "source_url": None,
    }


ROWS = [row("USD", "ZAR", 1, "18.50"), row("USD", "ZAR", 6, "18.75"), row("EUR", "USD", 1, "1.10")]
RATES = ExchangeRates.from_rows(ROWS)
MARCH, JULY = datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 7, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("base", "quote", "at", "rate"),
    [
        ("USD", "ZAR", MARCH, Fraction("18.5")),
        ("USD", "ZAR", JULY, Fraction("18.75")),
        ("USD", "ZAR", datetime(2026, 6, 1, tzinfo=UTC), Fraction("18.75")),
        ("ZAR", "USD", MARCH, 1 / Fraction("18.5")),
        ("EUR", "ZAR", MARCH, Fraction("1.1") * Fraction("18.5")),
        ("ZAR", "EUR", JULY, 1 / (Fraction("1.1") * Fraction("18.75"))),
        ("ZAR", "ZAR", MARCH, Fraction(1)),
    ],
)
def test_the_rate_in_force_at_a_moment(base: str, quote: str, at: datetime, rate: Fraction) -> None:
    assert RATES.rate(base, quote, at) == rate


def test_a_pair_kept_both_ways_takes_the_later_entry() -> None:
    rates = ExchangeRates.from_rows([*ROWS, row("ZAR", "USD", 2, "0.05")])
    assert rates.rate("USD", "ZAR", MARCH) == 20
    assert rates.rate("USD", "ZAR", JULY) == Fraction("18.75")


def test_without_a_rate_it_is_said_which_one_is_missing() -> None:
    with pytest.raises(NoExchangeRateError) as caught:
        RATES.rate("GBP", "ZAR", MARCH)
    assert str(caught.value) == "no exchange rate GBP/ZAR is in force at 2026-03-01T00:00:00+00:00"
    with pytest.raises(NoExchangeRateError):
        RATES.rate("USD", "ZAR", datetime(2025, 12, 31, tzinfo=UTC))


def test_the_rate_book_holds_them(meter: Meter, card: Any) -> None:
    apply_rows(card, {"rate": ROWS})
    assert meter.reload().exchange.rate("USD", "ZAR", NOW) == Fraction("18.75")
