"""Processes that are killed while they keep calls and record what they and others kept."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from sqlalchemy import Engine, func, select

from metering.meter import Meter
from metering.wallets.ledger import imbalances, unmatched_debits
from metering.wallets.proof import flaws
from schema.database import reading
from schema.tables import account_state, holds, usage_events

ROOT = Path(__file__).parents[3]
CHARGE = 8_400_000
"""Nano-USD of 1,000 input and 500 output units of haiku."""

_KILLED = """
import json, os, sys, threading, time
from metering.meter import Meter
from metering.usage import Usage
from tests.metering.killing import killed
from tests.metering.rate_card import Clock

url, folder, kills = sys.argv[1], sys.argv[2], int(sys.argv[3])
units = {"input": 1_000, "output": 500}

def keep(meter, turn, thread, out):
    for number in range(100_000):
        names = [f"{turn}-{thread}-{number}-{one}" for one in range(1 + number % 3)]
        # As if the database had gone between the hold and its capture.
        hold = meter.hold("acct-0", "anthropic", "haiku", units=units) if number % 5 == 0 else None
        meter.spool.away = True
        if hold is None:
            told = meter.record_many(
                Usage(event_id=name, account=f"acct-{place}", provider="anthropic", model="haiku", units=units)
                for place, name in enumerate(names)
            )
        else:
            told = [hold.capture(Usage(event_id=names[0], units=units))]
        if any(one.status == "spooled" for one in told):
            os.write(out, "".join(f"{one.event_id}\\n" for one in told).encode())

def work(turn, out):
    with Meter.open(url, now=Clock(), listen=False, spool=folder) as meter:
        for thread in range(2):
            threading.Thread(target=keep, args=(meter, turn, thread, out), daemon=True).start()
        while True:
            meter.spool.drain()

print(json.dumps(killed(work, kills, 11)))
"""


def test_what_was_kept_is_recorded_once_after_kills(
    meter: Meter, card: Engine, migrated_url: str, tmp_path: Path
) -> None:
    """Killed at random moments of keeping, of capturing and of recording what was kept; the next one takes over."""
    folder = tmp_path / "spool"
    meter.wallets.grant("acct-0", "purchase", key="pack", usd=1_000, paid=1_000)
    done = subprocess.run(
        [sys.executable, "-c", _KILLED, migrated_url, str(folder), "8"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    acknowledged = json.loads(done.stdout)
    assert len(acknowledged) > 8
    assert len(set(acknowledged)) == len(acknowledged)
    with Meter.open(migrated_url, listen=False, spool=folder) as last:
        assert last.spool is not None
        left = last.spool.drain()
        state = last.spool.state()
    assert (left.fault, left.left, state.waiting) == (None, 0, 0)
    # A kill may tear the line that is being written: nobody was told that it is kept, and it is put aside.
    assert set(state.refused) <= {"DAMAGED"}
    assert state.rejects <= 8
    with reading(card) as connection:
        recorded = list(connection.execute(select(usage_events.c.event_id)).scalars())
        charged = connection.execute(select(func.sum(usage_events.c.charge_nanos))).scalar_one()
        balances, held = connection.execute(
            select(func.sum(account_state.c.balance_nanos), func.sum(account_state.c.held_nanos))
        ).one()
        still_open = connection.execute(
            select(func.coalesce(func.sum(holds.c.amount_nanos), 0)).where(holds.c.status == "open")
        ).scalar_one()
        assert (imbalances(connection), unmatched_debits(connection), list(flaws(connection))) == ([], [], [])
    assert len(recorded) == len(set(recorded))
    assert set(acknowledged) <= set(recorded)
    assert int(charged) == CHARGE * len(recorded)
    assert int(balances) == 1_000 * 10**9 - int(charged)
    assert int(held) == int(still_open)
