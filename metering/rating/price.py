"""A dated price, compiled so that rating is one look-up a unit.

A table maps a unit to its price per stored part, times a scale that keeps it whole: 1 as long as only whole units are
priced (numbers that fit a machine word are rated faster), else a million. Fallbacks and tiers are resolved when the
price is built: a higher tier inherits the units that it does not name, then units without a rate take that of
`schema.units.RATE_FALLBACKS`. Run units without a rate cost nothing: they are counted for quotas.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from metering.rating.credit_burn import CreditBurn, read_credit_burn
from schema.keys import moment_text
from schema.money import MICRO, NANO, PICO_PER_NANO
from schema.units import MILLION, RATE_FALLBACKS, UNITS, stored_per_unit

Table = dict[str, int]
Tiers = tuple[tuple[int, Table], ...]


@dataclass(frozen=True, slots=True)
class Price:
    """What a model costs and is charged at, from a moment on.

    `costs` and `charges` are for calls whose input is in no tier; `*_above` holds the tiers, highest first. The cost is
    parts x `costs` over `cost_divisor` nano-USD. When the charge is a margin on it, `charges` is None and the charge is
    parts x `costs` x margin over `charge_divisor`; otherwise parts x `charges` x `charge_factor` over `charge_divisor`.
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
    cost_divisor: int
    charges: Table | None
    charges_above: Tiers
    charge_factor: int
    charge_divisor: int
    tiers_from: int | None
    """Calls with no more units than this are in no tier, of cost or charge; None when there is none."""

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
        scale = _scale(rates, *(changed for _, changed in tiers))
        costs, costs_above = _compile(rates, tiers, scale)
        cost_divisor = PICO_PER_NANO * scale
        charge_rates = row["charge_rates"]
        charge_tiers = _named_tiers(row["charge_tiers"] or ())
        credits_micros = row["credits_micros"]
        charges: Table | None = None
        charges_above: Tiers = ()
        factor, divisor = 1, cost_divisor * MICRO
        if charge_rates is not None:
            scale = _scale(charge_rates, *(changed for _, changed in charge_tiers))
            charges, charges_above = _compile(charge_rates, charge_tiers, scale)
            divisor = PICO_PER_NANO * scale
        elif credits_micros is not None:
            charges = table(burn.weights, MILLION)
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
            cost_divisor=cost_divisor,
            charges=charges,
            charges_above=charges_above,
            charge_factor=factor,
            charge_divisor=divisor,
            tiers_from=min((start for start, _ in (*costs_above, *charges_above)), default=None),
        )


def table(named: Mapping[str, int], scale: int) -> Table:
    """The table of rates (or weights) per unit: with fallbacks, per stored part, times `scale`.

    `scale` is a million, or 1 when only whole units are named.
    """
    found: Table = {}
    for unit in UNITS:
        for source in (unit, *RATE_FALLBACKS.get(unit, ())):
            if source in named:
                found[unit] = named[source] * (scale // stored_per_unit(unit))
                break
    # Counted for quotas: what computing took is charged only where a price says so.
    found.setdefault("run_unit", 0)
    return found


def _named_tiers(tiers: Sequence[Mapping[str, Any]]) -> Tiers:
    named = ((int(tier["from"]), dict(tier["rates"])) for tier in tiers)
    return tuple(sorted(named, key=lambda tier: tier[0]))


def _compile(rates: Mapping[str, int], tiers: Tiers, scale: int) -> tuple[Table, Tiers]:
    named = dict(rates)
    above = []
    for start, changed in tiers:
        named |= changed
        above.append((start, table(named, scale)))
    return table(rates, scale), tuple(reversed(above))


def _scale(*named: Mapping[str, int]) -> int:
    return max((stored_per_unit(unit) for rates in named for unit in rates), default=1)


__all__ = ["Price", "Table", "table"]
