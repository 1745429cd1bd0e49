"""Trials that ended: by hand, on both databases."""

from __future__ import annotations

from datetime import date

from sqlalchemy import Engine

from metering.analytics.trials import TrialMonth, trial_months, trials
from schema.database import reading, writing
from tests.metering.analytics_data import Rows, at

USD = 10**9


def test_trials_by_the_month_in_which_they_end(engine: Engine) -> None:
    with writing(engine) as connection:
        rows = Rows(connection)

        def trial(
            account: str, until: str, ended: str | None = None, start: str = "2026-02-15", **values: object
        ) -> int:
            number = rows.account(account)
            end = {"ended_at": at(ended), "status": "cancelled"} if ended else {}
            rows.subscription(number, at(start), 20 * USD, trial_until=at(until), **(end | values))
            return number

        trial("stays", "2026-02-28 23:59:59")
        trial("boundary", "2026-03-01")
        trial("leaves", "2026-03-10", "2026-03-05")
        trial("leaves at the end", "2026-03-10", "2026-03-10")
        trial("paid a while", "2026-03-11", "2026-03-20")
        upgraded = trial("upgraded", "2026-03-12", "2026-03-02")
        rows.subscription(upgraded, at("2026-03-02"), 50 * USD, plan="premium", trial_until=at("2026-03-12"))
        smaller = trial("downgraded", "2026-03-13", "2026-03-13")
        rows.subscription(smaller, at("2026-03-13"), 9 * USD, plan="small")
        gifted = trial("gifted", "2026-03-25", "2026-03-14")
        rows.subscription(gifted, at("2026-03-14"), 0, plan="premium", note="gift")
        trial("not over", "2026-04-02")
        returned = trial("returned", "2026-03-16", "2026-03-15")
        rows.subscription(returned, at("2026-03-18"), 20 * USD)

    with reading(engine) as connection:
        march = trials(connection, at("2026-03-01"), at("2026-04-01"))
        early = trials(connection, at("2026-02-01"), at("2026-03-01"))

    assert [(one.account, one.plan, one.became) for one in early] == [("stays", "pro", "pro")]
    assert [(one.account, one.ended_at.day, one.plan, one.became) for one in march] == [
        ("boundary", 1, "pro", "pro"),
        ("leaves", 5, "pro", None),
        ("leaves at the end", 10, "pro", None),
        ("paid a while", 11, "pro", "pro"),
        ("upgraded", 12, "premium", "premium"),
        ("downgraded", 13, "pro", "small"),
        ("gifted", 14, "pro", None),
        ("returned", 15, "pro", None),
    ]
    months = [(date(2026, 2, 1), date(2026, 3, 1)), (date(2026, 3, 1), date(2026, 3, 31))]
    assert trial_months([*early, *march], months) == [
        TrialMonth(date(2026, 2, 1), 1, 1),
        TrialMonth(date(2026, 3, 1), 8, 4),
    ]
