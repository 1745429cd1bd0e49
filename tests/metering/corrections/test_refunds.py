from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import Engine

from metering.analytics import Period, totals, usage_by
from metering.audit import Actor
from metering.errors import BadCorrectionError, EventConflictError
from metering.meter import Meter
from metering.usage import Usage
from schema.database import reading
from schema.tables import audit_log, grants, ledger_postings, usage_adjustments
from tests.metering.rate_card import NOW, Clock
from tests.metering.stored import rows

DAY = timedelta(days=1)
USD = 10**9
ACCOUNT = "acct-0001"
DESK = Actor("Support Desk <support@example.com>", "an answer was cut off")

pytestmark = pytest.mark.usefixtures("ledger_agrees")


def use(meter: Meter, event_id: str, dollars: int, **values: Any) -> None:
    """A call that is charged so many USD; the provider takes 5 for 12."""
    units = {"output": dollars * 250_000 // 3}
    meter.record(Usage(event_id=event_id, account=ACCOUNT, provider="openai", model="gpt", units=units, **values))


def test_usage_is_refunded_to_what_it_burned(meter: Meter, card: Engine) -> None:
    meter.wallets.grant(ACCOUNT, "promo", key="gift", usd=3)
    meter.wallets.grant(ACCOUNT, "purchase", key="pack", usd=20, paid=15)
    use(meter, "e1", 12)
    part = meter.wallets.refund_usage(ACCOUNT, "e1", key="ticket-1", usd=4, note="half an answer", actor=DESK)
    assert (part.reason, part.charge_nanos, part.purchased_nanos, part.revenue_nanos) == (
        "refund",
        -4 * USD,
        -4 * USD,
        -3 * USD,
    )
    rest = meter.wallets.refund_usage(ACCOUNT, "e1", key="ticket-2")
    assert (rest.charge_nanos, rest.promotional_nanos, rest.cost_nanos) == (-8 * USD, -3 * USD, 0)
    assert [one.remaining_nanos // USD for one in rows(card, grants)] == [3, 20]
    assert [(one.kind, one.note) for one in rows(card, ledger_postings)[3:]] == [
        ("refund", "half an answer"),
        ("refund", None),
    ]
    with reading(card) as connection:
        (row,) = usage_by(connection, ("model",), Period(None, None))
    assert (row.cost_nanos, row.charge_nanos, row.revenue_nanos) == (5 * USD, 0, 0)
    (told,) = rows(card, audit_log)
    assert (told.actor, told.action, told.target) == (DESK.by, "refund usage", f"account {ACCOUNT}")
    assert told.after == {"event": "e1", "key": "ticket-1", "usd": "4", "reason": "an answer was cut off"}


def test_the_same_refund_of_usage_happens_once(meter: Meter, card: Engine) -> None:
    use(meter, "e1", 12)
    first = meter.wallets.refund_usage(ACCOUNT, "e1", key="k", actor=DESK)
    for _ in range(2):
        again = meter.wallets.refund_usage(ACCOUNT, "e1", key="k", actor=DESK)
        assert (again.charge_nanos, again.repeated, first.repeated) == (-12 * USD, True, False)
    assert (len(rows(card, usage_adjustments)), len(rows(card, audit_log))) == (1, 1)
    with pytest.raises(EventConflictError, match="correction k of event e1 is known with other amounts"):
        meter.wallets.refund_usage(ACCOUNT, "e1", key="k", usd=5)


@pytest.mark.parametrize(
    ("event", "values", "message"),
    [
        ("e1", {"usd": 13}, "no more can be taken off event e1 than it costs and is charged"),
        ("e1", {"usd": -1}, "a refund is of more than nothing"),
        ("e1", {"usd": "all"}, "an amount of 'all' is no number"),
        ("free", {}, "event free is charged nothing that could be given back"),
        ("e2", {}, "the account has no event 'e2'"),
        ("theirs", {}, "the account has no event 'theirs'"),
    ],
)
def test_refunds_of_usage_that_make_no_sense_are_refused(
    meter: Meter, event: str, values: dict[str, Any], message: str
) -> None:
    use(meter, "e1", 12)
    use(meter, "free", 12, task="routing")
    meter.record(Usage(event_id="theirs", account="other", provider="openai", model="gpt", units={"output": 9}))
    with pytest.raises(BadCorrectionError) as caught:
        meter.wallets.refund_usage(ACCOUNT, event, key="k", **values)
    assert str(caught.value) == message


def test_of_a_purchase_comes_back_what_is_unspent(meter: Meter, card: Engine) -> None:
    meter.wallets.grant(ACCOUNT, "purchase", key="pack", usd=Decimal("17.5"), paid=15)
    use(meter, "e1", 3)
    part = meter.wallets.refund_purchase(ACCOUNT, "pack", key="r1", usd=Decimal("0.000000001"))
    assert (part.credit_nanos, part.money_nanos, part.balance_nanos) == (1, 1, 14_499_999_999)
    rest = meter.wallets.refund_purchase(ACCOUNT, "pack", key="r2", note="closed", actor=DESK)
    assert (rest.credit_nanos, rest.money_nanos, rest.balance_nanos) == (14_499_999_999, 12_428_571_428, 0)
    # What was paid is either earned or given back, to the nano-dollar.
    with reading(card) as connection:
        assert totals(connection, Period(None, None)).revenue_nanos == 2_571_428_571
    purchase, _, *back = rows(card, ledger_postings)
    assert [(one.kind, one.amount_nanos, one.reverses, one.burned, one.revenue_nanos) for one in back] == [
        ("refund", -1, purchase.id, [[1, 1]], 0),
        ("refund", -14_499_999_999, purchase.id, [[1, 14_499_999_999]], 0),
    ]
    (told,) = rows(card, audit_log)
    assert told.after == {
        "purchase": "pack",
        "key": "r2",
        "usd": "14.499999999",
        "money_usd": "12.428571428",
        "reason": "an answer was cut off",
    }
    with pytest.raises(BadCorrectionError, match="nothing of purchase pack is unspent that could be taken back"):
        meter.wallets.refund_purchase(ACCOUNT, "pack", key="r3")


def test_the_same_refund_of_a_purchase_happens_once(meter: Meter, card: Engine) -> None:
    meter.wallets.grant(ACCOUNT, "purchase", key="pack", usd=20, paid=15)
    first = meter.wallets.refund_purchase(ACCOUNT, "pack", key="r1", usd=8)
    use(meter, "e1", 3)
    again = meter.wallets.refund_purchase(ACCOUNT, "pack", key="r1")
    assert (again.credit_nanos, again.money_nanos, again.posting_id) == (8 * USD, 6 * USD, first.posting_id)
    assert (again.repeated, again.balance_nanos) == (True, 9 * USD)
    with pytest.raises(EventConflictError, match="refund r1 of purchase pack is known with another amount"):
        meter.wallets.refund_purchase(ACCOUNT, "pack", key="r1", usd=9)


@pytest.mark.parametrize(
    ("purchase", "values", "message"),
    [
        ("pack", {"usd": 21}, "$20 of purchase pack can be taken back, not $21"),
        ("pack", {"usd": -1}, "$20 of purchase pack can be taken back, not $-1"),
        ("pack", {"key": ""}, "a refund needs a key, which makes it happen once"),
        ("gift", {}, "the account has no purchase 'gift'"),
        ("old", {}, "nothing of purchase old is unspent that could be taken back"),
    ],
)
def test_refunds_of_purchases_that_make_no_sense_are_refused(
    meter: Meter, clock: Clock, purchase: str, values: dict[str, Any], message: str
) -> None:
    meter.wallets.grant(ACCOUNT, "promo", key="gift", usd=9)
    meter.wallets.grant(ACCOUNT, "purchase", key="pack", usd=20, paid=15)
    meter.wallets.grant(ACCOUNT, "purchase", key="old", usd=20, paid=15, expires_at=NOW + DAY)
    clock.forward(days=1)
    with pytest.raises(BadCorrectionError) as caught:
        meter.wallets.refund_purchase(ACCOUNT, purchase, **({"key": "k"} | values))
    assert str(caught.value) == message


def test_credit_that_a_hold_set_aside_is_not_refunded(meter: Meter) -> None:
    meter.wallets.grant(ACCOUNT, "promo", key="later", usd=100, starts_at=NOW + DAY)
    meter.wallets.grant(ACCOUNT, "purchase", key="pack", usd=20, paid=20)
    hold = meter.hold(ACCOUNT, "openai", "gpt", max_output=1_000_000)
    assert hold.amount == 12
    assert meter.wallets.refund_purchase(ACCOUNT, "pack", key="r1").money == 8
    hold.release()
    assert meter.wallets.refund_purchase(ACCOUNT, "pack", key="r2").money == 12


def test_a_refund_of_usage_after_its_purchase_was_refunded_can_be_paid_out_as_well(meter: Meter) -> None:
    meter.wallets.grant(ACCOUNT, "purchase", key="pack", usd=20, paid=15)
    use(meter, "e1", 12)
    assert meter.wallets.refund_purchase(ACCOUNT, "pack", key="r1").money == 6
    meter.wallets.refund_usage(ACCOUNT, "e1", key="k")
    assert meter.balance(ACCOUNT).balance == 12
    assert meter.wallets.refund_purchase(ACCOUNT, "pack", key="r2").money == 9
