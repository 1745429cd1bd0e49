"""Whatever is done to a subscription, in whatever order, what holds of it always does."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import pairwise
from random import Random

import pytest
from sqlalchemy import Engine, select

from metering.errors import MeteringError
from metering.meter import Meter
from metering.subscriptions.subscriptions import plan_in
from metering.usage import Usage
from metering.wallets.ledger import imbalances
from schema.database import reading
from schema.tables import account_state, accounts, audit_log, grants
from tests.metering.rate_card import Clock, apply_rows, plan_row

BY = "Price Desk <prices@example.com>"
TICK = timedelta(microseconds=1)
STEPS = 80


def act(meter: Meter, chance: Random, event: int) -> None:
    """One random action; most are refused at one time or another."""
    subscriptions, account = meter.subscriptions, "acct-0001"
    if meter.accounts.show(account).status == "suspended" and chance.random() < 0.5:
        meter.accounts.unsuspend(account, by=BY)
    plan = chance.choice(("small", "pro", "team", "free"))
    match chance.randrange(14):
        case 0 | 1 | 2:
            subscriptions.start(account, plan, by=BY, trial=chance.random() < 0.4)
        case 3 | 4:
            subscriptions.change(account, plan, by=BY)
        case 5:
            subscriptions.change(account, plan, by=BY, when=chance.choice(("now", "period_end")))
        case 6:
            subscriptions.cancel(account, by=BY, when=chance.choice(("now", "period_end", "period_end")))
        case 7:
            subscriptions.keep(account, by=BY)
        case 8:
            subscriptions.extend(account, chance.randrange(1, 20), by=BY)
        case 9:
            subscriptions.gift(account, plan, chance.randrange(1, 3), by=BY)
        case 10:
            chance.choice((subscriptions.past_due, subscriptions.paid))(account, by=BY)
        case 11:
            meter.accounts.suspend(account, by=BY)
        case 12:
            meter.accounts.renew()
        case _:
            units = {"input": chance.randrange(4_000_000)}
            meter.record(Usage(event_id=f"e{event}", account=account, provider="openai", model="gpt", units=units))


@pytest.mark.parametrize("seed", range(4))
def test_a_story_keeps_its_word(meter: Meter, card: Engine, clock: Clock, seed: int) -> None:
    rows = [
        plan_row("free", included_nanos=10**8),
        plan_row("small", monthly_nanos=5 * 10**9, included_nanos=10**9, overage="grace", trial_days=7),
        plan_row("team", monthly_nanos=50 * 10**9, annual_nanos=500 * 10**9, included_nanos=3 * 10**10),
    ]
    apply_rows(card, {"plan": rows}, commit="c" * 40)
    chance = Random(seed)
    begun = clock.moment
    meter.accounts.create("acct-0001", by=BY)
    done = 0
    for event in range(STEPS):
        clock.forward(hours=chance.choice((1, 30, 200, 900)))
        try:
            act(meter, chance, event)
            done += 1
        except MeteringError:
            continue
        found = meter.subscriptions.of("acct-0001")
        for before, after in pairwise(found):
            assert before.ended_at is not None
            assert before.started_at < before.ended_at <= after.started_at
        assert sum(one.ended_at is None for one in found) <= 1
        assert all((one.status == "cancelled") == (one.ended_at is not None) for one in found)
    assert done > STEPS // 4
    meter.accounts.renew()
    holds_of(card, meter, begun, clock.moment)


def holds_of(card: Engine, meter: Meter, begun: datetime, now: datetime) -> None:
    found = meter.subscriptions.of("acct-0001")
    with reading(card) as connection:
        assert imbalances(connection) == []
        state = connection.execute(select(account_state)).one()
        assert state.plan == plan_in(found, now, "free")
        assert state.due_at > now
        active = connection.execute(select(accounts.c.status)).scalar_one() == "active"
        given = connection.execute(select(grants)).all()
        spans = {f"{one.id}": (one.started_at, one.ended_at) for one in found}
        for grant in given:
            owner = grant.idempotency_key.split(":")[1]
            start, end = spans.get(owner, (begun.replace(day=1, hour=0), None))
            # Credit stands within its subscription, but for a period that had not begun when that ended.
            assert start <= grant.starts_at
            assert end is None or grant.expires_at <= max(end, grant.starts_at + TICK)
        open_now = [one for one in given if one.kind == "plan" and one.starts_at <= now < one.expires_at]
        running = next((one for one in found if one.ended_at is None), None)
        assert len(open_now) <= 1
        if active and (running is None or running.status != "past_due"):
            # The default plan's credit comes once a month, and a subscription may have ended it.
            assert len(open_now) == 1 or running is None
        acts = connection.execute(select(audit_log.c.action)).scalars().all()
    assert acts.count("subscription.start") + acts.count("subscription.gift") >= 1
