"""What needs a person: things that the data shows to be wrong or to lose money."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, func, literal_column, or_, select

from metering.analytics.period import Period
from schema.money import multiplier_text, plain, round_half_even, usd
from schema.tables import CONFIG_TABLES, account_state, accounts, usage_adjustments, usage_events

BELOW_COST_DAYS = 30
"""How far back models are looked at for being sold below cost."""


@dataclass(frozen=True, slots=True)
class Attention:
    """One thing that needs a person. `code` is stable."""

    code: str
    message: str
    count: int
    """How many events, accounts or calls it is about."""
    target: str
    """What it is about: provider/model, or an account."""


def attention(connection: Connection, today: date) -> list[Attention]:
    """Everything that needs a person: unpriced events, models sold below cost of late, accounts below zero."""
    return [*_unpriced(connection), *_below_cost(connection, today), *_below_zero(connection)]


def _unpriced(connection: Connection) -> list[Attention]:
    """Events that no price was found for, and that no re-rating has billed since; by model, most first."""
    event, change = usage_events.c, usage_adjustments.c
    billed = select(change.id).where(change.usage_id == event.id, change.price_id.is_not(None)).exists()
    calls = func.count().label("calls")
    query = (
        select(event.provider, event.model, calls)
        # Written out, not bound: only so can SQLite see that the partial index covers it.
        .where(event.status == literal_column("'unpriced'"), ~billed)
        .group_by(event.provider, event.model)
        .order_by(calls.desc(), event.provider, event.model)
    )
    found = []
    for provider, model, count in connection.execute(query):
        model = f"{provider}/{model}"
        message = f"{_calls(count)} of {model} cannot be billed: add a price, then re-rate"
        found.append(Attention("UNPRICED_EVENTS", message, count, model))
    return found


def _below_cost(connection: Connection, today: date) -> list[Attention]:
    """Models whose billable calls were charged less than they cost in the last 30 days; the largest loss first."""
    period = Period.last(BELOW_COST_DAYS, today)
    sums: dict[tuple[str, str], list[int]] = {}
    for provider, model, count, cost, charge in connection.execute(_billable(period)):
        sums[provider, model] = [count, int(cost), int(charge)]
    for provider, model, cost, charge in connection.execute(_billable_changes(period)):
        changed = sums.get((provider, model))
        if changed is not None:
            changed[1] += int(cost)
            changed[2] += int(charge)
    losses = sorted((charge - cost, model, count, cost, charge) for model, (count, cost, charge) in sums.items())
    found = []
    for loss, names, count, cost, charge in losses:
        if loss < 0:
            model = "/".join(names)
            margin = multiplier_text(round_half_even(charge * 1_000, cost) * 1_000)
            message = (
                f"{model} is sold below cost: {_calls(count)} in {BELOW_COST_DAYS} days, cost {_dollars(cost)}, "
                f"charged {_dollars(charge)}, a margin of {margin}"
            )
            found.append(Attention("SOLD_BELOW_COST", message, count, model))
    return found


def _billable(period: Period) -> Select[Any]:
    event = usage_events.c
    start, end = period.bounds()
    query = select(event.provider, event.model, func.count(), func.sum(event.cost_nanos), func.sum(event.charge_nanos))
    query = query.where(event.day >= start, event.day < end, event.status == "priced", _task_is_billable())
    return query.group_by(event.provider, event.model)


def _billable_changes(period: Period) -> Select[Any]:
    event, change = usage_events.c, usage_adjustments.c
    start, end = period.bounds()
    query = select(event.provider, event.model, func.sum(change.cost_nanos), func.sum(change.charge_nanos))
    query = query.select_from(usage_adjustments.join(usage_events, event.id == change.usage_id))
    query = query.where(change.day >= start, change.day < end, event.status == "priced", _task_is_billable())
    return query.group_by(event.provider, event.model)


def _task_is_billable() -> ColumnElement[bool]:
    task = CONFIG_TABLES["task"].table.c
    free = select(task.task).where(task.billable.is_(False), task.retired_release.is_(None))
    return or_(usage_events.c.task.is_(None), usage_events.c.task.not_in(free))


def _below_zero(connection: Connection) -> list[Attention]:
    """Accounts that used more than they have, deepest first."""
    state = account_state.c
    query = (
        select(accounts.c.account, state.balance_nanos)
        .join_from(account_state, accounts, accounts.c.id == state.account_id)
        .where(state.balance_nanos < 0)
        .order_by(state.balance_nanos, accounts.c.account)
    )
    found = connection.execute(query).all()
    if not found:
        return []
    deepest, balance = found[0]
    whole = sum(below for _, below in found)
    if len(found) == 1:
        message = f"account {deepest} is {_dollars(-balance)} below zero"
    else:
        message = (
            f"{len(found):,} accounts are {_dollars(-whole)} below zero in all; the deepest is {deepest} with "
            f"{_dollars(-balance)}"
        )
    return [Attention("BELOW_ZERO", message, len(found), deepest)]


def _calls(count: int) -> str:
    return f"{count:,} call{'s' if count != 1 else ''}"


def _dollars(amount_nanos: int) -> str:
    """USD for reading: to the cent, or to two digits when it is less than one."""
    amount = usd(amount_nanos)
    if amount >= 1 or not amount:
        return f"${amount:,.2f}"
    return f"${plain(Decimal(f'{amount:.2g}'))}"
