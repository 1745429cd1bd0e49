from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, Row, event, insert, select, update

from metering.accounts.accounts import create_account, read_balance
from metering.book.ratebook import RateBook
from metering.subscriptions.due import LATE, NEVER, bring_forward
from metering.subscriptions.renewal import Renewed, due_accounts, renew
from metering.subscriptions.subscriptions import Subscription, cancel, subscribe, subscriptions_of
from metering.wallets.grants import add_grant
from metering.wallets.ledger import imbalances
from schema.database import reading, writing
from schema.tables import account_state, accounts, grants, holds, ledger_postings, subscriptions
from tests.metering.rate_card import apply_rows, plan_row

TICK = timedelta(microseconds=1)
CREDIT = 10**10


def day(month: int, number: int = 1, year: int = 2026) -> datetime:
    return datetime(year, month, number, tzinfo=UTC)


@pytest.fixture
def book(card: Engine) -> RateBook:
    """Beside `pro`, which includes 10 USD: `small`, with 1 USD and grace, and `team`, with 30 USD."""
    small = plan_row("small", monthly_nanos=5 * 10**9, included_nanos=10**9, overage="grace")
    team = plan_row("team", monthly_nanos=50 * 10**9, included_nanos=3 * CREDIT)
    apply_rows(card, {"plan": [small, team]})
    with reading(card) as connection:
        return RateBook.load(connection, now=day(6))


@pytest.fixture(autouse=True)
def _ledger_agrees(card: Engine) -> Iterator[None]:
    yield
    with reading(card) as connection:
        assert imbalances(connection) == []


def open_account(engine: Engine, at: datetime, plan: str = "free", name: str = "acct-0001") -> int:
    with writing(engine) as connection:
        return create_account(connection, name, plan=plan, now=at)


def begin(engine: Engine, account: int, book: RateBook, plan: str, at: datetime, **values: Any) -> Subscription:
    with writing(engine) as connection:
        return subscribe(connection, account, book.plans[plan], "monthly", at, **({"now": at} | values))


def turn(engine: Engine, book: RateBook, at: datetime, *ids: int) -> Renewed:
    with writing(engine) as connection:
        return renew(connection, ids or (1,), book, now=at)


def schedule(engine: Engine, at: datetime, next_plan: str | None = None, next_cycle: str | None = None) -> None:
    with writing(engine) as connection:
        values = {"cancel_at": at, "next_plan": next_plan, "next_cycle": next_cycle}
        connection.execute(update(subscriptions).where(subscriptions.c.ended_at.is_(None)).values(values))
        bring_forward(connection, 1, at)


def due(engine: Engine, account: int = 1) -> datetime:
    with reading(engine) as connection:
        query = select(account_state.c.due_at).where(account_state.c.account_id == account)
        moment: datetime = connection.execute(query).scalar_one()
        return moment


def credit(engine: Engine) -> list[tuple[str, int, datetime, datetime]]:
    with reading(engine) as connection:
        table = grants.c
        query = select(table.idempotency_key, table.remaining_nanos, table.starts_at, table.expires_at)
        return [tuple(row) for row in connection.execute(query.order_by(table.id))]


def rows(engine: Engine, table: Any) -> list[Row[Any]]:
    with reading(engine) as connection:
        return list(connection.execute(select(table).order_by(table.c.id)))


def history(engine: Engine) -> list[tuple[str, str, datetime, datetime | None]]:
    with reading(engine) as connection:
        return [(one.plan, one.status, one.started_at, one.ended_at) for one in subscriptions_of(connection, [1])[1]]


def test_each_month_of_a_subscription_brings_its_credit(card: Engine, book: RateBook) -> None:
    account = open_account(card, day(1))
    begin(card, account, book, "pro", day(1, 31))
    assert turn(card, book, day(1, 31)) == Renewed(accounts=1, granted_nanos=CREDIT)
    assert due(card) == day(2, 28)
    assert turn(card, book, day(2, 28) - TICK) == Renewed()
    assert turn(card, book, day(2, 28)) == Renewed(accounts=1, granted_nanos=CREDIT)
    assert credit(card) == [
        ("plan:1:2026-01-31", CREDIT, day(1, 31), day(2, 28)),
        ("plan:1:2026-02-28", CREDIT, day(2, 28), day(3, 31)),
    ]
    assert due(card) == day(2, 28) + LATE
    assert turn(card, book, day(2, 28) + LATE) == Renewed(accounts=1, expired_nanos=CREDIT)
    assert due(card) == day(3, 31)
    posted = [(row.kind, row.amount_nanos, row.balance_nanos, row.burned) for row in rows(card, ledger_postings)]
    assert posted == [
        ("grant", CREDIT, CREDIT, []),
        ("grant", CREDIT, 2 * CREDIT, []),
        ("expiry", -CREDIT, CREDIT, [[1, CREDIT]]),
    ]


def test_renewing_again_changes_nothing(card: Engine, book: RateBook) -> None:
    account = open_account(card, day(1))
    begin(card, account, book, "small", day(3))
    turn(card, book, day(3))
    before = credit(card), rows(card, ledger_postings)
    assert turn(card, book, day(3)) == Renewed()
    with writing(card) as connection:
        bring_forward(connection, account, day(3))
    assert turn(card, book, day(3)) == Renewed(accounts=1)
    assert (credit(card), rows(card, ledger_postings)) == before


def test_grace_is_a_tenth_that_burns_last_and_expires_with_its_month(card: Engine, book: RateBook) -> None:
    account = open_account(card, day(1))
    begin(card, account, book, "small", day(3))
    assert turn(card, book, day(3)).granted_nanos == 11 * 10**8
    assert [(one.kind, one.priority, one.face_nanos, one.idempotency_key) for one in rows(card, grants)] == [
        ("plan", 10, 10**9, "plan:1:2026-03-01"),
        ("promo", 90, 10**8, "grace:1:2026-03-01"),
    ]
    assert {row[3] for row in credit(card)} == {day(4)}


def test_grace_does_not_repay_what_is_owed_from_before(card: Engine, book: RateBook) -> None:
    account = open_account(card, day(1))
    with writing(card) as connection:
        values = {"balance_nanos": -500, "owed_nanos": 500}
        connection.execute(update(account_state).values(values))
        posting = {
            "account_id": account,
            "kind": "debit",
            "amount_nanos": -500,
            "balance_nanos": -500,
            "burned": [],
            "idempotency_key": "before",
            "occurred_at": day(1),
            "recorded_at": day(1),
        }
        connection.execute(insert(ledger_postings).values(posting))
    begin(card, account, book, "small", day(3))
    turn(card, book, day(3))
    with reading(card) as connection:
        state = connection.execute(select(account_state)).one()
    assert (state.owed_nanos, state.balance_nanos) == (500, 11 * 10**8 - 500)
    assert [row[1] for row in credit(card)] == [10**9, 10**8]


def test_without_a_subscription_credit_comes_by_calendar_month(card: Engine, book: RateBook) -> None:
    # Usage of this month from before the account was known is met as well: the default plan was its plan then, too.
    open_account(card, day(6, 15), plan="small")
    turn(card, book, day(6, 15))
    assert credit(card) == [
        ("plan:default:2026-06", 10**9, day(6), day(7)),
        ("grace:default:2026-06", 10**8, day(6), day(7)),
    ]
    assert due(card) == day(7)
    turn(card, book, day(7))
    assert [row[0] for row in credit(card)[2:]] == ["plan:default:2026-07", "grace:default:2026-07"]


def test_a_plan_without_credit_is_looked_at_again_next_month(card: Engine, book: RateBook) -> None:
    open_account(card, day(6, 15))
    assert turn(card, book, day(6, 15)) == Renewed(accounts=1)
    assert (credit(card), due(card)) == ([], day(7))
    apply_rows(card, {"plan": [plan_row("free", included_nanos=5)]}, commit="c" * 40)
    with reading(card) as connection:
        later = RateBook.load(connection, now=day(7))
    assert turn(card, later, day(6, 20)) == Renewed()
    assert turn(card, later, day(7, 2)).granted_nanos == 5


def test_months_that_nobody_can_use_any_more_are_left_out(card: Engine, book: RateBook) -> None:
    account = open_account(card, day(1))
    begin(card, account, book, "pro", day(1, 10))
    turn(card, book, day(1, 10))
    # Nobody came for months: the one that ended just before may still be burned by calls that are told late.
    turn(card, book, day(6, 10) + LATE - TICK)
    assert [row[0] for row in credit(card)] == ["plan:1:2026-01-10", "plan:1:2026-05-10", "plan:1:2026-06-10"]
    assert [row[1] for row in credit(card)] == [0, CREDIT, CREDIT]
    open_account(card, day(1), plan="small", name="acct-0002")
    turn(card, book, day(6, 15), 2)
    assert [row[0] for row in credit(card)[3:]] == ["plan:default:2026-06", "grace:default:2026-06"]


def test_credit_that_expired_stays_a_day_for_calls_that_are_told_late(card: Engine, book: RateBook) -> None:
    account = open_account(card, day(6))
    with writing(card) as connection:
        add_grant(connection, account, "promo", 70, idempotency_key="gift", expires_at=day(6, 10), now=day(6, 2))
        # Given for usage of the past, which is told afterwards.
        told = day(6, 9) + TICK
        add_grant(connection, account, "plan", 30, idempotency_key="may", now=told, starts_at=day(5), expires_at=day(6))
        bring_forward(connection, account, day(6, 9))
    assert turn(card, book, day(6, 10)).expired_nanos == 0
    assert due(card) == day(6, 10) + TICK
    assert turn(card, book, day(6, 10) + TICK).expired_nanos == 30
    assert due(card) == day(6, 11)
    assert turn(card, book, day(6, 11)).expired_nanos == 70
    assert rows(card, ledger_postings)[-1].burned == [[1, 70]]
    assert due(card) == day(7)


def test_credit_that_expires_makes_its_account_due(card: Engine, book: RateBook) -> None:
    account = open_account(card, day(6))
    turn(card, book, day(6))
    with writing(card) as connection:
        add_grant(connection, account, "promo", 70, idempotency_key="gift", expires_at=day(6, 10), now=day(6, 2))
        add_grant(connection, account, "promo", 70, idempotency_key="later", expires_at=day(8), now=day(6, 2))
    assert due(card) == day(6, 10) + LATE


def test_a_trial_becomes_active_on_its_last_moment(card: Engine, book: RateBook) -> None:
    account = open_account(card, day(1))
    begin(card, account, book, "pro", day(3), trial=True)
    assert turn(card, book, day(3)).granted_nanos == CREDIT
    assert due(card) == day(3, 15)
    assert turn(card, book, day(3, 15) - TICK) == Renewed()
    assert turn(card, book, day(3, 15)) == Renewed(accounts=1, trials_ended=1)
    assert history(card) == [("pro", "active", day(3), None)]
    assert due(card) == day(4)


def test_a_planned_end_leads_to_the_default_plan(card: Engine, book: RateBook) -> None:
    account = open_account(card, day(1))
    begin(card, account, book, "pro", day(3, 10))
    turn(card, book, day(3, 10))
    schedule(card, day(4, 10))
    assert turn(card, book, day(4, 10) - TICK) == Renewed()
    assert turn(card, book, day(4, 10) + timedelta(hours=5)).subscriptions_ended == 1
    assert history(card) == [("pro", "cancelled", day(3, 10), day(4, 10))]
    with reading(card) as connection:
        assert read_balance(connection, "acct-0001", now=day(4, 11)).plan == "free"
        assert read_balance(connection, "acct-0001", now=day(4, 11)).available_nanos == 0
    assert due(card) == day(4, 10) + LATE


def test_a_planned_change_leads_to_the_next_plan_from_its_moment_on(card: Engine, book: RateBook) -> None:
    account = open_account(card, day(1))
    begin(card, account, book, "pro", day(3, 10))
    turn(card, book, day(3, 10))
    schedule(card, day(4, 10), "small")
    done = turn(card, book, day(4, 12))
    assert (done.subscriptions_ended, done.granted_nanos, done.expired_nanos) == (1, 11 * 10**8, CREDIT)
    assert history(card) == [("pro", "cancelled", day(3, 10), day(4, 10)), ("small", "active", day(4, 10), None)]
    assert rows(card, subscriptions)[1].fee_nanos == 5 * 10**9
    assert credit(card)[1] == ("plan:2:2026-04-10", 10**9, day(4, 10), day(5, 10))
    assert due(card) == day(5, 10)


@pytest.mark.parametrize(("plan", "cycle"), [("gone", "monthly"), ("custom", None), ("team", "annual")])
def test_a_next_plan_that_cannot_be_had_is_the_default_plan(
    card: Engine, book: RateBook, plan: str, cycle: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    account = open_account(card, day(1))
    begin(card, account, book, "pro", day(3, 10))
    schedule(card, day(4, 10), plan, cycle)
    turn(card, book, day(4, 12))
    assert history(card) == [("pro", "cancelled", day(3, 10), day(4, 10))]
    assert "account 1 goes to the default plan" in caplog.text


def test_a_subscription_that_ends_takes_its_credit_along(card: Engine, book: RateBook) -> None:
    account = open_account(card, day(3), plan="small")
    turn(card, book, day(3))
    begin(card, account, book, "pro", day(3, 10))
    turn(card, book, day(3, 10))
    begin(card, account, book, "team", day(3, 20))
    turn(card, book, day(3, 20))
    with writing(card) as connection:
        cancel(connection, account, day(3, 25), default_plan="small", now=day(3, 25))
    # The default plan's credit of March was there already; it comes once a month.
    turn(card, book, day(3, 25))
    assert [(row[0], row[2], row[3]) for row in credit(card)] == [
        ("plan:default:2026-03", day(3), day(3, 10)),
        ("grace:default:2026-03", day(3), day(3, 10)),
        ("plan:1:2026-03-10", day(3, 10), day(3, 20)),
        ("plan:2:2026-03-20", day(3, 20), day(3, 25)),
    ]
    assert [row[1] for row in credit(card)] == [0, 0, 0, 3 * CREDIT]
    turn(card, book, day(4))
    assert [row[0] for row in credit(card)[4:]] == ["plan:default:2026-04", "grace:default:2026-04"]


def test_who_left_in_the_month_gets_what_the_default_plan_includes_from_then_on(card: Engine, book: RateBook) -> None:
    account = open_account(card, day(3))
    begin(card, account, book, "pro", day(3, 10))
    with writing(card) as connection:
        cancel(connection, account, day(4, 5), default_plan="small", now=day(4, 5))
    turn(card, book, day(4, 5))
    assert credit(card)[0] == ("plan:default:2026-04", 10**9, day(4, 5), day(5))


@pytest.mark.parametrize("status", ["suspended", "banned", "deleted"])
def test_accounts_that_are_not_active_get_no_credit(card: Engine, book: RateBook, status: str) -> None:
    account = open_account(card, day(3), plan="small")
    with writing(card) as connection:
        connection.execute(update(accounts).values(status=status))
    assert turn(card, book, day(3)) == Renewed(accounts=1)
    assert (credit(card), due(card)) == ([], NEVER)
    begin(card, account, book, "pro", day(3, 5), trial=True)
    assert turn(card, book, day(3, 25)) == Renewed(accounts=1, trials_ended=1)
    assert credit(card) == []


def test_past_due_subscriptions_get_no_credit_until_they_are_paid(card: Engine, book: RateBook) -> None:
    account = open_account(card, day(3))
    begin(card, account, book, "pro", day(3, 5))
    with writing(card) as connection:
        connection.execute(update(subscriptions).values(status="past_due"))
    assert turn(card, book, day(4, 6)) == Renewed(accounts=1)
    assert due(card) == NEVER
    with writing(card) as connection:
        connection.execute(update(subscriptions).values(status="active"))
        bring_forward(connection, account, day(4, 7))
    turn(card, book, day(4, 7))
    assert [row[0] for row in credit(card)] == ["plan:1:2026-04-05"]


def test_holds_that_expired_are_released(card: Engine, book: RateBook) -> None:
    account = open_account(card, day(6))
    turn(card, book, day(6))
    with writing(card) as connection:
        for name, amount, until in (("a", 5, day(6, 2)), ("b", 7, day(6, 3)), ("c", 9, day(6, 4))):
            values = {
                "account_id": account,
                "hold_id": name,
                "amount_nanos": amount,
                "provider": "openai",
                "model": "gpt",
                "plan": "free",
                "units": {},
                "release_id": 1,
                "created_at": day(6),
                "expires_at": until,
            }
            connection.execute(insert(holds).values(values))
            bring_forward(connection, account, until)
        connection.execute(update(account_state).values(held_nanos=21))
    assert due(card) == day(6, 2)
    assert turn(card, book, day(6, 3)).holds_expired == 2
    found = [(row.hold_id, row.status, row.settled_at) for row in rows(card, holds)]
    assert found == [("a", "expired", day(6, 3)), ("b", "expired", day(6, 3)), ("c", "open", None)]
    with reading(card) as connection:
        assert connection.execute(select(account_state.c.held_nanos)).scalar_one() == 9
    assert due(card) == day(6, 4)


def test_renewing_day_by_day_or_at_once_comes_to_the_same(card: Engine, book: RateBook) -> None:
    for name in ("daily", "once"):
        account = open_account(card, day(1), name=name)
        begin(card, account, book, "pro", day(1, 31), trial=True)
        with writing(card) as connection:
            values = {"cancel_at": day(3, 31), "next_plan": "small", "next_cycle": "monthly"}
            connection.execute(update(subscriptions).where(subscriptions.c.account_id == account).values(values))
    last = day(6, 2)
    moment = day(1, 31)
    while moment <= last:
        turn(card, book, moment, 1)
        moment += timedelta(hours=11)
    turn(card, book, last, 1)
    turn(card, book, last, 2)
    columns = [column for column in subscriptions.c if column.name not in ("id", "account_id")]
    with reading(card) as connection:
        found = [
            connection.execute(select(*columns).where(subscriptions.c.account_id == number).order_by(columns[4])).all()
            for number in (1, 2)
        ]
        left = [
            (read_balance(connection, name, now=last).plan, read_balance(connection, name, now=last).available_nanos)
            for name in ("daily", "once")
        ]
    assert found[0] == found[1]
    assert left == [("small", 11 * 10**8)] * 2
    assert due(card, 1) == due(card, 2)


def test_renewed_by_many_at_once_each_period_is_granted_once(card: Engine, book: RateBook) -> None:
    ids = []
    for number in range(4):
        account = open_account(card, day(1), name=f"acct-{number}")
        begin(card, account, book, "small", day(5, 31))
        ids.append(account)
    with ThreadPoolExecutor(8) as threads:
        done = list(threads.map(lambda turned: turn(card, book, day(6, 1), *ids[:: turned % 2 * -2 + 1]), range(16)))
    assert sum(one.accounts for one in done) == 4
    assert sum(one.granted_nanos for one in done) == 4 * 11 * 10**8
    assert len(rows(card, ledger_postings)) == 8


def test_many_accounts_are_renewed_at_once(card: Engine, book: RateBook) -> None:
    with writing(card) as connection:
        ids = [create_account(connection, f"acct-{n:04d}", plan="small", now=day(6)) for n in range(1, 41)]
        assert [number for _, number in due_accounts(connection, 25, now=day(6))] == ids[:25]
    assert turn(card, book, day(6), *reversed(ids)) == Renewed(accounts=40, granted_nanos=40 * 11 * 10**8)
    with reading(card) as connection:
        assert due_accounts(connection, 25, now=day(7) - TICK) == []
        assert due_accounts(connection, 25, now=day(7)) == [(day(7), number) for number in ids[:25]]
    assert turn(card, book, day(6), 99) == Renewed()


def test_due_accounts_are_paged_by_when_they_fell_due(card: Engine) -> None:
    with writing(card) as connection:
        ids = [create_account(connection, f"acct-{n}", plan="small", now=day(6)) for n in range(6)]
        moments = [day(3), day(1), day(2), day(1), NEVER, day(6)]
        for number, moment in zip(ids, moments, strict=True):
            connection.execute(update(account_state).where(account_state.c.account_id == number).values(due_at=moment))
        found: list[tuple[datetime, int]] = []
        while page := due_accounts(connection, 2, now=day(5), after=found[-1] if found else None):
            found += page
        assert due_accounts(connection, 10, now=datetime.max.replace(tzinfo=UTC))[-1] == (day(6), ids[5])
    assert found == [(day(1), ids[1]), (day(1), ids[3]), (day(2), ids[2]), (day(3), ids[0])]


def test_the_sweep_reads_an_index_and_not_every_account(card: Engine) -> None:
    with writing(card) as connection:
        many = [{"id": n, "account": f"acct-{n}", "created_at": day(6)} for n in range(1, 3_001)]
        connection.execute(insert(accounts), many)
        state = {"plan": "small", "plan_since": day(6), "month": day(6).date(), "day": day(6).date()}
        rows = [state | {"account_id": n, "due_at": NEVER if n % 2 else day(7, n % 28 + 1)} for n in range(1, 3_001)]
        connection.execute(insert(account_state), rows)
    with card.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("ANALYZE")
    plans = []
    with reading(card) as connection:
        for after in (None, (day(7), 5)):
            asked: list[tuple[str, Any]] = []

            def note(*arguments: Any, asked: list[tuple[str, Any]] = asked) -> None:
                asked.append((arguments[2], arguments[3]))

            event.listen(connection, "before_cursor_execute", note)
            due_accounts(connection, 200, now=day(7, 2), after=after)
            event.remove(connection, "before_cursor_execute", note)
            ((statement, parameters),) = asked
            how = "EXPLAIN QUERY PLAN " if card.dialect.name == "sqlite" else "EXPLAIN "
            plans.append("\n".join(str(row) for row in connection.exec_driver_sql(how + statement, parameters)))
    for plan in plans:
        assert "ix_account_state_due" in plan
        assert "Seq Scan" not in plan
        assert "TEMP B-TREE" not in plan
