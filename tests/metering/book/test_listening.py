"""Releases are heard of at once on PostgreSQL, also after the connection broke."""

from __future__ import annotations

import threading
from collections.abc import Callable
from time import monotonic, sleep

import pytest
from sqlalchemy import Engine, text

from metering.book.listening import CHANNEL, Listener
from metering.errors import UnregisteredModelError
from metering.meter import Meter
from schema.database import writing
from sync.disable import switch_model
from sync.edit_reasons import Reason
from sync.locking import notify_runtimes
from tests.metering.rate_card import NOW, Clock, apply_rows, price_row

PATIENCE_SECONDS = 20
"""For what takes milliseconds on a host that is not overloaded."""


def until(true: Callable[[], bool]) -> None:
    """Wait for something that another thread does."""
    end = monotonic() + PATIENCE_SECONDS
    while not true():
        assert monotonic() < end, "it did not happen"
        sleep(0.005)


def tell(engine: Engine) -> None:
    with writing(engine) as connection:
        notify_runtimes(connection, 1)


def cut_listeners(engine: Engine) -> None:
    """End every connection of the database that listens."""
    with writing(engine) as connection:
        connection.execute(
            text(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND query LIKE 'LISTEN%'"
            )
        )


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
def test_each_word_is_heard_also_after_the_connection_broke(engine: Engine) -> None:
    heard: list[None] = []
    listener = Listener(engine, lambda: heard.append(None))
    try:
        until(lambda: listener.connected)
        assert len(heard) == 1
        tell(engine)
        until(lambda: len(heard) == 2)
        cut_listeners(engine)
        # What was missed meanwhile is made up for by the word that connecting gives.
        until(lambda: len(heard) == 3)
        tell(engine)
        until(lambda: len(heard) == 4)
    finally:
        listener.close()
    assert not listener.connected


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
def test_closing_ends_the_thread_and_its_connection(engine: Engine) -> None:
    before = set(threading.enumerate())
    listener = Listener(engine, lambda: None)
    (thread,) = set(threading.enumerate()) - before
    until(lambda: listener.connected)
    listener.close()
    listener.close()
    assert not thread.is_alive()
    with engine.connect() as connection:
        waiting = text("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> :own")
        own = connection.execute(text("SELECT pg_backend_pid()")).scalar_one()
        until(lambda: connection.execute(waiting, {"own": own}).scalar_one() == 0)


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
def test_a_release_is_taken_up_as_soon_as_it_is_told_of(card: Engine, migrated_url: str, clock: Clock) -> None:
    """The clock stands still: no book grows old enough to be looked after."""
    with Meter.open(migrated_url, now=clock) as meter:
        until(lambda: meter.status.listening)
        release = apply_rows(card, {"price": [price_row("anthropic", "sonnet", NOW)]})
        assert meter.book.release.id == release - 1
        tell(card)
        until(lambda: meter.book.release.id == release)
        assert meter.price("anthropic", "sonnet").effective == NOW


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
def test_a_model_that_is_disabled_is_refused_at_once(card: Engine, migrated_url: str, clock: Clock) -> None:
    with Meter.open(migrated_url, now=clock) as meter:
        until(lambda: meter.status.listening)
        assert meter.route("anthropic", "extraction") == "haiku"
        switch_model(card, "anthropic/haiku", active=False, reason=Reason("prices@example.com", NOW, "Outage"))
        until(lambda: meter.book.edits == 1)
        with pytest.raises(UnregisteredModelError):
            meter.route("anthropic", "extraction")


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
def test_a_release_that_landed_while_nobody_listened_is_taken_up_on_connecting(
    card: Engine, migrated_url: str, clock: Clock
) -> None:
    with Meter.open(migrated_url, now=clock) as meter:
        until(lambda: meter.status.listening)
        release = apply_rows(card, {"price": [price_row("anthropic", "sonnet", NOW)]})
        cut_listeners(card)
        until(lambda: meter.book.release.id == release)


def test_without_listening_a_book_is_looked_after_by_its_age(card: Engine, migrated_url: str, clock: Clock) -> None:
    with Meter.open(migrated_url, now=clock, listen=False) as meter:
        release = apply_rows(card, {"price": [price_row("anthropic", "sonnet", NOW)]})
        tell(card)
        clock.forward(seconds=4.999)
        assert meter.book.release.id == release - 1
        clock.forward(seconds=0.001)
        assert meter.book.release.id == release
        assert not meter.status.listening


def test_the_channel_is_the_one_that_apply_tells() -> None:
    assert CHANNEL == "ratecard_release"
