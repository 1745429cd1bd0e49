"""Exact money: the one place where amounts are converted and rounded.

Rates are whole pico-USD (1e-12) per unit, amounts whole nano-USD (1e-9), multipliers (margins, weights) whole
millionths. Decimals exist only at the edge, where text is read or shown; a binary float never does.
"""

from __future__ import annotations

from decimal import Decimal, Inexact, localcontext
from typing import Literal

PICO = 10**12
NANO = 10**9
MICRO = 10**6
PICO_PER_NANO = 1_000
Rounding = Literal["up", "nearest", "down"]
_MOST_DIGITS = 30


def _whole(value: Decimal, power: int, what: str) -> int:
    if not value.is_finite() or value.adjusted() > _MOST_DIGITS:
        raise ValueError(f"{what} {value} is no amount")
    with localcontext() as context:
        context.prec = 60
        context.traps[Inexact] = True
        try:
            scaled = value.scaleb(power)
            whole = int(scaled)
        except Inexact:
            whole = None
    if whole is None or scaled != whole:
        raise ValueError(f"{what} {plain(value)} has more than {power} decimals")
    return whole


def rate_from_per_million(usd: Decimal) -> int:
    """Pico-USD per unit from USD per million units (at most 6 decimals)."""
    return _whole(usd, 6, "a price per million of")


def rate_from_per_unit(usd: Decimal) -> int:
    """Pico-USD per unit from USD per unit (at most 12 decimals)."""
    return _whole(usd, 12, "a price per unit of")


def nanos(usd: Decimal) -> int:
    """Nano-USD from USD (at most 9 decimals)."""
    return _whole(usd, 9, "an amount of")


def micros(multiplier: Decimal) -> int:
    """Millionths from a multiplier such as a margin (at most 6 decimals)."""
    return _whole(multiplier, 6, "a multiplier of")


def round_half_even(numerator: int, denominator: int) -> int:
    """`numerator / denominator` to the nearest whole, ties to the even one. `denominator` is positive."""
    quotient, remainder = divmod(numerator, denominator)
    twice = remainder * 2
    if twice > denominator or (twice == denominator and quotient & 1):
        return quotient + 1
    return quotient


def whole_of(numerator: int, denominator: int, rounding: Rounding) -> int:
    """`numerator / denominator` to a whole number: `up` to the greater one, `down` to the lesser, `nearest` half even.

    `denominator` is positive.
    """
    if rounding == "nearest":
        return round_half_even(numerator, denominator)
    return -(-numerator // denominator) if rounding == "up" else numerator // denominator


def share_of(part_before: int, part_after: int, whole: int, amount: int) -> int:
    """What the step from `part_before` to `part_after` of `whole` is worth when all of `whole` is worth `amount`.

    The steps telescope: however a whole is cut, its steps sum to `amount` exactly.
    """
    return amount * part_after // whole - amount * part_before // whole


def plain(value: Decimal) -> str:
    """A decimal without exponent and without needless zeros: `0.80` becomes `0.8`, `1E+2` becomes `100`."""
    text = format(value, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in ("", "-0") else text


def scaled(value: int, power: int) -> Decimal:
    """`value` divided by ten to the `power`, exact, with so many decimals."""
    with localcontext() as context:
        context.prec = 60
        return Decimal(value).scaleb(-power)


def usd(amount_nanos: int) -> Decimal:
    """USD from nano-USD, exact."""
    return scaled(amount_nanos, 9)


def usd_text(amount_nanos: int) -> str:
    """USD from nano-USD as a plain decimal string, exact."""
    return plain(usd(amount_nanos))


def per_million_text(rate_pico: int) -> str:
    """USD per million units from pico-USD per unit, as a plain decimal string."""
    return plain(scaled(rate_pico, 6))


def per_unit_text(rate_pico: int) -> str:
    """USD per unit from pico-USD per unit, as a plain decimal string."""
    return plain(scaled(rate_pico, 12))


def multiplier_text(value_micros: int) -> str:
    """A multiplier from millionths, as a plain decimal string."""
    return plain(scaled(value_micros, 6))
