"""Tool calls before they are made: their run units against the plan's quota, and what they are charged."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Engine

from metering.errors import BadEventError
from metering.meter import Meter
from metering.usage import Usage
from tests.metering.api.conftest import running
from tests.metering.rate_card import ROWS, Clock, apply_rows, model_row, per_million, plan_row, price_row
from tests.metering.rating.test_features import feature_row

FREE = plan_row("free", limits={"run_units_per_month": 100})
RUN_UNITS = [
    {"name": "minimum", "value_micros": 10_000},
    {"name": "decimals", "value_micros": 4_000_000},
    {"name": "tier/heavy", "value_micros": 1_500_000},
    {"name": "tool/default", "value_micros": 100_000},
    {"name": "tool/build_module", "value_micros": 500_000},
]
FITS: dict[str, Any] = {"tool": "build_module", "tier": "heavy", "cpu_seconds": 1}
"""1 s x 1.5 + 0.5 = 2 run units."""
OVER = FITS | {"gpu_seconds": "1.0001"}


@pytest.fixture
def tools(engine: Engine, migrated_url: str, clock: Clock) -> Iterator[Meter]:
    """A meter on a plan of 100 run units, of which 98 are used; a model that charges them and a feature."""
    rows: dict[str, Any] = ROWS | {"plan": [FREE, plan_row("open", overage="soft", limits=FREE["limits"])]}
    rows["run_unit"] = RUN_UNITS
    rows["feature"] = [feature_row("sandbox", "per_use", "0.01")]
    rows["model"] = [*ROWS["model"], model_row("local", "runner")]
    rates = per_million(input="0", output="0", run_unit="1000000")
    rows["price"] = [*ROWS["price"], price_row("local", "runner", rates=rates)]
    apply_rows(engine, rows)
    with Meter.open(migrated_url, now=clock, listen=False) as meter:
        meter.record(Usage(event_id="e1", account="team-1", tool="other", units={"run_unit": 98}))
        yield meter


def test_would_exceed_counts_the_run_units_of_a_tool(tools: Meter) -> None:
    assert tools.would_exceed("team-1", **FITS) is False
    assert tools.would_exceed("team-1", **OVER) is True
    assert tools.would_exceed("team-1", tool="other", latency_ms=1_900) is False
    assert tools.would_exceed("team-1", tool="other", latency_ms=1_901) is True
    # Units that name them count in their place, as they do when the call is recorded.
    assert tools.would_exceed("team-1", {"run_unit": 2}, **OVER) is False
    assert tools.would_exceed("team-1", {"input": 1}, **OVER) is True
    # Nothing is known of how long it takes, and nothing of it would be counted.
    assert tools.would_exceed("team-1", tool="build_module") is False


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({}, "an estimate is missing"),
        ({"cpu_seconds": 1}, "tool is missing"),
        (FITS | {"cpu_seconds": "1e3"}, "cpu_seconds is '1e3', which is not a number"),
        (FITS | {"cpu_seconds": "9" * 20}, "cpu_seconds is more than 100000000"),
        (FITS | {"gpu_seconds": 0.5}, "gpu_seconds is the binary float"),
        ({"tool": "build_module", "latency_ms": "1.5"}, r"latency_ms is 1\.5; it must be a whole number"),
    ],
)
def test_an_estimate_that_makes_no_sense(tools: Meter, asked: dict[str, Any], message: str) -> None:
    with pytest.raises(BadEventError, match=message):
        tools.would_exceed("team-1", **asked)


def test_a_check_judges_the_quota_and_the_balance_of_a_tool_call(tools: Meter) -> None:
    assert tools.check("team-1", **FITS).allowed is True
    assert tools.check("team-1", **OVER).code == "QUOTA_EXCEEDED"
    # 2 run units at 1 USD each, and 0.01 USD for the feature.
    called: dict[str, Any] = FITS | {"provider": "local", "model": "runner", "feature": "sandbox"}
    refused = tools.check("team-1", **called)
    assert (refused.code, refused.message) == (
        "INSUFFICIENT_BALANCE",
        "the call may come to 2.01 USD; 0 USD are available",
    )
    tools.wallets.grant("team-1", "purchase", key="g1", usd="2.009999")
    assert tools.check("team-1", **called).code == "INSUFFICIENT_BALANCE"
    tools.wallets.grant("team-1", "purchase", key="g2", usd="0.000001")
    assert tools.check("team-1", **called).allowed is True
    assert tools.check("team-1", **called | {"gpu_seconds": "1.0001"}).code == "QUOTA_EXCEEDED"
    assert tools.record(Usage(event_id="e2", account="team-1", **called)).charge_nanos == 2_010_000_000
    assert tools.would_exceed("team-1", tool="other", latency_ms=1) is True


def test_the_api_judges_tool_calls_as_the_meter_does(tools: Meter, clock: Clock) -> None:
    with running(tools, clock=clock) as api:
        tools.record(Usage(event_id="e1", account="acct-1", tool="other", units={"run_unit": 98}))
        for asked, exceeds in ((FITS, False), (OVER, True), ({"units": {"run_unit": 2}}, False)):
            assert api.post("/v1/would-exceed", asked).json == {"would_exceed": exceeds}
            assert api.post("/v1/check", asked).json["allowed"] is not exceeds
        assert api.post("/v1/would-exceed", {}).error == "BAD_EVENT"
        assert api.post("/v1/would-exceed", {"tier": "heavy"}).error == "BAD_EVENT"
        called = FITS | {"provider": "local", "model": "runner"}
        assert api.post("/v1/check", called).json["code"] == "INSUFFICIENT_BALANCE"
