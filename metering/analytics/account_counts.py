"""How many accounts began lately, run without a subscription, or have no credit left: what settings decide about."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, func, select

from schema.tables import account_state, accounts, subscriptions


@dataclass(frozen=True, slots=True)
class AccountCounts:
    """Of accounts that are not deleted."""

    began: int
    """Since the moment asked for."""
    without_subscription: int
    without_credit: dict[str, int]
    """By the plan that holds: active accounts whose balance less open holds is zero or below."""


def account_counts(connection: Connection, since: datetime) -> AccountCounts:
    """The counts as they stand; `since` bounds who began lately."""
    account, state = accounts.c, account_state.c
    alive = account.status != "deleted"
    runs = select(subscriptions.c.id).where(
        subscriptions.c.account_id == account.id, subscriptions.c.ended_at.is_(None)
    )
    number = select(func.count()).select_from(accounts)
    began = connection.execute(number.where(alive, account.created_at >= since)).scalar_one()
    without = connection.execute(number.where(alive, ~runs.exists())).scalar_one()
    spent = (
        select(state.plan, func.count())
        .join(accounts, account.id == state.account_id)
        .where(account.status == "active", state.balance_nanos - state.held_nanos <= 0)
        .group_by(state.plan)
        .order_by(state.plan)
    )
    by_plan = {plan: int(found) for plan, found in connection.execute(spent)}
    return AccountCounts(int(began), int(without), by_plan)


__all__ = ["AccountCounts", "account_counts"]
