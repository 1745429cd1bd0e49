"""A dated price, compiled so that rating is one look-up a unit.

A table maps a unit to its price per stored part. Fallbacks and tiers are resolved when the price is built: a higher
tier inherits the units that it does not name, then units without a rate take that of `schema.units.RATE_FALLBACKS`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from metering.credit_burn import CreditBurn, read_credit_burn
from schema.keys import moment_text
from schema.money import NANO, PICO_PER_NANO
from schema.units import DECIMAL_UNITS, MILLION, RATE_FALLBACKS, UNITS

Table = dict[str, int]
Tiers = tuple[tuple[int, Table], ...]

RATE_DIVISOR = PICO_PER_NANO * MILLION
"""From a sum of parts x table to nano-USD: tables hold pico-USD per millionth of a unit, times a million."""


@dataclass(frozen=True, slots=True)
class Price:
    """What a model costs and is charged at, from a moment on.

    `costs` and `charges` are for calls whose input is in no tier; `*_above` holds the tiers, highest first. `charges`
    is None when the charge is the cost times a margin; otherwise it is parts x `charges` x `charge_factor` over
    `charge_divisor` nano-USD.
    """

    provider: str
    model: str
    effective: datetime
    in_force_from: datetime
    id: int | None
    key: str
    """As plans name it: `provider/model@date`."""
    rates: dict[str, int]
    """Cost in pico-USD per unit, as the entry names it."""
    tiers: Tiers
    margin_micros: int | None
    plan_margins: dict[str, int]
    charge_rates: dict[str, int] | None
    charge_tiers: Tiers
    credits_micros: int | None
    margin: int
    """`margin_micros`, 0 when the charge is no margin on the cost."""
    costs: Table
    costs_above: Tiers
    charges: Table | None
    charges_above: Tiers
    charge_factor: int
    charge_divisor: int
    tiered: bool

    @classmethod
    def from_row(
        cls, row: Mapping[str, Any], *, credit_burn: Mapping[str, Any] | None, credits_per_dollar: int
    ) -> Price:
        """A price from a row of `prices`.

        `credit_burn` is the setting of that name, `credits_per_dollar` too. A row without `in_force_from` (one that is
        not applied yet) is in force from `effective`.
        """
        return cls.compile(row, read_credit_burn(credit_burn, credits_per_dollar))

    @classmethod
    def compile(cls, row: Mapping[str, Any], burn: CreditBurn) -> Price:
        """As `from_row`, with the settings of credit burn already read."""
        provider, model, effective = row["provider"], row["model"], row["effective"]
        rates = dict(row["rates"])
        tiers = _named_tiers(row["tiers"])
        costs, costs_above = _compile(rates, tiers)
        charge_rates = row["charge_rates"]
        charge_tiers = _named_tiers(row["charge_tiers"] or ())
        credits_micros = row["credits_micros"]
        charges: Table | None = None
        charges_above: Tiers = ()
        factor, divisor = 1, RATE_DIVISOR
        if charge_rates is not None:
            charges, charges_above = _compile(charge_rates, charge_tiers)
        elif credits_micros is not None:
            charges = table(burn.weights)
            factor, divisor = credits_micros * NANO, burn.divisor
        return cls(
            provider=provider,
            model=model,
            effective=effective,
            in_force_from=row.get("in_force_from") or effective,
            id=row.get("id"),
            key=f"{provider}/{model}@{moment_text(effective)}",
            rates=rates,
            tiers=tiers,
            margin_micros=row["margin_micros"],
            plan_margins=dict(row["plan_margins"] or {}),
            charge_rates=None if charge_rates is None else dict(charge_rates),
            charge_tiers=charge_tiers,
            credits_micros=credits_micros,
            margin=row["margin_micros"] or 0,
            costs=costs,
            costs_above=costs_above,
            charges=charges,
            charges_above=charges_above,
            charge_factor=factor,
            charge_divisor=divisor,
            tiered=bool(costs_above or charges_above),
        )


def table(named: Mapping[str, int]) -> Table:
    """The table of rates (or weights) per unit: with fallbacks, and scaled to stored parts times a million."""
    found: Table = {}
    for unit in UNITS:
        for source in (unit, *RATE_FALLBACKS.get(unit, ())):
            if source in named:
                found[unit] = named[source] * (1 if unit in DECIMAL_UNITS else MILLION)
                break
    return found


def _named_tiers(tiers: Sequence[Mapping[str, Any]]) -> Tiers:
    return tuple(sorted((int(tier["from"]), dict(tier["rates"])) for tier in tiers))


def _compile(rates: Mapping[str, int], tiers: Tiers) -> tuple[Table, Tiers]:
    named = dict(rates)
    above = []
    for start, changed in tiers:
        named |= changed
        above.append((start, table(named)))
    return table(rates), tuple(reversed(above))


__all__ = ["RATE_DIVISOR", "Price", "Table", "table"]
