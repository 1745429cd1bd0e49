"""Slips: prices that are valid and probably not meant. `accept: [CODE]` beside the entry silences one."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from itertools import pairwise
from operator import attrgetter

from schema.catalogue import Catalogue, Entity
from schema.documents.pricing import Margins, Rates
from schema.findings import Finding
from schema.keys import moment_text, split_dated
from schema.money import plain
from schema.places import Path
from schema.units import MILLION

_TEN = 10
_THOUSAND = 1_000


def check_predecessors(catalogue: Catalogue) -> Iterator[Finding]:
    """THOUSANDFOLD, TENFOLD_CHANGE and CHEAPER_THAN_HALF: each entry against the one before it, by the worst unit."""
    by_model: dict[str, list[Entity]] = {}
    for name, entity in catalogue.of("price").items():
        by_model.setdefault(split_dated(name)[0], []).append(entity)
    for entries in by_model.values():
        if len(entries) > 1:
            entries.sort(key=attrgetter("document.effective"))
            for earlier, later in pairwise(entries):
                yield from _changes(earlier, later)


def _changes(earlier: Entity, later: Entity) -> Iterator[Finding]:
    before, after = earlier.document, later.document
    found: dict[str, tuple[Decimal, str, Finding]] = {}
    for unit, old in _rates(before).items():
        new = _rates(after).get(unit)
        if new is None or new == old or not old:
            continue
        code = _code_of_change(old, new)
        if code is None:
            continue
        size = max(new / old, old / new) if new else Decimal("Infinity")
        if code not in found or size > found[code][0]:
            found[code] = (size, unit, _change_finding(code, unit, before, later))
    # The largest slip of an entry explains the smaller ones.
    for code in ("THOUSANDFOLD", "TENFOLD_CHANGE", "CHEAPER_THAN_HALF"):
        if code in found:
            yield found[code][2]
            return


def _code_of_change(old: Decimal, new: Decimal) -> str | None:
    if new >= old * _THOUSAND or (new and new * _THOUSAND <= old):
        return "THOUSANDFOLD"
    if new >= old * _TEN or (new and new * _TEN <= old):
        return "TENFOLD_CHANGE"
    return "CHEAPER_THAN_HALF" if new * 2 < old else None


def _change_finding(code: str, unit: str, before: Rates, later: Entity) -> Finding:
    after = later.document
    meant = {
        "THOUSANDFOLD": "a price per 1,000 typed as one per million, or the reverse?",
        "TENFOLD_CHANGE": "a slip of the decimal point?",
        "CHEAPER_THAN_HALF": "is it meant to be less than half?",
    }[code]
    since = moment_text(before.effective)  # type: ignore[attr-defined]
    message = f"{unit} goes from {_shown(before, unit)} (since {since}) to {_shown(after, unit)}: {meant}"
    return Finding(code, message, later.place(*_rate_path(after, unit)), "warning")


def check_output(catalogue: Catalogue) -> Iterator[Finding]:
    """OUTPUT_CHEAPER_THAN_INPUT: of models that put out text."""
    for name, entity in catalogue.of("price").items():
        model = catalogue.of("model").get(split_dated(name)[0])
        entry = entity.document
        if model is None or model.document.type != "llm":
            continue
        rates = entry.per_million
        if "output" in rates and "input" in rates and rates["output"] < rates["input"]:
            message = (
                f"output ({plain(rates['output'])}) costs less than input ({plain(rates['input'])}): are they swapped?"
            )
            yield Finding("OUTPUT_CHEAPER_THAN_INPUT", message, entity.place("per_million", "output"), "warning")


def check_margins_below_one(catalogue: Catalogue) -> Iterator[Finding]:
    """MARGIN_BELOW_ONE and CHARGE_BELOW_COST: what is sold below cost."""
    for entity in catalogue.of("price").values():
        entry = entity.document
        if entry.charge is not None:
            yield from _charges_below_cost(entity, entry.charge)
            continue
        if entry.credits is not None:
            continue
        defaults = entity.parent.defaults  # type: ignore[attr-defined]
        margins: Margins | None = entry.margin or (defaults.margin if defaults else None)
        if margins is None:
            continue
        below = [plain(margins.default)] if margins.default < 1 else []
        below += [f"{plain(margin)} for {plan}" for plan, margin in margins.plans.items() if margin < 1]
        if below:
            message = f"a margin of {', '.join(below)} sells below cost"
            place = entity.place("margin") if entry.margin else entity.place()
            yield Finding("MARGIN_BELOW_ONE", message, place, "warning")


def _charges_below_cost(entity: Entity, charge: Rates) -> Iterator[Finding]:
    cost = _rates(entity.document)
    for unit, rate in _rates(charge).items():
        if unit in cost and rate < cost[unit]:
            message = f"{unit} is charged {_shown(charge, unit)} and costs {_shown(entity.document, unit)}"
            yield Finding("CHARGE_BELOW_COST", message, entity.place("charge", *_rate_path(charge, unit)), "warning")
            return


def _rates(rates: Rates) -> dict[str, Decimal]:
    """USD per million units, whichever way they were written."""
    if not rates.per_unit:
        return rates.per_million
    return {**rates.per_million, **{unit: rate * MILLION for unit, rate in rates.per_unit.items()}}


def _rate_path(rates: Rates, unit: str) -> Path:
    return ("per_million" if unit in rates.per_million else "per_unit", unit)


def _shown(rates: Rates, unit: str) -> str:
    if unit in rates.per_million:
        return f"{plain(rates.per_million[unit])} per million"
    return f"{plain(rates.per_unit[unit])} each"
