"""Recording, on both databases: what is charged, to whom, once, and that the ledger always agrees."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import Engine, Row, func, select, update

from metering.errors import (
    BadEventError,
    EventConflictError,
    MeteringError,
    NoPricingError,
    UnknownAccountError,
    UnregisteredModelError,
)
from metering.meter import Meter
from metering.receipts import Receipt
from metering.storage import EVENT_COLUMNS
from metering.subscriptions.subscriptions import subscribe
from metering.usage import Usage
from metering.wallets.ledger import imbalances
from schema.database import reading, writing
from schema.tables import account_state, accounts, event_keys, ledger_postings, usage_events
from tests.metering.rate_card import COMMIT, JANUARY, JUNE, NOW, ROWS, Clock, apply_rows, setting


@pytest.fixture(autouse=True)
def _ledger_agrees(card: Engine) -> Iterator[None]:
    """Whatever a test does, afterwards postings, grants and balances say the same, and charges are met exactly."""
    yield
    with reading(card) as connection:
        assert imbalances(connection) == []
        charged = select(func.coalesce(func.sum(usage_events.c.charge_nanos), 0))
        debited = select(func.coalesce(-func.sum(ledger_postings.c.amount_nanos), 0)).where(
            ledger_postings.c.kind == "debit"
        )
        assert connection.execute(charged).scalar() == connection.execute(debited).scalar()


def usage(event_id: str = "e1", **values: Any) -> Usage:
    row = {
        "account": "acct-0001",
        "provider": "anthropic",
        "model": "haiku",
        "units": {"input": 1000, "output": 500},
    }
    return Usage(event_id=event_id, **(row | values))


def events(engine: Engine) -> list[Row[Any]]:
    with reading(engine) as connection:
        return list(connection.execute(select(usage_events).order_by(usage_events.c.id)))


def postings(engine: Engine, kind: str = "debit") -> list[Row[Any]]:
    table = ledger_postings
    with reading(engine) as connection:
        return list(connection.execute(select(table).where(table.c.kind == kind).order_by(table.c.id)))


def count(engine: Engine, *tables: Any) -> list[int]:
    with reading(engine) as connection:
        return [connection.execute(select(func.count()).select_from(table)).scalar_one() for table in tables]


def test_a_call_is_billed_and_its_receipt_names_the_commit(meter: Meter) -> None:
    receipt = meter.record(usage())
    assert (receipt.cost, receipt.charge, receipt.balance) == (
        Decimal("0.002800"),
        Decimal("0.008400"),
        Decimal("-0.008400"),
    )
    assert (receipt.event_id, receipt.status, receipt.duplicate) == ("e1", "priced", False)
    assert receipt.release.commit == COMMIT
    assert receipt.price_key == "anthropic/haiku@2026-06-01"


def test_the_stored_event_says_everything(meter: Meter, card: Engine, clock: Clock) -> None:
    meter.record(
        usage(
            model="small",
            occurred_at=datetime(2026, 6, 14, 23, 30, tzinfo=UTC),
            user="user-7",
            task="extraction",
            feature="search",
            tool="sandbox",
            tier="heavy",
            reasoning_level="advanced",
            cpu_seconds="1.25",
            gpu_seconds=2,
            latency_ms=900,
            metadata={"trace": ["é", 1.5]},
        )
    )
    (event,) = events(card)
    assert {name: getattr(event, name) for name in EVENT_COLUMNS[1:] if not name.endswith("_units")} == {
        "account_id": 1,
        "event_id": "e1",
        "occurred_at": datetime(2026, 6, 14, 23, 30, tzinfo=UTC),
        "recorded_at": NOW,
        "day": date(2026, 6, 14),
        "user_id": "user-7",
        "provider": "anthropic",
        "model": "haiku",
        "plan": "free",
        "task": "extraction",
        "feature": "search",
        "tool": "sandbox",
        "tier": "heavy",
        "reasoning_level": "advanced",
        "cpu_seconds_micros": 1_250_000,
        "gpu_seconds_micros": 2_000_000,
        "latency_ms": 900,
        "details": {"trace": ["é", 1.5]},
        "status": "priced",
        "price_id": 2,
        "release_id": 1,
        "posting_id": postings(card)[0].id,
        # 1,000 x 0.80 + 500 x 1.5 x 4 per million, three times
        "cost_nanos": 3_800_000,
        "charge_nanos": 11_400_000,
        "included_nanos": 0,
        "promotional_nanos": 0,
        "purchased_nanos": 0,
        "owed_nanos": 11_400_000,
        "overdraft_nanos": 0,
        "revenue_nanos": 11_400_000,
    }
    assert (event.input_units, event.output_units, event.cache_read_units) == (1000, 500, 0)


def test_decimal_units_are_stored_in_millionths(meter: Meter, card: Engine) -> None:
    receipt = meter.record(usage(units={"run_unit": "1.5"}))
    assert (receipt.status, receipt.charge_nanos) == ("priced", 0)
    assert events(card)[0].run_unit_units == 1_500_000
    with reading(card) as connection:
        state = connection.execute(select(account_state)).one()
    assert (state.month_run_unit_micros, state.month_tokens, state.day_requests) == (1_500_000, 0, 1)


def test_the_price_in_force_at_the_event_decides(meter: Meter) -> None:
    before, after = JUNE - timedelta(microseconds=1), JUNE
    receipts = meter.record_many([usage("old", occurred_at=before), usage("new", occurred_at=after)])
    assert [(one.price_key, one.charge) for one in receipts] == [
        ("anthropic/haiku@2026-01-01", Decimal("0.0105")),
        ("anthropic/haiku@2026-06-01", Decimal("0.0084")),
    ]


def test_a_charge_is_met_by_grants_in_their_order(meter: Meter, card: Engine) -> None:
    meter.wallets.grant("acct-0001", "purchase", key="pack", usd=Decimal("0.005"), paid=Decimal("0.004"))
    meter.wallets.grant("acct-0001", "promo", key="gift", usd=Decimal("0.002"))
    meter.wallets.grant("acct-0001", "plan", key="month", usd=Decimal("0.001"), expires_at=NOW + timedelta(days=30))
    receipt = meter.record(usage())
    (event,) = events(card)
    assert (event.included_nanos, event.promotional_nanos, event.purchased_nanos) == (1_000_000, 2_000_000, 5_000_000)
    assert (event.owed_nanos, event.overdraft_nanos) == (400_000, 0)
    assert event.revenue_nanos == 4_000_000 + 400_000
    assert receipt.balance == Decimal("-0.0004")
    (posting,) = postings(card)
    assert posting.burned == [[3, 1_000_000], [2, 2_000_000], [1, 5_000_000]]
    assert (posting.amount_nanos, posting.balance_nanos, posting.revenue_nanos) == (-8_400_000, -400_000, 0)
    assert posting.idempotency_key == "usage:e1"


def test_a_batch_makes_one_posting_an_account(meter: Meter, card: Engine) -> None:
    meter.wallets.grant("a", "signup", key="hello", usd=Decimal("0.01"))
    batch = [usage(f"e{number}", account="ab"[number % 2]) for number in range(6)]
    receipts = meter.record_many(batch)
    first, second = postings(card)
    assert (first.amount_nanos, first.burned, first.idempotency_key) == (-25_200_000, [[1, 10_000_000]], "usage:e0")
    assert (second.amount_nanos, second.burned) == (-25_200_000, [])
    assert [event.posting_id for event in events(card)] == [first.id, second.id] * 3
    assert [event.promotional_nanos for event in events(card)] == [8_400_000, 0, 1_600_000, 0, 0, 0]
    assert {one.balance_nanos for one in receipts[::2]} == {-15_200_000}
    assert {one.balance_nanos for one in receipts[1::2]} == {-25_200_000}


def test_a_large_batch_lands_as_a_small_one_would(meter: Meter, card: Engine) -> None:
    batch = [
        usage(
            f"e{number}",
            account=f"acct-{number % 7:04}",
            user="quote\t\\ \n 'é" if number % 3 else None,
            units={"input": number, "video_second": "0.5"} if number % 11 == 0 else {"input": number},
            metadata={"tab": "\t\\N"} if number % 5 else None,
        )
        for number in range(300)
    ]
    one_by_one = [meter.record(usage) for usage in batch[:20]]
    rest = meter.record_many(batch[20:])
    again = meter.record_many(batch)
    assert [one.charge_nanos for one in again] == [one.charge_nanos for one in (*one_by_one, *rest)]
    assert all(one.duplicate for one in again)
    rows = events(card)
    assert [row.event_id for row in rows] == [f"e{number}" for number in range(300)]
    assert [row.input_units for row in rows] == list(range(300))
    assert {row.user_id for row in rows} == {"quote\t\\ \n 'é", None}
    assert [row.details for row in rows[4:7]] == [{"tab": "\t\\N"}, None, {"tab": "\t\\N"}]
    assert [row.status for row in rows[:2]] == ["unpriced", "priced"]
    assert count(card, usage_events, event_keys, accounts) == [300, 300, 7]


def test_the_same_event_again_is_charged_once(meter: Meter, card: Engine, clock: Clock) -> None:
    meter.wallets.grant("acct-0001", "promo", key="gift", usd=Decimal(1))
    first = meter.record(usage())
    meter.record(usage("e2"))
    clock.forward(hours=1)
    again = meter.record(usage())
    assert again == first.again()
    assert again.balance == Decimal("0.9916")
    assert count(card, usage_events, event_keys) == [2, 2]
    assert meter.balance("acct-0001").balance == Decimal("0.9832")


def test_an_event_that_was_charged_nothing_has_its_receipt_too(meter: Meter) -> None:
    meter.wallets.grant("acct-0001", "promo", key="gift", usd=Decimal(1))
    first = meter.record(usage(units={}))
    assert (first.charge_nanos, first.balance) == (0, Decimal(1))
    assert meter.record(usage(units={})) == first.again()


def test_other_contents_under_a_known_id_are_a_conflict(meter: Meter, card: Engine) -> None:
    meter.record(usage())
    with pytest.raises(EventConflictError) as caught:
        meter.record(usage(units={"input": 1000, "output": 501}))
    assert str(caught.value) == "event e1 of account acct-0001 is known with other contents"
    assert (caught.value.code, caught.value.status) == ("EVENT_CONFLICT", 409)
    assert meter.record(usage(account="acct-0002", units={"input": 1})).duplicate is False
    assert count(card, usage_events) == [2]


def test_the_same_event_twice_in_a_batch(meter: Meter, card: Engine) -> None:
    first, second = meter.record_many([usage(), usage()])
    assert second == first.again()
    with pytest.raises(EventConflictError):
        meter.record_many([usage("e2"), usage("e2", task="extraction")])
    assert count(card, usage_events) == [1]


def test_a_batch_is_recorded_whole_or_not_at_all(meter: Meter, card: Engine) -> None:
    with pytest.raises(BadEventError):
        meter.record_many([usage("e1"), usage("e2", reasoning_level="endless")])
    with pytest.raises(BadEventError):
        meter.record_many([usage("e1"), usage("e2", units={"input": -1})])
    assert count(card, usage_events, event_keys, ledger_postings, accounts) == [0] * 4


def test_each_stands_for_itself_when_errors_are_collected(meter: Meter, card: Engine) -> None:
    meter.record(usage("known"))
    outcomes = meter.record_each(
        [
            usage("good"),
            usage("bad", units={"input": -1}),
            usage("known"),
            usage("known", task="extraction"),
            usage("good"),
            usage("good", task="extraction"),
            usage("level", reasoning_level="endless"),
            usage("none", model="none"),
            usage("huge", units={"output": 10**12}),
        ]
    )
    shown = [(one.status, one.duplicate) if isinstance(one, Receipt) else (one.code, str(one)) for one in outcomes]
    assert shown == [
        ("priced", False),
        ("BAD_EVENT", "input is negative: -1"),
        ("priced", True),
        ("EVENT_CONFLICT", "event known of account acct-0001 is known with other contents"),
        ("priced", True),
        ("EVENT_CONFLICT", "event good of account acct-0001 is known with other contents"),
        ("BAD_EVENT", "'endless' is not a reasoning level"),
        ("unpriced", False),
        ("priced", False),
    ]
    assert [event.event_id for event in events(card)] == ["known", "good", "none", "huge"]
    assert meter.record_each([]) == []
    assert isinstance(meter.record_each([usage(model=None)])[0], BadEventError)


def test_an_amount_that_can_only_be_a_slip_is_refused(meter: Meter) -> None:
    units = dict.fromkeys(("input", "output", "cache_read", "cache_write"), 10**12)
    dear = meter.record(usage(units=units))
    assert dear.cost == Decimal("5880000")
    apply_rows(
        meter.engine,
        {"setting": [setting("unknown_model", {"credits_multiplier": "1000"}), setting("credits_per_dollar", 1)]},
    )
    meter.reload()
    with pytest.raises(BadEventError) as caught:
        meter.record(
            usage(
                "e2",
                model="none",
                units=dict.fromkeys(["output", "reasoning", "audio_output"], 10**12)
                | {"cache_write": 10**12, "input": 10**12},
            )
        )
    assert str(caught.value) == "event e2 comes to more than a thousand million USD"


def test_a_balance_that_the_database_could_not_hold_is_refused(meter: Meter) -> None:
    before = meter.record(usage("e0", units={"output": 1})).balance_nanos
    for balance, refused in ((-8 * 10**18 + 1, True), (before, False)):
        with writing(meter.engine) as connection:
            connection.execute(update(account_state).values(balance_nanos=balance))
        if refused:
            with pytest.raises(BadEventError) as caught:
                meter.record(usage("e1", units={"output": 1}))
    assert meter.record(usage("e1", units={"output": 1})).duplicate is False
    assert str(caught.value) == "event e1 takes the balance below minus eight thousand million USD"


@pytest.mark.parametrize(
    ("values", "stored", "error"),
    [
        ({"model": "none"}, ("anthropic", "none"), UnregisteredModelError),
        ({"provider": None, "model": "none"}, ("unknown", "none"), UnregisteredModelError),
        ({"provider": None, "model": "mistral/large"}, ("mistral", "large"), UnregisteredModelError),
        ({"model": "unpriced"}, ("anthropic", "unpriced"), NoPricingError),
        ({"units": {"input": 1, "image": 1}}, ("anthropic", "haiku"), NoPricingError),
        ({"occurred_at": JANUARY - timedelta(seconds=1)}, ("anthropic", "haiku"), NoPricingError),
    ],
)
def test_a_call_that_no_price_covers_is_kept_unpriced(
    meter: Meter, card: Engine, values: dict[str, Any], stored: tuple[str, str], error: type[MeteringError]
) -> None:
    (refused,) = meter.record_each([usage(**values)], unpriced="refuse")
    assert type(refused) is error
    assert events(card) == []
    receipt = meter.record(usage(**values))
    assert (receipt.status, receipt.cost, receipt.charge, receipt.price_key) == ("unpriced", 0, 0, None)
    (event,) = events(card)
    assert (event.provider, event.model) == stored
    assert (event.status, event.price_id, event.posting_id, event.input_units > 0) == ("unpriced", None, None, True)
    assert meter.record(usage(**values)) == receipt.again()
    assert postings(card) == []


def test_a_refused_row_says_what_may_have_been_meant(meter: Meter) -> None:
    refused = meter.record_each([usage("e1", model="haikuu"), usage("e2", model="haikuu")], unpriced="refuse")
    message = "model anthropic/haikuu is not registered; did you mean 'anthropic/haiku'?"
    assert [str(one) for one in refused] == [message, message]


def test_an_inactive_model_that_has_a_price_is_billed(meter: Meter) -> None:
    receipt = meter.record(usage(model="retired"))
    assert (receipt.status, receipt.charge) == ("priced", Decimal("0.007"))


def test_models_of_another_provider_and_aliases_are_found(meter: Meter, card: Engine) -> None:
    meter.record_many([usage("e1", model="openai/gpt"), usage("e2", provider=None, model="small")])
    assert [(event.provider, event.model) for event in events(card)] == [("openai", "gpt"), ("anthropic", "haiku")]


def test_list_prices_and_credit_burn(meter: Meter) -> None:
    listed = meter.record(usage("e1", provider="openai", model="gpt"))
    assert (listed.cost, listed.charge) == (Decimal("0.0035"), Decimal("0.01"))
    burned = meter.record(usage("e2", provider="openai", model="burner", units={"output": 10_000}))
    assert (burned.cost, burned.charge) == (Decimal("0.05"), Decimal("0.5") / 10_000)


def test_a_task_that_is_not_billable_is_charged_nothing(meter: Meter, card: Engine) -> None:
    receipt = meter.record(usage(task="routing"))
    assert (receipt.status, receipt.cost, receipt.charge) == ("priced", Decimal("0.0028"), 0)
    assert postings(card) == []
    assert meter.record(usage("e2", task="not listed")).charge == Decimal("0.0084")


def test_unregistered_models_can_be_charged_by_credits(meter: Meter, card: Engine) -> None:
    apply_rows(card, {"setting": [setting("unknown_model", {"credits_multiplier": "1.0"})]})
    receipt = meter.record(usage(model="none", units={"output": 10_000}))
    assert (receipt.status, receipt.cost, receipt.charge) == ("priced", 0, Decimal("0.0001"))
    assert events(card)[0].price_id is None


def test_an_unknown_account_is_created_on_the_default_plan(meter: Meter, card: Engine) -> None:
    apply_rows(card, {"setting": [setting("signup_grant_credits", 60)]})
    receipt = meter.record(usage())
    assert receipt.balance == Decimal("-0.0024")
    balance = meter.balance("acct-0001")
    assert (balance.plan, balance.owed_nanos) == ("free", 2_400_000)
    assert [(one.amount_nanos, one.idempotency_key) for one in postings(card, "grant")] == [(6_000_000, "grant:signup")]


def test_an_unknown_account_is_refused_when_settings_say_so(meter: Meter, card: Engine) -> None:
    meter.record(usage())
    apply_rows(card, {"setting": [setting("unknown_account", "refuse")]})
    with pytest.raises(UnknownAccountError) as caught:
        meter.record_many([usage("e2"), usage("e2", account="stranger")])
    assert str(caught.value) == "there is no account 'stranger'"
    outcomes = meter.record_each([usage("e2"), usage("e2", account="stranger")])
    assert isinstance(outcomes[0], Receipt)
    assert isinstance(outcomes[1], UnknownAccountError)
    with pytest.raises(UnknownAccountError):
        meter.wallets.grant("stranger", "promo", key="gift", usd=Decimal(1))
    assert count(card, accounts) == [1]


def test_an_account_of_a_refused_batch_does_not_exist(meter: Meter, card: Engine) -> None:
    with pytest.raises(BadEventError):
        meter.record(usage(reasoning_level="endless"))
    assert count(card, accounts, account_state) == [0, 0]
    assert meter.record(usage()).charge == Decimal("0.0084")


@pytest.mark.parametrize("how", ["plan", "setting"])
def test_what_is_only_observed_is_overdraft_and_no_revenue(meter: Meter, card: Engine, how: str) -> None:
    row = setting("default_plan", "watched") if how == "plan" else setting("enforcement", "observe")
    apply_rows(card, {"setting": [row]})
    meter.record(usage())
    (event,) = events(card)
    assert (event.owed_nanos, event.overdraft_nanos, event.revenue_nanos) == (0, 8_400_000, 0)
    assert meter.balance("acct-0001").overdraft_nanos == 8_400_000


def test_the_plan_at_the_event_decides(meter: Meter, card: Engine, clock: Clock) -> None:
    meter.record(usage("first"))
    plans = meter.book.plans
    with writing(card) as connection:
        for plan, start in (("pro", datetime(2026, 3, 1, tzinfo=UTC)), ("watched", datetime(2026, 5, 1, tzinfo=UTC))):
            subscribe(connection, 1, plans[plan], "monthly", start, now=NOW)
    moments = [(2, 28, 23), (3, 1, 0), (4, 30, 23), (5, 1, 0), (6, 15, 11)]
    meter.record_many(
        usage(f"e{index}", occurred_at=datetime(2026, month, day, hour, tzinfo=UTC), model="sonnet")
        for index, (month, day, hour) in enumerate(moments)
    )
    assert [event.plan for event in events(card)] == ["free", "free", "pro", "pro", "watched", "watched"]
    assert [event.overdraft_nanos > 0 for event in events(card)] == [False, False, False, False, True, True]


def test_margins_follow_the_plan(meter: Meter, card: Engine) -> None:
    meter.record(usage("first"))
    with writing(card) as connection:
        subscribe(connection, 1, meter.book.plans["pro"], "annual", NOW, now=NOW)
    assert meter.record(usage("e2")).charge == Decimal("0.007")


def test_a_release_is_seen_by_the_next_record(meter: Meter, card: Engine) -> None:
    assert meter.record(usage("e1")).charge == Decimal("0.0084")
    dearer = dict(ROWS["price"][1], margin_micros=4_000_000)
    release = apply_rows(card, {"price": [dearer]}, commit="e" * 40)
    receipt = meter.record(usage("e2"))
    assert (receipt.charge, receipt.release.id, receipt.release.commit) == (Decimal("0.0112"), release, "e" * 40)
    assert meter.record(usage("e1")).release.commit == COMMIT
    assert meter.quote("anthropic", "haiku", {"input": 1000, "output": 500}).charge == Decimal("0.0112")


def test_counters_follow_the_events(meter: Meter, card: Engine, clock: Clock) -> None:
    meter.record_many([usage("e1"), usage("e2", occurred_at=NOW - timedelta(days=1))])
    clock.forward(days=20)
    meter.record(usage("e3"))
    with reading(card) as connection:
        state = connection.execute(select(account_state)).one()
    assert (state.month, state.month_tokens) == (date(2026, 7, 1), 1500)
    assert (state.day, state.day_requests) == (date(2026, 7, 5), 1)
    assert state.last_event_at == NOW + timedelta(days=20)


def test_burned_is_written_as_the_table_says(meter: Meter, card: Engine) -> None:
    meter.record(usage())
    (posting,) = postings(card)
    assert json.dumps(posting.burned) == "[]"
    assert (posting.occurred_at, posting.recorded_at, posting.note) == (NOW, NOW, None)
