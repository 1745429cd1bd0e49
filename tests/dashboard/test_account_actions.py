"""What admins do to accounts, by the values of their dialogs: done once with an audit row, or not at all."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from dashboard.accounts.actions import AT_END, BY_FEE, NOW, Done, Request, perform
from metering.accounts.accounts import account_id, read_balance
from metering.meter import Meter
from metering.subscriptions.subscriptions import Subscription, subscriptions_of
from schema.database import reading
from schema.errors import RatecardError
from schema.tables import accounts, audit_log, grants, ledger_postings, subscriptions
from tests.dashboard.seeding import ACCOUNTS, Seeded, seed
from tests.small_config import SMALL_CONFIG

BY = "Price Desk <prices@example.com>"
PAYING, FORMULA, MARKUP, LINK = ACCOUNTS
TRIAL = "    trial_days: 14\n    access: all"
DO = Callable[..., Done]


@pytest.fixture
def own(tmp_path: Path) -> Seeded:
    """A business that the test changes; its plan has a trial."""
    return seed(tmp_path, {"plans.yaml": SMALL_CONFIG["plans.yaml"].replace("    access: all", TRIAL)})


@pytest.fixture
def meter(own: Seeded) -> Iterator[Meter]:
    with Meter.open(own.url, listen=False) as opened:
        yield opened


@pytest.fixture
def do(meter: Meter) -> DO:
    """`do("suspend", "acct-1", …)`: an action with the values of its dialog."""

    def act(action: str, *names: str, subject: str = "", key: str = "once", **values: Any) -> Done:
        given = {"reason": "a ticket"} | values
        return perform(meter, Request(action, names, f"test:{key}", subject), given, BY)

    return act


def audited(own: Seeded) -> list[tuple[str, str, str, str | None]]:
    """Who did what to what, and why, oldest first."""
    row = audit_log.c
    with reading(own.engine()) as connection:
        rows = connection.execute(select(row.actor, row.action, row.target, row.after).order_by(row.id)).all()
    return [(actor, action, target, (after or {}).get("reason")) for actor, action, target, after in rows][1:]


def statuses(own: Seeded) -> dict[str, str]:
    with reading(own.engine()) as connection:
        rows = connection.execute(select(accounts.c.account, accounts.c.status)).all()
    return {row.account: row.status for row in rows}


def all_of(own: Seeded, account: str) -> list[Subscription]:
    with reading(own.engine()) as connection:
        number = account_id(connection, account)
        return subscriptions_of(connection, [number])[number]


def running(own: Seeded, account: str) -> Subscription:
    (one,) = [one for one in all_of(own, account) if one.ended_at is None]
    return one


def state(own: Seeded) -> tuple[int, ...]:
    """Numbers that any write would change."""
    with reading(own.engine()) as connection:
        return tuple(
            connection.execute(select(func.count()).select_from(table)).scalar_one()
            for table in (audit_log, ledger_postings, grants, subscriptions)
        )


def test_a_ban_refuses_calls_and_ends_the_subscription_until_it_is_lifted(own: Seeded, meter: Meter, do: DO) -> None:
    do("ban", PAYING)
    assert statuses(own)[PAYING] == "banned"
    assert [one for one in all_of(own, PAYING) if one.ended_at is None] == []

    do("unsuspend", PAYING)
    assert statuses(own)[PAYING] == "active"
    changes = [(actor, action, why) for actor, action, target, why in audited(own) if target == f"account {PAYING}"]
    assert changes == [(BY, "account.ban", "a ticket"), (BY, "account.unsuspend", "a ticket")]


def test_accounts_change_plan_together_or_not_at_all(own: Seeded, meter: Meter, do: DO) -> None:
    do("suspend", LINK)
    before = state(own)
    with pytest.raises(RatecardError):
        do("move", FORMULA, LINK, plan="pro")
    assert state(own) == before
    assert all_of(own, FORMULA) == []

    do("unsuspend", LINK)
    assert do("move", FORMULA, LINK, plan="pro").message == "2 accounts are put on pro."
    assert [running(own, name).plan for name in (FORMULA, LINK)] == ["pro", "pro"]
    assert [row[1:] for row in audited(own)[-2:]] == [
        ("subscription.start", f"account {name}", "a ticket") for name in (FORMULA, LINK)
    ]


def test_an_agreed_fee_and_a_moment_are_kept(own: Seeded, meter: Meter, do: DO) -> None:
    do("move", MARKUP, plan="pro", cycle="Annual", when=NOW, fee="$99.50")
    found = running(own, MARKUP)
    assert (found.plan, found.cycle, found.fee_nanos) == ("pro", "annual", 99_500_000_000)

    for values in ({"fee": "-1"}, {"fee": "1e12"}, {"fee": "ten"}, {"plan": ""}):
        before = state(own)
        with pytest.raises(RatecardError):
            do("move", MARKUP, **({"plan": "premium", "when": BY_FEE} | values))
        assert state(own) == before


def test_a_trial_is_extended_and_a_planned_end_taken_back(own: Seeded, meter: Meter, do: DO) -> None:
    meter.subscriptions.start(FORMULA, "pro", by=BY, trial=True)
    ends = running(own, FORMULA).trial_until
    assert ends is not None
    do("extend", FORMULA, days=5)
    assert running(own, FORMULA).trial_until == ends + timedelta(days=5)

    do("cancel", FORMULA, when=AT_END)
    assert running(own, FORMULA).cancel_at is not None
    do("keep", FORMULA)
    assert running(own, FORMULA).cancel_at is None
    assert [action for _, action, _, _ in audited(own)] == [
        "subscription.start",
        "subscription.extend",
        "subscription.cancel",
        "subscription.keep",
    ]


def test_a_gift_costs_nothing_and_ends(own: Seeded, do: DO) -> None:
    do("gift", LINK, plan="pro", months=2)
    found = running(own, LINK)
    assert (found.plan, found.fee_nanos) == ("pro", 0)
    assert found.cancel_at is not None
    assert timedelta(days=58) < found.cancel_at - datetime.now(UTC) < timedelta(days=63)


def test_a_grant_is_given_once_and_ends_after_its_last_day(own: Seeded, do: DO) -> None:
    last = datetime.now(UTC).date() + timedelta(days=10)
    for _ in range(2):
        do("grant", FORMULA, amount="2.5", kind="purchase", paid="2", expires=last, key="credit")
    with reading(own.engine()) as connection:
        query = select(grants).where(grants.c.idempotency_key == "test:credit")
        (row,) = connection.execute(query).mappings()
        balance = read_balance(connection, FORMULA, now=datetime.now(UTC)).balance_nanos
    assert (row["kind"], row["face_nanos"], row["paid_nanos"]) == ("purchase", 2_500_000_000, 2_000_000_000)
    assert row["expires_at"].date() == last + timedelta(days=1)
    assert [row[1:] for row in audited(own)] == [("grant", f"account {FORMULA}", "a ticket")]

    before = state(own)
    for values in ({"amount": "0"}, {"amount": "-5"}, {"amount": ""}, {"amount": "1.5", "unit": "credits"}):
        with pytest.raises(RatecardError):
            do("grant", FORMULA, key="refused", **values)
    assert state(own) == before
    assert balance > 0


def test_usage_is_given_back_once(own: Seeded, do: DO) -> None:
    def balance() -> int:
        with reading(own.engine()) as connection:
            return read_balance(connection, MARKUP, now=datetime.now(UTC)).balance_nanos

    before = balance()
    told = {do("refund_event", MARKUP, event="call-3-2", key="back").message for _ in range(2)}
    after = balance()
    assert len(told) == 1
    assert after > before
    assert do("refund_event", MARKUP, event="call-4-2", amount="0.001", key="part").message.startswith("$0.001 ")
    assert balance() == after + 1_000_000

    unchanged = state(own)
    with pytest.raises(RatecardError):
        do("refund_event", MARKUP, event="call-3-1", key="of somebody else")
    with pytest.raises(RatecardError):
        do("refund_purchase", MARKUP, purchase=f"pack {FORMULA}", key="of somebody else")
    assert state(own) == unchanged


def test_a_key_is_rotated_and_revoked(own: Seeded, meter: Meter, do: DO) -> None:
    first = do("key_create", PAYING, scope="read", name="desk")
    assert first.secret is not None
    (key,) = meter.keys.list(account=PAYING)
    second = do("key_rotate", PAYING, subject=key.key_id, hours=0)
    assert second.secret is not None
    assert meter.keys.authenticate(first.secret) is None
    owner = meter.keys.authenticate(second.secret)
    assert owner is not None
    assert (owner.account, owner.scope) == (PAYING, "read")

    do("key_revoke", PAYING, subject=owner.key_id)
    assert meter.keys.authenticate(second.secret) is None
    assert [action for _, action, _, _ in audited(own)] == ["key.create", "key.rotate", "key.revoke"]


@pytest.mark.parametrize("action", ["suspend", "ban", "delete", "cancel", "grant", "move"])
def test_nothing_is_done_without_a_reason(own: Seeded, do: DO, action: str) -> None:
    before = state(own)
    with pytest.raises(RatecardError, match="say why"):
        do(action, PAYING, reason="  ", confirm=PAYING, forfeit=True, amount="1", plan="premium")
    assert state(own) == before
    assert set(statuses(own).values()) == {"active"}
