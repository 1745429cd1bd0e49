"""What a charge was met with, told from the records, so that it can be given back in reverse order: pure, in nano-USD.

A posting names the grants that it burned for all its events together. Which event burned what follows from playing
the debit again: events in the order of their ids, each from the grants that were open when it occurred, in burn order.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, NamedTuple

from metering.wallets.wallet import Grant, burn_order

MetBy = Literal["included", "promotional", "purchased", "owed", "overdraft"]
MET_BY: dict[str, MetBy] = {
    "plan": "included",
    "signup": "promotional",
    "promo": "promotional",
    "purchase": "purchased",
}
"""What the credit of a grant's kind counts as."""


class Part(NamedTuple):
    """A piece of a charge: what met it (a grant, unless it is owed or overdraft), and the posting that took it."""

    met_by: MetBy
    grant_id: int | None
    nanos: int
    posting_id: int


@dataclass(frozen=True, slots=True)
class Burn:
    """How grants met one event of a posting; what it left owed or overdrawn is no part of it."""

    usage_id: int
    occurred_at: datetime
    met: Mapping[str, int]
    """Nano-USD of `included`, `promotional` and `purchased`."""


def play_again(
    events: Iterable[Burn], burned: Iterable[Sequence[int]], grants: Mapping[int, Grant]
) -> dict[int, list[tuple[Grant, int]]]:
    """What each event took of which grant, in the order taken; by the event's id.

    `events` are those of one posting from its first on, in the order of their ids; `burned` is the posting's record.
    What the two record does not fit together is left out: the caller sees that an event's parts do not sum up.
    """
    left: dict[int, int] = {}
    for grant_id, nanos in burned:
        left[grant_id] = left.get(grant_id, 0) + nanos
    ordered = sorted((grants[number] for number in left), key=burn_order)
    taken: dict[int, list[tuple[Grant, int]]] = {}
    for event in events:
        rest = dict(event.met)
        parts = taken.setdefault(event.usage_id, [])
        # A grant whose end was moved since may seem closed: what open ones do not explain, the others must.
        for only_open in (True, False):
            for grant in ordered:
                if only_open and not grant.open_at(event.occurred_at):
                    continue
                kind = MET_BY[grant.kind]
                nanos = min(left[grant.id], rest.get(kind, 0))
                if nanos:
                    left[grant.id] -= nanos
                    rest[kind] -= nanos
                    parts.append((grant, nanos))
    return taken


def unwind(parts: Sequence[Part], nanos: int) -> tuple[list[Part], list[Part]]:
    """Take `nanos` off the end of a charge: the parts that stay, and those taken off, the last first.

    Raises ValueError when the parts come to less.
    """
    kept = list(parts)
    off = []
    while nanos:
        if not kept:
            raise ValueError("more is given back than was taken")
        last = kept.pop()
        some = min(last.nanos, nanos)
        nanos -= some
        off.append(last._replace(nanos=some))
        if some < last.nanos:
            kept.append(last._replace(nanos=last.nanos - some))
    return kept, off


__all__ = ["MET_BY", "Burn", "MetBy", "Part", "play_again", "unwind"]
