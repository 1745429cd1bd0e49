"""Approvals: named, dated exceptions in the policy file, so that an apply on merge needs no options."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

from sync.desired import Rows
from sync.unsafe import Unsafe


@dataclass(frozen=True, slots=True)
class Approval:
    """What the policy file says under `approvals`."""

    code: str
    key: str | None
    by: str
    until: date
    reason: str

    def covers(self, unsafe: Unsafe, now: datetime) -> bool:
        """Whether it lets an unsafe change pass at a moment; its last day counts to the end, in UTC."""
        named = self.key is None or self.key == unsafe.key
        return self.code == unsafe.code and named and now.date() <= self.until

    def as_json(self) -> dict[str, Any]:
        """As it stands in `plan --format json`."""
        return {"by": self.by, "until": self.until.isoformat(), "reason": self.reason}


def read_approvals(rows: Rows) -> tuple[Approval, ...]:
    """The approvals among the rows of a configuration."""
    row = rows.get("policy", {}).get("approvals")
    return tuple(
        Approval(one["code"], one["key"], one["by"], date.fromisoformat(one["until"]), one["reason"])
        for one in (row["value"] if row is not None else None) or ()
    )


def approve(found: Iterable[Unsafe], approvals: Sequence[Approval], now: datetime) -> Iterator[Unsafe]:
    """What is unsafe, each with the approval that covers it; nothing approves what no option allows."""
    for unsafe in found:
        covering = [approval for approval in approvals if approval.covers(unsafe, now)] if unsafe.option else []
        yield replace(unsafe, approved=covering[0].as_json()) if covering else unsafe


def repriced_by(approvals: Iterable[Approval], now: datetime) -> frozenset[str]:
    """The prices, by name, that an approval of PRICE_IN_EFFECT lets count from before their apply.

    Only approvals that name their price do: one for all would bill backwards whatever comes until its last day.
    """
    return frozenset(
        approval.key.removeprefix("price ")
        for approval in approvals
        if approval.code == "PRICE_IN_EFFECT" and approval.key is not None and now.date() <= approval.until
    )


__all__ = ["Approval", "approve", "read_approvals", "repriced_by"]
