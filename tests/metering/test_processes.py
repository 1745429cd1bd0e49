"""Many processes on one database, and processes that are killed at work."""

from __future__ import annotations

import json
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

from sqlalchemy import Engine, func, select

from metering.meter import Meter
from metering.wallets.ledger import imbalances, unmatched_debits
from schema.database import reading
from schema.tables import account_state, event_keys, holds, ledger_postings, usage_events

ROOT = Path(__file__).parents[2]
CHARGE = 8_400_000
"""Nano-USD of 1,000 input and 500 output units of haiku."""

_SPENDERS = """
import os, sys
from concurrent.futures import ThreadPoolExecutor
from metering.errors import InsufficientBalanceError
from metering.meter import Meter
from metering.usage import Usage
from tests.metering.rate_card import Clock

url, processes, threads, turns = sys.argv[1], *map(int, sys.argv[2:])
units = {"input": 1_000, "output": 500}

def spend(meter, name, thread):
    admitted = 0
    for turn in range(turns):
        try:
            hold = meter.hold("shared", "anthropic", "haiku", units=units)
        except InsufficientBalanceError:
            continue
        hold.capture(Usage(event_id=f"{name}-{thread}-{turn}", units=units))
        admitted += 1
    return admitted

def work(name):
    with Meter.open(url, now=Clock()) as meter, ThreadPoolExecutor(threads) as pool:
        admitted = sum(pool.map(lambda thread: spend(meter, name, thread), range(threads)))
    os.write(1, f"{admitted}\\n".encode())

for name in range(processes):
    if not os.fork():
        work(name)
        os._exit(0)
for _ in range(processes):
    assert os.wait()[1] == 0
"""


def test_four_processes_of_sixteen_threads_never_pass_the_floor_of_a_wallet(
    meter: Meter, card: Engine, migrated_url: str
) -> None:
    """Credit for a hundred holds at once; 192 calls are asked for."""
    held = meter.quote("anthropic", "haiku", {"cache_write": 1_000, "output": 500}).charge_nanos
    meter.wallets.grant("shared", "purchase", key="pack", usd=Decimal(100 * held) / 10**9, paid=1)
    command = [sys.executable, "-c", _SPENDERS, migrated_url, "4", "16", "3"]
    told = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert told.returncode == 0, told.stderr
    admitted = [int(line) for line in told.stdout.splitlines()]
    assert len(admitted) == 4
    with reading(card) as connection:
        balance, left = connection.execute(
            select(account_state.c.balance_nanos, account_state.c.held_nanos).order_by(
                account_state.c.account_id.desc()
            )
        ).first() or (None, None)
        (events,) = connection.execute(select(func.count()).select_from(usage_events)).one()
        lowest = connection.execute(select(func.min(ledger_postings.c.balance_nanos))).scalar_one()
        statuses = set(connection.execute(select(holds.c.status).where(holds.c.amount_nanos > 0)).scalars())
        assert imbalances(connection) == []
    assert (balance, left) == (100 * held - sum(admitted) * CHARGE, 0)
    assert lowest == balance >= 0
    # Who is refused meets at least a hundred that were not.
    assert 100 <= sum(admitted) < 192
    assert (events, statuses) == (sum(admitted), {"captured"})


_KILLED = """
import json, os, sys
from concurrent.futures import ThreadPoolExecutor
from metering.meter import Meter
from metering.usage import Usage
from tests.metering.killing import killed
from tests.metering.rate_card import Clock

url, kills = sys.argv[1], int(sys.argv[2])
units = {"input": 1_000, "output": 500}

def load(meter, turn, thread, out):
    for number in range(100_000):
        size = 1 if turn % 2 else 1 + number % 40
        names = [f"{turn}-{thread}-{number}-{one}" for one in range(size)]
        if number % 3 == 0 and size == 1:
            with meter.hold("acct-0", "anthropic", "haiku", units=units) as hold:
                hold.capture(Usage(event_id=names[0], units=units))
        else:
            meter.record_many(
                Usage(event_id=name, account=f"acct-{place % 3}", provider="anthropic", model="haiku", units=units)
                for place, name in enumerate(names)
            )
        os.write(out, "".join(f"{name}\\n" for name in names).encode())

def work(turn, out):
    with Meter.open(url, now=Clock(), listen=False) as meter, ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda thread: load(meter, turn, thread, out), range(4)))

print(json.dumps(killed(work, kills, 7)))
"""


def test_what_was_acknowledged_is_there_once_after_fifty_kills(meter: Meter, card: Engine, migrated_url: str) -> None:
    """Killed at random moments of the holds, captures, single calls and batches of four threads; ledger, events and
    balances agree."""
    meter.wallets.grant("acct-0", "purchase", key="pack", usd=1_000, paid=1_000)
    told = subprocess.run(
        [sys.executable, "-c", _KILLED, migrated_url, "50"], cwd=ROOT, capture_output=True, text=True, timeout=300
    )
    assert told.returncode == 0, told.stderr
    acknowledged = json.loads(told.stdout)
    assert len(acknowledged) > 50
    assert len(set(acknowledged)) == len(acknowledged)
    with reading(card) as connection:
        recorded = list(connection.execute(select(usage_events.c.event_id)).scalars())
        keys = connection.execute(select(func.count()).select_from(event_keys)).scalar_one()
        charged = connection.execute(select(func.sum(usage_events.c.charge_nanos))).scalar_one()
        balances, held = connection.execute(
            select(func.sum(account_state.c.balance_nanos), func.sum(account_state.c.held_nanos))
        ).one()
        open_holds = connection.execute(
            select(func.coalesce(func.sum(holds.c.amount_nanos), 0)).where(holds.c.status == "open")
        ).scalar_one()
        assert (imbalances(connection), unmatched_debits(connection)) == ([], [])
    assert len(recorded) == len(set(recorded)) == keys
    assert set(acknowledged) <= set(recorded)
    assert int(charged) == CHARGE * len(recorded)
    assert int(balances) == 1_000 * 10**9 - int(charged)
    assert int(held) == int(open_holds)
