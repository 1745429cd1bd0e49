from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import Engine, Row, select, update

from metering.analytics import Period, totals
from metering.corrections.corrections import Adjustment, Correction, correct, correct_many
from metering.errors import BadCorrectionError, EventConflictError
from metering.meter import Meter
from metering.subscriptions.due import LATE, NEVER
from metering.usage import Usage
from metering.wallets.grants import expire_grants
from schema.database import reading, writing
from schema.tables import account_state, grants, ledger_postings, usage_adjustments, usage_events
from tests.metering.rate_card import NOW, Clock, apply_rows, setting
from tests.metering.stored import rows

DAY = timedelta(days=1)
USD = 10**9
ACCOUNT = "acct-0001"

pytestmark = pytest.mark.usefixtures("ledger_agrees")


def usage(event_id: str, dollars: int, account: str = ACCOUNT, **values: Any) -> Usage:
    """A call that is charged so many USD (12 per million of output, of which 250,000 are 3 USD)."""
    units = {"output": dollars * 250_000 // 3}
    fields = {"provider": "openai", "model": "gpt", "units": units} | values
    return Usage(event_id=event_id, account=account, **fields)


def state(engine: Engine) -> Row[Any]:
    with reading(engine) as connection:
        return connection.execute(select(account_state)).one()


def number(engine: Engine, event_id: str) -> int:
    with reading(engine) as connection:
        query = select(usage_events.c.id).where(usage_events.c.event_id == event_id)
        return int(connection.execute(query).scalar_one())


def change(meter: Meter, event_id: str, dollars: int | Decimal, key: str = "k", **values: Any) -> Adjustment:
    """Correct the charge of an event by so many USD, at the moment of the meter's clock."""
    with writing(meter.engine) as connection:
        options: dict[str, Any] = {"cost_delta_nanos": 0, "reason": "correction", "now": NOW} | values
        return correct(
            connection,
            number(meter.engine, event_id),
            charge_delta_nanos=int(dollars * USD),
            key=key,
            book=meter.book,
            **options,
        )


def left(engine: Engine) -> list[int]:
    """What the grants have left, in USD."""
    return [one.remaining_nanos // USD for one in rows(engine, grants)]


def revenue(meter: Meter) -> int:
    """All that usage and postings earned."""
    with reading(meter.engine) as connection:
        return totals(connection, Period(None, None)).revenue_nanos


def test_a_correction_unwinds_the_recorded_order(meter: Meter, card: Engine) -> None:
    """OpenMeter corrects by unwinding what was recorded: the credit that burned last comes back first."""
    meter.wallets.grant(ACCOUNT, "purchase", key="pack", usd=Decimal(20), paid=Decimal(15))
    meter.wallets.grant(ACCOUNT, "promo", key="gift", usd=Decimal(6))
    meter.wallets.grant(ACCOUNT, "plan", key="june", usd=Decimal(3))
    meter.record(usage("e1", 33))  # 3 of the plan, 6 of the gift, 20 of the pack, 4 owed
    assert (left(card), state(card).owed_nanos, revenue(meter)) == ([0, 0, 0], 4 * USD, 19 * USD)

    first = change(meter, "e1", -6)
    assert (first.owed_nanos, first.purchased_nanos, first.promotional_nanos) == (-4 * USD, -2 * USD, 0)
    assert (first.charge_nanos, first.revenue_nanos, first.balance_nanos) == (-6 * USD, -5_500_000_000, 2 * USD)
    assert (left(card), state(card).owed_nanos) == ([2, 0, 0], 0)
    second = change(meter, "e1", -22, "l")
    assert (second.purchased_nanos, second.promotional_nanos, second.included_nanos) == (-18 * USD, -4 * USD, 0)
    assert (left(card), revenue(meter)) == ([20, 4, 0], 0)
    last = change(meter, "e1", -5, "m")
    assert (last.promotional_nanos, last.included_nanos, last.revenue_nanos) == (-2 * USD, -3 * USD, 0)
    assert (left(card), state(card).balance_nanos) == ([20, 6, 3], 29 * USD)

    debit, *back = rows(card, ledger_postings)[3:]
    assert [(one.kind, one.amount_nanos, one.balance_nanos, one.reverses) for one in back] == [
        ("adjustment", 6 * USD, 2 * USD, debit.id),
        ("adjustment", 22 * USD, 24 * USD, debit.id),
        ("adjustment", 5 * USD, 29 * USD, debit.id),
    ]
    assert debit.burned == [[3, 3 * USD], [2, 6 * USD], [1, 20 * USD]]
    assert [one.burned for one in back] == [
        [[1, -2 * USD]],
        [[1, -18 * USD], [2, -4 * USD]],
        [[2, -2 * USD], [3, -3 * USD]],
    ]


def test_of_a_batch_only_what_the_event_burned_comes_back(meter: Meter, card: Engine) -> None:
    """One posting stands for the whole batch; each of its events burned other grants."""
    meter.wallets.grant(ACCOUNT, "promo", key="gift", usd=Decimal(6))
    meter.wallets.grant(ACCOUNT, "purchase", key="pack", usd=Decimal(9), paid=Decimal(9))
    meter.record_many([usage("e1", 3), usage("other", 3, account="acct-0002"), usage("e2", 6), usage("e3", 9)])
    change(meter, "e2", -6)  # 3 of the gift and 3 of the pack
    assert left(card) == [3, 3]
    change(meter, "e1", -3)
    assert left(card) == [6, 3]
    change(meter, "e3", -9)  # 3 owed, 6 of the pack
    assert (left(card), state_of(card, 1).owed_nanos) == ([6, 9], 0)


def state_of(engine: Engine, account_id: int) -> Row[Any]:
    with reading(engine) as connection:
        return connection.execute(select(account_state).where(account_state.c.account_id == account_id)).one()


def test_the_same_key_corrects_once(meter: Meter, card: Engine) -> None:
    meter.wallets.grant(ACCOUNT, "promo", key="gift", usd=Decimal(9))
    meter.record(usage("e1", 6))
    first = change(meter, "e1", -2)
    again = change(meter, "e1", -2)
    assert (again.repeated, first.repeated) == (True, False)
    assert (again.charge_nanos, again.posting_id, again.balance_nanos) == (-2 * USD, first.posting_id, 5 * USD)
    assert len(rows(card, ledger_postings)) == 3
    others: list[dict[str, Any]] = [
        {"dollars": -3},
        {"dollars": -2, "reason": "refund"},
        {"dollars": -2, "cost_delta_nanos": -1},
    ]
    for other in others:
        with pytest.raises(EventConflictError) as caught:
            change(meter, "e1", **other)
        assert str(caught.value) == "correction k of event e1 is known with other amounts or another reason"


def test_never_more_than_was_charged_comes_back(meter: Meter, card: Engine) -> None:
    meter.record(usage("e1", 6))
    change(meter, "e1", -4)
    too_much: list[dict[str, Any]] = [{"dollars": -3}, {"dollars": 0, "cost_delta_nanos": -10 * USD}]
    for values in too_much:
        with pytest.raises(BadCorrectionError) as caught:
            change(meter, "e1", key="l", **values)
        assert str(caught.value) == "no more can be taken off event e1 than it costs and is charged"
    assert state(card).owed_nanos == 2 * USD
    assert len(rows(card, usage_adjustments)) == 1


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"usage_id": 99}, "there is no recorded event with the row 99"),
        ({"key": ""}, "a correction needs a key"),
        ({"reason": "mood"}, "'mood' is not a reason: rerate, refund, correction"),
        ({"charge_delta_nanos": 10**19}, "event e1 would come to more than the ledger can hold"),
    ],
)
def test_corrections_that_make_no_sense_are_refused(meter: Meter, values: dict[str, Any], message: str) -> None:
    meter.record(usage("e1", 6))
    options: dict[str, Any] = {
        "usage_id": number(meter.engine, "e1"),
        "cost_delta_nanos": 0,
        "charge_delta_nanos": 1,
        "key": "k",
        "reason": "refund",
    } | values
    with pytest.raises(BadCorrectionError) as caught, writing(meter.engine) as connection:
        correct(connection, book=meter.book, now=NOW, **options)
    assert str(caught.value) == message


def test_a_higher_charge_burns_what_was_open_then(meter: Meter, card: Engine, clock: Clock) -> None:
    meter.wallets.grant(ACCOUNT, "promo", key="june", usd=Decimal(9), expires_at=NOW + DAY)
    meter.record(usage("e1", 6))
    clock.moment = NOW + DAY * 2
    meter.wallets.grant(ACCOUNT, "purchase", key="pack", usd=Decimal(9), paid=Decimal(6))
    up = change(meter, "e1", 5, reason="rerate", cost_delta_nanos=2 * USD, now=clock.moment)
    # The gift was open when the call was made and is not swept up yet; the pack was not.
    assert (up.promotional_nanos, up.purchased_nanos, up.owed_nanos) == (3 * USD, 0, 2 * USD)
    assert (up.cost_nanos, up.charge_nanos, up.revenue_nanos) == (2 * USD, 5 * USD, 2 * USD)
    debit, _, posting = rows(card, ledger_postings)[1:]
    assert (posting.kind, posting.amount_nanos, posting.burned) == ("adjustment", -5 * USD, [[1, 3 * USD]])
    assert (posting.reverses, posting.balance_nanos, posting.occurred_at) == (None, 7 * USD, clock.moment)
    change(meter, "e1", -3, "l", reason="rerate", now=NOW)
    back = rows(card, ledger_postings)[-1]
    assert (back.reverses, back.burned, state(card).owed_nanos) == (posting.id, [[1, -USD]], 0)
    change(meter, "e1", -8, "m", reason="rerate", now=NOW)
    assert [one.reverses for one in rows(card, ledger_postings)[-2:]] == [posting.id, debit.id]
    assert left(card) == [9, 9]


def test_what_is_observed_stays_overdraft(meter: Meter, card: Engine) -> None:
    apply_rows(card, {"setting": [setting("enforcement", "observe")]})
    meter.reload()
    meter.record(usage("e1", 6))
    up = change(meter, "e1", 3)
    assert (up.overdraft_nanos, up.owed_nanos, up.revenue_nanos) == (3 * USD, 0, 0)
    change(meter, "e1", -7, "l")
    assert (state(card).overdraft_nanos, state(card).balance_nanos) == (2 * USD, -2 * USD)


def test_what_comes_back_to_an_expired_grant_expires_at_once(meter: Meter, card: Engine, clock: Clock) -> None:
    meter.wallets.grant(ACCOUNT, "promo", key="june", usd=Decimal(9), expires_at=NOW + DAY)
    meter.record(usage("e1", 6))
    clock.moment = NOW + DAY
    with writing(card) as connection:
        assert expire_grants(connection, clock.moment) == 3 * USD
    down = change(meter, "e1", -6, now=clock.moment)
    assert (down.promotional_nanos, down.balance_nanos) == (-6 * USD, 0)
    back, expiry = rows(card, ledger_postings)[-2:]
    assert (back.kind, back.amount_nanos, back.balance_nanos, back.burned) == (
        "adjustment",
        6 * USD,
        6 * USD,
        [[1, -6 * USD]],
    )
    assert (expiry.kind, expiry.amount_nanos, expiry.balance_nanos, expiry.burned) == (
        "expiry",
        -6 * USD,
        0,
        [[1, 6 * USD]],
    )
    assert left(card) == [0]


def test_credit_that_came_back_ends_when_it_was_to_end(meter: Meter, card: Engine, clock: Clock) -> None:
    """It was used up, so that nothing was due any more when it came back."""
    meter.wallets.grant(ACCOUNT, "promo", key="june", usd=Decimal(6), expires_at=NOW + 3 * DAY)
    meter.record(usage("e1", 6))
    clock.moment = NOW + 2 * DAY
    meter.record(usage("e2", 3, account="acct-0002"))
    with writing(card) as connection:
        connection.execute(update(account_state).values(due_at=NEVER))
    change(meter, "e1", -6, now=clock.moment)
    assert state_of(card, 1).due_at == NOW + 3 * DAY + LATE
    clock.moment = NOW + 3 * DAY + LATE
    meter.record(usage("e3", 3))
    assert (left(card), state_of(card, 1).owed_nanos) == ([0], 3 * USD)


def test_overage_that_was_repaid_goes_back_to_who_repaid_it(meter: Meter, card: Engine) -> None:
    meter.record(usage("e1", 12))
    meter.wallets.grant(ACCOUNT, "promo", key="gift", usd=Decimal(3))
    meter.wallets.grant(ACCOUNT, "purchase", key="pack", usd=Decimal(20), paid=Decimal(15))
    assert (left(card), state(card).owed_nanos, revenue(meter)) == ([0, 11], 0, 12 * USD)
    change(meter, "e1", -10)  # 9 to the pack, which repaid last, and 1 to the gift
    assert (left(card), revenue(meter)) == ([1, 20], 2 * USD)
    gift, pack = rows(card, ledger_postings)[1:3]
    assert [(one.reverses, one.burned) for one in rows(card, ledger_postings)[3:]] == [
        (pack.id, [[2, -9 * USD]]),
        (gift.id, [[1, -USD]]),
    ]
    change(meter, "e1", -2, "l")
    assert (left(card), revenue(meter), state(card).balance_nanos) == ([3, 20], 0, 23 * USD)


def test_overdraft_that_a_purchase_repaid_takes_its_revenue_back(meter: Meter, card: Engine) -> None:
    apply_rows(card, {"setting": [setting("enforcement", "observe")]})
    meter.record(usage("e1", 12))
    meter.wallets.grant(ACCOUNT, "purchase", key="pack", usd=Decimal(20), paid=Decimal(15))
    assert revenue(meter) == 9 * USD
    down = change(meter, "e1", -12)
    assert (down.overdraft_nanos, down.revenue_nanos) == (-12 * USD, 0)
    assert rows(card, ledger_postings)[-1].revenue_nanos == -9 * USD
    assert (left(card), revenue(meter)) == ([20], 0)


def test_an_event_without_a_price_is_billed_later(meter: Meter, card: Engine) -> None:
    meter.wallets.grant(ACCOUNT, "purchase", key="pack", usd=Decimal(10), paid=Decimal(10))
    meter.record(usage("e1", 3, provider="anthropic", model="unpriced"))
    billed = change(meter, "e1", 4, reason="rerate", cost_delta_nanos=USD, price_id=1)
    assert (billed.purchased_nanos, billed.revenue_nanos) == (4 * USD, 4 * USD)
    (row,) = rows(card, usage_adjustments)
    assert (row.price_id, row.reason, row.release_id, row.day) == (1, "rerate", 1, NOW.date())
    change(meter, "e1", -4, "l", reason="refund")
    assert [(one.kind, one.reverses) for one in rows(card, ledger_postings)[1:]] == [
        ("adjustment", None),
        ("refund", billed.posting_id),
    ]
    assert left(card) == [10]


def test_a_cost_changes_without_a_posting(meter: Meter, card: Engine) -> None:
    meter.record(usage("e1", 6))
    before = len(rows(card, ledger_postings))
    only = change(meter, "e1", 0, reason="rerate", cost_delta_nanos=-5)
    assert (only.posting_id, only.cost_nanos, only.charge_nanos, only.revenue_nanos) == (None, -5, 0, 0)
    assert len(rows(card, ledger_postings)) == before


def test_many_events_of_many_accounts_are_corrected_together(meter: Meter, card: Engine) -> None:
    for name in ("a", "b"):
        meter.wallets.grant(name, "promo", key="gift", usd=Decimal(6))
    meter.record_many([usage(f"{name}{count}", 3, account=name) for name in "ab" for count in range(3)])
    numbers = {name: number(card, name) for name in ("a0", "a1", "a2", "b0", "b2")}
    changes = {"b2": -3, "a0": -2, "a1": -1, "a2": -3, "b0": 2}
    many = [Correction(numbers[name], 0, dollars * USD, "k", "rerate") for name, dollars in changes.items()]
    for repeated in (False, True):
        with writing(card) as connection:
            made = correct_many(connection, many, book=meter.book, now=NOW)
        assert [(one.usage_id, one.charge_nanos, one.repeated) for one in made] == [
            (numbers[name], dollars * USD, repeated) for name, dollars in changes.items()
        ]
    assert left(card) == [3, 0]
    assert [meter.balance(name).owed_nanos for name in "ab"] == [0, 2 * USD]
    with writing(card) as connection, pytest.raises(BadCorrectionError) as caught:
        correct_many(connection, [many[0], many[0]], book=meter.book, now=NOW)
    assert str(caught.value) == "an event can be corrected once in a transaction"


def test_edited_records_that_do_not_fit_together_are_told(meter: Meter, card: Engine) -> None:
    meter.wallets.grant(ACCOUNT, "promo", key="gift", usd=Decimal(6))
    meter.record(usage("e1", 6))
    with writing(card) as connection:
        table = ledger_postings.c
        statement = update(ledger_postings).where(table.kind == "debit").values(burned=[[1, 5]]).returning(table.id)
        debit = connection.execute(statement).scalar_one()
    with pytest.raises(BadCorrectionError) as caught:
        change(meter, "e1", -1)
    assert str(caught.value) == (
        f"posting {debit} does not record what event e1 burned; run `ratecard doctor --ledger`"
    )


def test_a_grant_that_was_used_up_earned_what_was_paid(meter: Meter) -> None:
    """However often usage is given back and used again."""
    meter.wallets.grant(ACCOUNT, "purchase", key="pack", usd=Decimal("17.5"), paid=Decimal(15))
    for count in range(7):
        meter.record(usage(f"e{count}", 3))
        change(meter, f"e{count}", Decimal("-1.234567891"))
    change(meter, "e3", Decimal("5.141975237"), "rest")
    assert (meter.balance(ACCOUNT).balance_nanos, meter.balance(ACCOUNT).owed_nanos) == (0, 0)
    assert revenue(meter) == 15 * USD
