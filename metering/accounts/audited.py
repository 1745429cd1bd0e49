"""What was done about one account: the rows of the audit log that name it, or a key of it, newest first."""

from __future__ import annotations

from sqlalchemy import Connection, select

from metering.accounts.accounts import account_id
from metering.audit_log import AuditEntry
from schema.tables import api_keys, audit_log

_row = audit_log.c


def account_entries(
    connection: Connection, account: str, *, limit: int = 50, before: int | None = None
) -> list[AuditEntry]:
    """At most `limit` entries, those older than the entry `before`. Raises UnknownAccountError."""
    number = account_id(connection, account)
    keys = connection.execute(select(api_keys.c.key_id).where(api_keys.c.account_id == number)).scalars()
    named = _row.target.in_([f"account {account}", *(f"key {key}" for key in keys)])
    # Grants of a cohort name no account: they are told by the wallet.
    columns = [_row[name] for name in AuditEntry.__slots__]
    query = select(*columns).where(named).order_by(_row.id.desc()).limit(limit)
    if before is not None:
        query = query.where(_row.id < before)
    return [AuditEntry(*row) for row in connection.execute(query)]


__all__ = ["account_entries"]
