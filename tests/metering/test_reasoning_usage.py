"""Sums of calls by their level of reasoning."""

from __future__ import annotations

from sqlalchemy import Engine

from metering.analytics import Period
from metering.analytics.reasoning import LevelUsage, usage_by_level
from schema.database import reading, writing
from tests.metering.analytics_data import Rows, at


def test_calls_are_summed_by_the_level_that_they_named(card: Engine) -> None:
    with writing(card) as connection:
        rows = Rows(connection)
        number = rows.account("a")
        for day, level, cost in (("2026-06-01", "high", 5), ("2026-06-02", "high", 7), ("2026-06-02", "low", 30)):
            event = rows.event(number, at(day), reasoning_level=level, cost_nanos=cost, charge_nanos=2 * cost)
        rows.adjustment(event, cost_nanos=-10, charge_nanos=-20)
        rows.event(number, at("2026-06-02"), cost_nanos=1_000)
        rows.event(number, at("2026-05-31"), reasoning_level="gone", cost_nanos=1_000)

    with reading(card) as connection:
        june = Period(at("2026-06-01").date(), at("2026-07-01").date())
        assert usage_by_level(connection, june) == [LevelUsage("low", 1, 20, 40), LevelUsage("high", 2, 12, 24)]
