"""Run units: seconds, tiers, overheads, the least that counts, rounding."""

from __future__ import annotations

import logging
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine, select

from metering.errors import BadEventError
from metering.meter import Meter
from metering.rating.run_units import RunUnits, ToolCall
from metering.usage import Usage
from schema.database import reading
from schema.money import micros
from schema.tables import account_state, usage_events
from tests.metering.rate_card import apply_rows

TIERS = {"standard": "1.0", "heavy": "1.5", "ultra": "3.0"}
TOOLS = {
    "default": "0.1",
    "sandbox_execute": "0.2",
    "build_module": "0.5",
    "validate_module": "0.3",
    "install_module": "0.2",
    "write_module_code": "0.3",
}


def rows(**named: str) -> list[dict[str, Any]]:
    values = {f"tier/{name}": value for name, value in TIERS.items()}
    values |= {f"tool/{name}": value for name, value in TOOLS.items()} | named
    return [{"name": name, "value_micros": micros(Decimal(value))} for name, value in values.items()]


UNITS = RunUnits.from_rows(rows(minimum="0.01", decimals="4"))


def call(tool: str | None = None, tier: str | None = None, cpu: str = "0", gpu: str = "0") -> ToolCall:
    return ToolCall(tool, tier, micros(Decimal(cpu)), micros(Decimal(gpu)))


@pytest.mark.parametrize(
    ("asked", "units"),
    [
        (call("sandbox_execute", "standard", "2", "1"), "2.2"),
        (call("sandbox_execute", "heavy", "1", "2"), "3.2"),
        (call("build_module", "ultra", "1.5"), "5"),
        (call("validate_module", None, "1"), "1.3"),
        (call("install_module", "standard", "1"), "1.2"),
        (call("write_module_code", "standard", "1"), "1.3"),
        (call("anything else", "standard", "1"), "1.1"),
        (call(None, "standard", "1"), "1.1"),
        (call("sandbox_execute", "standard", "0.12345"), "0.3234"),
        (call("sandbox_execute", "standard", "0.12355"), "0.3236"),
        (ToolCall("sandbox_execute", "standard", None, None, 2_500), "2.7"),
        (ToolCall("sandbox_execute", "standard", 0, None, 2_500), "0.2"),
    ],
)
def test_the_larger_of_the_seconds_times_the_tier_and_the_tools_overhead(asked: ToolCall, units: str) -> None:
    assert UNITS.count(asked) == micros(Decimal(units))


def test_a_run_counts_at_least_the_minimum() -> None:
    free = RunUnits.from_rows([{"name": "tool/default", "value_micros": 0}])
    assert (free.count(call("x")), free.count(call("x", None, "0.0099"))) == (10_000, 10_000)
    assert free.count(call("x", None, "0.01001")) == 10_000
    assert free.count(call("x", None, "0.0102")) == 10_200


def test_an_unknown_tier_counts_once_and_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        assert UNITS.count(call("sandbox_execute", "giant", "2")) == 2_200_000
    assert caplog.messages == ["tier 'giant' is not known; it counts 1.0"]


def test_a_request_is_estimated_by_its_tool_calls() -> None:
    calls = [call("sandbox_execute", "standard", "2"), call("build_module", "heavy", "1")]
    assert UNITS.estimate(calls) == 4_200_000
    assert UNITS.estimate([]) == 0


@given(
    cpu=st.integers(0, 10**12),
    gpu=st.integers(0, 10**12),
    tier=st.sampled_from(["standard", "heavy", "ultra"]),
    tool=st.sampled_from(sorted(TOOLS)),
    decimals=st.integers(0, 6),
)
def test_it_equals_exact_fractions(cpu: int, gpu: int, tier: str, tool: str, decimals: int) -> None:
    units = RunUnits.from_rows(rows(minimum="0.01", decimals=str(decimals)))
    exact = Fraction(max(cpu, gpu), 10**6) * Fraction(TIERS[tier]) + Fraction(TOOLS[tool])
    wanted = max(Fraction(round(exact * 10**decimals), 10**decimals), Fraction(1, 100))
    assert Fraction(units.count(ToolCall(tool, tier, cpu, gpu)), 10**6) == wanted


def test_a_tool_call_without_a_model_counts_its_run_units_and_is_charged_nothing(meter: Meter, card: Engine) -> None:
    apply_rows(card, {"run_unit": rows(minimum="0.01", decimals="4")})
    receipts = meter.record_many(
        [
            Usage(event_id="e1", account="a", tool="sandbox_execute", tier="heavy", cpu_seconds=2, gpu_seconds="0.5"),
            Usage(event_id="e2", account="a", tool="build_module", latency_ms=1_500),
            Usage(event_id="e3", account="a", tool="build_module", units={"run_unit": "0.25"}, cpu_seconds=9),
            Usage(event_id="e4", account="a", tool="build_module"),
        ]
    )
    assert {(one.status, one.charge_nanos, one.cost_nanos, one.price_key) for one in receipts} == {
        ("priced", 0, 0, None)
    }
    with reading(card) as connection:
        query = select(usage_events.c.run_unit_units, usage_events.c.provider, usage_events.c.model)
        stored = connection.execute(query.order_by(usage_events.c.id)).all()
        counted = connection.execute(select(account_state.c.month_run_unit_micros)).scalar_one()
    assert [row.run_unit_units for row in stored] == [3_200_000, 2_000_000, 250_000, 0]
    assert {(row.provider, row.model) for row in stored} == {("", "")}
    assert counted == 5_450_000


def test_a_model_call_with_a_tool_is_priced_as_before(meter: Meter, card: Engine) -> None:
    apply_rows(card, {"run_unit": rows()})
    units = {"input": 1000, "output": 500}
    receipt = meter.record(
        Usage(event_id="e1", account="a", model="small", units=units, tool="build_module", latency_ms=500)
    )
    assert (receipt.status, receipt.charge) == ("priced", Decimal("0.0084"))
    with reading(card) as connection:
        assert connection.execute(select(usage_events.c.run_unit_units)).scalar_one() == 1_000_000


def test_an_event_names_a_model_a_feature_or_a_tool(meter: Meter) -> None:
    with pytest.raises(BadEventError, match="model is missing"):
        meter.record(Usage(event_id="e1", account="a", units={"run_unit": 1}))
    with pytest.raises(BadEventError, match="provider is given without a model"):
        meter.record(Usage(event_id="e1", account="a", provider="anthropic", tool="x"))
