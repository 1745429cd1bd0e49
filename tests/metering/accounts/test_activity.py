"""What an account sees of itself, on both databases."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from metering.analytics import Period
from metering.errors import BadEventError, UnknownAccountError
from metering.meter import Meter
from metering.usage import Usage
from tests.metering.rate_card import NOW

UNITS = {"input": 1_000, "output": 500, "run_unit": "0.25"}


def _record(meter: Meter, account: str, *names: str) -> None:
    meter.record_many(
        [
            Usage(
                event_id=name,
                account=account,
                provider="anthropic",
                model="haiku",
                units=UNITS,
                tool="search",
                latency_ms=12,
                metadata={"at": [1, "x"]},
                occurred_at=NOW - timedelta(minutes=number // 2),
            )
            for number, name in enumerate(names)
        ]
    )


def test_history_is_newest_first_and_goes_on_after_an_event(meter: Meter) -> None:
    _record(meter, "acct-1", "a", "b", "c", "d", "e")
    _record(meter, "acct-2", "x")
    found = meter.activity.history("acct-1")
    # Of the same moment, what was recorded later comes first.
    assert [event.event_id for event in found] == ["b", "a", "d", "c", "e"]
    assert [event.event_id for event in meter.activity.history("acct-1", limit=2, after="a")] == ["d", "c"]
    assert meter.activity.history("acct-1", after="e") == []
    first = found[0]
    assert first.units == {"input": 1_000, "output": 500, "run_unit": 250_000}
    assert (first.tool, first.latency_ms, first.metadata) == ("search", 12, {"at": [1, "x"]})
    assert (first.cost_nanos, first.charge_nanos, first.adjusted_nanos) == (2_800_000, 8_400_000, 0)
    assert (first.occurred_at, first.plan, first.status) == (NOW, "free", "priced")


def test_history_is_cut_by_moments_and_narrowed(meter: Meter) -> None:
    _record(meter, "acct-1", "a", "b", "c", "d")
    found = meter.activity.history("acct-1", start=NOW - timedelta(minutes=1), end=NOW)
    assert [event.event_id for event in found] == ["d", "c"]
    assert len(meter.activity.history("acct-1", filters={"tool": "search", "model": "haiku"})) == 4
    assert meter.activity.history("acct-1", filters={"tool": "other"}) == []
    with pytest.raises(ValueError, match="'account' is not one of"):
        meter.activity.history("acct-1", filters={"account": "acct-2"})


def test_of_other_accounts_nothing_is_found(meter: Meter) -> None:
    _record(meter, "acct-1", "a")
    _record(meter, "acct-2", "x")
    assert meter.activity.event("acct-1", "x") is None
    assert (found := meter.activity.event("acct-2", "x")) is not None
    assert found.event_id == "x"
    with pytest.raises(BadEventError, match="not known"):
        meter.activity.history("acct-1", after="x")
    with pytest.raises(BadEventError, match="not known"):
        meter.activity.postings("acct-1", after="usage:x")
    with pytest.raises(UnknownAccountError):
        meter.activity.history("acct-9")


def test_amounts_are_those_after_refunds(meter: Meter) -> None:
    _record(meter, "acct-1", "a", "b")
    meter.wallets.refund_usage("acct-1", "a", key="r-1", usd="0.0004")
    meter.wallets.refund_usage("acct-1", "a", key="r-2", usd="0.001")
    found = meter.activity.event("acct-1", "a")
    assert found is not None
    assert (found.cost_nanos, found.charge_nanos, found.adjusted_nanos) == (2_800_000, 7_000_000, -1_400_000)
    postings = meter.activity.postings("acct-1")
    debit = postings[-1].transaction.key
    assert [one.reverses for one in postings] == [debit, debit, None]
    rest = meter.activity.postings("acct-1", after=postings[0].transaction.key)
    assert rest == postings[1:]


def test_postings_go_on_after_a_debit_by_the_event_that_names_it(meter: Meter) -> None:
    for names in (("a", "b"), ("c",), ("d", "e")):
        _record(meter, "acct-1", *names)
    keys = [one.transaction.key for one in meter.activity.postings("acct-1")]
    assert keys == ["usage:d", "usage:c", "usage:a"]
    for place, key in enumerate(keys):
        found = meter.activity.postings("acct-1", after=key)
        assert [one.transaction.key for one in found] == keys[place + 1 :]
    with pytest.raises(BadEventError, match="not known"):
        meter.activity.postings("acct-1", after="usage:b")


def test_usage_is_summed_by_column_and_in_total(meter: Meter) -> None:
    _record(meter, "acct-1", "a", "b")
    _record(meter, "acct-2", "x")
    usage = meter.activity.usage("acct-1", Period(date(2026, 6, 1), date(2026, 7, 1)), ("tool", "tier"))
    assert (usage.total.requests, usage.total.charge_nanos) == (2, 16_800_000)
    assert usage.total.units == {"input": 2_000, "output": 1_000, "run_unit": 500_000}
    assert [row.keys for row in usage.by["tool"]] == [{"tool": "search"}]
    assert [row.keys for row in usage.by["tier"]] == [{"tier": None}]
    empty = meter.activity.usage("acct-1", Period(date(2026, 7, 1), None), ("tool",))
    assert (empty.total.requests, empty.by) == (0, {"tool": []})
    with pytest.raises(UnknownAccountError):
        meter.activity.usage("acct-9", Period())
