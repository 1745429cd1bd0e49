"""The proof of the ledger beyond its sums: each posting, grant and event against the others.

Together with `metering.wallets.ledger.imbalances` it holds that nothing was changed past the ledger. Reads everything.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import Connection, and_, func, or_, select

from metering.corrections.corrections import CORRECTION_KEY
from metering.wallets.ledger import USAGE_KEY
from schema.tables import accounts, grants, ledger_postings, usage_adjustments, usage_events

_ROWS_AT_ONCE = 10_000


@dataclass(frozen=True, slots=True)
class Flaw:
    """Two records that should say the same and do not; both amounts in nano-USD."""

    account: str
    what: str
    """Such as `the balance after posting 12`."""
    says_nanos: int
    proved_nanos: int
    """What the other records come to."""


def flaws(connection: Connection) -> Iterator[Flaw]:
    """Every flaw: none, unless somebody edited the tables by hand."""
    yield from broken_chains(connection)
    yield from wrong_grants(connection)
    yield from wrong_usage(connection)
    yield from wrong_adjustments(connection)


def broken_chains(connection: Connection) -> Iterator[Flaw]:
    """Postings whose balance is not the sum of the account's postings up to them."""
    row = ledger_postings.c
    running = func.sum(row.amount_nanos).over(partition_by=row.account_id, order_by=row.id)
    chain = select(row.id, row.account_id, row.balance_nanos, running.label("running")).subquery()
    query = (
        select(accounts.c.account, chain.c.id, chain.c.balance_nanos, chain.c.running)
        .join(accounts, accounts.c.id == chain.c.account_id)
        .where(chain.c.balance_nanos != chain.c.running)
        .order_by(chain.c.id)
    )
    for account, number, balance, total in connection.execute(query):
        yield Flaw(account, f"the balance after posting {number}", balance, int(total))


def wrong_grants(connection: Connection) -> Iterator[Flaw]:
    """Grants that have left what their face less all that postings burned of them does not come to."""
    burned: dict[int, int] = defaultdict(int)
    query = select(ledger_postings.c.burned).execution_options(yield_per=_ROWS_AT_ONCE)
    for pairs in connection.execute(query).scalars():
        for grant_id, nanos in pairs:
            burned[grant_id] += nanos
    grant = grants.c
    left = (
        select(grant.id, accounts.c.account, grant.idempotency_key, grant.face_nanos, grant.remaining_nanos)
        .join(accounts, accounts.c.id == grant.account_id)
        .order_by(grant.id)
    )
    for number, account, key, face, remaining in connection.execute(left):
        if remaining != face - burned[number]:
            yield Flaw(account, f"what grant {key} has left", remaining, face - burned[number])


def wrong_usage(connection: Connection) -> Iterator[Flaw]:
    """Accounts whose postings of usage and of corrections are not what their events are charged by now."""
    row, event, change = ledger_postings.c, usage_events.c, usage_adjustments.c
    posted = (
        select(row.account_id, -func.sum(row.amount_nanos).label("total"))
        .where(
            or_(
                row.idempotency_key.startswith(USAGE_KEY),
                and_(row.idempotency_key.startswith(CORRECTION_KEY), row.kind != "expiry"),
            )
        )
        .group_by(row.account_id)
    )
    charged: dict[int, int] = defaultdict(int)
    for account_id, total in connection.execute(
        select(event.account_id, func.sum(event.charge_nanos)).group_by(event.account_id)
    ):
        charged[account_id] += int(total)
    for account_id, total in connection.execute(
        select(change.account_id, func.sum(change.charge_nanos)).group_by(change.account_id)
    ):
        charged[account_id] += int(total)
    taken = {account_id: int(total) for account_id, total in connection.execute(posted)}
    for account_id, name in connection.execute(select(accounts.c.id, accounts.c.account).order_by(accounts.c.account)):
        if taken.get(account_id, 0) != charged.get(account_id, 0):
            yield Flaw(name, "what postings took for usage", taken.get(account_id, 0), charged.get(account_id, 0))


def wrong_adjustments(connection: Connection) -> Iterator[Flaw]:
    """Adjustments whose charge is not what met it, and events that would be charged less than nothing."""
    change, event = usage_adjustments.c, usage_events.c
    met = (
        change.included_nanos
        + change.promotional_nanos
        + change.purchased_nanos
        + change.owed_nanos
        + change.overdraft_nanos
    )
    query = (
        select(accounts.c.account, change.usage_id, change.charge_nanos, met)
        .join(accounts, accounts.c.id == change.account_id)
        .where(change.charge_nanos != met)
        .order_by(change.id)
    )
    for account, number, charge, total in connection.execute(query):
        yield Flaw(account, f"an adjustment of event row {number}", charge, int(total))
    changed = select(change.usage_id, func.sum(change.charge_nanos).label("total")).group_by(change.usage_id).subquery()
    below = (
        select(accounts.c.account, event.event_id, event.charge_nanos + changed.c.total)
        .join(usage_events, event.id == changed.c.usage_id)
        .join(accounts, accounts.c.id == event.account_id)
        .where(event.charge_nanos + changed.c.total < 0)
        .order_by(event.id)
    )
    for account, event_id, charge in connection.execute(below):
        yield Flaw(account, f"the charge of event {event_id}", int(charge), 0)


__all__ = ["Flaw", "broken_chains", "flaws", "wrong_adjustments", "wrong_grants", "wrong_usage"]
