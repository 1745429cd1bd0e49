"""`ratecard serve` as a program: it says where it listens, answers, and stops without cutting anybody off."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import Engine, select

from metering.api.app import create_app
from metering.api.document import document_text
from metering.api.server import Server, listen, make_server
from metering.client import Client, Event, Receipt, Refused
from metering.meter import Meter
from schema.database import make_engine, reading
from schema.tables import runtimes
from tests.conftest import RunRatecard
from tests.metering.book.test_listening import until
from tests.metering.rate_card import JANUARY, ROWS, apply_rows

RATECARD = Path(sys.executable).parent / "ratecard"


@pytest.fixture
def url(engine: object, migrated_url: str) -> str:
    """A database with the small rate card."""
    apply_rows(engine, ROWS)  # type: ignore[arg-type]
    return migrated_url


@contextmanager
def serving(url: str, folder: Path, *words: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The command on a free port, and where it says that it listens."""
    log = folder / "log"
    with log.open("w") as errors:
        process = subprocess.Popen(
            [str(RATECARD), "serve", "--port", "0", "--format", "json", *words],
            env={**os.environ, "RATECARD_DATABASE_URL": url},
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert line, log.read_text()
            yield process, json.loads(line)["url"]
        finally:
            process.kill()
            process.wait()
            assert process.stdout is not None
            process.stdout.close()


def _key(url: str) -> str:
    with Meter.open(url, listen=False) as meter:
        meter.accounts.create("acct-1", by="tests")
        return meter.keys.create("meter", account="acct-1", by="tests").text


def _refused(client: Client) -> int:
    with pytest.raises(Refused) as caught:
        client.wallet()
    return caught.value.status


def _running(engine: Engine) -> list[str]:
    with reading(engine) as connection:
        return list(connection.execute(select(runtimes.c.program)).scalars())


def test_it_serves_sweeps_and_stops_when_the_last_answer_is_given(url: str, engine: Engine, tmp_path: Path) -> None:
    key = _key(url)
    with Meter.open(url, listen=False, now=lambda: JANUARY) as earlier:
        earlier.wallets.grant("acct-1", "promo", key="old", usd="1", expires_at=JANUARY.replace(day=2))
    with serving(url, tmp_path) as (process, address), Client(address, key, attempts=1) as client:
        assert client.record(Event("e-1", model="small", units={"input": 1_000})).event_id == "e-1"
        for _ in range(100):
            # The sweep has taken out what expired.
            if not list(client.transactions(kind="expiry")):
                time.sleep(0.05)
        assert list(client.transactions(kind="expiry"))
        until(lambda: _running(engine) == ["ratecard serve"])
        outcomes: list[object] = []
        events = [Event(f"b-{number}", model="small", units={"input": 1}) for number in range(1_000)]
        sending = threading.Thread(target=lambda: outcomes.extend(client.record_many(events)))
        sending.start()
        time.sleep(0.05)
        process.send_signal(signal.SIGTERM)
        sending.join(timeout=30)
        assert process.wait(timeout=30) == 0
        assert len(outcomes) == 1_000
        assert all(isinstance(one, Receipt) for one in outcomes)
        assert _running(engine) == []
    assert "Traceback" not in (tmp_path / "log").read_text()


@pytest.mark.parametrize("backend", ["postgresql"])
def test_without_a_sweep_it_renews_nobody_and_still_slows_down_who_guesses(url: str, tmp_path: Path) -> None:
    with Meter.open(url, listen=False, now=lambda: JANUARY) as earlier:
        earlier.wallets.grant("acct-1", "promo", key="old", usd="1", expires_at=JANUARY.replace(day=2))
        key = earlier.keys.create("meter", account="acct-1", by="tests").text
    with serving(url, tmp_path, "--no-sweep") as (_, address), Client(address, key, attempts=1) as client:
        assert client.wallet().balance == 1
        with Client(address, "rk_a_x", attempts=1) as guesser:
            answers = [_refused(guesser) for _ in range(300)]
        assert set(answers) == {401, 429}
        assert (client.wallet().balance, list(client.transactions(kind="expiry"))) == (1, [])


@pytest.mark.parametrize("backend", ["postgresql"])
def test_interrupted_it_ends_without_a_word(url: str, tmp_path: Path) -> None:
    with serving(url, tmp_path, "--no-sweep") as (process, address):
        assert address.startswith("http://127.0.0.1:")
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=30) == 0
    assert (tmp_path / "log").read_text() == ""


def test_a_port_that_is_taken_is_refused(run_ratecard: RunRatecard, sqlite_databases: object, tmp_path: Path) -> None:
    url = sqlite_databases.fresh(tmp_path, migrated=True)  # type: ignore[attr-defined]
    missing = run_ratecard("serve", "--database", url)
    assert (missing.returncode, missing.stdout) == (1, "")
    assert "no release has been applied" in missing.stderr
    engine = make_engine(url)
    apply_rows(engine, ROWS)
    engine.dispose()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = run_ratecard("serve", "--database", url, "--port", port)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"ratecard: port {port} of 127.0.0.1 cannot be used; name another with --port\n"
    assert run_ratecard("serve", "--port", "-1").returncode == 64


@pytest.mark.parametrize(("address", "port"), [("127.0.0.1", 99_999), ("300.1.1.1", 0), ("::1::", 0)])
def test_an_address_that_is_none_cannot_be_listened_on(address: str, port: int) -> None:
    with pytest.raises((OSError, OverflowError)):
        listen(address, port)


def test_a_signal_before_the_first_answer_is_not_forgotten(sqlite_databases: object, tmp_path: Path) -> None:
    url = sqlite_databases.fresh(tmp_path, migrated=True)  # type: ignore[attr-defined]
    engine = make_engine(url)
    apply_rows(engine, ROWS)
    engine.dispose()
    with Meter.open(url) as meter, listen("127.0.0.1", 0) as listening:
        app = create_app(meter)
        server: Server = make_server(app)
        server.stop_once_started(signal.SIGTERM, None)
        server.run(sockets=[listening])
        assert not app.state.sweep._thread.is_alive()


def test_the_document_needs_no_database(run_ratecard: RunRatecard) -> None:
    done = run_ratecard("serve", "--openapi")
    assert (done.returncode, done.stdout) == (0, document_text())
