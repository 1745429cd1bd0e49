"""The rate book on disk: what is kept, what is trusted, and a start without the database."""

from __future__ import annotations

import json
import os
import stat
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from metering.book.file import CONFIRM_EVERY, BookFile, database_name
from metering.book.ratebook import RateBook
from metering.errors import BookFileError, MeteringError, UnavailableError
from metering.meter import Meter
from metering.usage import Usage
from schema.database import make_engine, reading, writing
from tests.metering.outage import Server
from tests.metering.rate_card import JANUARY, NOW, ROWS, Clock, apply_rows, price_row

UNITS = {"input": 4_000, "output": 500}
SERVE = {"policy": [{"policy": "database_away", "value": {"serve": True, "max_age_minutes": 10}}]}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "state" / "book.json"


@pytest.fixture
def server(migrated_url: str) -> Server:
    return Server(migrated_url)


def keep(engine: Engine, url: str, file: Path, clock: Clock) -> None:
    """Let a meter keep the book of the small rate card, which may serve for ten minutes."""
    apply_rows(engine, SERVE)
    Meter.open(url, now=clock, book_file=file, listen=False).close()


def test_the_kept_book_is_the_one_of_the_database(card: Engine, migrated_url: str, file: Path, clock: Clock) -> None:
    keep(card, migrated_url, file, clock)
    kept = BookFile(file, card).read(NOW)
    with reading(card) as connection:
        assert kept.book == RateBook.load(connection, now=NOW)
    assert kept.confirmed_at == NOW


def test_only_its_owner_may_read_the_file(card: Engine, migrated_url: str, file: Path, clock: Clock) -> None:
    keep(card, migrated_url, file, clock)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [path.name for path in file.parent.iterdir()] == ["book.json"]


def test_a_file_that_may_not_be_trusted_is_refused(card: Engine, migrated_url: str, file: Path, clock: Clock) -> None:
    book_file = BookFile(file, card)
    with pytest.raises(BookFileError, match=r"no book was kept in .*book\.json yet"):
        book_file.read(NOW)
    keep(card, migrated_url, file, clock)
    whole = file.read_text()
    header = json.loads(whole.partition("\n")[0])

    def edited(**changes: object) -> str:
        return json.dumps({**header, **changes}) + "\n" + whole.partition("\n")[2]

    for contents, message in (
        ("", "is damaged"),
        ("[]\n{}\n", "is damaged"),
        ("[" * 100_000, "is damaged"),
        (whole[:-20], "is damaged"),
        (whole.replace("1000000", "100000", 1), "is damaged"),
        (edited(confirmed_at=None), "is damaged"),
        (edited(format_version=2), "was written by another version"),
        (edited(schema_version="0001"), "was written by another version"),
        (edited(database="postgresql://other:5432/x"), "is of another database: postgresql://other:5432/x"),
    ):
        file.write_text(contents)
        with pytest.raises(BookFileError, match=message):
            book_file.read(NOW)
    file.write_text(whole)
    file.chmod(0o622)
    with pytest.raises(BookFileError, match="others may write"):
        book_file.read(NOW)


def test_a_file_of_another_user_or_a_pipe_sets_no_prices(
    card: Engine, migrated_url: str, file: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep(card, migrated_url, file, clock)
    if os.geteuid() == 0:
        os.chown(file, 12_345, -1)
    else:
        monkeypatch.setattr(os, "geteuid", lambda: 12_345)
    with pytest.raises(BookFileError, match="belongs to another user"):
        BookFile(file, card).read(NOW)
    monkeypatch.undo()
    file.unlink()
    os.mkfifo(file, 0o600)
    with pytest.raises(BookFileError, match="is damaged"):
        BookFile(file, card).read(NOW)


def test_a_newer_release_replaces_the_file_and_a_minute_confirms_it(
    card: Engine, migrated_url: str, file: Path, clock: Clock
) -> None:
    apply_rows(card, SERVE)
    with Meter.open(migrated_url, now=clock, book_file=file, listen=False) as meter:
        book_file = BookFile(file, card)
        clock.forward(seconds=30)
        meter.reload()
        assert book_file.read(clock()).confirmed_at == NOW
        clock.forward(seconds=30)
        meter.record(Usage(event_id="1", account="a", provider="anthropic", model="haiku", units=UNITS))
        assert book_file.read(clock()).confirmed_at == NOW + CONFIRM_EVERY
        release = apply_rows(card, {"price": [price_row("openai", "gpt", NOW)]})
        clock.forward(seconds=5)
        meter.reload()
        kept = book_file.read(clock())
        assert (kept.book.release.id, kept.confirmed_at) == (release, clock.moment)
        price = kept.book.price_at("openai", "gpt", clock.moment)
        assert price is not None
        assert price.effective == NOW


def test_a_file_that_cannot_be_written_troubles_no_call(
    card: Engine, migrated_url: str, tmp_path: Path, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "taken").write_text("a file where a folder would have to be")
    with Meter.open(migrated_url, now=clock, book_file=tmp_path / "taken" / "book.json", listen=False) as meter:
        for number in range(3):
            meter.record(Usage(event_id=str(number), account="a", provider="anthropic", model="haiku", units=UNITS))
    assert sum("the rate book was not kept in" in line for line in caplog.messages) == 1


def test_a_cold_start_serves_routes_and_quotes_and_nothing_else(
    card: Engine, migrated_url: str, file: Path, clock: Clock, server: Server
) -> None:
    keep(card, migrated_url, file, clock)
    card.dispose()
    server.away()
    clock.forward(minutes=9)
    with Meter.open(migrated_url, now=clock, book_file=file, listen=False) as meter:
        assert meter.quote("anthropic", "haiku", UNITS).cost == Decimal("0.0052")
        assert meter.route("anthropic", "extraction") == "haiku"
        status = meter.status
        assert (status.from_file, status.age, status.confirmed_at) == (True, timedelta(minutes=9), NOW)
        assert status.serves_until == NOW + timedelta(minutes=10)
        assert status.away is not None
        for ask in (
            lambda: meter.record(Usage(event_id="1", account="a", provider="anthropic", model="haiku")),
            lambda: meter.balance("a"),
            lambda: meter.wallets.grant("a", "promo", key="k", credits=1),
            lambda: meter.reload(),
            lambda: meter.hold("a", "anthropic", "haiku", input=1, max_output=1),
            lambda: meter.would_exceed("a", {"input": 1}),
        ):
            with pytest.raises(UnavailableError):
                ask()
        decision = meter.check("a", "anthropic", "haiku")
        assert (decision.allowed, decision.code) == (False, "METERING_UNAVAILABLE")
        # Looked for again, and still away.
        clock.forward(minutes=1)
        assert meter.route("anthropic", "extraction") == "haiku"
        clock.forward(seconds=6)
        with pytest.raises(UnavailableError):
            meter.quote("anthropic", "haiku", UNITS)
        server.back()
        assert meter.quote("anthropic", "haiku", UNITS).cost == Decimal("0.0052")
        status = meter.status
        assert (status.from_file, status.away, status.age) == (False, None, timedelta())


def test_a_cold_start_needs_a_policy_a_file_and_a_young_book(
    card: Engine, migrated_url: str, file: Path, clock: Clock, server: Server
) -> None:
    Meter.open(migrated_url, now=clock, book_file=file, listen=False).close()
    card.dispose()
    server.away()
    with pytest.raises(UnavailableError, match="the policy lets no kept book serve"):
        Meter.open(migrated_url, now=clock, book_file=file, listen=False)
    with pytest.raises(UnavailableError, match="no book was kept"):
        Meter.open(migrated_url, now=clock, book_file=file.with_name("other.json"), listen=False)
    with pytest.raises(MeteringError if "postgresql" in migrated_url else Exception):
        Meter.open(migrated_url, now=clock)
    server.back()
    file.unlink()
    keep(card, migrated_url, file, clock)
    card.dispose()
    server.away()
    clock.forward(minutes=10, seconds=1)
    with pytest.raises(UnavailableError, match="older than the policy allows"):
        Meter.open(migrated_url, now=clock, book_file=file, listen=False)
    server.back()


def test_a_file_dated_ahead_of_the_clock_is_never_young_for_long(
    card: Engine, migrated_url: str, file: Path, clock: Clock, server: Server
) -> None:
    keep(card, migrated_url, file, clock)
    card.dispose()
    server.away()
    clock.forward(minutes=-5)
    with Meter.open(migrated_url, now=clock, book_file=file, listen=False) as meter:
        status = meter.status
        assert (status.from_file, status.age, status.confirmed_at) == (True, timedelta(), clock.moment)
        assert status.serves_until == clock.moment + timedelta(minutes=10)
    clock.forward(seconds=-1)
    with pytest.raises(UnavailableError, match=r"is dated 2026-06-15T12:00:00\+00:00, ahead of this host's clock"):
        Meter.open(migrated_url, now=clock, book_file=file, listen=False)
    clock.forward(days=-365)
    with pytest.raises(UnavailableError, match="nobody can tell its age; set the clock, or remove the file"):
        Meter.open(migrated_url, now=clock, book_file=file, listen=False)
    server.back()


def test_a_clock_that_was_put_back_dates_the_file_anew(
    card: Engine, migrated_url: str, file: Path, clock: Clock
) -> None:
    clock.forward(days=1)
    apply_rows(card, SERVE)
    with Meter.open(migrated_url, now=clock, book_file=file, listen=False) as meter:
        clock.moment = NOW
        meter.reload()
        assert BookFile(file, card).read(NOW).confirmed_at == NOW
    assert json.loads(file.read_text().partition("\n")[0])["confirmed_at"] == NOW.isoformat()


def test_the_variable_names_the_file(
    card: Engine, migrated_url: str, file: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RATECARD_BOOK_FILE", str(file))
    Meter.open(migrated_url, now=clock).close()
    assert BookFile(file, card).read(NOW).book.release.id == 1


def test_after_a_cold_start_a_database_of_another_version_is_not_used(
    card: Engine, migrated_url: str, file: Path, clock: Clock, server: Server
) -> None:
    keep(card, migrated_url, file, clock)
    with writing(card) as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '0000'"))
    card.dispose()
    server.away()
    with Meter.open(migrated_url, now=clock, book_file=file, listen=False) as meter:
        server.back()
        with pytest.raises(UnavailableError, match="ratecard db upgrade"):
            meter.record(Usage(event_id="1", account="a", provider="anthropic", model="haiku"))
        clock.forward(seconds=6)
        with pytest.raises(UnavailableError, match="ratecard db upgrade"):
            meter.quote("anthropic", "haiku", UNITS)


def test_a_database_without_a_release_is_not_replaced_by_a_file(
    engine: Engine, migrated_url: str, file: Path, clock: Clock
) -> None:
    with pytest.raises(UnavailableError, match="no release has been applied"):
        Meter.open(migrated_url, now=clock, book_file=file, listen=False)
    apply_rows(engine, {**ROWS, **SERVE})
    Meter.open(migrated_url, now=clock, book_file=file, listen=False).close()
    with Meter.open(migrated_url, now=clock, book_file=file, listen=False) as meter:
        assert meter.price("anthropic", "haiku", at=JANUARY).effective == JANUARY
        assert not meter.status.from_file


def test_the_file_names_its_database_without_a_secret() -> None:
    engine = make_engine("postgresql://someone:secret@db.example.com/books?sslmode=require")
    assert database_name(engine) == "postgresql://db.example.com:5432/books"
