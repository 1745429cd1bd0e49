"""Counts below zero: refused, or counted as 0 where settings say so, everywhere alike."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import Engine

from metering.errors import BadEventError
from metering.meter import Meter
from metering.usage import Usage
from tests.metering.rate_card import apply_rows, setting

CALL = ("anthropic", "haiku")
NEGATIVE: tuple[Any, ...] = (-5, "-5", "-0.0", Decimal(-5), Decimal("-0.25"))


def usage(event_id: str, units: dict[str, Any]) -> Usage:
    return Usage(event_id=event_id, account="a", provider="anthropic", model="haiku", units=units)


@pytest.fixture
def counting(meter: Meter, card: Engine) -> Meter:
    """A meter whose settings count what is below zero as 0."""
    apply_rows(card, {"setting": [setting("negative_counts", "zero")]})
    meter.reload()
    meter.wallets.grant("a", "promo", key="gift", usd=1)
    return meter


@pytest.mark.parametrize("quantity", NEGATIVE, ids=repr)
def test_a_count_below_zero_is_nothing(counting: Meter, quantity: Any) -> None:
    units = {"input": quantity, "output": 500, "video_second": quantity}
    receipt = counting.record(usage("e1", units))
    assert receipt.charge == counting.quote(*CALL, {"output": 500}).charge == counting.quote(*CALL, units).charge
    assert counting.record(usage("e1", {"output": 500})).duplicate
    hold = counting.hold("a", *CALL, units=units)
    assert hold.amount == receipt.charge
    assert counting.hold("a", *CALL, input=quantity, max_output=500).amount == receipt.charge
    assert counting.check("a", *CALL, units=units).allowed
    assert not counting.would_exceed("a", units)


def test_a_call_of_less_than_nothing_costs_nothing(counting: Meter) -> None:
    receipt = counting.record(usage("e1", {"input": -1_000_000, "output": -1}))
    assert (receipt.cost, receipt.charge, receipt.balance) == (0, 0, 1)


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
@pytest.mark.parametrize("quantity", [-1.5, Decimal("-Infinity"), Decimal("NaN"), "-", "--5", "-1e3", None], ids=repr)
def test_what_is_no_number_is_refused_all_the_same(counting: Meter, quantity: Any) -> None:
    with pytest.raises(BadEventError):
        counting.record(usage("e1", {"input": quantity}))


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_seconds_below_zero_are_refused_all_the_same(counting: Meter) -> None:
    with pytest.raises(BadEventError, match="cpu_seconds is negative"):
        counting.record(Usage(event_id="e1", account="a", tool="build", cpu_seconds=-1))


ASKED: tuple[Callable[[Meter], object], ...] = (
    lambda meter: meter.record(usage("e1", {"input": -5})),
    lambda meter: meter.quote(*CALL, {"input": -5}),
    lambda meter: meter.hold("a", *CALL, units={"input": -5}),
    lambda meter: meter.hold("a", *CALL, input=-5, max_output=1),
    lambda meter: meter.check("a", *CALL, units={"input": -5}),
    lambda meter: meter.would_exceed("a", {"input": -5}),
)


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
@pytest.mark.parametrize("ask", ASKED)
def test_without_the_setting_nothing_can_be_subtracted(meter: Meter, ask: Callable[[Meter], object]) -> None:
    with pytest.raises(BadEventError, match="input is negative: -5"):
        ask(meter)
