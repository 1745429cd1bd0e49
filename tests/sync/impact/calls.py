"""Real calls on a small configuration, and what they come to by the documents' own numbers."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from fractions import Fraction

from sqlalchemy import Engine

from metering.meter import Meter
from metering.usage import Usage
from schema.database import reading
from sync.impact import DatabaseUsage, Impact
from sync.impact.measuring import MOST_SINGLE_CALLS, measure
from sync.plan import Target, plan_for
from tests.sync.targets import LATER

HAIKU, SONNET, GPT = "anthropic/claude-haiku-4-5", "anthropic/claude-sonnet-4-5", "openai/gpt-4o"
NANO = 10**9


def record(engine: Engine, usages: Sequence[Usage], now: datetime = LATER) -> None:
    """Record calls."""
    Meter(engine, now=lambda: now).record_many(usages)


def call(number: int, model: str = HAIKU, account: str = "acct-1", **values: object) -> Usage:
    """A call of an hour before the plan, unless `values` say otherwise."""
    provider, _, name = model.partition("/")
    row: dict[str, object] = {
        "account": account,
        "provider": provider,
        "model": name,
        "occurred_at": LATER - timedelta(hours=1),
        "units": {"input": 1_000_000},
    }
    return Usage(event_id=f"call-{number}", **{**row, **values})  # type: ignore[arg-type]


def mixed_calls(count: int, seed: int = 7) -> Iterator[Usage]:
    """Calls of all models by some accounts over the month before the plan, some above a context tier."""
    draw = random.Random(seed)
    for number in range(count):
        yield call(
            number,
            draw.choice([HAIKU, HAIKU, SONNET, GPT]),
            f"acct-{draw.randrange(6)}",
            occurred_at=LATER - timedelta(minutes=draw.randrange(1, 29 * 24 * 60)),
            task=draw.choice(["extraction", "chat_response", None]),
            user=draw.choice(["ann", "ben", None]),
            units={"input": draw.randrange(1, 300_000), "output": draw.randrange(0, 9_999), "cache_read": 777},
        )


def cost_nanos(usage: Usage, per_million: Mapping[str, str], factor: str = "1") -> int:
    """Units x rate x factor, rounded half even to nano-USD."""
    exact = sum(Fraction(int(parts)) * Fraction(per_million[unit]) for unit, parts in usage.units.items())
    # USD per million units is a thousand nano-USD a unit.
    return round(exact * Fraction(factor) * 1_000)


def impact_of(
    engine: Engine, target: Target, now: datetime = LATER, most_single_calls: int = MOST_SINGLE_CALLS
) -> Impact:
    """The impact of a target on the last thirty days."""
    with reading(engine) as connection:
        plan, current = plan_for(connection, target, now=now)
        usage = DatabaseUsage(connection, now - timedelta(days=30), now)
        return measure(
            usage,
            plan.changes,
            current.rows,
            target.rows,
            current.in_force,
            now=now,
            most_single_calls=most_single_calls,
        )
