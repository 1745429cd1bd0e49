"""When time alone changes something about an account: kept in its state row, so that nobody has to look before.

Whatever adds something that ends (credit, a hold, a trial, a subscription) brings the moment forward;
`metering.subscriptions.renewal` does what is due and sets the next one. Nothing here commits.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection, update

from schema.tables import account_state

LATE = timedelta(days=1)
"""For how long calls that are told late still burn credit that has expired, or that was given already expired."""
NEVER = datetime(9999, 12, 31, tzinfo=UTC)
"""When nothing is due for an account."""


def late(moment: datetime) -> datetime:
    """When calls from before a moment are no longer expected; what never ends is not late before `NEVER`."""
    return NEVER if moment >= NEVER - LATE else moment + LATE


def bring_forward(connection: Connection, account_id: int, moment: datetime) -> None:
    """See to it that an account is renewed at a moment, unless it is earlier."""
    state = account_state.c
    connection.execute(
        update(account_state).where(state.account_id == account_id, state.due_at > moment).values(due_at=moment)
    )


__all__ = ["LATE", "NEVER", "bring_forward", "late"]
