"""Who changed what, why, and from where: rows of the audit log, in the transaction of the change itself."""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, insert

from metering.errors import BadEventError
from schema.tables import audit_log

_LONGEST = 1_000
_address: ContextVar[str | None] = ContextVar("address", default=None)


def act_from(address: str | None) -> None:
    """Say from which network address the changes of this request come; None on the machine itself."""
    _address.set(address)


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
    write_row(connection, at=at, actor=actor.by, action=action, target=target, before=before, after=told or None)


def write_row(
    connection: Connection,
    *,
    at: datetime,
    actor: str,
    action: str,
    target: str,
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
) -> None:
    """Write a row with the address that the change comes from."""
    values = {"at": at, "actor": actor, "action": action, "target": target, "before": before, "after": after}
    connection.execute(insert(audit_log).values(**values, address=_address.get()))


__all__ = ["Actor", "act_from", "note", "write_row"]
