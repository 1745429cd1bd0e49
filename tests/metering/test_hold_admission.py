"""Quotas and rates at the hold: what open holds may still use counts, so that calls at once pass no limit."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine

from metering.errors import QuotaExceededError
from metering.meter import Meter
from metering.usage import Usage
from tests.metering.rate_card import ROWS, Clock, apply_rows, model_row, per_million, plan_row, price_row, setting

PLANS = {
    "minute": plan_row("minute", limits={"requests_per_minute": 60}),
    "few": plan_row("few", limits={"requests_per_minute": 2}),
    "day": plan_row("day", limits={"requests_per_day": 3}),
    "tokens": plan_row("tokens", limits={"tokens_per_month": 1_000}),
    "grace": plan_row("grace", overage="grace", limits={"tokens_per_month": 1_000}),
    "soft": plan_row("soft", overage="soft", limits={"tokens_per_month": 1_000, "requests_per_minute": 2}),
    "watched": plan_row("watched", overage="observe", limits={"tokens_per_month": 1_000, "requests_per_minute": 2}),
    "units": plan_row("units", limits={"run_units_per_month": 2}),
    "open": plan_row("open", limits={"tokens_per_month": None, "documents": 1}),
}


@pytest.fixture
def limited(engine: Engine, migrated_url: str, clock: Clock) -> Iterator[Meter]:
    """A meter on plans with limits and a free model."""
    free = per_million(input="0", output="0", run_unit="0")
    rows: dict[str, Any] = {
        "plan": [*ROWS["plan"], *PLANS.values()],
        "model": [*ROWS["model"], model_row("local", "llama")],
        "price": [*ROWS["price"], price_row("local", "llama", rates=free)],
    }
    apply_rows(engine, ROWS | rows)
    with Meter.open(migrated_url, now=clock, listen=False) as meter:
        yield meter


def use(meter: Meter, plan: str) -> None:
    """Have the plan be the one of accounts that nobody has seen before."""
    apply_rows(meter.engine, {"setting": [setting("default_plan", plan)]})
    meter.reload()


def hold(meter: Meter, number: int, **units: int | str) -> bool:
    """Whether a hold is placed."""
    try:
        meter.hold("a", "local", "llama", units=units or {"input": 1}, hold_id=f"h{number}")
    except QuotaExceededError:
        return False
    return True


def record(meter: Meter, event: str, **units: int) -> None:
    meter.record(Usage(event_id=event, account="a", provider="local", model="llama", units=units or {"input": 1}))


def test_sixty_four_holds_at_once_of_sixty_requests_a_minute_admit_sixty(limited: Meter) -> None:
    use(limited, "minute")
    with ThreadPoolExecutor(64) as pool:
        assert sum(pool.map(lambda number: hold(limited, number), range(64))) == 60
    with pytest.raises(QuotaExceededError) as caught:
        limited.hold("a", "local", "llama", units={"input": 1})
    assert str(caught.value) == (
        "60 of 60 requests this minute are used on plan 'minute', 60 of them by open holds;"
        " more from 2026-06-15 12:01 UTC on"
    )
    # A hold that is known is the same hold, whatever is left.
    first = limited.holds.rows("a", limit=1)[0].hold_id
    assert limited.hold("a", "local", "llama", units={"input": 1}, hold_id=first).status == "open"


def test_a_call_counts_once_held_or_captured_and_not_at_all_when_it_is_released(limited: Meter) -> None:
    use(limited, "few")
    assert [hold(limited, number) for number in range(3)] == [True, True, False]
    limited.holds.find("a", "h0").capture(Usage(event_id="e0", units={"input": 1}))
    assert hold(limited, 3) is False
    limited.holds.release("a", "h1")
    assert [hold(limited, number) for number in (4, 5)] == [True, False]


def test_a_long_call_is_a_request_of_the_minute_in_which_it_was_placed(limited: Meter, clock: Clock) -> None:
    use(limited, "few")
    assert [hold(limited, number) for number in range(3)] == [True, True, False]
    clock.forward(seconds=59)
    assert hold(limited, 3) is False
    clock.forward(seconds=1)
    assert [hold(limited, number) for number in range(4, 7)] == [True, True, False]
    record(limited, "e1")
    clock.forward(minutes=1)
    record(limited, "e2")
    assert [hold(limited, number) for number in range(7, 9)] == [True, False]


def test_open_holds_count_as_requests_of_the_day(limited: Meter, clock: Clock) -> None:
    use(limited, "day")
    record(limited, "e1")
    assert [hold(limited, number) for number in range(3)] == [True, True, False]
    clock.forward(minutes=14)
    assert hold(limited, 3) is False
    # They expire after a quarter of an hour, and are no requests then.
    clock.forward(minutes=1)
    assert [hold(limited, number) for number in range(4, 7)] == [True, True, False]


def test_a_hold_that_may_be_captured_tomorrow_counts_tomorrow(limited: Meter, clock: Clock) -> None:
    use(limited, "day")
    clock.forward(hours=11, minutes=59)
    assert [hold(limited, number) for number in range(4)] == [True, True, True, False]
    clock.forward(minutes=2)
    assert hold(limited, 4) is False
    limited.holds.release("a", "h0")
    assert [hold(limited, number) for number in (5, 6)] == [True, False]


@pytest.mark.parametrize(("plan", "most"), [("tokens", 1_000), ("grace", 1_100)])
def test_tokens_of_open_holds_count_to_the_last(limited: Meter, plan: str, most: int) -> None:
    use(limited, plan)
    record(limited, "e1", input=100, output=100)
    assert hold(limited, 0, input=most - 500, reasoning=50, cache_read=50) is True
    assert hold(limited, 1, output=201) is False
    assert hold(limited, 2, output=200) is True
    assert hold(limited, 3, output=1) is False
    # What the call did not use is there again.
    limited.holds.find("a", "h0").capture(Usage(event_id="e0", units={"input": most - 450}))
    assert hold(limited, 4, output=51) is False
    assert hold(limited, 5, output=50) is True


def test_run_units_of_open_holds_count_in_millionths(limited: Meter) -> None:
    use(limited, "units")
    assert hold(limited, 0, run_unit="1.5") is True
    assert hold(limited, 1, run_unit="0.500001") is False
    assert hold(limited, 2, run_unit="0.5") is True
    # Tokens are none of the plan's business.
    assert hold(limited, 3, input=10**12) is True


def test_what_goes_on_or_is_unlimited_is_not_stopped_by_holds(limited: Meter) -> None:
    use(limited, "watched")
    assert [hold(limited, number, input=600) for number in range(4)] == [True] * 4
    use(limited, "open")
    limited.hold("b", "local", "llama", units={"input": 10**12})
    limited.hold("b", "local", "llama", units={"input": 10**12})
    use(limited, "soft")
    limited.hold("c", "local", "llama", units={"input": 10**12})
    limited.hold("c", "local", "llama", units={"input": 10**12})
    with pytest.raises(QuotaExceededError, match="2 of 2 requests this minute"):
        limited.hold("c", "local", "llama", units={"input": 1})


def test_holds_of_another_account_count_for_that_one(limited: Meter) -> None:
    use(limited, "few")
    assert [hold(limited, number) for number in range(3)] == [True, True, False]
    limited.hold("b", "local", "llama", units={"input": 1}, lifetime=timedelta(days=7))
