"""Calls that happen while the database is away: kept on disk, recorded when it is back, once and exactly."""

from __future__ import annotations

import os
import stat
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, func, select

from metering.book.file import database_name
from metering.errors import BadEventError, SpoolError, UnavailableError
from metering.meter import Meter
from metering.receipts import Receipt, Spooled
from metering.spool import Spool, SpoolState, Waiting, limit_of
from metering.spool.folder import EVENTS, REJECTS
from metering.usage import Usage, read_usage
from metering.wallets.ledger import imbalances, unmatched_debits
from metering.wallets.proof import flaws
from schema.database import reading
from schema.tables import account_state, holds, usage_events
from tests.metering.outage import Server
from tests.metering.rate_card import NOW, Clock, apply_rows, setting

CHARGE = 8_400_000
"""Nano-USD of 1,000 input and 500 output units of haiku."""


def call(name: str, account: str = "acct-1", **values: Any) -> Usage:
    given = {"provider": "anthropic", "model": "haiku", "units": {"input": 1_000, "output": 500}}
    return Usage(event_id=name, account=account, **given | values)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "spool"


@pytest.fixture
def server(migrated_url: str) -> Server:
    return Server(migrated_url)


@pytest.fixture
def spooling(card: Engine, migrated_url: str, clock: Clock, folder: Path) -> Iterator[Meter]:
    """A meter with a spool, which records what waits when it is asked to, or by itself a moment later."""
    with Meter.open(migrated_url, now=clock, spool=folder, listen=False) as meter:
        yield meter


def away(server: Server, meter: Meter) -> None:
    """Take the database away, also from a meter that knows it."""
    # A file that is open is still there, wherever it is moved.
    meter.engine.dispose()
    server.away()


def drain(meter: Meter, **options: Any) -> Any:
    assert meter.spool is not None
    return meter.spool.drain(**options)


def state(meter: Meter) -> SpoolState:
    assert meter.spool is not None
    return meter.spool.state()


def recorded(engine: Engine) -> dict[str, int]:
    """What each event was charged; ledger, events and balances agree."""
    # Its connections may have ended with the server.
    engine.dispose()
    with reading(engine) as connection:
        assert (imbalances(connection), unmatched_debits(connection), list(flaws(connection))) == ([], [], [])
        rows = connection.execute(select(usage_events.c.event_id, usage_events.c.charge_nanos)).all()
        total = connection.execute(select(func.sum(account_state.c.balance_nanos))).scalar_one()
    found = dict(map(tuple, rows))
    assert len(found) == len(rows)
    assert int(total or 0) == -sum(found.values())
    return found


def test_what_happens_during_an_outage_is_recorded_after_it(
    spooling: Meter, card: Engine, server: Server, clock: Clock, folder: Path
) -> None:
    away(server, spooling)
    outcome = spooling.record(call("single"))
    assert outcome == Spooled("single", "acct-1", NOW)
    assert (outcome.status, outcome.duplicate) == ("spooled", False)
    # From here on nobody waits for the database but the thread that asks it.
    assert spooling.spool is not None
    assert spooling.spool.away
    clock.forward(minutes=1)
    for _ in range(5):
        spooling.record(call("single"))
    many = spooling.record_many(call(f"many-{number}", f"acct-{number % 3}") for number in range(10))
    assert {one.status for one in many} == {"spooled"}
    each = spooling.record_each([call("good"), call("bad", units={"input": -1}), call("single")])
    assert [type(one) for one in each] == [Spooled, BadEventError, Spooled]
    with pytest.raises(BadEventError):
        spooling.record(call("bad", model=None))
    found = state(spooling)
    assert (found.waiting, found.oldest, found.rejects) == (18, NOW, 0)
    # A hold is a refusal that comes before a call: it fails closed as ever.
    with pytest.raises(UnavailableError):
        spooling.hold("acct-1", "anthropic", "haiku", input=1, max_output=1)
    server.back()
    drain(spooling)
    assert recorded(card) == dict.fromkeys(["single", "good", *(f"many-{n}" for n in range(10))], CHARGE)
    assert (state(spooling).waiting, list(folder.iterdir()), spooling.spool.away) == (0, [], False)
    with reading(card) as connection:
        times = dict(map(tuple, connection.execute(select(usage_events.c.event_id, usage_events.c.occurred_at))))
    assert (times["single"], times["good"]) == (NOW, NOW + timedelta(minutes=1))
    # The same again is the same: a time that nobody gave is no part of it.
    again = spooling.record(call("single"))
    assert isinstance(again, Receipt)
    assert (again.duplicate, again.charge_nanos) == (True, CHARGE)


def test_it_is_recorded_by_itself(
    spooling: Meter, card: Engine, migrated_url: str, clock: Clock, server: Server, folder: Path
) -> None:
    def finish() -> None:
        for thread in threading.enumerate():
            if thread.name == "ratecard-spool":
                thread.join(timeout=30)
        assert "ratecard-spool" not in [thread.name for thread in threading.enumerate()]

    away(server, spooling)
    spooling.record(call("1"))
    server.back()
    finish()
    assert recorded(card) == {"1": CHARGE}
    # What a process that is no more has left, the next start records.
    left = Spool(folder, database_name(card), 1_000_000)
    left.append([Waiting(read_usage(call("2"), now=NOW), NOW)])
    left.leave()
    with Meter.open(migrated_url, now=clock, spool=folder):
        finish()
    assert recorded(card) == {"1": CHARGE, "2": CHARGE}


def test_without_a_folder_nothing_is_kept(meter: Meter, card: Engine, server: Server) -> None:
    assert meter.spool is None
    away(server, meter)
    with pytest.raises(UnavailableError):
        meter.record(call("1"))
    server.back()
    assert recorded(card) == {}


def test_the_variable_names_the_folder(
    card: Engine, migrated_url: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RATECARD_SPOOL", str(folder))
    monkeypatch.setenv("RATECARD_SPOOL_MB", "7")
    with Meter.open(migrated_url, listen=False) as meter:
        assert (state(meter).folder, state(meter).limit) == (str(folder), 7_000_000)
    with Meter.open(migrated_url, listen=False, spool="") as meter:
        assert meter.spool is None
    for text in ("much", "0", "-1", "٣"):
        with pytest.raises(SpoolError, match="no number of megabytes"):
            limit_of({"RATECARD_SPOOL_MB": text})


def test_a_capture_settles_its_hold_when_it_is_recorded(
    spooling: Meter, card: Engine, migrated_url: str, clock: Clock, server: Server
) -> None:
    with Meter.open(migrated_url, now=clock, listen=False) as before:
        before.wallets.grant("acct-1", "purchase", key="pack", usd=1, paid=1)
        for name in ("kept", "named", "released", "expired"):
            before.hold("acct-1", "anthropic", "haiku", input=1_000, max_output=500, task="extraction", hold_id=name)
    found = {name: spooling.holds.find("acct-1", name) for name in ("kept", "released")}
    away(server, spooling)
    used = Usage(event_id="1", units={"input": 1_000, "output": 500})
    with found["kept"] as hold:
        assert isinstance(hold.capture(used), Spooled)
        hold.release()
    # Who has nothing but the id cannot look for what the hold says of the call: it is filled in later.
    assert isinstance(spooling.holds.capture("acct-1", "named", Usage(event_id="2", units=used.units)), Spooled)
    for name in ("released", "expired", "unknown"):
        spooling.holds.capture("acct-1", name, Usage(event_id=name, units=used.units))
    with pytest.raises(BadEventError, match="the usage of acct-2"):
        spooling.holds.capture("acct-1", "named", call("3", "acct-2"))
    with pytest.raises(BadEventError):
        spooling.holds.capture("acct-1", " ", call("3"))
    with pytest.raises(UnavailableError):
        found["released"].release()
    server.back()
    with Meter.open(migrated_url, now=clock, listen=False) as other:
        # Somebody was before it: the credit is free once, and the call is charged all the same.
        assert other.holds.release("acct-1", "released").status == "released"
        clock.forward(minutes=16)
        other.accounts.renew()
        drain(spooling)
        assert other.holds.release("acct-1", "kept").status == "captured"
        again = other.holds.find("acct-1", "named").capture(Usage(event_id="2", units=used.units))
        assert isinstance(again, Receipt)
        assert again.duplicate
    card.dispose()
    with reading(card) as connection:
        rows = connection.execute(select(holds.c.hold_id, holds.c.status, holds.c.event_id)).all()
        events = connection.execute(select(usage_events.c.event_id, usage_events.c.model, usage_events.c.task)).all()
        held, balance = connection.execute(select(account_state.c.held_nanos, account_state.c.balance_nanos)).one()
        assert (imbalances(connection), unmatched_debits(connection), list(flaws(connection))) == ([], [], [])
    captured = {"kept": "1", "named": "2", "released": "released", "expired": "expired"}
    assert {tuple(row) for row in rows} == {(name, "captured", event) for name, event in captured.items()}
    assert {tuple(row) for row in events} == {(event, "haiku", "extraction") for event in captured.values()}
    assert (held, balance) == (0, 10**9 - 4 * CHARGE)
    assert state(spooling).refused == {"UNKNOWN_HOLD": 1}


def test_what_is_refused_is_put_aside_and_may_be_tried_again(
    spooling: Meter,
    card: Engine,
    migrated_url: str,
    clock: Clock,
    server: Server,
    folder: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    apply_rows(card, {"setting": [setting("unknown_account", "refuse")]})
    with Meter.open(migrated_url, now=clock, listen=False) as other:
        other.accounts.create("acct-1", by="tests")
        other.record(call("taken", units={"input": 7}))
    away(server, spooling)
    spooling.record_many([call("good"), call("taken"), call("nobody", "nobody"), call("unpriced", model="unpriced")])
    server.back()
    drain(spooling)
    assert sorted(recorded(card)) == ["good", "taken", "unpriced"]
    found = state(spooling)
    assert (found.waiting, dict(found.refused)) == (0, {"EVENT_CONFLICT": 1, "UNKNOWN_ACCOUNT": 1})
    assert "of the calls that waited are refused: 1 EVENT_CONFLICT, 1 UNKNOWN_ACCOUNT" in caplog.text
    # Nobody but a person tries them again, and it changes nothing where nothing has changed.
    assert drain(spooling).refused == []
    assert len(drain(spooling, again=True).refused) == 2
    assert len([path for path in folder.iterdir() if path.suffix == REJECTS]) == len(list(folder.iterdir())) == 1
    spooling.accounts.create("nobody", by="tests")
    done = drain(spooling, again=True)
    assert (done.recorded, [one.code for one in done.refused]) == (1, ["EVENT_CONFLICT"])
    assert sorted(recorded(card)) == ["good", "nobody", "taken", "unpriced"]


def test_files_are_for_their_owner_and_of_their_owner_alone(
    spooling: Meter, card: Engine, server: Server, folder: Path, migrated_url: str
) -> None:
    away(server, spooling)
    spooling.record(call("1"))
    (file,) = folder.iterdir()
    assert (stat.S_IMODE(folder.stat().st_mode), stat.S_IMODE(file.stat().st_mode)) == (0o700, 0o600)
    file.chmod(0o622)
    server.back()
    assert drain(spooling).left == 1
    assert "others may write" in state(spooling).faults[0]
    file.chmod(0o600)
    link = folder / f"{file.stem.split('-')[0]}-{'0' * 32}{EVENTS}"
    link.symlink_to(file)
    os.mkfifo(folder / link.name.replace("0", "1"), 0o600)
    drain(spooling)
    assert recorded(card) == {"1": CHARGE}
    assert len(state(spooling).faults) == 2
    folder.chmod(0o777)
    with pytest.raises(SpoolError, match="others may write"):
        Meter.open(migrated_url, spool=folder)
    with pytest.raises(SpoolError, match=r"is no folder|cannot be used"):
        Meter.open(migrated_url, spool=link)
