"""What docs/charging.md works out is what is charged."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pytest

from metering.rating.credit_burn import read_credit_burn
from metering.rating.exchange import ExchangeRates
from metering.rating.features import Feature
from metering.rating.rating import exact_amounts, exact_burn, rate, with_feature
from metering.rating.run_units import RunUnits, ToolCall
from schema.money import MICRO, NANO, usd
from schema.units import INPUT_UNITS, RATE_FALLBACKS
from tests.metering.rate_card import make_price, per_million

PAGE = (Path(__file__).parents[3] / "docs" / "charging.md").read_text()
PRICE = make_price(rates=per_million(input="0.80", output="4"), margin_micros=3 * MICRO)
UNITS = {"input": 1_000, "output": 500}
SEARCH = Feature("search", "per_use", 10**10, 1_500_000, {}, True, False)
IMAGES = Feature("images", "per_image", 4 * 10**10, MICRO, {"free": (4 * 10**10, 1_100_000)}, True, True)
BURN = read_credit_burn(None, 10_000)
RUNS = RunUnits.from_rows(
    [{"name": "tier/heavy", "value_micros": 1_500_000}, {"name": "tool/sandbox", "value_micros": 200_000}]
)
AT = datetime(2026, 6, 1, tzinfo=UTC)
RATES = ExchangeRates.from_rows([{"base": "USD", "quote": "ZAR", "effective": AT, "rate_micros": 18_500_000}])


def charge(feature: Feature, units: dict[str, int]) -> Decimal:
    return usd(with_feature(exact_amounts(PRICE, units | {"image": 0}, "free", MICRO)[1], feature, units, "free"))


def credits(units: dict[str, int], multiplier_micros: int) -> Fraction:  # noqa: A001 - what they are called
    return Fraction(*exact_burn(BURN, multiplier_micros, units, MICRO)) * BURN.credits_per_dollar / NANO


WORKED: dict[str, Callable[[], Decimal | Fraction]] = {
    "1,000 input": lambda: usd(rate(PRICE, UNITS, plan=None).cost_nanos),
    "the same with margin": lambda: usd(rate(PRICE, UNITS, plan=None).charge_nanos),
    "and a search": lambda: charge(SEARCH, UNITS),
    "3 images": lambda: usd(with_feature((10**9, 1), IMAGES, {"image": 3}, "free")),
    "500 output": lambda: usd(rate(PRICE, {"output": 500}, plan=None, output_multiplier_micros=1_500_000).cost_nanos),
    "100 input": lambda: credits({"input": 100, "cache_read": 50, "output": 10}, MICRO) * BURN.tokens_per_credit,
    "10,000 output": lambda: credits({"output": 10_000}, 500_000),
    "1 s CPU": lambda: Fraction(RUNS.count(ToolCall("sandbox", "heavy", MICRO, 2 * MICRO)), MICRO),
    "10 USD": lambda: 10 * RATES.rate("USD", "ZAR", AT),
}


def worked_out() -> list[tuple[str, str, str]]:
    table = PAGE.partition("## Worked out")[2].partition("\n## ")[0]
    rows = [line.strip("|").split("|") for line in table.splitlines() if line.startswith("|")]
    return [(case.strip(), formula.strip(), amount.strip()) for case, formula, amount in rows[2:]]


@pytest.mark.parametrize(("case", "formula", "amount"), worked_out())
def test_each_amount_is_the_formulas_and_the_runtimes(case: str, formula: str, amount: str) -> None:
    (found,) = [work for begins, work in WORKED.items() if case.startswith(begins)]
    assert Fraction(found()) == Fraction(amount)
    assert value_of(formula) == Fraction(amount)


def value_of(formula: str) -> Fraction:
    """A formula of the page: numbers, `x`, `/`, `+`, one pair of brackets, or `max`."""
    if "(" in formula:
        before, _, rest = formula.partition("(")
        inner, _, after = rest.partition(")")
        inside = max(map(Fraction, inner.split(","))) if before == "max" else value_of(inner)
        return value_of(f"{inside}{after}")
    total = Fraction(0)
    for term in formula.split(" + "):
        product = Fraction(1)
        operator = "x"
        for word in term.split(" "):
            if word in ("x", "/"):
                operator = word
            else:
                product = product * Fraction(word) if operator == "x" else product / Fraction(word)
        total += product
    return total


def test_fallbacks_and_input_units_are_those_of_the_code() -> None:
    units = PAGE.partition("## Units")[2].partition("\n## ")[0]
    named = {}
    for line in units.splitlines():
        if line.startswith("| `"):
            left, right = line.strip("| ").split(" | ")
            named |= dict.fromkeys(left.replace("`", "").split(", "), right.replace("`", "").removesuffix(" |"))
    assert named.pop("run_unit").startswith("0: ")
    assert named == {unit: ", else ".join(sources) for unit, sources in RATE_FALLBACKS.items()}
    tiers = units.partition("whole input (")[2].partition(")")[0]
    assert tuple(tiers.replace("\n", " ").replace("`", "").split(", ")) == tuple(INPUT_UNITS)
