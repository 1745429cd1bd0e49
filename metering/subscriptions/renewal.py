"""Renewal: what time alone changes about accounts, brought up to a moment. Nothing here commits.

The credit of periods that began is granted, trials end, subscriptions end or are followed by the plan that was chosen,
credit and holds that expired are taken out. The state row says when the next of these is due (`due_at`), so that
recording renews an account only then; whatever changes a subscription, or adds what expires, brings `due_at` forward.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, bindparam, select, text, tuple_, update

from metering.book.ratebook import RateBook
from metering.errors import SubscriptionError
from metering.storage import store_for
from metering.subscriptions.due import LATE, NEVER, late
from metering.subscriptions.included import Credit, credit_of, give
from metering.subscriptions.periods import Span, calendar_months, month_of, months
from metering.subscriptions.subscriptions import Subscription, activate, end_at, subscribe, subscriptions_of
from metering.wallets.grants import expire_grants
from schema.tables import account_state, accounts, grants, holds
from schema.tables.accounts import SOMETHING_DUE

_TICK = timedelta(microseconds=1)
_CHUNK = 500
_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Renewed:
    """What a renewal did; amounts in nano-USD."""

    accounts: int = 0
    """For how many something was due."""
    granted_nanos: int = 0
    expired_nanos: int = 0
    trials_ended: int = 0
    subscriptions_ended: int = 0
    holds_expired: int = 0
    failed: int = 0
    """How many accounts could not be renewed; the log says why."""

    def add(self, other: Renewed) -> None:
        """Count what another renewal did as well."""
        for name in self.__slots__:
            setattr(self, name, getattr(self, name) + getattr(other, name))


def renew(connection: Connection, account_ids: Collection[int], book: RateBook, *, now: datetime) -> Renewed:
    """Bring accounts up to a moment; those for which nothing is due are left alone, so that it can be repeated.

    Their state rows are locked, in the order of their ids; who holds states from before must lock them again.
    Accounts that are not active get no credit, and neither do subscriptions whose fee is past due.
    """
    done = Renewed()
    ids = sorted(set(account_ids))
    for start in range(0, len(ids), _CHUNK):
        done.add(_renew(connection, ids[start : start + _CHUNK], book, now))
    return done


def due_accounts(
    connection: Connection, limit: int, *, now: datetime, after: tuple[datetime, int] | None = None
) -> list[tuple[datetime, int]]:
    """Accounts for which something is due, as (since when, id) in this order: at most so many, those after `after`."""
    state = account_state.c
    query = select(state.due_at, state.account_id).where(state.due_at <= now, text(SOMETHING_DUE))
    if after is not None:
        query = query.where(tuple_(state.due_at, state.account_id) > after)
    query = query.order_by(state.due_at, state.account_id).limit(limit)
    return [(due_at, number) for due_at, number in connection.execute(query)]


def _renew(connection: Connection, ids: Sequence[int], book: RateBook, now: datetime) -> Renewed:
    locked = store_for(connection).lock(ids, (), 0)
    states = {number: state for number, state in locked.states.items() if state.due_at <= now}
    done = Renewed(accounts=len(states))
    if not states:
        return done
    due = sorted(states)
    found = subscriptions_of(connection, due)
    history = _advance(connection, {number: found[number] for number in due}, book, now, done)
    since = _plans(connection, due)
    active = _active(connection, due)
    done.expired_nanos = expire_grants(connection, now, due, wait=LATE)
    running = {number: _running(one) for number, one in history.items()}
    current: dict[int, list[Span]] = {}
    wanted: dict[int, list[Credit]] = {}
    for number in due:
        one = running[number]
        if number not in active or (one is not None and one.status == "past_due"):
            continue
        plan, begun = since[number]
        if not history[number]:
            # It never had another plan, so what it used this month before anybody knew it counts as well.
            begun = month_of(begun)
        current[number] = list(_periods(one, begun, now))
        # A period that is over keeps its credit for as long as calls of it may still be told.
        alive = [(start, end) for start, end in current[number] if end > now - LATE]
        wanted[number] = list(credit_of(book.plans.get(plan), None if one is None else one.id, alive))
    for credits_ in give(connection, wanted, now=now).values():
        done.granted_nanos += sum(credit.face_nanos for credit in credits_)
    done.holds_expired = _expire_holds(connection, due, now)
    moments: dict[int, list[datetime]] = defaultdict(list, _open_ends(connection, due))
    for number in due:
        one = running[number]
        if number in current:
            moments[number].append(current[number][-1][1] if current[number] else since[number][1])
        if one is not None:
            moments[number] += [one.cancel_at] if one.cancel_at is not None else []
            moments[number] += [one.trial_until] if one.status == "trial" and one.trial_until is not None else []
    _set_due(connection, {number: min(moments[number], default=NEVER) for number in due})
    return done


def _running(history: Iterable[Subscription]) -> Subscription | None:
    return next((one for one in history if one.ended_at is None), None)


def _periods(one: Subscription | None, begun: datetime, now: datetime) -> Iterable[Span]:
    """The periods that have begun, oldest first."""
    if one is None:
        return calendar_months(begun, now + _TICK)
    return months(one.started_at, now + _TICK)


def _advance(
    connection: Connection,
    history: dict[int, list[Subscription]],
    book: RateBook,
    now: datetime,
    done: Renewed,
) -> dict[int, list[Subscription]]:
    """End what was to end, and the trials that are over; returns the subscriptions as they are then."""
    changed = []
    for account_id, found in history.items():
        one = _running(found)
        while one is not None:
            if one.cancel_at is not None and one.cancel_at <= now:
                one = _follow(connection, one, one.cancel_at, book, now)
                done.subscriptions_ended += 1
                changed.append(account_id)
                continue
            if one.status == "trial" and one.trial_until is not None and one.trial_until <= now:
                activate(connection, one)
                done.trials_ended += 1
                changed.append(account_id)
            break
    return history | subscriptions_of(connection, changed) if changed else history


def _follow(
    connection: Connection, one: Subscription, at: datetime, book: RateBook, now: datetime
) -> Subscription | None:
    """End a subscription as it was planned; returns the one that follows, if one does."""
    plan = None if one.next_plan is None else book.plans.get(one.next_plan)
    if plan is not None:
        try:
            return subscribe(connection, one.account_id, plan, one.next_cycle or one.cycle, at, now=now)
        except SubscriptionError as error:
            _log.warning("account %d goes to the default plan: %s", one.account_id, error)
    elif one.next_plan is not None:
        _log.warning("account %d goes to the default plan: there is no plan '%s'", one.account_id, one.next_plan)
    end_at(connection, one, at, default_plan=book.settings.default_plan)
    return None


def _plans(connection: Connection, ids: Sequence[int]) -> dict[int, tuple[str, datetime]]:
    """The plan of each account and since when, as they are now."""
    state = account_state.c
    query = select(state.account_id, state.plan, state.plan_since).where(state.account_id.in_(ids))
    return {number: (plan, since) for number, plan, since in connection.execute(query)}


def _active(connection: Connection, ids: Sequence[int]) -> set[int]:
    table = accounts.c
    return set(connection.execute(select(table.id).where(table.id.in_(ids), table.status == "active")).scalars())


def _expire_holds(connection: Connection, ids: Sequence[int], now: datetime) -> int:
    table, state = holds.c, account_state.c
    over = (
        update(holds)
        .where(table.account_id.in_(ids), table.status == "open", table.expires_at <= now)
        .values(status="expired", settled_at=now)
        .returning(table.account_id, table.amount_nanos)
    )
    freed: dict[int, int] = defaultdict(int)
    ended = connection.execute(over).all()
    for account_id, amount in ended:
        freed[account_id] += amount
    if freed:
        connection.execute(
            update(account_state)
            .where(state.account_id == bindparam("number"))
            .values(held_nanos=state.held_nanos - bindparam("amount")),
            [{"number": account_id, "amount": amount} for account_id, amount in sorted(freed.items())],
        )
    return len(ended)


def _open_ends(connection: Connection, ids: Sequence[int]) -> dict[int, list[datetime]]:
    """When open credit is to be taken out, and open holds expire, by account."""
    grant, hold = grants.c, holds.c
    found: dict[int, list[datetime]] = defaultdict(list)
    query = select(grant.account_id, grant.expires_at, grant.created_at).where(
        grant.account_id.in_(ids), grant.remaining_nanos > 0, grant.expires_at.is_not(None)
    )
    for account_id, expires_at, created_at in connection.execute(query):
        found[account_id].append(late(max(expires_at, created_at)))
    for account_id, expires_at in connection.execute(
        select(hold.account_id, hold.expires_at).where(hold.account_id.in_(ids), hold.status == "open")
    ):
        found[account_id].append(expires_at)
    return found


def _set_due(connection: Connection, due: dict[int, datetime]) -> None:
    state = account_state.c
    connection.execute(
        update(account_state).where(state.account_id == bindparam("number")).values(due_at=bindparam("moment")),
        [{"number": account_id, "moment": moment} for account_id, moment in sorted(due.items())],
    )


__all__ = ["Renewed", "due_accounts", "renew"]
