"""A price of zero is a price: what is free is neither blocked nor makes anything else free."""

from __future__ import annotations

from decimal import Decimal

import pytest
from sqlalchemy import Engine, select

from metering.errors import InsufficientBalanceError, NoPricingError
from metering.meter import Meter
from metering.usage import Usage
from schema.database import reading
from schema.tables import ledger_postings
from tests.metering.rate_card import apply_rows, model_row, per_million, price_row

ACCOUNT = "acct-0001"
NOTHING = Decimal(0)
FREE = per_million(input="0", output="0")


@pytest.fixture
def priced(card: Engine, meter: Meter) -> Meter:
    """A meter with models that cost nothing: one is free, one has a list price."""
    rows = {
        "model": [model_row("openai", "gratis"), model_row("openai", "resold")],
        "price": [
            price_row("openai", "gratis", rates=FREE),
            price_row("openai", "resold", rates=FREE, charge_rates=per_million(input="4", output="12")),
        ],
    }
    apply_rows(card, rows)
    meter.reload()
    return meter


def usage(event_id: str, model: str) -> Usage:
    units = {"input": 1_000_000, "output": 500_000}
    return Usage(event_id=event_id, account=ACCOUNT, provider="openai", model=model, units=units)


def test_a_free_model_is_not_blocked_by_an_empty_wallet(priced: Meter, card: Engine) -> None:
    """LiteLLM 38515: calls of free models were blocked for want of budget."""
    receipt = priced.record(usage("e1", "gratis"))
    assert (receipt.status, receipt.cost, receipt.charge, receipt.balance) == ("priced", NOTHING, NOTHING, NOTHING)
    with priced.hold(ACCOUNT, "openai", "gratis", max_output=1_000_000) as hold:
        assert hold.amount == 0
    priced.record(usage("debt", "gpt"))
    assert priced.hold(ACCOUNT, "openai", "gratis", max_output=1_000_000).amount == 0
    with reading(card) as connection:
        kinds = connection.execute(select(ledger_postings.c.kind)).scalars().all()
    assert kinds == ["debit"]


def test_a_model_that_costs_nothing_is_charged_its_list_price(priced: Meter) -> None:
    """LiteLLM 25874: a custom price beside a cost of zero was taken for free, and the budget was skipped."""
    receipt = priced.record(usage("e1", "resold"))
    assert (receipt.cost, receipt.charge, receipt.balance) == (NOTHING, Decimal(10), Decimal(-10))
    priced.wallets.grant(ACCOUNT, "promo", key="gift", usd=Decimal(15))
    with pytest.raises(InsufficientBalanceError):
        priced.hold(ACCOUNT, "openai", "resold", max_output=1_000_000)


def test_a_model_without_a_price_is_not_free(priced: Meter) -> None:
    with pytest.raises(NoPricingError):
        priced.quote("anthropic", "unpriced", {"input": 1})
    with pytest.raises(NoPricingError):
        priced.hold(ACCOUNT, "anthropic", "unpriced", max_output=1)
