"""How many accounts run on each plan, with a subscription or by default."""

from __future__ import annotations

from sqlalchemy import Connection, func, select

from schema.tables import account_state, accounts


def accounts_by_plan(connection: Connection) -> dict[str, int]:
    """The accounts that are not deleted, by the plan that holds for them now."""
    query = (
        select(account_state.c.plan, func.count())
        .join(accounts, accounts.c.id == account_state.c.account_id)
        .where(accounts.c.status != "deleted")
        .group_by(account_state.c.plan)
        .order_by(account_state.c.plan)
    )
    return {plan: int(number) for plan, number in connection.execute(query)}


__all__ = ["accounts_by_plan"]
