from __future__ import annotations

from datetime import date, timedelta
from fractions import Fraction
from math import floor
from random import Random

import pytest
from sqlalchemy import Engine

from metering.analytics import Period, mrr_daily, mrr_nanos, totals
from metering.analytics.fees import Fee
from schema.database import reading, writing
from tests.metering.analytics_data import Rows, at

DAY = timedelta(days=1)


def fee(anchor: date, nanos: int = 19_000_000_000, months: int = 1, first: date | None = None) -> Fee:
    return Fee(anchor, months, nanos, first or anchor, None)


def test_a_full_cycle_earns_the_fee_exactly() -> None:
    assert fee(date(2026, 2, 10)).earned(date(2026, 2, 10), date(2026, 3, 10)) == 19_000_000_000
    assert fee(date(2026, 1, 31)).earned(date(2026, 1, 31), date(2026, 2, 28)) == 19_000_000_000
    assert fee(date(2024, 2, 29), months=12).earned(date(2024, 2, 29), date(2025, 2, 28)) == 19_000_000_000
    assert fee(date(2026, 1, 1), nanos=1).earned(date(2026, 1, 1), date(2027, 1, 1)) == 12


@pytest.mark.parametrize(
    ("index", "day"),
    [
        (0, date(2026, 1, 31)),
        (1, date(2026, 2, 28)),
        (2, date(2026, 3, 31)),
        (3, date(2026, 4, 30)),
        (12, date(2027, 1, 31)),
        (25, date(2028, 2, 29)),
    ],
)
def test_anniversaries_are_clamped_to_the_month(index: int, day: date) -> None:
    assert fee(date(2026, 1, 31)).cycle(index) == day


def test_a_day_earns_its_share_by_hand() -> None:
    days = dict(fee(date(2026, 6, 10), nanos=1_000).earned_daily(date(2026, 6, 1), date(2026, 7, 12)))
    assert min(days) == date(2026, 6, 10)
    assert max(days) == date(2026, 7, 11)
    june = [floor(Fraction(1_000 * (i + 1), 30)) - floor(Fraction(1_000 * i, 30)) for i in range(30)]
    july = [floor(Fraction(1_000 * (i + 1), 31)) - floor(Fraction(1_000 * i, 31)) for i in range(2)]
    assert list(days.values()) == june + july
    assert sum(june) == 1_000


def test_any_cut_of_time_sums_to_the_whole() -> None:
    random = Random(3)
    for _ in range(200):
        anchor = date(2024, 1, 1) + random.randrange(900) * DAY
        first = anchor + random.choice([0, 0, 14, 40]) * DAY
        end = random.choice([None, first + random.randrange(500) * DAY])
        found = Fee(anchor, random.choice([1, 12]), random.randrange(1, 10**12), first, end)
        start = anchor + random.randrange(-50, 700) * DAY
        cut = start + random.randrange(300) * DAY
        stop = cut + random.randrange(300) * DAY
        assert found.earned(start, cut) + found.earned(cut, stop) == found.earned(start, stop)
        days = dict(found.earned_daily(start, stop))
        assert sum(days.values()) == found.earned(start, stop)
        assert all(first <= day and (end is None or day < end) for day in days)


def subscribe(engine: Engine) -> None:
    """A trial turned monthly plan, upgraded to an annual one on June 16th; and a free one."""
    with writing(engine) as connection:
        rows = Rows(connection)
        first, second = rows.account("acct-0001"), rows.account("acct-0002")
        rows.subscription(
            first,
            at("2026-05-01 10:00"),
            31_000,
            trial_until=at("2026-05-15 10:00"),
            ended_at=at("2026-06-16 08:00"),
            status="cancelled",
        )
        rows.subscription(first, at("2026-06-16 08:00"), 365_000, cycle="annual", plan="premium")
        rows.subscription(second, at("2026-05-01"), 0, plan="free")


def test_nothing_is_earned_in_a_trial_and_each_day_once(engine: Engine) -> None:
    subscribe(engine)

    def earned(start: date, end: date) -> int:
        with reading(engine) as connection:
            return totals(connection, Period(start, end)).subscription_nanos

    assert earned(date(2026, 5, 1), date(2026, 5, 15)) == 0
    assert earned(date(2026, 5, 15), date(2026, 5, 16)) == 1_000
    assert earned(date(2026, 5, 1), date(2026, 6, 1)) == 17_000
    assert earned(date(2026, 6, 15), date(2026, 6, 16)) == 31_000 * 15 // 30 - 31_000 * 14 // 30
    assert earned(date(2026, 6, 16), date(2026, 6, 17)) == 1_000
    assert earned(date(2026, 6, 16), date(2027, 6, 16)) == 365_000


def test_mrr_is_monthly_fees_and_a_twelfth_of_annual_ones(engine: Engine) -> None:
    subscribe(engine)
    with reading(engine) as connection:
        assert mrr_nanos(connection, date(2026, 5, 14)) == 0
        assert mrr_nanos(connection, date(2026, 5, 15)) == 31_000
        assert mrr_nanos(connection, date(2026, 6, 15)) == 31_000
        assert mrr_nanos(connection, date(2026, 6, 16)) == 30_417
        found = mrr_daily(connection, Period(date(2026, 6, 14), date(2026, 6, 18)))
    assert list(found.values()) == [31_000, 31_000, 30_417, 30_417]
    assert list(found) == [date(2026, 6, day) for day in (14, 15, 16, 17)]


def test_annual_fees_are_divided_once(engine: Engine) -> None:
    with writing(engine) as connection:
        rows = Rows(connection)
        for number in range(12):
            rows.subscription(rows.account(f"acct-{number}"), at("2026-01-01"), 1, cycle="annual")
    with reading(engine) as connection:
        assert mrr_nanos(connection, date(2026, 1, 1)) == 1
