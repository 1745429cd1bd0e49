from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from random import Random

import pytest
from sqlalchemy import Engine, select

from metering.analytics import (
    BY,
    Callers,
    DayRow,
    Period,
    active_users,
    callers,
    callers_daily,
    callers_in,
    daily,
    data_as_of,
    days_called,
    releases_between,
    summed,
    totals,
    usage_by,
)
from schema.database import reading, writing
from schema.tables import accounts
from tests.metering.analytics_data import NOW, Rows, at

ALL = Period()
DAYS = Period(date(2026, 6, 1), date(2026, 6, 4))


def fill(engine: Engine) -> None:
    """Two accounts on three days, one of them with re-rated calls."""
    with writing(engine) as connection:
        rows = Rows(connection)
        first, second = rows.account("acct-0001"), rows.account("acct-0002")
        rows.event(
            first,
            at("2026-06-01 00:00"),
            user_id="u1",
            task="extraction",
            input_units=1_000,
            output_units=10,
            cost_nanos=100,
            charge_nanos=300,
            overdraft_nanos=0,
            purchased_nanos=300,
            revenue_nanos=257,
        )
        late = rows.event(
            first,
            at("2026-06-01 23:59:59.999999"),
            user_id="u2",
            input_units=7,
            cost_nanos=50,
            charge_nanos=60,
            overdraft_nanos=0,
            owed_nanos=60,
            revenue_nanos=60,
        )
        rows.event(first, at("2026-06-03 12:00"), user_id="u1", provider="openai", model="gpt-4o", cost_nanos=10**15)
        rows.event(second, at("2026-06-03 13:00"), run_unit_units=2_500_000, plan="free", cost_nanos=3, charge_nanos=4)
        rows.event(second, at("2026-06-04 00:00"), cost_nanos=1_000, charge_nanos=1_000, provider="openai", model="a/b")
        rows.adjustment(late, cost_nanos=-20, charge_nanos=-10, revenue_nanos=-10)
        rows.adjustment(late, cost_nanos=1)


def test_sums_by_model_with_adjustments_dearest_first(engine: Engine) -> None:
    fill(engine)
    with reading(engine) as connection:
        rows = usage_by(connection, ["model"], ALL)
    assert [row.keys for row in rows] == [
        {"model": "openai/gpt-4o"},
        {"model": "openai/a/b"},
        {"model": "anthropic/claude-haiku-4-5"},
    ]
    assert [(row.requests, row.cost_nanos, row.charge_nanos, row.revenue_nanos) for row in rows] == [
        (1, 10**15, 0, 0),
        (1, 1_000, 1_000, 0),
        (3, 100 + 50 + 3 - 20 + 1, 300 + 60 + 4 - 10, 257 + 60 - 10),
    ]
    assert rows[2].units == {"input": 1_007, "output": 10, "run_unit": 2_500_000}
    assert rows[2].profit_nanos == 307 - 134
    assert all(type(number) is int for row in rows for number in (row.requests, row.cost_nanos, *row.units.values()))


def test_a_period_is_half_open_in_utc_days(engine: Engine) -> None:
    fill(engine)
    with reading(engine) as connection:
        assert [row.requests for row in usage_by(connection, [], DAYS)] == [4]
        assert [row.requests for row in usage_by(connection, [], Period(None, date(2026, 6, 2)))] == [2]
        assert [row.requests for row in usage_by(connection, [], Period(date(2026, 6, 4), None))] == [1]
        assert usage_by(connection, [], Period(date(2026, 6, 2), date(2026, 6, 2))) == []
        assert usage_by(connection, ["model"], Period(date(2027, 1, 1), None)) == []


def test_groups_by_several_columns(engine: Engine) -> None:
    fill(engine)
    with reading(engine) as connection:
        rows = usage_by(connection, ["account", "user", "day"], DAYS)
        for by in (["account"], ["user", "day"], ["day"], []):
            assert summed(rows, by) == usage_by(connection, by, DAYS), "less columns later are less columns at once"
        plans = usage_by(connection, ["plan", "provider"], DAYS)
    assert {tuple(row.keys.values()): row.cost_nanos for row in rows} == {
        ("acct-0001", "u1", date(2026, 6, 1)): 100,
        ("acct-0001", "u2", date(2026, 6, 1)): 31,
        ("acct-0001", "u1", date(2026, 6, 3)): 10**15,
        ("acct-0002", None, date(2026, 6, 3)): 3,
    }
    assert [row.keys for row in plans] == [
        {"plan": "pro", "provider": "openai"},
        {"plan": "pro", "provider": "anthropic"},
        {"plan": "free", "provider": "anthropic"},
    ]


@pytest.mark.parametrize(
    ("filters", "requests"),
    [
        ({"account": "acct-0001"}, 3),
        ({"account": "nobody"}, 0),
        ({"model": "openai/a/b"}, 0),
        ({"provider": "openai"}, 1),
        ({"user": "u1", "provider": "anthropic"}, 1),
        ({"user": None}, 1),
        ({"plan": "free"}, 1),
        ({"task": "extraction"}, 1),
        ({"day": "2026-06-01"}, 2),
    ],
)
def test_filters(engine: Engine, filters: dict[str, str | None], requests: int) -> None:
    fill(engine)
    with reading(engine) as connection:
        assert totals(connection, DAYS, filters).requests == requests
        assert sum(row.requests for row in usage_by(connection, ["day", "model"], DAYS, filters)) == requests
        adjusted = {"account": "acct-0001"} | filters
        assert (
            sum(row.cost_nanos for row in usage_by(connection, ["user"], DAYS, adjusted))
            == totals(connection, DAYS, adjusted).cost_nanos
        )


def test_uses_that_called_no_model_name_none(engine: Engine) -> None:
    fill(engine)
    with writing(engine) as connection:
        rows = Rows(connection)
        user = rows.account("acct-0003")
        rows.event(user, at("2026-06-02"), provider="", model="", feature="image_gen", charge_nanos=40)
        rows.event(user, at("2026-06-03"), provider="", model="", tool="build", run_unit_units=1_600_000)
    with reading(engine) as connection:
        by_model = {row.keys["model"]: row for row in usage_by(connection, ["model"], DAYS)}
        by_provider = {row.keys["provider"]: row.requests for row in usage_by(connection, ["provider"], DAYS)}
        both = usage_by(connection, ["provider", "model", "tool"], DAYS, {"model": None})
        assert totals(connection, DAYS, {"provider": None}).requests == 2
    assert (by_model[None].requests, by_model[None].charge_nanos) == (2, 40)
    assert by_model[None].units == {"run_unit": 1_600_000}
    assert by_provider == {None: 2, "anthropic": 3, "openai": 1}
    assert [tuple(row.keys.values()) for row in both] == [(None, None, None), (None, None, "build")]


@pytest.mark.parametrize(
    ("by", "filters", "message"),
    [
        (["modle"], {}, "'modle' is not one of provider, model, account"),
        ([], {"color": "red"}, "'color' is not one of provider, model, account"),
        ([], {"model": "gpt-4o"}, "'gpt-4o' is not PROVIDER/MODEL"),
        ([], {"day": "soon"}, "Invalid isoformat string: 'soon'"),
    ],
)
def test_a_wrong_question_is_an_error(engine: Engine, by: list[str], filters: dict[str, str], message: str) -> None:
    with reading(engine) as connection, pytest.raises(ValueError, match=message):
        usage_by(connection, by, ALL, filters)


def test_users_are_members_and_accounts_without_members(engine: Engine) -> None:
    fill(engine)
    with reading(engine) as connection:
        assert active_users(connection, DAYS) == 3
        assert active_users(connection, Period(date(2026, 6, 3), date(2026, 6, 5))) == 2
        assert active_users(connection, Period(date(2026, 7, 1), date(2026, 7, 2))) == 0
        found = totals(connection, DAYS)
    assert (found.users, found.accounts) == (3, 2)


def test_callers_of_many_ranges_at_once_are_those_of_each(engine: Engine) -> None:
    fill(engine)
    days = [Period(date(2026, 6, day), date(2026, 6, day + 1)) for day in range(1, 5)]
    periods = [*days, DAYS, Period(date(2026, 4, 4), date(2026, 6, 5)), Period(date(2026, 5, 1), date(2026, 6, 1))]
    with reading(engine) as connection:
        found = callers_in(connection, periods, {})
        assert found == [callers(connection, period, {}) for period in periods]
        # On June 3rd one account names its user, the other names none.
        expected = [(2, 1), (0, 0), (2, 2), (1, 1), (3, 2), (3, 2), (0, 0)]
        assert [(one.users, one.accounts) for one in found] == expected
        daily = {days[0].start: found[0], days[2].start: found[2]}
        assert callers_daily(connection, DAYS, {}) == daily
        assert callers_daily(connection, DAYS, {"plan": "free"}) == {date(2026, 6, 3): Callers(1, 1)}
        assert callers_in(connection, [], {}) == []
        assert callers_in(connection, [Period(DAYS.start, DAYS.start)], {}) == [Callers(0, 0)]
        assert callers_in(connection, [days[2], DAYS], {"plan": "free"}) == [Callers(1, 1), Callers(1, 1)]
        wide = [*periods, Period(date(2025, 10, 1), date(2026, 6, 2)), Period(date(2025, 12, 1), date(2026, 4, 4))]
        assert callers_in(connection, wide, {}) == [callers(connection, period, {}) for period in wide]
        with pytest.raises(ValueError, match="open side"):
            callers_in(connection, [ALL], {})


def test_days_called_are_bits_of_whole_numbers(engine: Engine) -> None:
    fill(engine)
    with reading(engine) as connection:
        numbers = dict(connection.execute(select(accounts.c.account, accounts.c.id)).all())
        first, second = numbers["acct-0001"], numbers["acct-0002"]
        # The third and fourth of June are the first two days of the second number.
        asked = Period(date(2026, 4, 2), date(2026, 6, 5))
        found = days_called(connection, asked, {}, most=4)
        assert found is not None
        assert {tuple(row) for row in found} == {
            (first, "u1", 1 << 60, 1),
            (first, "u2", 1 << 60, None),
            (second, None, None, 3),
        }
        assert days_called(connection, asked, {}, most=2) is None
        assert days_called(connection, asked, {"plan": "of nobody"}, most=2) == []


def test_totals_add_fees_and_repaid_overdraft(engine: Engine) -> None:
    fill(engine)
    with writing(engine) as connection:
        rows = Rows(connection)
        payer = rows.account("acct-0003")
        rows.subscription(payer, at("2026-06-02 09:00"), 30_000)
        rows.posting(payer, at("2026-06-03 23:59:59"), 11)
        rows.posting(payer, at("2026-06-04"), 100)
    with reading(engine) as connection:
        found = totals(connection, DAYS)
        assert found.usage_revenue_nanos == 307
        assert found.repaid_nanos == 11
        assert found.subscription_nanos == 2_000
        assert found.revenue_nanos == 2_318
        assert found.profit_nanos == 2_318 - (100 + 31 + 10**15 + 3)
        by_account = totals(connection, DAYS, {"account": "acct-0003"})
        assert (by_account.requests, by_account.repaid_nanos, by_account.subscription_nanos) == (0, 11, 2_000)
        by_model = totals(connection, DAYS, {"model": "openai/gpt-4o"})
        assert (by_model.repaid_nanos, by_model.subscription_nanos, by_model.revenue_nanos) == (0, 0, 0)
        by_plan = totals(connection, DAYS, {"plan": "free"})
        assert (by_plan.repaid_nanos, by_plan.subscription_nanos) == (0, 0)
        assert totals(connection, DAYS, {"plan": "pro"}).subscription_nanos == 2_000
        # Open at the end: fees accrue to the day of the newest event (June 4th), or through `today`.
        assert totals(connection, ALL).subscription_nanos == 3_000
        assert totals(connection, ALL, today=date(2026, 6, 11)).subscription_nanos == 10_000
        assert totals(connection, DAYS, today=date(2026, 6, 2)).subscription_nanos == 1_000
        assert totals(connection, DAYS, today=date(2026, 5, 2)).subscription_nanos == 0


def test_daily_names_every_day_and_sums_to_the_totals(engine: Engine) -> None:
    fill(engine)
    with writing(engine) as connection:
        rows = Rows(connection)
        payer = rows.account("acct-0003")
        rows.subscription(payer, at("2026-06-02 09:00"), 30_001)
        rows.posting(payer, at("2026-06-03 23:59:59"), 11)
    with reading(engine) as connection:
        assert daily(connection, DAYS) == [
            DayRow(2, 131, 350, 307, 0, 0, date(2026, 6, 1)),
            DayRow(0, 0, 0, 0, 0, 1_000, date(2026, 6, 2)),
            DayRow(2, 10**15 + 3, 4, 0, 11, 1_000, date(2026, 6, 3)),
        ]
        assert [row.day for row in daily(connection, ALL)] == [date(2026, 6, day) for day in (1, 2, 3, 4)]
        assert [row.subscription_nanos for row in daily(connection, DAYS, today=date(2026, 6, 2))] == [0, 1_000, 0]
        whole = totals(connection, DAYS)
        days = daily(connection, DAYS)
    assert sum(row.revenue_nanos for row in days) == whole.revenue_nanos
    assert sum(row.profit_nanos for row in days) == whole.profit_nanos


def test_an_empty_database_has_no_data(engine: Engine) -> None:
    with reading(engine) as connection:
        assert data_as_of(connection) is None
        assert daily(connection, ALL) == []
        assert usage_by(connection, ["model"], ALL) == []
        found = totals(connection, ALL)
    assert (found.requests, found.revenue_nanos, found.users, found.units) == (0, 0, 0, {})


def test_data_is_as_of_the_newest_event(engine: Engine) -> None:
    fill(engine)
    with reading(engine) as connection:
        assert data_as_of(connection) == at("2026-06-04 00:00")


def test_releases_between(engine: Engine) -> None:
    with writing(engine) as connection:
        rows = Rows(connection)
        rows.add_release(NOW + timedelta(days=1), label="v2", title="Raise haiku")
        rows.add_release(NOW + timedelta(days=2))
    with reading(engine) as connection:
        found = releases_between(connection, Period(NOW.date() + timedelta(days=1), NOW.date() + timedelta(days=2)))
        assert len(releases_between(connection, ALL)) == 3
    assert [(row.label, row.title, row.creates, row.updates, row.deletes) for row in found] == [
        ("v2", "Raise haiku", 1, 2, 3)
    ]


def test_every_grouping_equals_the_sum_over_the_events(engine: Engine) -> None:
    random = Random(7)
    names = [(provider, f"m{number}") for provider in ("a", "b") for number in range(3)]
    kept: list[dict[str, object]] = []
    with writing(engine) as connection:
        rows = Rows(connection)
        numbers = {name: rows.account(name) for name in ("acct-0001", "acct-0002", "acct-0003")}
        for _ in range(120):
            provider, model = random.choice(names)
            account = random.choice(list(numbers))
            moment = datetime(2026, 5, 31, tzinfo=UTC) + timedelta(seconds=random.randrange(6 * 86_400))
            values = {
                "user_id": random.choice(["u1", "u2", None]),
                "plan": random.choice(["free", "pro"]),
                "task": random.choice(["chat", None]),
                "feature": random.choice(["search", None]),
                "tool": random.choice(["browser", None]),
                "tier": random.choice(["heavy", None]),
                "cost_nanos": random.randrange(10**12),
                "charge_nanos": random.randrange(10**12),
                "output_units": random.randrange(5_000),
            }
            number = rows.event(numbers[account], moment, provider=provider, model=model, **values)
            if random.random() < 0.2:
                change = random.randrange(10**6)
                rows.adjustment(number, cost_nanos=change)
                values["cost_nanos"] += change
            keys = {"provider": provider, "model": f"{provider}/{model}", "account": account, "day": moment.date()}
            kept.append(keys | values | {"user": values["user_id"]})
    wanted = [event for event in kept if date(2026, 6, 1) <= event["day"] < date(2026, 6, 4)]
    with reading(engine) as connection:
        for by in ([name] for name in BY):
            expected: Counter[object] = Counter()
            for event in wanted:
                expected[event[by[0]]] += event["cost_nanos"]
            rows_found = usage_by(connection, by, DAYS)
            assert {row.keys[by[0]]: row.cost_nanos for row in rows_found} == expected
            assert [row.cost_nanos for row in rows_found] == sorted(expected.values(), reverse=True)
            assert sum(row.units.get("output", 0) for row in rows_found) == sum(
                event["output_units"] for event in wanted
            )


def test_a_period_knows_its_days_and_the_one_before() -> None:
    week = Period.last(7, date(2026, 3, 2))
    assert week.bounds() == (date(2026, 2, 24), date(2026, 3, 3))
    assert week.previous() == Period(date(2026, 2, 17), date(2026, 2, 24))
    assert [day.day for day in week.days()] == [24, 25, 26, 27, 28, 1, 2]
    with pytest.raises(ValueError, match="begins on 2026-03-02, after its end on 2026-03-01"):
        Period(date(2026, 3, 2), date(2026, 3, 1))
    with pytest.raises(ValueError, match="open side"):
        Period(date(2026, 3, 2)).previous()
