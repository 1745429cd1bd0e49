from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy import Engine, Update, select, update

from metering.meter import Meter
from metering.usage import Usage
from metering.wallets.ledger import imbalances
from metering.wallets.proof import Flaw, broken_chains, flaws, wrong_adjustments, wrong_grants, wrong_usage
from schema.database import reading, writing
from schema.tables import grants, ledger_postings, usage_adjustments, usage_events
from tests.metering.rate_card import Clock

USD = 10**9
ACCOUNT = "acct-0001"


@pytest.fixture
def lived(meter: Meter, clock: Clock) -> Meter:
    """A meter on whose database an account has grants, calls, refunds of both kinds and expired credit."""
    meter.wallets.grant("other", "promo", key="gift", usd=9)
    meter.wallets.grant(ACCOUNT, "purchase", key="pack", usd=20, paid=15)
    for number in range(3):
        units = {"output": 250_000}
        meter.record(Usage(event_id=f"e{number}", account=ACCOUNT, provider="openai", model="gpt", units=units))
    meter.wallets.refund_usage(ACCOUNT, "e1", key="k", usd=2)
    meter.wallets.refund_purchase(ACCOUNT, "pack", key="k", usd=1)
    return meter


def last(kind: str) -> Callable[[], object]:
    row = ledger_postings.c
    return lambda: select(row.id).where(row.kind == kind).order_by(row.id.desc()).limit(1).scalar_subquery()


def edit(meter: Meter, statement: Update) -> list[Flaw]:
    with writing(meter.engine) as connection:
        connection.execute(statement)
    with reading(meter.engine) as connection:
        return list(flaws(connection))


def test_a_ledger_that_nobody_edited_is_proved(lived: Meter) -> None:
    with reading(lived.engine) as connection:
        assert list(flaws(connection)) == []
        assert imbalances(connection) == []


def test_an_edited_balance_breaks_the_chain(lived: Meter) -> None:
    row = ledger_postings.c
    found = edit(
        lived,
        update(ledger_postings).where(row.id == last("refund")()).values(balance_nanos=row.balance_nanos + 5),
    )
    assert [(one.account, one.says_nanos - one.proved_nanos) for one in found] == [(ACCOUNT, 5)]
    assert found[0].what.startswith("the balance after posting ")


def test_an_edited_grant_is_not_what_was_burned(lived: Meter) -> None:
    statement = update(grants).where(grants.c.idempotency_key == "pack").values(remaining_nanos=USD)
    assert edit(lived, statement) == [Flaw(ACCOUNT, "what grant pack has left", USD, 12 * USD)]


def test_an_edited_record_of_what_burned_is_found(lived: Meter) -> None:
    statement = update(ledger_postings).where(ledger_postings.c.id == last("debit")()).values(burned=[[2, 1]])
    (found,) = edit(lived, statement)
    assert (found.what, found.proved_nanos - found.says_nanos) == ("what grant pack has left", 3 * USD - 1)


def test_an_edited_charge_is_not_what_postings_took(lived: Meter) -> None:
    statement = (
        update(usage_events)
        .where(usage_events.c.event_id == "e0")
        .values(charge_nanos=2 * USD, purchased_nanos=2 * USD)
    )
    assert edit(lived, statement) == [Flaw(ACCOUNT, "what postings took for usage", 7 * USD, 6 * USD)]


def test_an_edited_adjustment_is_not_what_met_it(lived: Meter) -> None:
    found = edit(lived, update(usage_adjustments).values(charge_nanos=-4 * USD))
    with reading(lived.engine) as connection:
        number = connection.execute(select(usage_adjustments.c.usage_id)).scalar_one()
    assert found == [
        Flaw(ACCOUNT, "what postings took for usage", 7 * USD, 5 * USD),
        Flaw(ACCOUNT, f"an adjustment of event row {number}", -4 * USD, -2 * USD),
        Flaw(ACCOUNT, "the charge of event e1", -USD, 0),
    ]


def test_each_part_of_the_proof_stands_alone(lived: Meter, card: Engine) -> None:
    with writing(card) as connection:
        connection.execute(update(usage_adjustments).values(charge_nanos=-4 * USD))
    with reading(card) as connection:
        assert [len(list(part(connection))) for part in (broken_chains, wrong_grants, wrong_usage)] == [0, 0, 1]
        assert len(list(wrong_adjustments(connection))) == 2
