"""Which meters are behind and since when, which fell silent, and whose clock is wrong."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import Engine, insert

from metering.runtimes.listing import Listing, list_runtimes
from schema.database import reading, writing
from schema.tables import meta, runtimes
from tests.metering.rate_card import NOW, add_release

SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)


def told(program: str, **values: object) -> dict[str, object]:
    """What a meter told at `NOW`, that serves release 1."""
    return {
        "runtime_id": f"{program} {values.get('process_id', 7)}",
        "program": program,
        "host": "host-1",
        "process_id": 7,
        "version": "1",
        "release_id": 1,
        "edits": 0,
        "max_age_seconds": 5,
        "confirmed_at": NOW,
        "started_at": NOW - timedelta(hours=1),
        "clock_at": NOW,
        "seen_at": NOW,
    } | values


def put(engine: Engine, *rows: dict[str, object]) -> None:
    with writing(engine) as connection:
        connection.execute(insert(runtimes), rows)


def listed(engine: Engine, at: datetime = NOW) -> Listing:
    with reading(engine) as connection:
        return list_runtimes(connection, at)


def test_who_is_behind_is_so_since_the_release_after_its_own(card: Engine) -> None:
    with writing(card) as connection:
        for minutes in (3, 2, 0):
            add_release(connection, NOW - minutes * MINUTE)
    put(card, told("behind", release_id=3), told("current", release_id=4), told("older", release_id=2))

    behind, current, older = listed(card, NOW + MINUTE).meters
    assert (behind.behind_since, current.behind_since, older.behind_since) == (NOW, None, NOW - 2 * MINUTE)


def test_who_is_behind_is_late_when_it_told_so_past_the_age_of_its_book_and_half_a_minute(card: Engine) -> None:
    with writing(card) as connection:
        add_release(connection, NOW - 35 * SECOND)
    put(
        card,
        told("early"),
        told("late", seen_at=NOW + SECOND),
        told("patient", seen_at=NOW + SECOND, max_age_seconds=6),
    )

    # However long it was not heard of since: that is silence.
    for at in (NOW + SECOND, NOW + 2 * MINUTE):
        assert [meter.late for meter in listed(card, at).meters] == [False, True, False]


def test_an_edit_in_the_database_is_behind_since_the_book_was_known_to_be_the_newest(card: Engine) -> None:
    with writing(card) as connection:
        connection.execute(insert(meta).values(key="config_edits", value="2"))
    put(card, told("old", edits=1, confirmed_at=NOW - 20 * SECOND), told("told", edits=2))

    listing = listed(card)
    assert listing.newest == (1, 2)
    assert [meter.behind_since for meter in listing.meters] == [NOW - 20 * SECOND, None]


def test_silence_begins_after_three_minutes_and_lasts_a_day(card: Engine) -> None:
    put(card, told("worker"))

    assert [listed(card, NOW + 3 * MINUTE + rest).meters[0].silent for rest in (0 * SECOND, SECOND)] == [False, True]
    assert [len(listed(card, NOW + timedelta(days=1) + rest).meters) for rest in (0 * SECOND, SECOND)] == [1, 0]
    # Its clock, or the database's, was put back since.
    assert listed(card, NOW - 4 * MINUTE).meters[0].silent


def test_a_silent_one_is_replaced_by_the_same_program_started_since_on_the_same_host(card: Engine) -> None:
    later = NOW + 10 * MINUTE
    running = {"seen_at": later, "clock_at": later, "confirmed_at": later}
    put(
        card,
        told("again", process_id=1),
        told("again", process_id=2, started_at=NOW + SECOND, **running),
        told("beside", process_id=1),
        told("beside", process_id=2, started_at=NOW - SECOND, **running),
        told("elsewhere", process_id=1),
        told("elsewhere", process_id=2, host="host-2", started_at=NOW + SECOND, **running),
    )

    found = [(meter.program, meter.process_id, meter.silent) for meter in listed(card, later).meters]
    assert found == [
        ("again", 2, False),
        ("beside", 1, True),
        ("beside", 2, False),
        ("elsewhere", 1, True),
        ("elsewhere", 2, False),
    ]


def test_a_wrong_clock_is_seen_and_makes_no_book_older(card: Engine) -> None:
    wrong = NOW + timedelta(hours=2)
    put(
        card,
        told("fast", clock_at=wrong, confirmed_at=wrong - 4 * SECOND, started_at=wrong - MINUTE),
        told("right", confirmed_at=NOW - 4 * SECOND),
    )

    fast, right = listed(card, NOW + 6 * SECOND).meters
    assert (fast.book_age, right.book_age) == (10 * SECOND, 10 * SECOND)
    assert (fast.started_at, fast.silent) == (NOW - MINUTE, False)
    assert (fast.ahead, right.ahead) == (timedelta(hours=2), timedelta())
