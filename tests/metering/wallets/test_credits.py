from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from metering.book.settings import read_settings
from metering.wallets.credits import CreditDisplay
from schema.money import Rounding, nanos


@pytest.mark.parametrize(
    ("usd", "precision", "up", "nearest", "down"),
    [
        ("0.0084", 0, "84", "84", "84"),
        ("0.00845", 0, "85", "84", "84"),
        ("0.00855", 0, "86", "86", "85"),
        ("0.008400001", 0, "85", "84", "84"),
        ("0.008499999", 0, "85", "85", "84"),
        ("-0.00845", 0, "-84", "-84", "-85"),
        ("0.008412345", 2, "84.13", "84.12", "84.12"),
        ("0", 2, "0.00", "0.00", "0.00"),
        ("17.5", 0, "175000", "175000", "175000"),
    ],
)
def test_credits_are_rounded_as_settings_say(usd: str, precision: int, up: str, nearest: str, down: str) -> None:
    modes: list[tuple[Rounding, str]] = [("up", up), ("nearest", nearest), ("down", down)]
    for rounding, shown in modes:
        display = CreditDisplay(10_000, "credits", precision, rounding)
        assert str(display.amount(nanos(Decimal(usd)))) == shown


def test_a_credit_may_be_worth_no_whole_number_of_nanos() -> None:
    """Seven credits are a dollar: rounding happens once, of the exact amount."""
    display = CreditDisplay(7, "points", 3, "down")
    assert display.text(nanos(Decimal("1000"))) == "7,000.000 points"
    assert display.amount(nanos(Decimal("0.142857142"))) == Decimal("0.999")


def test_credits_are_named_by_settings() -> None:
    values: dict[str, Any] = {}
    assert CreditDisplay.of(read_settings(values)) == CreditDisplay(10_000, "credits", 0, "up")
    values = {"credits_per_dollar": 100, "credit_display_name": "stars", "display_precision": 1}
    display = CreditDisplay.of(read_settings(values | {"rounding_mode": "down"}))
    assert display.text(nanos(Decimal("12.3456"))) == "1,234.5 stars"
