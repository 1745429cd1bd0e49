"""The queries of the analytics pages: what is cached says what the database would say."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import event

from dashboard import data
from metering import analytics
from metering.analytics import Period
from schema.database import reading
from tests.dashboard.seeding import Seeded

DAY = timedelta(days=1)


@pytest.mark.parametrize("group", ["model", "plan"])
def test_a_range_within_one_that_was_looked_at_is_part_of_it(seeded: Seeded, group: str) -> None:
    engine, tomorrow = seeded.engine(), datetime.now(UTC).date() + DAY
    data.forget()
    wide = data.usage_by(engine, "stamp", (group,), (tomorrow - 30 * DAY, tomorrow), ())
    statements: list[str] = []
    event.listen(engine, "before_cursor_execute", lambda *given: statements.append(given[2]))
    for days in (7, 1):
        for end in (tomorrow, tomorrow - 3 * DAY):
            period = (end - days * DAY, end)
            found = data.usage_by(engine, "stamp", (group,), period, ())
            assert statements == []
            with reading(engine) as connection:
                assert found == analytics.usage_by(connection, (group,), Period(*period))
            statements.clear()
    earlier = data.usage_by(engine, "stamp", (group,), (tomorrow - 40 * DAY, tomorrow), ())
    assert [statement for statement in statements if "FROM usage_events" in statement]
    assert sum(row.requests for row in earlier) >= sum(row.requests for row in wide) > 0


def test_filtered_sums_are_not_taken_from_unfiltered_ones(seeded: Seeded) -> None:
    engine, tomorrow = seeded.engine(), datetime.now(UTC).date() + DAY
    data.forget()
    period = (tomorrow - 30 * DAY, tomorrow)
    everything = data.usage_by(engine, "stamp", ("model",), period, ())
    of_one = data.usage_by(engine, "stamp", ("model",), period, (("plan", "pro"),))
    with reading(engine) as connection:
        assert of_one == analytics.usage_by(connection, ("model",), Period(*period), {"plan": "pro"})
    assert of_one != everything
