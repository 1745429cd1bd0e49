"""Prices against the list prices that Ratecard comes with: a slip shows even where there is no predecessor."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal

from schema.catalogue import Entity
from schema.findings import Finding
from schema.money import plain
from sync.checks.ratios import FOLDS, factor, fold_of, meant, per_million, rate_path, shown
from sync.checks.tree import Tree


def check_list_prices(tree: Tree) -> Iterator[Finding]:
    """FAR_FROM_LIST_PRICE: the price in force and those to come, by the worst unit of each."""
    if not tree.histories:
        return
    # Read when it is needed: the list is a file of its own.
    from sync.feeds.snapshot import find_list_rates

    models = tree.catalogue.of("model")
    for model, history in tree.histories.items():
        registered = models.get(model)
        provider, _, name = model.partition("/")
        listed = find_list_rates(provider, name, registered.document.aliases if registered else ())
        if not listed:
            continue
        standing = tree.standing(model)
        before = len(history) - len(standing)
        for index, entity in enumerate(standing, before):
            yield from _worst_distance(entity, history[index - 1] if index else None, listed)


def _worst_distance(entity: Entity, before: Entity | None, listed: Mapping[str, Decimal]) -> Iterator[Finding]:
    entry = entity.document
    previous = per_million(before.document) if before is not None else {}
    worst: tuple[Decimal, str] | None = None
    for unit, rate in per_million(entry).items():
        price = listed.get(unit)
        if price is None or fold_of(price, rate) is None:
            continue
        # A leap from the predecessor is told by itself.
        if unit in previous and fold_of(previous[unit], rate) in FOLDS:
            continue
        distance = factor(price, rate)
        if worst is None or distance > worst[0]:
            worst = distance, unit
    if worst is not None:
        unit = worst[1]
        price = listed[unit]
        message = (
            f"{unit} is {shown(entry, unit)}, and the list price is {plain(price)} per million:"
            f" {meant(price, per_million(entry)[unit])}"
        )
        yield Finding("FAR_FROM_LIST_PRICE", message, entity.place(*rate_path(entry, unit)), "warning")


__all__ = ["check_list_prices"]
