"""From when a price is in force: from its `effective`, but not before the apply that brings it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from schema.keys import split_dated
from sync.changes import Change


def priced_models(in_force: Mapping[str, datetime], now: datetime) -> frozenset[str]:
    """The models that have a price in force, as `provider/model`, from the moments by price."""
    return frozenset(split_dated(name)[0] for name, since in in_force.items() if since <= now)


def arriving(
    changes: Sequence[Change], in_force: Mapping[str, datetime], now: datetime, repriced: Collection[str] | None
) -> dict[str, datetime]:
    """From when each price that a plan brings is in force, when it is applied at `now`.

    From its `effective`; but from `now` at the earliest for a model that already had a price in force, so that nobody
    is billed backwards by accident. `repriced` names the prices for which that was allowed; None allows all. A change
    of words only (source, note) leaves the moment alone.
    """
    priced = priced_models(in_force, now)
    found: dict[str, datetime] = {}
    for change in changes:
        if change.kind != "price" or change.after is None:
            continue
        effective: datetime = change.after["effective"]
        if change.before is not None and not change.moves_money:
            found[change.name] = in_force[change.name]
        elif repriced is None or change.name in repriced or split_dated(change.name)[0] not in priced:
            found[change.name] = effective
        else:
            found[change.name] = max(effective, now)
    return found


__all__ = ["arriving", "priced_models"]
