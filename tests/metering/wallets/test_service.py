from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import Engine, update

from metering.accounts.accounts import create_account
from metering.audit import Actor
from metering.errors import BadGrantError, EventConflictError, UnknownAccountError
from metering.meter import Meter
from metering.usage import Usage
from schema.database import writing
from schema.tables import accounts, audit_log, grants, ledger_postings
from tests.metering.rate_card import NOW, Clock, apply_rows, change, setting
from tests.metering.stored import rows

DAY = timedelta(days=1)
USD = 10**9
ACCOUNT = "acct-0001"
DESK = Actor("Price Desk <prices@example.com>", "asked for it")

pytestmark = pytest.mark.usefixtures("ledger_agrees")


def test_a_pack_is_bought_once_for_its_key(meter: Meter, card: Engine) -> None:
    """Lago 5870: a payment that was told twice was credited twice."""
    first = meter.wallets.buy(ACCOUNT, "Starter", key="payment-1", actor=DESK)
    assert (first.kind, first.face_nanos, first.paid_nanos) == ("purchase", 5 * USD, 5 * USD)
    apply_rows(card, {"pack": [change("pack", {"pack": "Starter"}, price_nanos=6 * USD, credits=70_000)]})
    meter.reload()
    assert meter.wallets.buy(ACCOUNT, "Starter", key="payment-1", actor=DESK) == first
    assert meter.balance(ACCOUNT).balance == 5
    second = meter.wallets.buy(ACCOUNT, "Starter", key="payment-2", paid="5.50", expires_at=NOW + DAY)
    assert (second.face_nanos, second.paid_nanos, second.expires_at) == (7 * USD, 5_500_000_000, NOW + DAY)
    assert [(one.kind, one.amount_nanos, one.note) for one in rows(card, ledger_postings)] == [
        ("purchase", 5 * USD, "pack Starter"),
        ("purchase", 7 * USD, "pack Starter"),
    ]
    (told,) = rows(card, audit_log)
    assert (told.actor, told.action, told.target, told.at) == (DESK.by, "grant", f"account {ACCOUNT}", NOW)
    assert told.after == {
        "kind": "purchase",
        "key": "payment-1",
        "usd": "5",
        "paid_usd": "5",
        "reason": "asked for it",
    }


def test_a_payment_told_by_many_at_once_is_credited_once(meter: Meter, card: Engine) -> None:
    meter.wallets.grant(ACCOUNT, "promo", key="before", usd=1)
    with ThreadPoolExecutor(8) as threads:
        bought = [threads.submit(meter.wallets.buy, ACCOUNT, "Starter", key="payment-1") for _ in range(24)]
        assert len({one.result().id for one in bought}) == 1
    assert meter.balance(ACCOUNT).balance == 6


@pytest.mark.parametrize(
    ("pack", "message"),
    [
        ("Startre", "there is no pack 'Startre'; did you mean 'Starter'?"),
        ("Old", "the pack 'Old' is not sold any more"),
        (
            "Cape",
            (
                f"the pack 'Cape' is priced in ZAR, and no exchange rate ZAR/USD is in force at {NOW.isoformat()}: "
                "add one to exchange_rates.yaml, or say what was paid for it in USD"
            ),
        ),
    ],
)
def test_a_pack_that_is_not_sold_is_refused(meter: Meter, card: Engine, pack: str, message: str) -> None:
    sold = {"pack": "Starter"}
    others = [change("pack", sold, pack="Old", active=False), change("pack", sold, pack="Cape", currency="ZAR")]
    apply_rows(card, {"pack": others})
    meter.reload()
    with pytest.raises(BadGrantError) as caught:
        meter.wallets.buy(ACCOUNT, pack, key="k")
    assert str(caught.value) == message
    assert rows(card, grants) == []


def test_a_pack_in_another_currency_counts_at_the_rate_of_its_purchase(
    meter: Meter, card: Engine, clock: Clock
) -> None:
    """99 ZAR at 18.50 and, from the next day on, at 19.80 a dollar; what was bought stays as it was bought."""
    cape = change("pack", {"pack": "Starter"}, pack="Cape", currency="ZAR", price_nanos=99 * USD)
    rates = [
        {"base": "USD", "quote": "ZAR", "effective": NOW - 30 * DAY, "rate_micros": 18_500_000},
        {"base": "USD", "quote": "ZAR", "effective": NOW + DAY, "rate_micros": 19_800_000},
    ]
    apply_rows(card, {"pack": [cape], "rate": rates})
    meter.reload()
    first = meter.wallets.buy(ACCOUNT, "Cape", key="payment-1", actor=DESK)
    # 99 / 18.5 = 5.351351351351…
    assert (first.face_nanos, first.paid_nanos) == (5 * USD, 5_351_351_351)
    clock.moment = NOW + DAY - timedelta(microseconds=1)
    assert meter.wallets.buy(ACCOUNT, "Cape", key="payment-2").paid_nanos == 5_351_351_351
    clock.moment = NOW + DAY
    assert meter.wallets.buy(ACCOUNT, "Cape", key="payment-3").paid_nanos == 5 * USD
    assert meter.wallets.buy(ACCOUNT, "Cape", key="payment-1").paid_nanos == 5_351_351_351
    assert rows(card, audit_log)[0].after["paid_usd"] == "5.351351351"


def test_what_a_pack_in_another_currency_came_to_is_said(meter: Meter, card: Engine) -> None:
    apply_rows(card, {"pack": [change("pack", {"pack": "Starter"}, pack="Cape", currency="ZAR")]})
    meter.reload()
    assert meter.wallets.buy(ACCOUNT, "Cape", key="k", paid=Decimal("0.27")).paid_nanos == 270_000_000


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({}, "a grant is worth either USD or credits: give one of the two"),
        ({"usd": 1, "credits": 1}, "a grant is worth either USD or credits: give one of the two"),
        ({"usd": 1.5}, "an amount of 1.5 is a binary float; give an int, a Decimal or text"),
        ({"usd": "much"}, "an amount of 'much' is no number"),
        ({"usd": "0.0000000001"}, "an amount of 0.0000000001 has more than 9 decimals"),
        ({"usd": "1e10"}, "a grant is worth at most a thousand million USD"),
        ({"credits": 1.5}, "1.5 is no whole number of credits"),
        ({"usd": 1, "key": " "}, "a grant needs a key, which makes it happen once"),
        ({"usd": 1, "expires_at": NOW - DAY}, "grant k would expire before it starts"),
    ],
)
def test_credit_that_makes_no_sense_is_refused(meter: Meter, values: dict[str, Any], message: str) -> None:
    with pytest.raises(BadGrantError) as caught:
        meter.wallets.grant(ACCOUNT, "promo", **({"key": "k"} | values))
    assert str(caught.value) == message


def test_unknown_accounts_are_refused_where_settings_say_so(meter: Meter, card: Engine) -> None:
    apply_rows(card, {"setting": [setting("unknown_account", "refuse")]})
    meter.reload()
    for ask in (
        lambda: meter.wallets.grant("nobody", "promo", key="k", usd=1),
        lambda: meter.wallets.buy("nobody", "Starter", key="k"),
        lambda: meter.wallets.refund_usage("nobody", "e1", key="k"),
        lambda: meter.wallets.refund_purchase("nobody", "pack", key="k"),
        lambda: meter.wallets.transactions("nobody"),
        lambda: meter.wallets.grants("nobody"),
    ):
        with pytest.raises(UnknownAccountError, match="there is no account 'nobody'"):
            ask()


def test_a_cohort_is_all_accounts_that_existed(meter: Meter, card: Engine, clock: Clock) -> None:
    with writing(card) as connection:
        for number in range(1_003):
            create_account(connection, f"beta-{number}", plan="free", now=NOW)
        connection.execute(update(accounts).where(accounts.c.account == "beta-7").values(status="deleted"))
        connection.execute(update(accounts).where(accounts.c.account == "beta-8").values(status="suspended"))
    clock.forward(days=1)
    given = meter.wallets.cohort("beta", credits=20_000, note="thanks", actor=DESK)
    assert (given.added, given.accounts, given.face_nanos, given.as_of) == (1_002, 1_002, 2 * USD, NOW + DAY)
    clock.forward(days=1)
    meter.wallets.grant("late", "promo", key="own", usd=1)
    again = meter.wallets.cohort("beta", credits=20_000, note="thanks", actor=DESK)
    assert (again.added, again.accounts, again.as_of) == (0, 1_002, NOW + DAY)
    assert meter.balance("late").balance == 1
    assert [(one.action, one.target, one.after) for one in rows(card, audit_log)] == [
        ("grant cohort", "accounts", {"key": "beta", "kind": "promo", "usd": "2", "reason": "asked for it"})
    ]
    with pytest.raises(EventConflictError, match="grant cohort:beta exists with another kind or other amounts"):
        meter.wallets.cohort("beta", credits=30_000)


def test_a_cohort_that_was_interrupted_goes_on(meter: Meter, card: Engine, clock: Clock) -> None:
    for name in ("a", "b"):
        meter.wallets.grant(name, "promo", key="own", usd=1)
    clock.forward(days=1)
    meter.wallets.grant("a", "promo", key="cohort:beta", usd=2)
    clock.forward(days=1)
    meter.wallets.grant("c", "promo", key="own", usd=1)
    assert meter.wallets.cohort("beta", usd=2).added == 1
    assert [meter.balance(name).balance for name in "abc"] == [3, 3, 1]


def test_a_cohorts_grant_repays_what_each_account_owes(meter: Meter, card: Engine) -> None:
    meter.record(Usage(event_id="e1", account="a", provider="openai", model="gpt", units={"output": 250_000}))
    meter.wallets.grant("b", "promo", key="own", usd=1)
    meter.wallets.cohort("beta", usd=5)
    assert [one.remaining_nanos // USD for one in rows(card, grants)] == [1, 2, 5]
    assert [meter.balance(name).balance for name in "ab"] == [2, 6]


def test_transactions_are_listed_newest_first(meter: Meter, clock: Clock) -> None:
    meter.wallets.grant("other", "promo", key="gift", usd=9)
    for number in range(5):
        meter.wallets.grant(ACCOUNT, "promo", key=f"g{number}", usd=number + 1, note=f"gift {number}")
        clock.forward(hours=1)
    found = meter.wallets.transactions(ACCOUNT, limit=2)
    assert [(one.amount, one.balance, one.key, one.note) for one in found] == [
        (Decimal(5), Decimal(15), "grant:g4", "gift 4"),
        (Decimal(4), Decimal(10), "grant:g3", "gift 3"),
    ]
    assert found[0].occurred_at == NOW + timedelta(hours=4)
    rest = meter.wallets.transactions(ACCOUNT, before=found[-1].id)
    assert [one.key for one in rest] == ["grant:g2", "grant:g1", "grant:g0"]
    assert meter.wallets.transactions(ACCOUNT, kind="debit") == []


def test_grants_are_listed_as_they_burn(meter: Meter, clock: Clock) -> None:
    meter.wallets.buy(ACCOUNT, "Starter", key="pack")
    meter.wallets.grant(ACCOUNT, "promo", key="forever", usd=1)
    meter.wallets.grant(ACCOUNT, "promo", key="soon", usd=1, expires_at=NOW + DAY)
    meter.wallets.grant(ACCOUNT, "promo", key="later", usd=1, starts_at=NOW + DAY, expires_at=NOW + 3 * DAY)
    meter.record(Usage(event_id="e1", account=ACCOUNT, provider="openai", model="gpt", units={"output": 250_000}))
    found = meter.wallets.grants(ACCOUNT)
    assert [(one.key, one.state_at(NOW)) for one in found] == [
        ("soon", "spent"),
        ("later", "pending"),
        ("forever", "spent"),
        ("pack", "open"),
    ]
    assert found[1].state_at(NOW + 3 * DAY) == "expired"
    assert [one.key for one in meter.wallets.grants(ACCOUNT, unspent=True)] == ["later", "pack"]


def test_credits_are_shown_by_the_newest_settings(meter: Meter, card: Engine) -> None:
    assert meter.wallets.display().text(5 * USD) == "50,000 credits"
    apply_rows(card, {"setting": [setting("credits_per_dollar", 100), setting("credit_display_name", "stars")]})
    meter.reload()
    assert meter.wallets.display().text(5 * USD) == "500 stars"
