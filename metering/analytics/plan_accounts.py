"""How many accounts run on each plan, with a subscription or by default, and how many of them use more than a limit."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from sqlalchemy import Connection, and_, func, select

from metering.quotas.limits import parts_per_unit
from schema.tables import account_state, accounts

_state = account_state.c
_COUNTERS = {
    "tokens_per_month": _state.month_tokens,
    "run_units_per_month": _state.month_run_unit_micros,
    "requests_per_day": _state.day_requests,
}
"""The counters that hold for a while; that of a minute says nothing about a plan."""


def accounts_by_plan(connection: Connection) -> dict[str, int]:
    """The accounts that are not deleted, by the plan that holds for them now."""
    query = (
        select(_state.plan, func.count())
        .join(accounts, accounts.c.id == _state.account_id)
        .where(accounts.c.status != "deleted")
        .group_by(_state.plan)
        .order_by(_state.plan)
    )
    return {plan: int(number) for plan, number in connection.execute(query)}


def accounts_above(connection: Connection, plan: str, limits: Mapping[str, int], now: datetime) -> dict[str, int]:
    """How many accounts of a plan have used more in the running month or day than `limits`, in units, would allow.

    Only quotas that are counted over a month or a day are judged, and only those that some account is above are named.
    """
    today = now.astimezone(UTC).date()
    found = {}
    for name, column in _COUNTERS.items():
        if name not in limits:
            continue
        runs = _state.day == today if name == "requests_per_day" else _state.month == today.replace(day=1)
        above = and_(_state.plan == plan, runs, column > limits[name] * parts_per_unit(name))
        number = connection.execute(select(func.count()).select_from(account_state).where(above)).scalar_one()
        if number:
            found[name] = int(number)
    return found


__all__ = ["accounts_above", "accounts_by_plan"]
