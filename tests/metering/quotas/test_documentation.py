"""docs/quotas.md says what the code does: its boundaries, its commands and its JSON."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest

from metering.quotas.limits import admits, state_of
from metering.quotas.messages import alert_json
from sync.command import build_parser
from tests.metering.quotas.test_messages import ALERT

TEXT = (Path(__file__).parents[3] / "docs" / "quotas.md").read_text(encoding="utf-8")
POLICIES = ("block", "grace", "soft", "observe")
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")] for line in re.findall(r"^\| \d.*\|$", TEXT, re.MULTILINE)
]
COMMANDS = [line for block in re.findall(r"```sh\n(.*?)```", TEXT, re.DOTALL) for line in block.splitlines()]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: str(row[0]))
def test_the_table_of_boundaries(row: list[str]) -> None:
    used, *told, states = row
    answers = ["allowed" if admits(100, int(used), 0, policy) else "refused" for policy in POLICIES]
    assert told == answers
    assert {state_of(100, int(used), policy) for policy in POLICIES} <= set(re.findall(r"`(\w+)`", states))


@pytest.mark.parametrize("line", COMMANDS)
def test_each_command_is_understood(line: str) -> None:
    program, name, *words = shlex.split(line)
    assert program == "ratecard"
    assert build_parser(name).parse_args(words).run


def test_the_json_of_an_alert() -> None:
    (block,) = re.findall(r"```json\n(.*?)```", TEXT, re.DOTALL)
    assert json.loads(block) == alert_json(ALERT, "block")


def test_the_page_was_read() -> None:
    assert len(ROWS) == 7
    assert len(COMMANDS) == 9
