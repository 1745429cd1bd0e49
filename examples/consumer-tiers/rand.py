"""The total of a bill in USD and in the second currency: reads what `ratecard usage --format json` prints."""

from __future__ import annotations

import json
import os
import sys
from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction

from metering.meter import Meter
from schema.money import NANO, nanos, round_half_even, usd


def main() -> None:
    """Print cost, charge and revenue in both currencies, at the rate in force."""
    total = json.load(sys.stdin)["total"]
    with Meter.open(os.environ["RATECARD_DATABASE_URL"]) as meter:
        currency = meter.book.setting("currency")
        rate = meter.book.exchange.rate("USD", currency, datetime.now(UTC))
    print(f"1 USD is {Decimal(rate.numerator) / rate.denominator} {currency}")
    for name in ("cost", "charge", "revenue"):
        amount = Fraction(Decimal(total[f"{name}_usd"])) * rate * NANO
        other = usd(round_half_even(amount.numerator, amount.denominator))
        print(f"{name:<8}  USD {usd(nanos(Decimal(total[f'{name}_usd']))):>14}  {currency} {other:>14}")


if __name__ == "__main__":
    main()
