"""Every command in docs/subscriptions.md is one that the command line understands."""

from __future__ import annotations

import re
import shlex
from datetime import date
from pathlib import Path

import pytest

from metering.analytics.fees import Fee
from sync.command import COMMANDS, build_parser

TEXT = (Path(__file__).parents[1] / "docs" / "subscriptions.md").read_text(encoding="utf-8")
COMMAND_LINES = [line for block in re.findall(r"```sh\n(.*?)```", TEXT, re.DOTALL) for line in block.splitlines()]


@pytest.mark.parametrize("line", COMMAND_LINES)
def test_each_line_is_understood(line: str) -> None:
    program, name, *words = shlex.split(line)
    assert (program, name in COMMANDS) == ("ratecard", True)
    assert build_parser(name).parse_args(words).run


def test_the_page_is_about_these_commands() -> None:
    assert {shlex.split(line)[1] for line in COMMAND_LINES} == {"account", "subscription", "renew", "key", "litellm"}


def test_the_sum_of_the_example_is_right() -> None:
    june = Fee(date(2026, 6, 1), 1, 20 * 10**9, date(2026, 6, 1), date(2026, 6, 20))
    rest = Fee(date(2026, 6, 20), 1, 50 * 10**9, date(2026, 6, 20), None)
    earned = [one.earned(date(2026, 6, 1), date(2026, 7, 1)) for one in (june, rest)]
    assert [f"${amount / 10**9:.2f}" for amount in earned] == ["$12.67", "$18.33"]
    assert "$12.67 + $18.33 = $31.00" in TEXT
