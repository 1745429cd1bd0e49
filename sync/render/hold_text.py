"""Holds and the receipts that settle them, as JSON and as people read them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from schema.findings import printable
from schema.keys import moment_text
from schema.money import usd_text
from sync.render.table import table_lines

if TYPE_CHECKING:
    from metering.holds.placing import HoldRow
    from metering.receipts import Receipt

COLUMNS = ("id", "status", "amount_usd", "model", "expires_at", "event")
_RIGHT = frozenset({"amount_usd"})


def hold_json(account: str, row: HoldRow) -> dict[str, Any]:
    """A hold; the amount is what it sets aside while it is open."""
    return {
        "id": row.hold_id,
        "account": account,
        "status": row.status,
        "amount_usd": usd_text(row.amount_nanos),
        "provider": row.provider,
        "model": row.model,
        "task": row.task,
        "plan": row.plan,
        "created_at": moment_text(row.created_at),
        "expires_at": moment_text(row.expires_at),
        "settled_at": None if row.settled_at is None else moment_text(row.settled_at),
        "event": row.event_id,
    }


def hold_line(row: HoldRow) -> str:
    """The same in one line."""
    text = f"hold {printable(row.hold_id)}: {usd_text(row.amount_nanos)} USD"
    if row.status == "open":
        return f"{text} set aside until {moment_text(row.expires_at)}"
    return f"{text} is {row.status}" + (f" by event {printable(row.event_id)}" if row.event_id else "")


def hold_lines(rows: Sequence[HoldRow]) -> list[str]:
    """A table of holds."""
    if not rows:
        return ["no holds"]
    cells = [
        (
            row.hold_id,
            row.status,
            usd_text(row.amount_nanos),
            f"{row.provider}/{row.model}",
            moment_text(row.expires_at),
            row.event_id or "",
        )
        for row in rows
    ]
    return list(table_lines(COLUMNS, cells, right=_RIGHT))


def receipt_json(receipt: Receipt) -> dict[str, Any]:
    """What recording the event came to."""
    return {
        "event": receipt.event_id,
        "status": receipt.status,
        "cost_usd": usd_text(receipt.cost_nanos),
        "charge_usd": usd_text(receipt.charge_nanos),
        "balance_usd": usd_text(receipt.balance_nanos),
        "price": receipt.price_key,
        "release": receipt.release.id,
        "commit": receipt.release.commit,
        "duplicate": receipt.duplicate,
    }


def receipt_lines(receipt: Receipt) -> list[str]:
    """The same for reading."""
    known = " (known already)" if receipt.duplicate else ""
    priced = f"priced by {receipt.price_key}, " if receipt.price_key else ""
    money = f"charged {usd_text(receipt.charge_nanos)} USD, balance {usd_text(receipt.balance_nanos)} USD"
    return [
        f"event {printable(receipt.event_id)}{known}: {money}",
        f"  {priced}release {receipt.release.id}, commit {receipt.release.commit[:12]}",
    ]


__all__ = ["hold_json", "hold_line", "hold_lines", "receipt_json", "receipt_lines"]
