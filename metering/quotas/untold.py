"""How alerts stand that nobody was told of yet."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, func, select

from schema.tables import alerts

GIVEN_UP_FOR = timedelta(days=7)
"""For how long an alert that was given up is worth a word."""


@dataclass(frozen=True, slots=True)
class Untold:
    """Alerts that nobody was told of."""

    waiting: int
    failed: int
    """Those of the waiting that were tried in vain."""
    oldest: datetime | None
    """When the first of the waiting arose."""
    given_up: int
    """Given up, of those that arose in the last week."""


def untold_alerts(connection: Connection, now: datetime) -> Untold:
    """How they stand at a moment."""
    table = alerts.c
    waiting = select(func.count(), func.count(table.fault), func.min(table.created_at)).where(table.try_at.is_not(None))
    number, failed, oldest = connection.execute(waiting).one()
    recent = (table.told_at.is_(None), table.try_at.is_(None), table.created_at >= now - GIVEN_UP_FOR)
    given_up = connection.execute(select(func.count()).select_from(alerts).where(*recent)).scalar_one()
    return Untold(number, failed, oldest, given_up)


__all__ = ["GIVEN_UP_FOR", "Untold", "untold_alerts"]
