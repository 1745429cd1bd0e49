"""Tool-runner: run units, quotas of organisations, what they see over HTTP, and the bill of its day."""

from __future__ import annotations

import json
import logging
from decimal import Decimal

import pytest

from metering.meter import Meter
from metering.rating.run_units import ToolCall
from metering.usage import Usage
from schema.units import MILLION
from tests.examples.businesses import Day, fee_of_a_day, today
from tests.metering.api.conftest import Api, served

EXAMPLE = "tool-runner"
BY = "Price Desk <prices@example.com>"
OVERHEADS = {
    "default": "0.1",
    "sandbox_execute": "0.2",
    "build_module": "0.5",
    "validate_module": "0.3",
    "install_module": "0.2",
    "write_module_code": "0.3",
}
TIERS = {"standard": "1.0", "heavy": "1.5", "ultra": "3.0"}


def run(event_id: str, account: str, cpu: str, tool: str = "sandbox_execute", tier: str | None = None) -> Usage:
    return Usage(event_id=event_id, account=account, tool=tool, tier=tier, cpu_seconds=cpu)


def units(meter: Meter, tool: str, tier: str | None = None, **seconds: int) -> Decimal:
    return Decimal(meter.book.run_units.count(ToolCall(tool, tier, **seconds))) / MILLION


def test_overheads_and_tiers(meter: Meter) -> None:
    for tool, overhead in OVERHEADS.items():
        assert units(meter, tool, cpu_micros=0) == Decimal(overhead)
    for tier, multiplier in TIERS.items():
        assert units(meter, "default", tier, cpu_micros=2 * MILLION) == 2 * Decimal(multiplier) + Decimal("0.1")
    assert units(meter, "a-tool-nobody-knows", cpu_micros=0) == Decimal("0.1")


def test_the_larger_of_cpu_and_gpu_seconds_counts(meter: Meter) -> None:
    call = {"cpu_micros": 10 * MILLION, "gpu_micros": 20 * MILLION}
    assert units(meter, "build_module", "heavy", **call) == Decimal("30.5")
    call["cpu_micros"] = 30 * MILLION
    assert units(meter, "build_module", "heavy", **call) == Decimal("45.5")


def test_latency_is_taken_for_cpu_seconds(meter: Meter) -> None:
    assert units(meter, "default", "ultra", latency_ms=1500) == Decimal("4.6")


def test_an_unknown_tier_counts_once_and_is_logged(meter: Meter, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        assert units(meter, "default", "colossal", cpu_micros=MILLION) == Decimal("1.1")
    assert "tier 'colossal' is not known; it counts 1.0" in caplog.text


def test_a_minimum_and_four_decimals(meter: Meter) -> None:
    counting = meter.book.run_units
    assert (counting.minimum, counting.decimals) == (10_000, 4)
    assert units(meter, "default", "heavy", cpu_micros=123_450) == Decimal("0.2852")
    free = type(counting)(counting.minimum, counting.decimals, counting.tiers, {"default": 0})
    assert free.count(ToolCall("default", cpu_micros=1)) == 10_000


def test_a_request_is_the_sum_of_its_tool_calls(meter: Meter) -> None:
    calls = [
        ToolCall("validate_module", "ultra", cpu_micros=15 * MILLION),
        ToolCall("install_module", "heavy", cpu_micros=10 * MILLION),
        ToolCall("sandbox_execute", cpu_micros=MILLION),
    ]
    assert Decimal(meter.book.run_units.estimate(calls)) / MILLION == Decimal("45.3") + Decimal("15.2") + Decimal("1.2")


@pytest.mark.parametrize(("plan", "limit"), [("free", 100), ("team", 5000)])
def test_one_below_the_quota_is_allowed_and_all_of_it_is_not(meter: Meter, plan: str, limit: int) -> None:
    """99 of 100 and 4,999 of 5,000; an estimate is told before the work."""
    account = f"limit-{plan}"
    if plan == "team":
        meter.accounts.create(account, by=BY)
        meter.subscriptions.start(account, plan, by=BY)
    meter.record(run("most", account, f"{limit - 1 - Decimal('0.2')}"))
    decision = meter.check(account)
    assert (decision.plan, decision.allowed, decision.quotas[0].used) == (plan, True, limit - 1)
    assert not meter.would_exceed(account, {"run_unit": "1"})
    assert meter.would_exceed(account, {"run_unit": "1.0001"})
    meter.record(run("last", account, "0.8"))
    decision = meter.check(account)
    assert (decision.allowed, decision.code, decision.quotas[0].used) == (False, "QUOTA_EXCEEDED", limit)


def test_enterprise_has_no_end(meter: Meter) -> None:
    meter.accounts.create("endless", by=BY)
    meter.subscriptions.start("endless", "enterprise", by=BY, fee_nanos=0)
    meter.record(run("much", "endless", "1000000"))
    assert meter.check("endless").allowed
    assert not meter.would_exceed("endless", {"run_unit": "1000000"})


def test_an_organisation_sees_its_own_rows_and_no_others(meter: Meter) -> None:
    for number in range(3):
        meter.record(run(f"mine-{number}", "mine", "1", tier="heavy"))
    meter.record(run("theirs-1", "theirs", "2", tool="build_module"))
    keys = {name: meter.keys.create("read", account=name, by=BY).text for name in ("mine", "theirs")}
    with served(meter) as port:
        api = Api(meter, port, keys)
        for path in ("/v1/usage", "/v1/history", "/v1/quota"):
            assert api.get(path, key=None).status == 401

        usage = api.get("/v1/usage", key="mine").json
        assert usage["total"]["requests"] == 3
        assert usage["total"]["units"] == {"run_unit": "5.1"}
        by = {name: {group["key"]: group["units"] for group in usage["by"][name]} for name in ("tool", "tier")}
        assert by == {"tool": {"sandbox_execute": {"run_unit": "5.1"}}, "tier": {"heavy": {"run_unit": "5.1"}}}

        history = api.get("/v1/history?limit=1000", key="mine").json
        assert [event["event_id"] for event in history["events"]] == ["mine-2", "mine-1", "mine-0"]
        assert api.get("/v1/history?limit=1001", key="mine").status == 422
        ended = api.get(f"/v1/history?end={today():%Y-%m-%d}", key="mine").json
        assert ended["events"] == []
        assert api.get("/v1/events/theirs-1", key="mine").status == 404
        theirs = api.get("/v1/history", key="theirs").json
        assert [event["event_id"] for event in theirs["events"]] == ["theirs-1"]

        quota = api.get("/v1/quota", key="mine").json
        assert (quota["plan"], quota["period"]) == ("free", f"{today():%Y-%m}")
        (found,) = quota["quotas"]
        assert (found["used"], found["limit"], found["remaining"]) == ("5.1", "100", "94.9")


def test_the_bill_of_the_day(day: Day) -> None:
    """By hand, in run units: seconds x tier + overhead.

    garage: 2.5 + 0.2; 20 x 1.5 + 0.5; 1.5 x 3 + 0.1; 0.3; 15 x 3 + 0.3; 10 x 1.5 + 0.2; 1 + 0.2; 0.2: 100 in all.
    forge: 1,663 x 3 + 0.5; 9.3 + 0.2; 0.8 + 0.2: 5,000 in all. Fees of 60 and 500 a month are all that is earned.
    """
    found = json.loads(day.ratecard("usage", "--by", "account,tool,tier", "--format", "json"))
    rows = {(row["account"], row["tool"], row["tier"]): row["units"]["run_unit"] for row in found["rows"]}
    assert rows == {
        ("garage", "sandbox_execute", "standard"): "2.7",
        ("garage", "build_module", "heavy"): "30.5",
        ("garage", "a-tool-nobody-knows", "ultra"): "4.6",
        ("garage", "write_module_code", None): "0.3",
        ("garage", "validate_module", "ultra"): "45.3",
        ("garage", "install_module", "heavy"): "15.2",
        ("garage", "sandbox_execute", None): "1.4",
        ("forge", "build_module", "ultra"): "4989.5",
        ("forge", "sandbox_execute", None): "10.5",
        ("observatory", "a-tool-nobody-knows", "a-tier-nobody-knows"): "10000.1",
        ("observatory", "a-tool-nobody-knows", "heavy"): "0.2852",
    }
    total = found["total"]
    assert (total["requests"], total["units"]) == (13, {"run_unit": "15100.3852"})
    assert Decimal(total["revenue_usd"]) == fee_of_a_day(60) + fee_of_a_day(500)
    assert (total["cost_usd"], total["charge_usd"]) == ("0", "0")
    assert day.faults_of_the_ledger() == []


def test_the_day_ends_where_quotas_do(day: Day) -> None:
    for line in (
        "garage estimate 61.7, exceeds: False used 99.8 of 100 may go on",
        "garage estimate 0.2, exceeds: False used 100 of 100 QUOTA_EXCEEDED",
        "forge estimate 4999, exceeds: False used 4999 of 5000 may go on",
        "forge estimate 1, exceeds: False used 5000 of 5000 QUOTA_EXCEEDED",
        "WARNING tier 'a-tier-nobody-knows' is not known; it counts 1.0",
    ):
        assert line in day.lines
