"""How a runtime stands: which rate book it serves, since when it knows that to be the newest, and from where."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from metering.book.entities import Release


@dataclass(frozen=True, slots=True)
class Status:
    """What a runtime serves from at one moment."""

    release: Release
    edits: int
    """Edits of the configuration in the database, past any release (`ratecard disable`)."""
    confirmed_at: datetime
    """When the book was last known to be the newest."""
    age: timedelta
    """How long ago that was. While the database is reached it stays within the runtime's `max_age` of use."""
    away: str | None
    """Why the database could not be reached when the book was last looked after; None when it answered."""
    from_file: bool
    """Whether the book is the one on disk, because the database has not been reached since the start."""
    listening: bool
    """Whether a release is heard of as soon as it lands (PostgreSQL)."""
    serves_until: datetime | None
    """Until when routes and quotes are served without the database, by the policy of this book; None: not at all."""


__all__ = ["Status"]
