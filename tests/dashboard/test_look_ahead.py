"""What the server reads before the first browser asks: a page finds it, and a fault is told and does no harm."""

from __future__ import annotations

import logging
from pathlib import Path
from threading import Event, Timer
from typing import Any

import pytest
from sqlalchemy import event

from dashboard import ahead, data, sources
from dashboard.__main__ import read_ahead
from dashboard.periods import DEFAULT_PRESET, WIDEST_LENGTH, preset_period
from schema.database import writing
from schema.tables import subscriptions
from tests.dashboard.seeding import Seeded, seed


def _at(where: Seeded, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(where.repository)
    monkeypatch.setenv("RATECARD_DATABASE_URL", where.url)


def _questions(preset: str) -> tuple[Any, ...]:
    """What pages ask `data` of a range and of the days before."""
    stamp, today = sources.read_stamp(), sources.utc_now().date()
    assert stamp is not None
    period = preset_period(preset, today)
    return sources.engine(), stamp.text, period.bounds(), period.previous().bounds(), (), today


def _queries() -> list[str]:
    """What is asked of the database from now on."""
    found: list[str] = []
    event.listen(sources.engine(), "before_cursor_execute", lambda *call: found.append(call[2]))
    return found


def _end(timer: Timer | None) -> None:
    """Wait until what is to be done is done."""
    assert timer is not None
    timer.join(60)
    assert not timer.is_alive()


def test_what_was_read_ahead_is_not_asked_for_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _at(seed(tmp_path), monkeypatch)
    read_ahead()
    asked_for = engine, stamp, *_, today = _questions(DEFAULT_PRESET)
    queries = _queries()

    now, earlier = data.sums_of_both(*asked_for)
    assert now.requests > 0
    assert earlier is not None
    assert earlier.requests > 0
    assert data.profit_of_both(*asked_for)[0].plans
    assert data.attention(engine, stamp, today)
    assert data.standing(engine, stamp, today).mrr_nanos == 20 * 10**9

    assert queries == []


def test_a_fault_is_logged_and_ends_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    seeded = seed(tmp_path)
    with writing(seeded.engine()) as connection:
        subscriptions.drop(connection)
    _at(seeded, monkeypatch)

    with caplog.at_level(logging.WARNING, "ratecard.dashboard"):
        read_ahead()

    (record,) = (record for record in caplog.records if record.name == "ratecard.dashboard")
    assert record.levelname == "WARNING"
    assert "could not be read ahead" in record.getMessage()
    assert "subscriptions" in record.getMessage()


def test_where_nothing_is_applied_there_is_nothing_to_say(
    seeded: Seeded, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    _at(Seeded(seeded.repository, "sqlite:////nowhere/at/all.db"), monkeypatch)

    read_ahead()

    assert [record for record in caplog.records if record.name == "ratecard.dashboard"] == []


def test_the_widest_range_is_read_while_nobody_waits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _at(seed(tmp_path), monkeypatch)
    read = sources.read_stamp()
    assert read is not None
    monkeypatch.setattr(ahead, "_REST_SECONDS", 0.01)
    monkeypatch.setattr(ahead, "_at_rest", ahead._AtRest())
    ahead.read_farther_at_rest(read, sources.utc_now().date())
    _end(ahead._at_rest.timer)
    asked_for = engine, stamp, shown, before, *_ = _questions(WIDEST_LENGTH)
    queries = _queries()

    now, _ = data.sums_of_both(*asked_for)
    earned, _ = data.profit_of_both(*asked_for)
    called = data.callers(engine, stamp, [shown, before], ())

    assert now.requests == sum(row.requests for row in earned.accounts) > 0
    assert called[shown].accounts > 0
    assert queries == []


def test_nothing_is_read_ahead_of_too_many_events(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _at(seed(tmp_path), monkeypatch)
    stamp = sources.read_stamp()
    assert stamp is not None
    monkeypatch.setattr(ahead, "_MOST_EVENTS", stamp.arrived.newest[0] - 1)
    asked = ahead._AtRest()
    monkeypatch.setattr(ahead, "_at_rest", asked)
    ahead.read_farther_at_rest(stamp, sources.utc_now().date())
    assert asked.timer is None


def test_a_page_ends_what_is_read_ahead_and_it_begins_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ahead, "_REST_SECONDS", 0.01)
    done: list[str] = []
    again, ended = Event(), Event()
    at_rest = ahead._AtRest()

    def first() -> None:
        done.append("first")
        if not again.is_set():
            # A page is asked for meanwhile.
            again.set()
            at_rest.later([first, lambda: done.append("second"), ended.set])

    at_rest.later([first, lambda: done.append("never")])
    assert ended.wait(60)
    _end(at_rest.timer)
    assert done == ["first", "first", "second"]

    # All of it is done: not again so soon.
    at_rest.later([first])
    _end(at_rest.timer)
    assert done == ["first", "first", "second"]


def test_any_page_interrupts_what_is_read_ahead(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ahead, "_REST_SECONDS", 0.01)
    done: list[str] = []
    at_rest = ahead._AtRest()
    began, asked = Event(), Event()
    at_rest.later([began.set, lambda: asked.wait(60), lambda: done.append("never")])
    timer = at_rest.timer
    assert began.wait(60)
    at_rest.interrupt()
    asked.set()
    _end(timer)
    assert done == []
