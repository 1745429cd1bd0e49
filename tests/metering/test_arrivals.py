"""Which days of earlier sums hold no longer: those of new events and of corrected ones, or all where some came late."""

from __future__ import annotations

from datetime import date

from sqlalchemy import Engine

from metering.analytics import Arrived, arrived, changed_days
from schema.database import reading, writing
from tests.metering.analytics_data import Rows, at


def _now(engine: Engine) -> Arrived:
    with reading(engine) as connection:
        return arrived(connection)


def _changed(engine: Engine, before: Arrived) -> set[date] | None:
    with reading(engine) as connection:
        return changed_days(connection, before)


def test_nothing_arrived_in_an_empty_database(engine: Engine) -> None:
    nothing = Arrived((0, 0), (0, 0))
    assert _now(engine) == nothing
    assert _changed(engine, nothing) == set()


def test_days_of_new_and_of_corrected_events_have_changed(engine: Engine) -> None:
    with writing(engine) as connection:
        rows = Rows(connection)
        account = rows.account("acct-0001")
        old = rows.event(account, at("2026-06-01 10:00"))
        rows.event(account, at("2026-06-02 10:00"))
        rows.adjustment(old)
    before = _now(engine)
    assert before == Arrived((2, 1), (2, 1))
    assert _changed(engine, before) == set()

    with writing(engine) as connection:
        rows.connection = connection
        rows.event(account, at("2026-06-04 10:00"))
        rows.event(account, at("2026-05-20 23:59"))
        rows.adjustment(old)
    assert _now(engine) == Arrived((4, 2), (4, 2))
    assert _changed(engine, before) == {date(2026, 6, 4), date(2026, 5, 20), date(2026, 6, 1)}


def test_an_event_with_a_lower_number_than_was_seen_may_be_of_any_near_it(engine: Engine) -> None:
    """As PostgreSQL shows it: of two transactions, the one that drew its number first commits last."""
    with writing(engine) as connection:
        rows = Rows(connection)
        account = rows.account("acct-0001")
        rows.event(account, at("2026-05-01 10:00"), id=1)
        rows.event(account, at("2026-06-01 10:00"), id=10_005)
    before = _now(engine)

    with writing(engine) as connection:
        rows.connection = connection
        rows.event(account, at("2026-06-03 10:00"), id=10_004)
    assert _now(engine) == Arrived((10_005, 0), (2, 0))
    assert _changed(engine, before) == {date(2026, 6, 1), date(2026, 6, 3)}


def test_where_events_are_gone_every_day_may_have_changed(engine: Engine) -> None:
    """As after a backup of earlier was put back."""
    assert _changed(engine, Arrived((2, 0), (2, 0))) is None


def test_ten_thousand_numbers_are_watched(engine: Engine) -> None:
    """What commits so much later than it began shows when the looks are old."""
    with writing(engine) as connection:
        rows = Rows(connection)
        account = rows.account("acct-0001")
        rows.event(account, at("2026-06-01 10:00"), id=10_005)
    before = _now(engine)
    for number, changed in ((5, set()), (6, {date(2026, 6, 1)})):
        with writing(engine) as connection:
            rows.connection = connection
            rows.event(account, at("2026-06-01 10:00"), id=number)
        assert _changed(engine, before) == changed
