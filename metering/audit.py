"""Who changed something about an account, and why: rows of the audit log, in the transaction of the change itself."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, insert

from metering.errors import BadEventError
from schema.tables import audit_log

_LONGEST = 1_000


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts, and why. Raises BadEventError when that is not one line of printable text."""

    by: str
    reason: str | None = None

    def __post_init__(self) -> None:
        for text in (self.by, self.reason):
            if text is not None and (not text.strip() or not text.isprintable() or len(text) > _LONGEST):
                raise BadEventError("who acts, and why, is one line of printable text")


def note(
    connection: Connection,
    actor: Actor,
    action: str,
    target: str,
    *,
    at: datetime,
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
) -> None:
    """Write a row; `target` names a thing such as `account acct-0001`. The reason stands in `after`."""
    told = dict(after or {}) | ({} if actor.reason is None else {"reason": actor.reason})
    values = {"at": at, "actor": actor.by, "action": action, "target": target, "before": before, "after": told or None}
    connection.execute(insert(audit_log).values(values))


__all__ = ["Actor", "note"]
