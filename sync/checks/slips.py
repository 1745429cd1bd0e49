"""Slips: prices that are valid and probably not meant. `accept: [CODE]` beside the entry silences one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from itertools import pairwise

from schema.catalogue import Catalogue, Entity
from schema.documents.pricing import Rates
from schema.findings import Finding
from schema.keys import moment_text, split_dated
from schema.money import plain
from schema.places import Path
from sync.checks.ratios import FOLDS, factor, fold_of, meant, per_million, rate_path, shown
from sync.checks.tree import Tree

_DEAREST_FIRST = (*FOLDS, "CHEAPER_THAN_HALF")


def check_predecessors(tree: Tree) -> Iterator[Finding]:
    """THOUSANDFOLD, HUNDREDFOLD, TENFOLD_CHANGE, CHEAPER_THAN_HALF: each entry against the one before, by its worst
    unit; both what it costs and, where both have one, its list price."""
    for history in tree.histories.values():
        for earlier, later in pairwise(history):
            before, after = earlier.document, later.document
            since = f" (since {moment_text(before.effective)})"
            yield from _worst_change(before, after, later, (), since)
            if before.charge is not None and after.charge is not None:
                yield from _worst_change(before.charge, after.charge, later, ("charge",), since)


def _worst_change(before: Rates, after: Rates, entity: Entity, path: Path, since: str) -> Iterator[Finding]:
    if before.per_million == after.per_million and before.per_unit == after.per_unit:
        return
    old_rates, new_rates = per_million(before), per_million(after)
    found: dict[str, tuple[Decimal, str]] = {}
    for unit, old in old_rates.items():
        new = new_rates.get(unit)
        # Most rates move little, if at all.
        if new is None or not old or (old <= new + new and new < 10 * old):
            continue
        code = fold_of(old, new) or ("CHEAPER_THAN_HALF" if new * 2 < old else None)
        if code is not None:
            size = factor(old, new)
            if code not in found or size > found[code][0]:
                found[code] = size, unit
    # The largest slip of an entry explains the smaller ones.
    for code in _DEAREST_FIRST:
        if code in found:
            unit = found[code][1]
            question = _question(code, old_rates[unit], new_rates[unit])
            what = f"the list price of {unit}" if path else unit
            message = f"{what} goes from {shown(before, unit)}{since} to {shown(after, unit)}: {question}"
            yield Finding(code, message, entity.place(*path, *rate_path(after, unit)), "warning")
            return


def _question(code: str, old: Decimal, new: Decimal) -> str:
    if code in FOLDS:
        return meant(old, new)
    return "is it meant to be less than half?" if new else "is it meant to be free?"


def check_tiers(catalogue: Catalogue) -> Iterator[Finding]:
    """THOUSANDFOLD, HUNDREDFOLD, TENFOLD_CHANGE: a context tier against the rates below it."""
    for entity in catalogue.of("price").values():
        entry = entity.document
        if entry.above_input:
            yield from _tier_slips(entity, entry, ())
        if entry.charge is not None and entry.charge.above_input:
            yield from _tier_slips(entity, entry.charge, ("charge",))


def _tier_slips(entity: Entity, rates: Rates, path: Path) -> Iterator[Finding]:
    below = dict(per_million(rates))
    for index, tier in enumerate(rates.above_input):  # type: ignore[attr-defined]
        for unit, rate in per_million(tier).items():
            base = below.get(unit)
            code = fold_of(base, rate) if base is not None else None
            if base is not None and code is not None:
                message = (
                    f"{unit} above an input of {tier.from_} is {shown(tier, unit)}, below it {plain(base)} per"
                    f" million: {meant(base, rate)}"
                )
                place = entity.place(*path, "above_input", index, *rate_path(tier, unit))
                yield Finding(code, message, place, "warning")
                break
        below.update(per_million(tier))


def check_order(tree: Tree) -> Iterator[Finding]:
    """OUTPUT_CHEAPER_THAN_INPUT and CACHE_DEARER_THAN_INPUT: of models that read and write text."""
    models = tree.catalogue.of("model")
    for name, history in tree.histories.items():
        model = models.get(name)
        if model is None or model.document.type != "llm":
            continue
        for entity in history:
            yield from _out_of_order(entity, entity.document, ())
            if entity.document.charge is not None:
                yield from _out_of_order(entity, entity.document.charge, ("charge",))


def _out_of_order(entity: Entity, entry: Rates, path: Path) -> Iterator[Finding]:
    rates = per_million(entry)
    found = _disorder(rates)
    for code, unit, message in found:
        yield Finding(code, message, entity.place(*path, *rate_path(entry, unit)), "warning")
    for index, tier in enumerate(entry.above_input):  # type: ignore[attr-defined]
        # What is wrong below a tier is mostly wrong in it, and told once.
        if found:
            return
        rates = {**rates, **per_million(tier)}
        found = _disorder(rates)
        for code, _, message in found:
            place = entity.place(*path, "above_input", index)
            yield Finding(code, f"above an input of {tier.from_}, {message}", place, "warning")


def _disorder(rates: Mapping[str, Decimal]) -> list[tuple[str, str, str]]:
    """Codes with the unit and the message of each."""
    price = rates.get("input")
    if price is None:
        return []
    found = []
    output, cached = rates.get("output"), rates.get("cache_read")
    if output is not None and output < price:
        message = f"output ({plain(output)}) costs less than input ({plain(price)}): are they swapped?"
        found.append(("OUTPUT_CHEAPER_THAN_INPUT", "output", message))
    if cached is not None and cached > price:
        message = f"input from a cache ({plain(cached)}) costs more than input ({plain(price)}): are they swapped?"
        found.append(("CACHE_DEARER_THAN_INPUT", "cache_read", message))
    return found


def check_exchange_rates(catalogue: Catalogue) -> Iterator[Finding]:
    """EXCHANGE_RATE_JUMP: a rate that is twice or half of the one before it."""
    pairs: dict[str, list[Entity]] = {}
    for name, entity in catalogue.of("rate").items():
        pairs.setdefault(split_dated(name)[0], []).append(entity)
    for dated in pairs.values():
        dated.sort(key=lambda entity: entity.document.effective)
        for earlier, later in pairwise(dated):
            before, after = earlier.document, later.document
            if factor(before.rate, after.rate) < 2:
                continue
            since = moment_text(before.effective)
            message = f"the rate goes from {plain(before.rate)} (since {since}) to {plain(after.rate)}: turned around?"
            yield Finding("EXCHANGE_RATE_JUMP", message, later.place("rate"), "warning")


__all__ = ["check_exchange_rates", "check_order", "check_predecessors", "check_tiers"]
