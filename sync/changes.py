"""What differs between two sets of rows: changes of single entities, as frozen data."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from schema.keys import KINDS, Key, moment_text, split_dated
from sync.current import differing_fields, same
from sync.desired import Row, Rows
from sync.presenting import present

Action = Literal["create", "update", "delete"]

MONEY_COLUMNS = (
    "rates",
    "tiers",
    "margin_micros",
    "plan_margins",
    "charge_rates",
    "charge_tiers",
    "credits_micros",
)
"""The columns of a price that decide what is billed; the others are for people."""


@dataclass(frozen=True, slots=True)
class Change:
    """One entity that an apply would create, update or delete; rows as in the database."""

    action: Action
    kind: str
    name: str
    before: Row | None
    after: Row | None
    follows: Row | None = None
    """Of a price that is created: the entry of the same model that it follows on in time, as the database has it."""

    @property
    def key(self) -> str:
        """The entity as people name it: `model anthropic/claude-haiku-4-5`."""
        return str(Key(self.kind, self.name))

    @property
    def followed(self) -> str | None:
        """The effective moment of the entry that a created price follows on, as keys write it."""
        return None if self.follows is None else moment_text(self.follows["effective"])

    @property
    def moves_money(self) -> bool:
        """Whether a price's rates, tiers or charge differ, not only its source or note."""
        if self.before is None or self.after is None:
            return True
        return any(name in MONEY_COLUMNS for name in differing_fields(self.kind, self.before, self.after))

    def as_json(self) -> dict[str, Any]:
        """The change as it stands in `plan --format json`."""
        return {
            "action": self.action,
            "kind": self.kind,
            "key": self.key,
            "before": present(self.kind, self.before),
            "after": present(self.kind, self.after),
        }


def find_changes(current: Rows, desired: Rows) -> Iterator[Change]:
    """The differences between two sets of rows, by kind and name."""
    known = current.get("price", {})
    dated = _by_model(known) if desired.get("price", {}).keys() - known.keys() else {}
    for kind in KINDS:
        before, after = current.get(kind, {}), desired.get(kind, {})
        if before == after and kind not in ("setting", "policy"):
            continue
        for name in sorted(before.keys() | after.keys()):
            old, new = before.get(name), after.get(name)
            if old is None:
                follows = _latest_before(dated.get(split_dated(name)[0], ()), new) if kind == "price" and new else None
                yield Change("create", kind, name, None, new, follows)
            elif new is None:
                yield Change("delete", kind, name, old, None)
            elif not same(kind, old, new):
                yield Change("update", kind, name, old, new)


def _by_model(prices: Mapping[str, Row]) -> dict[str, list[Row]]:
    dated: dict[str, list[Row]] = {}
    for name, row in prices.items():
        dated.setdefault(split_dated(name)[0], []).append(row)
    return dated


def _latest_before(prices: Iterable[Row], created: Row) -> Row | None:
    earlier = [row for row in prices if row["effective"] < created["effective"]]
    return max(earlier, key=lambda row: row["effective"], default=None)


__all__ = ["Action", "Change", "find_changes"]
