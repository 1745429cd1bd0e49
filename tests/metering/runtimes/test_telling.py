"""Meters tell what they serve: real processes, closed and killed ones, hostile names, databases that do not take it."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from pathlib import Path

import pytest
from sqlalchemy import Engine, event, insert, select, text

from metering.meter import Meter
from metering.runtime import Runtime
from metering.runtimes.listing import Listing, database_clock, list_runtimes
from metering.runtimes.telling import Telling, program_name
from metering.usage import Usage
from schema.database import reading, writing
from schema.tables import runtimes
from tests.metering.book.test_listening import until
from tests.metering.outage import Server
from tests.metering.rate_card import NOW, Clock, add_release
from tests.metering.runtimes.test_listing import told as told_row

ROOT = Path(__file__).parents[3]
LATER = timedelta(minutes=4)
_PROGRAM = """
import sys
from datetime import timedelta
from metering.meter import Meter
with Meter.open(sys.argv[1], max_age=timedelta(), name=sys.argv[2]) as meter:
    for line in sys.stdin:
        meter.book
"""


def listed(engine: Engine, after: timedelta = timedelta()) -> Listing:
    """The meters as they are seen a while after now."""
    with reading(engine) as connection:
        return list_runtimes(connection, database_clock(connection, datetime.now(UTC)) + after)


def start(url: str, name: str) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-c", _PROGRAM, url, name], cwd=ROOT, stdin=subprocess.PIPE, text=True)


@contextmanager
def telling(url: str, clock: Clock, **options: str) -> Iterator[tuple[Runtime, Telling]]:
    """A runtime that tells when it is asked to."""
    with Meter.open(url, now=clock, listen=False) as meter:
        runtime = meter.rerating._runtime
        told = Telling(runtime, first_seconds=3_600, **options)
        yield runtime, told
        told.close()


def test_two_processes_move_to_a_release_one_closes_and_one_is_killed(card: Engine, migrated_url: str) -> None:
    processes = [start(migrated_url, name) for name in ("first.py", "second.py")]
    try:
        until(lambda: len(listed(card).meters) == 2)
        meters = listed(card).meters
        assert [(meter.program, meter.process_id) for meter in meters] == [
            (name, process.pid) for name, process in zip(("first.py", "second.py"), processes, strict=True)
        ]
        assert {(meter.version, meter.release, meter.behind_since) for meter in meters} == {
            (version("ratecard"), 1, None)
        }
        assert all(abs(meter.ahead) < timedelta(seconds=5) for meter in meters)

        with writing(card) as connection:
            applied_at = datetime.now(UTC)
            add_release(connection, applied_at=applied_at)
        # A moment when both knew of the first release only.
        assert {(meter.release, meter.behind_since) for meter in listed(card).meters} == {(1, applied_at)}
        for process in processes:
            assert process.stdin is not None
            process.stdin.write("look\n")
            process.stdin.flush()
        until(lambda: {meter.release for meter in listed(card).meters} == {2})
        assert {meter.behind_since for meter in listed(card).meters} == {None}

        processes[0].communicate(timeout=20)
        processes[1].kill()
        processes[1].wait()
        (left,) = listed(card).meters
        assert (left.program, left.silent) == ("second.py", False)
        (left,) = listed(card, LATER).meters
        assert left.silent
        assert listed(card, timedelta(days=2)).meters == ()
    finally:
        for process in processes:
            process.kill()
            process.communicate()


def test_a_meter_tells_again_in_its_row_and_takes_it_along(card: Engine, migrated_url: str, clock: Clock) -> None:
    with telling(migrated_url, clock, name="desk") as (_, told):
        assert told.once()
        with writing(card) as connection:
            add_release(connection)
        clock.forward(seconds=10)
        assert told.once()
        with reading(card) as connection:
            (row,) = connection.execute(select(runtimes))
        assert (row.program, row.process_id, row.release_id, row.edits) == ("desk", os.getpid(), 2, 0)
        # By its own clock, whatever the database's says.
        assert (row.started_at, row.confirmed_at, row.clock_at) == (NOW, clock.moment, clock.moment)
        assert row.max_age_seconds == 5
    with reading(card) as connection:
        assert connection.execute(select(runtimes)).all() == []


def test_who_is_silent_for_a_day_is_forgotten_by_the_next_who_tells(
    card: Engine, migrated_url: str, clock: Clock
) -> None:
    with reading(card) as connection:
        now = database_clock(connection, clock.moment)
    with writing(card) as connection:
        for name, hours in (("gone", 25), ("silent", 23)):
            seen = now - timedelta(hours=hours)
            connection.execute(insert(runtimes).values(told_row(name, seen_at=seen, clock_at=seen)))
    with telling(migrated_url, clock, name="new") as (_, told):
        assert told.once()
        with reading(card) as connection:
            assert set(connection.execute(select(runtimes.c.program)).scalars()) == {"silent", "new"}


def test_hostile_names_are_kept_as_they_are_as_far_as_they_can_be(
    card: Engine, migrated_url: str, clock: Clock
) -> None:
    names = ("<script>alert(1)</script>", "**x** =cmd() \u202eabc", "zero \x00, lone \udcff", "n" * 900)
    kept = ("<script>alert(1)</script>", "**x** =cmd() \u202eabc", "zero ?, lone ?", "n" * 200)
    for name, stored in zip(names, kept, strict=True):
        with telling(migrated_url, clock, name=name) as (_, told):
            assert told.once()
            assert [meter.program for meter in listed_at(card, clock).meters] == [stored]


def listed_at(engine: Engine, clock: Clock) -> Listing:
    with reading(engine) as connection:
        return list_runtimes(connection, database_clock(connection, clock.moment))


def test_nothing_is_told_on_the_way_of_a_call_nor_by_a_meter_that_lives_shortly(
    card: Engine, migrated_url: str, clock: Clock
) -> None:
    told: list[str] = []

    @event.listens_for(Engine, "before_cursor_execute")
    def note(connection: object, cursor: object, statement: str, *rest: object) -> None:
        if "runtimes" in statement:
            told.append(threading.current_thread().name)

    try:
        with Meter.open(migrated_url, now=clock) as meter:
            use(meter)
        with Meter.open(migrated_url, now=clock, listen=False) as meter:
            assert "ratecard-telling" not in {thread.name for thread in threading.enumerate()}
        assert told == []
        with Meter.open(migrated_url, now=clock, listen=False, listed=True) as meter:
            until(lambda: listed_at(card, clock).meters != ())
            del told[:]
            use(meter)
            assert told == []
        assert told == ["ratecard-telling"]
        assert listed_at(card, clock).meters == ()
    finally:
        event.remove(Engine, "before_cursor_execute", note)


def use(meter: Meter) -> None:
    for number in range(3):
        usage = Usage(event_id=f"{id(meter)}-{number}", account="a", model="anthropic/haiku", units={"input": 1})
        meter.record(usage)
    meter.wallets.grant("a", "promo", key=f"{id(meter)}", usd=1)
    meter.hold("a", "anthropic", "haiku", input=1, max_output=1)
    meter.quote("anthropic", "haiku", {"input": 1})


@pytest.mark.parametrize("fault", ["away", "refuses"])
def test_a_database_that_does_not_take_it_is_logged_once_and_harms_nothing(
    fault: str, card: Engine, migrated_url: str, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    server = Server(migrated_url)

    def change(statement: str) -> None:
        with writing(card) as connection:
            connection.execute(text(statement))

    with telling(migrated_url, clock, name="desk") as (runtime, told), caplog.at_level(logging.WARNING):
        assert told.once()
        clock.forward(minutes=1)
        if fault == "away":
            card.dispose()
            server.away()
        else:
            change("ALTER TABLE runtimes RENAME TO others")
        assert [told.once(), told.once()] == [False, False]
        words = [record.message for record in caplog.records if "not told in the database" in record.message]
        assert len(words) == 1
        if fault == "away":
            server.back()
        else:
            assert runtime.book(clock.moment).release.id == 1
            change("ALTER TABLE others RENAME TO runtimes")
        assert told.once()
        assert len(listed_at(card, clock).meters) == 1


def test_a_book_that_nobody_asks_for_is_looked_after(card: Engine, migrated_url: str, clock: Clock) -> None:
    with telling(migrated_url, clock) as (runtime, told):
        with writing(card) as connection:
            add_release(connection)
        clock.forward(seconds=30)
        assert told.once()
        assert runtime.last_book.release.id == 2


@pytest.mark.parametrize(
    ("argument", "name"),
    [
        ("/srv/shop/worker.py", "worker.py"),
        ("/lib/python/gateway/__main__.py", "gateway"),
        ("-c", "python"),
        ("", "python"),
    ],
)
def test_a_program_is_named_by_its_command_line(argument: str, name: str) -> None:
    assert program_name(argument) == name
