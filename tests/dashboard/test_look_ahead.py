"""What the server reads before the first browser asks: a page finds it, and a fault is told and does no harm."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
from sqlalchemy import event

from dashboard import data, sources
from dashboard.__main__ import read_ahead
from dashboard.periods import DEFAULT_PRESET, preset_period
from schema.database import writing
from schema.tables import subscriptions
from tests.dashboard.seeding import Seeded, seed


def _at(where: Seeded, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(where.repository)
    monkeypatch.setenv("RATECARD_DATABASE_URL", where.url)


def test_what_was_read_ahead_is_not_asked_for_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _at(seed(tmp_path), monkeypatch)
    read_ahead()
    stamp, today = sources.read_stamp(), sources.utc_now().date()
    assert stamp is not None
    queries: list[str] = []
    event.listen(sources.engine(), "before_cursor_execute", lambda *call: queries.append(call[2]))

    period = preset_period(DEFAULT_PRESET, today)
    shown, before = period.bounds(), period.previous().bounds()
    asked_for = (sources.engine(), stamp.text, shown, before, (), today)
    now, earlier = data.sums_of_both(*asked_for)
    assert now.requests > 0
    assert earlier is not None
    assert earlier.requests > 0
    assert data.profit_of_both(*asked_for)[0].plans
    assert data.attention(sources.engine(), stamp.text, today)
    assert data.standing(sources.engine(), stamp.text, today).mrr_nanos == 20 * 10**9

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
