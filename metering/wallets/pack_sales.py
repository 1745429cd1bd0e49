"""Credit packs that were bought."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, func, select

from schema.tables import grants

_NOTE = "pack "
"""What `Wallets.buy` begins the note of a purchase with; the name of the pack follows."""


@dataclass(frozen=True, slots=True)
class PackSales:
    """How often a pack was bought, and what was paid for it; refunds are not taken off."""

    pack: str
    sold: int
    paid_nanos: int


def pack_sales(connection: Connection, since: datetime | None = None) -> list[PackSales]:
    """The packs bought from a moment on, or ever, by name. Purchases that name no pack are not among them."""
    grant = grants.c
    query = (
        select(grant.note, func.count(), func.sum(grant.paid_nanos))
        .where(grant.kind == "purchase", grant.note.startswith(_NOTE, autoescape=True))
        .group_by(grant.note)
        .order_by(grant.note)
    )
    if since is not None:
        query = query.where(grant.created_at >= since)
    return [PackSales(note.removeprefix(_NOTE), int(sold), int(paid)) for note, sold, paid in connection.execute(query)]


__all__ = ["PackSales", "pack_sales"]
