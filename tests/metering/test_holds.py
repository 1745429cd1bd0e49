"""Holds: what they set aside, who is refused, and how they are settled."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal

import pytest
from sqlalchemy import Engine, func, select, text

from metering.errors import (
    BadEventError,
    EventConflictError,
    InsufficientBalanceError,
    MeteringError,
    ModelNotInPlanError,
    NoPricingError,
    UnknownAccountError,
    UnknownHoldError,
    UnregisteredModelError,
)
from metering.meter import Meter
from metering.subscriptions.renewal import renew
from metering.usage import Usage
from metering.wallets.ledger import imbalances
from schema.database import reading, writing
from schema.tables import account_state, holds
from tests.metering.rate_card import NOW, Clock, apply_rows, change, per_million, price_row, setting

ACCOUNT = "acct-0001"


def give(meter: Meter, usd: str) -> None:
    meter.wallets.grant(ACCOUNT, "purchase", key=f"pack {usd}", usd=Decimal(usd), paid=Decimal(usd))


def held(engine: Engine) -> tuple[int, int]:
    """What the state row keeps, and what the open holds come to."""
    with reading(engine) as connection:
        open_holds = select(func.coalesce(func.sum(holds.c.amount_nanos), 0)).where(holds.c.status == "open")
        return (
            connection.execute(select(func.sum(account_state.c.held_nanos))).scalar_one(),
            int(connection.execute(open_holds).scalar_one()),
        )


def test_a_hold_sets_the_largest_charge_aside_and_a_capture_takes_what_was_used(meter: Meter, card: Engine) -> None:
    give(meter, "1")
    hold = meter.hold(ACCOUNT, "anthropic", "haiku", input=1_000, max_output=1_000, task="extraction")
    quoted = max(
        meter.quote("anthropic", "haiku", {way: 1_000, "output": 1_000}).charge
        for way in ("input", "cache_write", "cache_write_1h")
    )
    assert (hold.amount, hold.status, hold.expires_at) == (quoted, "open", NOW + timedelta(minutes=15))
    assert held(card) == (hold.amount_nanos, hold.amount_nanos)
    receipt = hold.capture(Usage(event_id="e1", units={"input": 1_000, "output": 500}))
    assert (receipt.charge, receipt.balance, hold.status) == (Decimal("0.0084"), Decimal("0.9916"), "captured")
    assert held(card) == (0, 0)
    with reading(card) as connection:
        row = connection.execute(select(holds)).one()
    assert (row.status, row.event_id, row.settled_at, row.task) == ("captured", "e1", NOW, "extraction")


def test_the_output_is_at_most_what_the_model_gives(meter: Meter, card: Engine) -> None:
    give(meter, "100")
    with pytest.raises(BadEventError, match="max_output is missing"):
        meter.hold(ACCOUNT, "anthropic", "haiku", input=10)
    apply_rows(card, {"model": [change("model", {"provider": "anthropic", "model": "haiku"}, max_output=2_000)]})
    meter.reload()
    most = meter.quote("anthropic", "haiku", {"output": 2_000}).charge
    assert meter.hold(ACCOUNT, "anthropic", "haiku").amount == most
    assert meter.hold(ACCOUNT, "anthropic", "haiku", max_output=10**6).amount == most
    assert meter.hold(ACCOUNT, "anthropic", "haiku", max_output=1_000).amount == most / 2


def test_the_dearest_way_to_count_the_input_is_held(meter: Meter, card: Engine) -> None:
    """Input that the provider writes to its cache costs more than fresh input."""
    give(meter, "100")
    rates = per_million(input="1", cache_write="1.25", output="5")
    apply_rows(card, {"price": [price_row("anthropic", "haiku", NOW, rates=rates, margin_micros=2_000_000)]})
    meter.reload()
    hold = meter.hold(ACCOUNT, "anthropic", "haiku", input=1_000_000, max_output=0)
    assert hold.amount == Decimal("2.5")


def test_the_dearest_way_to_count_the_output_is_held(meter: Meter, card: Engine) -> None:
    """A model that speaks may answer in sound alone."""
    give(meter, "100")
    rates = per_million(input="1", output="5", audio_output="20")
    apply_rows(card, {"price": [price_row("anthropic", "haiku", NOW, rates=rates)]})
    meter.reload()
    hold = meter.hold(ACCOUNT, "anthropic", "haiku", input=1_000_000, max_output=1_000_000)
    assert hold.amount == 21
    receipt = hold.capture(Usage(event_id="e1", units={"input": 1_000_000, "audio_output": 1_000_000}))
    assert receipt.charge == hold.amount


def test_what_is_held_cannot_be_held_again(meter: Meter, card: Engine) -> None:
    give(meter, "0.01")
    first = meter.hold(ACCOUNT, "anthropic", "haiku", units={"input": 1_000, "output": 500})
    with pytest.raises(InsufficientBalanceError) as caught:
        meter.hold(ACCOUNT, "anthropic", "haiku", units={"input": 1_000, "output": 500})
    left = meter.balance(ACCOUNT).balance - first.amount
    assert str(caught.value).endswith(f"{left.normalize()} USD are available")
    assert caught.value.status == 402
    first.release()
    assert first.status == "released"
    assert meter.hold(ACCOUNT, "anthropic", "haiku", units={"input": 1_000, "output": 500}).status == "open"


def test_a_release_twice_or_after_a_capture_changes_nothing(meter: Meter, card: Engine) -> None:
    give(meter, "1")
    hold = meter.hold(ACCOUNT, "anthropic", "haiku", units={"input": 10})
    hold.release()
    hold.release()
    assert held(card) == (0, 0)
    again = meter.hold(ACCOUNT, "anthropic", "haiku", units={"input": 10})
    again.capture(Usage(event_id="e1", units={"input": 5}))
    again.release()
    assert again.status == "captured"
    assert held(card) == (0, 0)


def test_a_failed_call_releases_its_hold(meter: Meter, card: Engine) -> None:
    give(meter, "1")
    with pytest.raises(RuntimeError), meter.hold(ACCOUNT, "anthropic", "haiku", units={"input": 10}) as hold:
        raise RuntimeError("the provider is down")
    assert (hold.status, held(card)) == ("released", (0, 0))


def test_a_cancelled_stream_settles_to_what_was_used(meter: Meter, card: Engine) -> None:
    give(meter, "1")
    with meter.hold(ACCOUNT, "anthropic", "haiku", input=1_000, max_output=4_000) as hold:
        receipt = hold.capture(Usage(event_id="e1", units={"input": 1_000, "output": 12}))
    assert receipt.charge == meter.quote("anthropic", "haiku", {"input": 1_000, "output": 12}).charge
    assert (hold.status, held(card)) == ("captured", (0, 0))


def test_the_same_hold_again_is_the_same_hold(meter: Meter, card: Engine) -> None:
    give(meter, "1")
    first = meter.hold(ACCOUNT, "anthropic", "haiku", units={"input": 10}, hold_id="h1")
    again = meter.hold(ACCOUNT, "anthropic", "haiku", units={"input": 10}, hold_id="h1")
    assert (again.hold_id, again.amount, held(card)[0]) == ("h1", first.amount, first.amount_nanos)
    with pytest.raises(EventConflictError, match="hold 'h1' is known for another call"):
        meter.hold(ACCOUNT, "anthropic", "haiku", units={"input": 11}, hold_id="h1")


def test_a_settled_hold_does_not_let_another_call_pass(meter: Meter, clock: Clock) -> None:
    give(meter, "1")
    for name, settle in (
        ("captured", lambda hold: hold.capture(Usage(event_id="e1", units={"input": 10}))),
        ("released", lambda hold: hold.release()),
        ("expired", lambda hold: (clock.forward(hours=1), meter.accounts.renew())),
    ):
        settle(meter.hold(ACCOUNT, "anthropic", "haiku", units={"input": 10}, hold_id=name))
        with pytest.raises(EventConflictError, match=f"hold '{name}' is {name}; a new call takes a hold of another id"):
            meter.hold(ACCOUNT, "anthropic", "haiku", units={"input": 10}, hold_id=name)


def test_an_event_that_was_recorded_without_its_hold_leaves_nothing_held(meter: Meter, card: Engine) -> None:
    give(meter, "1")
    usage = Usage(event_id="e1", account=ACCOUNT, provider="anthropic", model="haiku", units={"input": 10})
    hold = meter.hold(ACCOUNT, "anthropic", "haiku", units={"input": 1_000})
    first = meter.record(usage)
    again = hold.capture(Usage(event_id="e1", units={"input": 10}))
    assert (again.duplicate, again.charge, again.balance) == (True, first.charge, first.balance)
    assert held(card) == (0, 0)
    assert meter.holds.find(ACCOUNT, hold.hold_id).status == "captured"
    # A retry of the whole call, with a hold of its own, leaves nothing held either.
    meter.hold(ACCOUNT, "anthropic", "haiku", units={"input": 1_000}).capture(usage)
    assert held(card) == (0, 0)


def test_a_capture_twice_bills_once_and_by_another_event_conflicts(meter: Meter, card: Engine) -> None:
    give(meter, "1")
    hold = meter.hold(ACCOUNT, "anthropic", "haiku", units={"input": 10})
    first = hold.capture(Usage(event_id="e1", units={"input": 10}))
    again = meter.holds.find(ACCOUNT, hold.hold_id).capture(Usage(event_id="e1", units={"input": 10}))
    assert (again.charge, again.balance, again.duplicate) == (first.charge, first.balance, True)
    with pytest.raises(EventConflictError, match="was captured by event e1"):
        hold.capture(Usage(event_id="e2", units={"input": 10}))
    with pytest.raises(BadEventError, match="the hold is of account acct-0001, the usage of other"):
        hold.capture(Usage(event_id="e3", account="other", units={"input": 10}))
    with pytest.raises(UnknownHoldError, match="there is no hold 'none'"):
        meter.holds.find(ACCOUNT, "none")


def test_a_call_that_went_elsewhere_is_billed_as_what_it_was(meter: Meter, card: Engine) -> None:
    """A fallback took it: the hold's model is only what it was placed for."""
    give(meter, "1")
    hold = meter.hold(ACCOUNT, "anthropic", "haiku", units={"input": 10})
    receipt = hold.capture(Usage(event_id="e1", provider="openai", model="gpt", units={"input": 10}))
    assert receipt.price_key is not None
    assert receipt.price_key.startswith("openai/gpt@")


def test_a_hold_that_nobody_settles_expires_and_its_call_is_billed_all_the_same(
    meter: Meter, card: Engine, clock: Clock
) -> None:
    give(meter, "0.01")
    units = {"input": 1_000, "output": 500}
    lost = meter.hold(ACCOUNT, "anthropic", "haiku", units=units, lifetime=timedelta(minutes=1))
    clock.forward(seconds=60)
    second = meter.hold(ACCOUNT, "anthropic", "haiku", units=units)
    assert held(card) == (second.amount_nanos, second.amount_nanos)
    assert meter.holds.find(ACCOUNT, lost.hold_id).status == "expired"
    lost.capture(Usage(event_id="late", units=units))
    assert meter.holds.find(ACCOUNT, lost.hold_id).status == "captured"
    assert held(card) == (second.amount_nanos, second.amount_nanos)
    with reading(card) as connection:
        assert imbalances(connection) == []


def test_renewal_expires_holds_of_quiet_accounts(meter: Meter, card: Engine, clock: Clock) -> None:
    give(meter, "1")
    meter.hold(ACCOUNT, "anthropic", "haiku", units={"input": 10})
    clock.forward(minutes=15)
    with writing(card) as connection:
        assert renew(connection, [1], meter.book, now=clock()).holds_expired == 1
    assert held(card) == (0, 0)


def test_free_models_are_held_with_an_empty_wallet(meter: Meter, card: Engine) -> None:
    """A price of 0 is neither a missing price nor a reason to ask for credit."""
    free = price_row("anthropic", "haiku", NOW, rates=per_million(input="0", output="0"))
    apply_rows(card, {"price": [free]})
    meter.reload()
    meter.record(Usage(event_id="e0", account=ACCOUNT, provider="openai", model="gpt", units={"input": 10}))
    assert meter.balance(ACCOUNT).balance < 0
    assert meter.hold(ACCOUNT, "anthropic", "haiku", input=1_000, max_output=1_000).amount == 0


def test_credit_that_has_not_begun_or_has_expired_is_not_held(meter: Meter, card: Engine, clock: Clock) -> None:
    meter.wallets.grant(ACCOUNT, "promo", key="later", usd=1, starts_at=NOW + timedelta(days=1))
    meter.wallets.grant(ACCOUNT, "promo", key="now", usd=1, expires_at=NOW + timedelta(hours=1))
    meter.hold(ACCOUNT, "anthropic", "haiku", units={"output": 60_000}).release()
    clock.forward(hours=1)
    with pytest.raises(InsufficientBalanceError, match="0 USD are available"):
        meter.hold(ACCOUNT, "anthropic", "haiku", units={"output": 60_000})


@pytest.mark.parametrize(
    ("provider", "model", "error"),
    [("anthropic", "nothing", UnregisteredModelError), ("anthropic", "retired", UnregisteredModelError)],
)
def test_what_may_not_be_called_is_not_held(
    meter: Meter, card: Engine, provider: str, model: str, error: type[MeteringError]
) -> None:
    with pytest.raises(error):
        meter.hold(ACCOUNT, provider, model, units={"input": 1})
    assert held(card)[1] == 0


def test_a_unit_without_a_rate_is_refused_before_the_call(meter: Meter) -> None:
    give(meter, "1")
    with pytest.raises(NoPricingError):
        meter.hold(ACCOUNT, "anthropic", "haiku", units={"image": 1})


def test_an_unknown_account_is_refused_where_settings_say_so(meter: Meter, card: Engine) -> None:
    apply_rows(card, {"setting": [setting("unknown_account", "refuse")]})
    meter.reload()
    with pytest.raises(UnknownAccountError):
        meter.hold("nobody", "anthropic", "haiku", units={"input": 1})


@pytest.mark.parametrize("overage", ["soft", "observe"])
def test_a_plan_that_goes_on_is_not_refused_for_want_of_credit(meter: Meter, card: Engine, overage: str) -> None:
    meter.record(Usage(event_id="e0", account=ACCOUNT, provider="anthropic", model="haiku", units={"input": 10}))
    apply_rows(card, {"plan": [change("plan", {"plan": "free"}, overage=overage)]})
    meter.reload()
    assert meter.hold(ACCOUNT, "anthropic", "haiku", units={"input": 1_000}).status == "open"


def test_enforcement_is_switched_while_it_runs(meter: Meter, card: Engine) -> None:
    with pytest.raises(InsufficientBalanceError):
        meter.hold(ACCOUNT, "anthropic", "haiku", units={"input": 1_000})
    apply_rows(card, {"setting": [setting("enforcement", "observe")]})
    assert meter.hold(ACCOUNT, "anthropic", "haiku", units={"input": 1_000}).status == "open"
    apply_rows(card, {"setting": [setting("enforcement", "on")]})
    with pytest.raises(InsufficientBalanceError):
        meter.hold(ACCOUNT, "anthropic", "haiku", units={"input": 1_000})


def test_a_thousand_holds_at_once_on_a_wallet_for_fifty_admit_fifty(meter: Meter, card: Engine) -> None:
    """LiteLLM 34732: calls that were made at once passed the budget together."""
    one = meter.quote("anthropic", "haiku", {"output": 1_000}).charge
    give(meter, str(one * 50))

    def ask(_: int) -> bool:
        try:
            meter.hold(ACCOUNT, "anthropic", "haiku", units={"output": 1_000})
        except InsufficientBalanceError:
            return False
        return True

    with ThreadPoolExecutor(16) as pool:
        admitted = sum(pool.map(ask, range(1_000)))
    assert admitted == 50
    assert held(card) == (int(one * 50 * 10**9),) * 2


def test_first_holds_of_an_unknown_account_at_once_pass_no_budget(meter: Meter, card: Engine) -> None:
    apply_rows(card, {"setting": [setting("signup_grant_credits", 1_000)]})
    # The grant is of 0.10 USD, a hold of 0.024.
    assert meter.quote("anthropic", "haiku", {"input": 10_000}).charge == Decimal("0.024")

    def first(number: int) -> bool:
        try:
            meter.hold("newcomer", "anthropic", "haiku", units={"input": 10_000}, hold_id=str(number))
        except InsufficientBalanceError:
            return False
        return True

    with ThreadPoolExecutor(12) as pool:
        assert sum(pool.map(first, range(24))) == 3
    assert held(card)[0] == held(card)[1]


def test_holds_captures_and_calls_at_once_leave_nothing_held(meter: Meter, card: Engine) -> None:
    give(meter, "5")

    def work(thread: int) -> Callable[[], None]:
        def run() -> None:
            for turn in range(8):
                hold = meter.hold(ACCOUNT, "anthropic", "haiku", units={"input": 1_000, "output": 500})
                if turn % 4 == 3:
                    hold.release()
                else:
                    hold.capture(Usage(event_id=f"{thread}-{turn}", units={"input": 1_000, "output": 500}))

        return run

    with ThreadPoolExecutor(8) as pool:
        for future in [pool.submit(work(thread)) for thread in range(8)]:
            future.result(timeout=120)
    assert held(card) == (0, 0)
    assert meter.balance(ACCOUNT).balance == Decimal(5) - 48 * Decimal("0.0084")
    with reading(card) as connection:
        assert imbalances(connection) == []


def test_access_is_asked_before_credit(meter: Meter, card: Engine) -> None:
    apply_rows(card, {"model": [change("model", {"provider": "anthropic", "model": "haiku"}, access="all")]})
    meter.reload()
    with pytest.raises(ModelNotInPlanError):
        meter.hold(ACCOUNT, "anthropic", "haiku", units={"input": 1})


def test_a_suspended_account_is_refused(meter: Meter, card: Engine) -> None:
    give(meter, "1")
    with writing(card) as connection:
        connection.execute(text("UPDATE accounts SET status = 'suspended'"))
    with pytest.raises(MeteringError, match="suspended"):
        meter.hold(ACCOUNT, "anthropic", "haiku", units={"input": 1})
