"""What still depends on an entity that a plan removes, among the rows that the plan does not remove.

Documents cannot contradict each other (validation sees to that), but accounts stand outside git: while one is on a
plan, the plan must stay. Routes, prices and settings are looked at too, as the plan would leave them, so that not even
a target that nobody validated takes a model or a plan away from what needs it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, func, or_, select

from schema.keys import Key, split_dated
from schema.tables import CONFIG_TABLES, account_state, accounts, subscriptions
from sync.current import row_name

if TYPE_CHECKING:
    from sync.changes import Change

Found = tuple[str, str, str]
"""Code, key and message, as `sync.unsafe.Unsafe` takes them."""

NAMED = 3
"""How many dependants a message names; the others are counted."""


def find_dependents(connection: Connection, changes: Iterable[Change]) -> Iterator[Found]:
    """Why the removals among `changes` must not be made; nothing when nothing depends on what they remove.

    `MODEL_IN_USE`: a route or a price would be left without its model. `PLAN_IN_USE`: accounts are on the plan, or it
    is the default. Only reads, and only when a model or a plan is removed.
    """
    changes = list(changes)
    models = [change.name for change in changes if change.kind == "model" and change.after is None]
    plans = [change.name for change in changes if change.kind == "plan" and change.after is None]
    if models:
        routes, prices = _left(connection, "route", changes), _left(connection, "price", changes)
        yield from _models(models, routes, prices)
    if plans:
        default = _left(connection, "setting", changes).get("default_plan")
        yield from _plans(connection, plans, None if default is None else default["value"])


def leads_to(route: Mapping[str, Any], model: str) -> bool:
    """Whether a route's row names a model, as a target or as a fallback."""
    return model in route["fallbacks"] or any(target["model"] == model for target in route["targets"])


def _models(
    models: Sequence[str], routes: Mapping[str, Mapping[str, Any]], prices: Mapping[str, Mapping[str, Any]]
) -> Iterator[Found]:
    for model in models:
        users = [str(Key("route", name)) for name, row in routes.items() if leads_to(row, model)]
        users += [str(Key("price", name)) for name in prices if split_dated(name)[0] == model]
        if users:
            verb = "needs" if len(users) == 1 else "need"
            message = (
                f"{_named(sorted(users), len(users))} {verb} it: remove or change what needs it in the same commit"
            )
            yield "MODEL_IN_USE", str(Key("model", model)), message


def _plans(connection: Connection, plans: Sequence[str], default: str | None) -> Iterator[Found]:
    for plan in plans:
        key = str(Key("plan", plan))
        if plan == default:
            yield "PLAN_IN_USE", key, "new accounts start on it: name another default_plan in the settings first"
        count, names = _accounts_on(connection, plan)
        if count:
            what = "1 account is" if count == 1 else f"{count:,} accounts are"
            message = (
                f"{what} on it ({_named(names, count)}): move {'it' if count == 1 else 'them'} to another plan first,"
                " or keep the plan with `active: false`"
            )
            yield "PLAN_IN_USE", key, message


def _accounts_on(connection: Connection, plan: str) -> tuple[int, list[str]]:
    """How many accounts are on a plan, or will be, and the first of their names.

    By their state, by a running subscription, or by one that the plan is to follow.
    """
    account, state, subscription = accounts.c, account_state.c, subscriptions.c
    named = or_(subscription.plan == plan, subscription.next_plan == plan)
    running = select(subscription.account_id).where(subscription.ended_at.is_(None), named)
    on_it = or_(
        account.id.in_(select(state.account_id).where(state.plan == plan)),
        account.id.in_(running),
    )
    left = account.status != "deleted"
    count = connection.execute(select(func.count()).select_from(accounts).where(on_it, left)).scalar_one()
    names = select(account.account).where(on_it, left).order_by(account.account).limit(NAMED)
    return int(count), list(connection.execute(names).scalars()) if count else []


def _left(connection: Connection, kind: str, changes: Iterable[Change]) -> dict[str, Mapping[str, Any]]:
    """The rows of a kind as the changes would leave them, by name."""
    table = CONFIG_TABLES[kind].table
    rows: dict[str, Mapping[str, Any]] = {}
    for row in connection.execute(select(table).where(table.c.retired_release.is_(None))).mappings():
        known = dict(row)
        rows[row_name(kind, known)] = known
    for change in changes:
        if change.kind == kind:
            rows.pop(change.name, None)
            if change.after is not None:
                rows[change.name] = change.after
    return rows


def _named(names: Sequence[str], count: int) -> str:
    shown = list(names[:NAMED])
    return ", ".join(shown) + (f" and {count - len(shown):,} more" if count > len(shown) else "")


__all__ = ["find_dependents", "leads_to"]
