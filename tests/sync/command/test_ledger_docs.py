"""The page about the ledger: its commands are understood, its program runs, its tables are complete."""

from __future__ import annotations

import re
import shlex
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace

import pytest
from sqlalchemy import Engine

from metering.meter import Meter
from metering.usage import Usage
from metering.wallets.grants import PRIORITIES
from metering.wallets.ledger import imbalances
from schema.database import reading
from schema.tables.ledger import POSTING_KINDS
from sync.command import COMMANDS, build_parser
from tests.metering.rate_card import ROWS, apply_rows

PAGE = (Path(__file__).parents[3] / "docs" / "ledger.md").read_text(encoding="utf-8")
LINES = [
    line for block in re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL) for line in block.splitlines() if line.strip()
]


@pytest.mark.parametrize("line", LINES)
def test_each_line_is_understood(line: str) -> None:
    program, name, *words = shlex.split(line)
    assert (program, name in COMMANDS) == ("ratecard", True)
    assert build_parser(name).parse_args(words).run


def test_every_action_is_shown() -> None:
    shown = {tuple(shlex.split(line)[1:3]) for line in LINES}
    actions = {("grant", name) for name in ("give", "buy", "cohort", "list", "refund")}
    actions |= {("hold", name) for name in ("place", "capture", "release", "list")}
    assert shown == actions | {("wallet", "show"), ("wallet", "transactions"), ("doctor", "--ledger")}


def test_the_tables_tell_every_kind() -> None:
    assert set(re.findall(r"^\| `([a-z]+)` \| [+-]", PAGE, re.MULTILINE)) == set(POSTING_KINDS)
    kinds = {name: int(priority) for name, priority in re.findall(r"^\| `([a-z]+)` \| (\d+) \|", PAGE, re.MULTILINE)}
    assert kinds == PRIORITIES


def test_the_program_runs(engine: Engine, migrated_url: str) -> None:
    apply_rows(engine, ROWS)
    holding, program = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    *acts, money, available, transactions, shown = program.strip().splitlines()
    with Meter.open(migrated_url, now=lambda: datetime(2026, 6, 15, tzinfo=UTC)) as meter:
        for act in acts[:2]:
            eval(act, {"meter": meter})
        units = {"output": 250_000}
        meter.record(Usage(event_id="call-17", account="acct-0001", provider="openai", model="gpt", units=units))
        assert eval(acts[2], {"meter": meter}).charge_nanos == -3 * 10**9
        assert eval(money, {"meter": meter}) == 5
        assert eval(available, {"meter": meter}) == Decimal(5)
        assert len(eval(transactions, {"meter": meter})) == 5
        text, told = shown.split("  # ")
        assert eval(text, {"meter": meter}) == told
        known = holding.replace("claude-haiku-4-5", "haiku")
        names = {"meter": meter, "Usage": Usage, "call_the_provider": lambda: SimpleNamespace(id="answer-1")}
        exec(known, names)
        (held,) = meter.holds.rows("acct-0001")
        assert (held.status, held.event_id) == ("captured", "answer-1")
    with reading(engine) as connection:
        assert imbalances(connection) == []
