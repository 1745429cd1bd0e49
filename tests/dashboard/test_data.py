"""The queries of the analytics pages: what is shared says what the database would say, and is not asked for again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from itertools import product
from pathlib import Path

import pytest
from sqlalchemy import Connection, Engine, event

from dashboard import data, kept_sums, looks, sources
from dashboard.kept_sums import Days, Filters, covering
from metering import analytics
from metering.accounts.accounts import account_id
from metering.analytics import Period
from metering.analytics.profit import profit
from metering.meter import Meter
from metering.usage import Usage
from schema.database import reading, writing
from tests.dashboard.seeding import seed
from tests.metering.analytics_data import Rows

DAY = timedelta(days=1)
FILTERS = (
    (),
    (("plan", "pro"),),
    (("task", "extraction"),),
    (("model", "openai/gpt-4o"),),
    (("provider", "anthropic"), ("task", "chat_response")),
    (("account", "acct-0001"),),
    (("account", "acct-0001"), ("plan", "free")),
    (("plan", "of nobody"),),
)


@pytest.fixture
def today() -> date:
    return datetime.now(UTC).date()


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    """Beside what is seeded: calls without a task or a model, features, tiers, and what was corrected."""
    engine, now = seed(tmp_path_factory.mktemp("data")).engine(), datetime.now(UTC)
    with writing(engine) as connection:
        rows, account = Rows(connection), account_id(connection, "acct-0001")
        for days in (1, 3, 20, 35):
            at = now - days * DAY
            plain = rows.event(account, at, cost_nanos=10**9, charge_nanos=3 * 10**9, tier="long", input_units=7)
            rows.event(account, at, provider="", model="", feature="search", plan="free", charge_nanos=5 * 10**9)
            rows.adjustment(plain, cost_nanos=-(10**8), charge_nanos=-(10**9))
    return engine


@pytest.fixture
def stamp(request: pytest.FixtureRequest) -> str:
    """Of this test alone: nothing was read yet."""
    looks._kept.clear()
    return str(request.node.nodeid)


@pytest.fixture(params=[kept_sums.MOST, 300, 0])
def most(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """How many sums are few enough to be read crossed: all of these, those of some days, or none."""
    monkeypatch.setattr(kept_sums, "MOST", request.param)
    return int(request.param)


def last(days: int, today: date) -> Days:
    return Period.last(days, today).bounds()


@contextmanager
def asked(engine: Engine) -> Iterator[list[str]]:
    """The statements about events that are carried out meanwhile."""
    statements: list[str] = []

    def keep(*given: object) -> None:
        statements.extend([str(given[2])] if "FROM usage_events" in str(given[2]) else [])

    event.listen(engine, "before_cursor_execute", keep)
    yield statements
    event.remove(engine, "before_cursor_execute", keep)


@pytest.mark.usefixtures("most")
@pytest.mark.parametrize(
    "by",
    [(), ("model",), ("task",), ("plan", "task"), ("provider", "model"), ("feature",), ("tier",), ("feature", "model")],
)
def test_sums_are_those_of_the_database(engine: Engine, stamp: str, today: date, by: tuple[str, ...]) -> None:
    for filters, days in product(FILTERS, (30, 7, 40)):
        period = last(days, today)
        found = data.usage_by(engine, stamp, by, period, filters)
        with reading(engine) as connection:
            assert found == analytics.usage_by(connection, by, Period(*period), dict(filters))


@pytest.mark.usefixtures("most")
def test_sums_of_charts_are_those_of_the_database(engine: Engine, stamp: str, today: date) -> None:
    period = last(30, today)
    names = ("openai/gpt-4o", "anthropic/claude-haiku-4-5", None)
    for by, filters in product((("day",), ("model", "day"), ("task", "model", "day")), FILTERS):
        among = ("model", names) if "model" in by else None
        found = data.usage_by(engine, stamp, by, period, filters, among)
        with reading(engine) as connection:
            assert found == analytics.usage_by(connection, by, Period(*period), dict(filters), among=among)


@pytest.mark.usefixtures("most")
def test_profit_is_that_of_the_database(engine: Engine, stamp: str, today: date) -> None:
    for filters, days in product(FILTERS, (7, 30, 14)):
        period, before = last(days, today), Period.last(days, today).previous().bounds()
        both = data.profit_of_both(engine, stamp, period, before, filters, today)
        with reading(engine) as connection:
            for found, range_ in zip(both, (period, before), strict=True):
                assert found is not None
                assert (found.plans, found.accounts) == profit(connection, Period(*range_), dict(filters), today=today)


def test_what_many_sessions_ask_at_once_is_read_once_and_right(
    engine: Engine, stamp: str, today: date, monkeypatch: pytest.MonkeyPatch
) -> None:
    questions = list(product(("model", "plan", "task"), FILTERS[:5], (30, 7, 40)))
    read, sum_up = [], analytics.usage_by

    def summed_up(connection: Connection, by: Sequence[str], of: Period, *given: object, **named: object) -> object:
        read.extend(list(of.days()) if by == (*looks._CROSSED, "day") else [])
        return sum_up(connection, by, of, *given, **named)

    def ask(question: tuple[str, Filters, int]) -> object:
        by, filters, days = question
        return data.usage_by(engine, stamp, (by,), last(days, today), filters)

    monkeypatch.setattr(analytics, "usage_by", summed_up)
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(ask, questions))
    monkeypatch.undo()

    assert sorted(read) == list(Period.last(40, today).days())
    with reading(engine) as connection:
        for (by, filters, days), rows in zip(questions, found, strict=True):
            assert rows == analytics.usage_by(connection, (by,), Period(*last(days, today)), dict(filters))


def test_a_range_within_one_that_was_looked_at_is_part_of_it(engine: Engine, stamp: str, today: date) -> None:
    wide = data.usage_by(engine, stamp, ("model",), last(30, today), ())
    with asked(engine) as statements:
        for days, end in product((7, 1), (today, today - 3 * DAY)):
            data.usage_by(engine, stamp, ("model",), last(days, end), ())
        assert statements == []
        earlier = data.usage_by(engine, stamp, ("model",), last(40, today), ())
        assert statements
    assert sum(row.requests for row in earlier) > sum(row.requests for row in wide) > 0


def test_filters_by_what_is_read_crossed_cost_no_look(engine: Engine, stamp: str, today: date) -> None:
    shown, before = last(14, today), Period.last(14, today).previous().bounds()
    data.sums_of_both(engine, stamp, shown, before, (), today)
    data.profit_of_both(engine, stamp, shown, before, (), today)
    with asked(engine) as statements:
        for filters in FILTERS[1:5]:
            now, earlier = data.sums_of_both(engine, stamp, shown, before, filters, today)
            earned, _ = data.profit_of_both(engine, stamp, shown, before, filters, today)
            data.usage_by(engine, stamp, ("plan", "model"), shown, filters)
            assert now.requests == sum(row.requests for row in earned.plans) > 0
            assert earlier is not None
            assert earlier.requests > 0
    assert statements == []


def test_a_range_and_the_days_before_cost_one_look(
    engine: Engine, stamp: str, today: date, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown, before = last(14, today), Period.last(14, today).previous().bounds()
    fresh = looks._Looks(engine)
    fresh.hold(stamp)
    # Few enough for a half, too many for the whole.
    monkeypatch.setattr(kept_sums, "MOST", sum(fresh.extent.groups) * 20)
    with asked(engine) as statements:
        data.sums_of_both(engine, stamp, shown, before, (), today)
        data.usage_by(engine, stamp, ("model",), shown, ())
    assert sum("usage_events.day" in statement.partition("GROUP BY")[2] for statement in statements) == 1


def test_where_the_groups_are_many_a_filter_is_asked_of_the_database(
    engine: Engine, stamp: str, today: date, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept_sums, "MOST", 0)
    data.usage_by(engine, stamp, ("model",), last(30, today), ())
    with asked(engine) as statements:
        data.usage_by(engine, stamp, ("model",), last(30, today), (("model", "openai/gpt-4o"),))
        assert statements == []
        data.usage_by(engine, stamp, ("model",), last(30, today), (("plan", "pro"),))
        assert statements


def test_what_arrives_late_shows_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, today: date) -> None:
    where = seed(tmp_path)
    monkeypatch.chdir(where.repository)
    monkeypatch.setenv("RATECARD_DATABASE_URL", where.url)

    def requests() -> int:
        stamp = sources.read_stamp()
        assert stamp is not None
        return sum(row.requests for row in data.usage_by(sources.engine(), stamp.text, (), last(30, today), ()))

    before, moment = requests(), datetime.now(UTC) - 5 * DAY
    with Meter.open(where.url) as meter:
        meter.record(
            Usage(event_id="late", account="acct-0001", model="openai/gpt-4o", units={"input": 5}, occurred_at=moment)
        )
    assert requests() == before + 1


def test_when_something_arrives_its_day_alone_is_read_again(
    tmp_path: Path, today: date, monkeypatch: pytest.MonkeyPatch
) -> None:
    where = seed(tmp_path)
    engine, period, moment = where.engine(), last(30, today), datetime.now(UTC) - 5 * DAY
    filters = (("plan", "free"),)
    asked, sum_up = [], analytics.usage_by

    def summed_up(connection: Connection, by: Sequence[str], of: Period, *given: object, **named: object) -> object:
        asked.append((tuple(by), of))
        return sum_up(connection, by, of, *given, **named)

    def look(stamp: str) -> tuple[object, ...]:
        found = data.usage_by(engine, stamp, ("model",), period, filters)
        return found, data.profit_of_both(engine, stamp, period, None, filters, today)[0].accounts

    look("before")
    with writing(engine) as connection:
        rows = Rows(connection)
        old = rows.event(account_id(connection, "acct-0001"), moment, plan="free", cost_nanos=5)
    look("between")
    with writing(engine) as connection:
        rows.connection = connection
        rows.adjustment(old, cost_nanos=-2)
    monkeypatch.setattr(analytics, "usage_by", summed_up)
    found, earned = look("after")
    monkeypatch.undo()

    with reading(engine) as connection:
        assert found == analytics.usage_by(connection, ("model",), Period(*period), dict(filters))
        assert earned == profit(connection, Period(*period), dict(filters), today=today)[1]
    day = moment.date()
    by_day = [of for by, of in asked if by == (*looks._CROSSED, "day")]
    assert by_day == [Period(day, day + DAY)]


@pytest.mark.parametrize(
    ("known", "found"),
    [
        ([], [(1, 9)]),
        ([(1, 9)], [(1, 9)]),
        ([(0, 9), (1, 10)], [(1, 9)]),
        ([(5, 9)], [(1, 5), (5, 9)]),
        ([(5, 9), (3, 5)], [(1, 3), (3, 5), (5, 9)]),
        ([(2, 4), (3, 6), (7, 8)], [(1, 2), (2, 4), (4, 7), (7, 8), (8, 9)]),
        ([(2, 3), (2, 5)], [(1, 2), (2, 5), (5, 9)]),
        ([(9, 12), (0, 1), (4, 4)], [(1, 9)]),
    ],
)
def test_a_range_is_made_up_of_what_is_known_and_the_rest(
    known: list[tuple[int, int]], found: list[tuple[int, int]]
) -> None:
    def days(spans: list[tuple[int, int]]) -> list[Days]:
        return [(date(2026, 6, 1) + first * DAY, date(2026, 6, 1) + end * DAY) for first, end in spans]

    (period,) = days([(1, 9)])
    assert covering(period, days(known)) == days(found)
