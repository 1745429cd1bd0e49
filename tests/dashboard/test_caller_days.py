"""Who called in any range, counted from the days of each user: what the database would count."""

from __future__ import annotations

from datetime import date, timedelta
from random import Random

import pytest
from sqlalchemy import Connection, Engine, event

from dashboard import caller_days
from dashboard.caller_days import CallerDays
from metering import analytics
from metering.analytics import Callers, Period, callers
from schema.database import reading, writing
from tests.metering.analytics_data import Rows, at

DAY = timedelta(days=1)
FIRST = date(2026, 1, 1)


def _counted(engine: Engine, periods: list[tuple[date, date]], **filters: str) -> list[Callers]:
    with reading(engine) as connection:
        return [callers(connection, Period(*period), filters) for period in periods]


def _fill(connection: Connection, length: int, draw: Random) -> Rows:
    rows = Rows(connection)
    numbers = [rows.account(name) for name in ("acct-0001", "acct-0002", "acct-0003")]
    for _ in range(120):
        moment = at("2026-01-01 12:00") + timedelta(days=draw.randrange(length))
        plan = draw.choice(["free", "pro"])
        rows.event(draw.choice(numbers), moment, user_id=draw.choice(["u1", "u2", "u3", None]), plan=plan)
    return rows


@pytest.mark.parametrize("length", [1, 61, 62, 63, 130])
def test_any_range_is_counted_as_the_database_does(engine: Engine, length: int) -> None:
    draw = Random(5)
    with writing(engine) as connection:
        _fill(connection, length, draw)
    days = [FIRST + timedelta(days=number) for number in range(-3, length + 3)]
    periods = [(day, day + DAY) for day in days[:-1]]
    for _ in range(20):
        first, end = sorted(draw.sample(days, 2))
        periods.append((first, end))
    for filters in ((), (("plan", "free"),), (("account", "acct-0001"), ("plan", "pro")), (("plan", "of nobody"),)):
        known = CallerDays(filters)
        # Bit by bit, so that what is known and what is not are put together.
        for period in periods[-20:]:
            assert known.count(engine, [period]) == _counted(engine, [period], **dict(filters))
        assert known.count(engine, periods) == _counted(engine, periods, **dict(filters))


def test_an_account_that_names_no_user_is_one_only_where_it_names_none(engine: Engine) -> None:
    with writing(engine) as connection:
        rows = Rows(connection)
        first, second = rows.account("acct-0001"), rows.account("acct-0002")
        for account, day, user in ((first, 1, "u1"), (first, 2, None), (second, 2, None), (second, 3, "u1")):
            rows.event(account, at(f"2026-06-0{day} 10:00"), user_id=user)
    days = [(date(2026, 6, day), date(2026, 6, end)) for day, end in ((1, 2), (2, 3), (3, 4), (1, 3), (2, 4), (1, 4))]
    found = CallerDays(()).count(engine, [*days, (FIRST, FIRST)])
    expected = [(1, 1), (2, 2), (1, 1), (2, 2), (2, 2), (2, 2), (0, 0)]
    assert found == [Callers(*numbers) for numbers in expected]


def test_days_that_changed_are_read_again_alone(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    draw = Random(7)
    with writing(engine) as connection:
        rows = _fill(connection, 40, draw)
    known, whole = CallerDays(()), (FIRST, FIRST + 40 * DAY)
    before = known.count(engine, [whole])
    with writing(engine) as connection:
        rows.connection = connection
        account = rows.account("acct-0004")
        rows.event(account, at("2026-01-05 23:59"), user_id="u9")
    assert known.count(engine, [whole]) == before

    asked, look = [], analytics.days_called

    def looked(connection: Connection, period: Period, filters: dict[str, str], *, most: int) -> object:
        asked.append(period)
        return look(connection, period, filters, most=most)

    monkeypatch.setattr(analytics, "days_called", looked)
    after = known.without({date(2026, 1, 5)}).count(engine, [whole])
    assert before is not None
    assert after == [Callers(before[0].users + 1, before[0].accounts + 1)] == _counted(engine, [whole])
    assert asked == [Period(date(2026, 1, 5), date(2026, 1, 6))]


def test_too_many_users_are_left_to_the_database(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    with writing(engine) as connection:
        _fill(connection, 10, Random(3))
    monkeypatch.setattr(caller_days, "MOST_USERS", 5)
    known = CallerDays(())
    assert known.count(engine, [(FIRST, FIRST + 10 * DAY)]) is None
    asked: list[object] = []
    event.listen(engine, "before_cursor_execute", lambda *call: asked.append(call[2]))
    assert known.count(engine, [(FIRST, FIRST + 5 * DAY)]) is None
    assert asked == []
