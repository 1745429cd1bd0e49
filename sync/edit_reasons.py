"""Why somebody edited the configuration in the database, as the audit log keeps it.

`ratecard disable` writes a reason when it switches a model off (or on again); drift shows it beside the edit.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select

from metering.audit import write_row
from schema.keys import moment_text
from schema.tables import audit_log

DISABLE, ENABLE = "disable", "enable"
"""The actions of the audit log that edit the configuration past any release."""


@dataclass(frozen=True, slots=True)
class Reason:
    """Who edited an entity in the database, when and why."""

    by: str
    at: datetime
    text: str

    def as_json(self) -> dict[str, str]:
        """The reason as it stands in `drift --format json`."""
        return {"by": self.by, "at": moment_text(self.at), "reason": self.text}


def write_reason(
    connection: Connection, action: str, key: str, reason: Reason, *, before: dict[str, Any], after: dict[str, Any]
) -> None:
    """Note an edit of the entity `key` in the audit log; `after` names the release that the edit is past."""
    write_row(
        connection,
        at=reason.at,
        actor=reason.by,
        action=action,
        target=key,
        before=before,
        after={**after, "reason": reason.text},
    )


def edit_reasons(connection: Connection, release: int | None) -> dict[str, Reason]:
    """The newest reason for each entity that was edited since a release, by key such as `model openai/gpt-4o`."""
    log = audit_log.c
    query = select(log.target, log.actor, log.at, log.after).where(log.action.in_((DISABLE, ENABLE))).order_by(log.id)
    return {
        target: Reason(actor, at, str(after.get("reason", "")))
        for target, actor, at, after in connection.execute(query)
        if after.get("release") == release
    }


__all__ = ["DISABLE", "ENABLE", "Reason", "edit_reasons", "write_reason"]
